/**
 * Has operators be in the DataSigners of a network as they are on L1 (docs/specs/da.md §1), each by
 * transactions of its own:
 *
 *     not in, and something at stake   join the first place that is free
 *     in, with other votes             join the same place again
 *     in, with another key             retire; the next step joins another place
 *     in, and nothing at stake         retire
 *     another address on the wire      setUrl
 *
 * What is on its way is waited for. Others join at the same time, so a place that was free may be
 * taken: then another step looks again.
 */

import { encodeOperatorProof } from '@zg/contracts'
import { bytesEqual, toHex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import type { ShownL1 } from './admission-keeper.ts'
import { DataPlaces, hasKey, placesMax } from './data-places.ts'
import type { DataPlace } from './data-places.ts'
import type { KeeperRounds } from './keeper-rounds.ts'
import type { L1Chain } from './l1-chain.ts'
import type { L1Sender } from './l1-sender.ts'
import { StepLoop } from './step-loop.ts'

/** Between two steps, and between two looks at operators of which nothing is to be changed. */
const pollMsDefault = 2_000
const restMs = 30_000

/** Refusals that say: wait, or look again. */
const laterErrors = ['ChangePending', 'PlaceTaken', 'PlaceUnknown', 'VotesTooFew'] as const

export type DataOperator = {
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** Sends as the operator. */
  readonly sender: Pick<L1Sender, 'send'>
  /** Where its node answers. */
  readonly url: string
}

export type DataOperatorsOptions = {
  readonly rounds: KeeperRounds
  readonly chain: Pick<L1Chain, 'call'>
  readonly operators: readonly DataOperator[]
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** What was sent of an operator. */
export type DataChange = 'join' | 'retire' | 'url'

export type DataOperatorsStep = {
  /** Of each operator in their order; undefined where nothing was, or could be, done. */
  readonly changes: readonly (DataChange | undefined)[]
}

/** An operator and its own view of the contracts. */
type Member = DataOperator & { readonly places: DataPlaces }

export class DataOperators {
  readonly #options: DataOperatorsOptions
  readonly #log: Logger
  readonly #members: readonly Member[]
  readonly #loop: StepLoop
  #restsUntilMs = 0

  constructor(options: DataOperatorsOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const { chain, clock, pollMs = pollMsDefault } = options
    this.#members = options.operators.map((operator) => ({
      ...operator,
      places: new DataPlaces({ chain, sender: operator.sender, log: this.#log }),
    }))
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.#look() })
  }

  /** Begins to step. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** One look at all operators; undefined when no header refers to L1 yet. Never throws. */
  async step(): Promise<DataOperatorsStep | undefined> {
    const round = await this.#tried(() => this.#options.rounds.next())
    if (round === undefined || round === 'header' || round === 'reference') return undefined
    const changes: (DataChange | undefined)[] = []
    for (const member of this.#members) {
      changes.push(await this.#tried(() => this.#settle(member, round.l1)))
    }
    return { changes }
  }

  async #look(): Promise<void> {
    const { clock } = this.#options
    if (clock.nowMs() < this.#restsUntilMs) return
    const step = await this.step()
    const isQuiet = step?.changes.every((change) => change === undefined) ?? false
    const isIn = isQuiet && (await this.#tried(() => this.#areIn())) === true
    if (isIn) this.#restsUntilMs = clock.nowMs() + restMs
  }

  async #areIn(): Promise<boolean> {
    const places = (await this.#members[0]?.places.all()) ?? []
    return this.#members.every(({ operator }) => placeOf(places, operator) !== undefined)
  }

  /** Does the one thing that is to be done next. */
  async #settle(member: Member, l1: ShownL1): Promise<DataChange | undefined> {
    const { operator, url, places } = member
    const taken = await places.all()
    const own = placeOf(taken, operator)
    const proved = await l1.prover.operator(operator, l1.prover.epoch + 2n)
    if (proved === undefined) return undefined
    const isSame = own !== undefined && hasKey(own, proved.key)
    if (own !== undefined && (!isSame || proved.votes === 0n)) {
      return this.#send(member, 'retire', { name: 'retire', args: [] })
    }
    const place = own?.place ?? freePlace(taken, await places.epoch())
    const isJoined = proved.votes === 0n || own?.votes.newest === proved.votes
    if (!isJoined && place !== undefined) {
      const args = [place, encodeOperatorProof(l1.header, proved.args)]
      return this.#send(member, 'join', { name: 'join', args })
    }
    const said = new TextEncoder().encode(url)
    if (own === undefined || bytesEqual(own.url, said)) return undefined
    return this.#send(member, 'url', { name: 'setUrl', args: [toHex(said)] })
  }

  async #send(
    { places }: Member,
    change: DataChange,
    call: { readonly name: string; readonly args: readonly unknown[] },
  ): Promise<DataChange | undefined> {
    const offer = await places.signers.offer(call, laterErrors)
    return offer.kind === 'sent' ? change : undefined
  }

  async #tried<result>(act: () => Promise<result>): Promise<result | undefined> {
    try {
      return await act()
    } catch (error) {
      this.#log.error('an operator of data availability could not be seen to', { error })
      return undefined
    }
  }
}

/** Where an operator has votes, now or soon. */
function placeOf(places: readonly DataPlace[], operator: Uint8Array): DataPlace | undefined {
  return places.find((place) => place.votes.newest > 0n && bytesEqual(place.operator, operator))
}

/** The first that nobody has had votes in since the epoch before the present one. */
function freePlace(places: readonly DataPlace[], epoch: bigint): number | undefined {
  const left = places.find(({ votes }) => votes.newest === 0n && BigInt(votes.newestFrom) < epoch)
  if (left !== undefined) return left.place
  return places.length < placesMax ? places.length : undefined
}
