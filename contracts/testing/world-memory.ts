/**
 * What messages did to worlds that had lived through the same. Worlds of tests begin alike: the
 * same contracts are deployed, the same operators join. A message is run once, and what it did is
 * done again to each later world whose every message was the same until then.
 *
 *     beginning ── deploy A ── deploy B ─┬─ register 1 ── …
 *                                        └─ register 2 ── …
 *
 * A moment stands for all that was sent before it, so a world is never given what another state
 * would not have given. Worlds share nothing that changes.
 */

import type { MessageRun, RanMessage, RunMessage } from '@zg/evm'
import { toHex } from '@zg/primitives'

/** Messages of a world that may be remembered: what worlds do later, no other does. */
const lengthMax = 64

/** Messages that a process remembers, of all worlds together. */
const rememberedMax = 16_384

type Moment = Map<string, { readonly ran: RanMessage; readonly after: Moment }>

const beginnings = new Map<string, Moment>()
let remembered = 0

export class WorldMemory {
  /** Undefined once something happened that is no message. */
  #moment: Moment | undefined
  #length = 0

  /** @param beginning - All that worlds of it begin with. */
  constructor(beginning: string) {
    this.#moment = beginnings.get(beginning) ?? new Map()
    beginnings.set(beginning, this.#moment)
  }

  /** Runs a message, or finds what it did before. */
  run(run: MessageRun, message: RunMessage): RanMessage {
    const now = this.#moment
    if (now === undefined || ++this.#length > lengthMax) return run.run(message)
    const key = keyOf(run, message)
    const known = now.get(key)
    if (known !== undefined) {
      this.#moment = known.after
      return known.ran
    }
    const ran = run.run(message)
    this.#moment = remembered < rememberedMax ? new Map() : undefined
    if (this.#moment === undefined) return ran
    now.set(key, { ran, after: this.#moment })
    remembered++
    return ran
  }

  /** The state is no longer what the messages made it. */
  end(): void {
    this.#moment = undefined
  }
}

/** All that a message's outcome follows from, beside the state. */
function keyOf(run: MessageRun, { from, to, value, data, gas }: RunMessage): string {
  const { number, timestamp, isSubSecond, parentBeaconRoot } = run
  const block = [number, timestamp, isSubSecond, toHex(parentBeaconRoot)]
  return [...block, from, to, value, gas, toHex(data)].join()
}
