/**
 * A node forgets what it signed for and nobody recorded (docs/specs/da.md §4). A certificate of
 * epoch e is taken in e and e + 1, so in a final block of e + 2 what has no record never has one.
 *
 *     epoch of a final block >= e + 2 ─► close e ─► ask for all records ─► settle e
 *
 * Epochs go one after the other, the oldest first. What the chain does not say for certain is asked
 * again, and until then everything is kept.
 */

import { bytesEqual } from '@zg/primitives'
import type { Logger } from '@zg/runtime'

import { messageOf } from '../asking.ts'
import { batchKey } from '../batch/batch.ts'
import { recordedWithin } from '../chain/data-chain.ts'
import type { DataChain } from '../chain/data-chain.ts'
import type { Duty } from './duty-loop.ts'
import type { HeldBatch, RowStore } from '../node/row-store.ts'
import { EntryUnreadableError } from '../node/settled-rows.ts'

/** Records asked for, and bytes of rows copied, in one step. */
const recordsAtOnce = 64
const copiedBytesAtOnce = 33_554_432

export type UnrecordedDutyOptions = {
  readonly chain: Pick<DataChain, 'finalRecordsOf'>
  /** Of a final block; undefined while no answer is believed. */
  readonly finalEpoch: () => Promise<bigint | undefined>
  readonly store: RowStore
  readonly log: Logger
}

/** What is known of an epoch so far. */
type Look = {
  readonly epoch: bigint
  /** Of which the chain was not asked yet. */
  readonly open: HeldBatch[]
  readonly recorded: Set<string>
}

export class UnrecordedDuty implements Duty {
  readonly what = 'what was never recorded'
  readonly #options: UnrecordedDutyOptions
  #look: Look | undefined
  #settling: Promise<unknown> | undefined
  #isClosed = false

  constructor(options: UnrecordedDutyOptions) {
    this.#options = options
  }

  async step(): Promise<boolean> {
    const { finalEpoch, store } = this.#options
    const final = await finalEpoch()
    const epoch = final && store.unsettledBefore(final + 1n - recordedWithin)
    if (epoch === undefined) return false
    if (this.#look?.epoch !== epoch) {
      // MUST be closed before the look: what would come after it would not be asked for.
      if (!store.closeThrough(epoch)) return false
      this.#look = { epoch, open: [...store.heldOf(epoch)], recorded: new Set() }
    }
    if (!(await this.#ask(this.#look))) return false
    if (this.#look.open.length > 0) return true
    return this.#settle(this.#look)
  }

  /** Begins nothing more; resolves when nothing more is done to the disk. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#settling
  }

  /** Asks for some records; false when no block that is final can tell. */
  async #ask({ epoch, open, recorded }: Look): Promise<boolean> {
    const some = open.slice(0, recordsAtOnce)
    if (some.length === 0) return true
    const batches = some.map(({ batch }) => batch)
    const records = await this.#options.chain.finalRecordsOf(epoch, batches)
    if (records === undefined) return false
    for (const [at, { batch, commitment }] of some.entries()) {
      const record = records[at]
      // Rows of another commitment are of no use to who reads by the record.
      const isOurs = record !== undefined && bytesEqual(record.commitment, commitment)
      if (isOurs) recorded.add(batchKey(batch))
    }
    open.splice(0, some.length)
    return true
  }

  async #settle({ epoch, recorded }: Look): Promise<boolean> {
    const { store, log } = this.#options
    if (this.#isClosed) return false
    const isRecorded = (batch: HeldBatch['batch']): boolean => recorded.has(batchKey(batch))
    const before = store.sizeBytes
    const settling = store.settle(epoch, isRecorded, copiedBytesAtOnce)
    this.#settling = settling.catch(() => undefined)
    try {
      if (!(await settling)) return true
    } catch (error) {
      if (!(error instanceof EntryUnreadableError)) throw error
      log.error('an epoch is kept as it is', { epoch, error: messageOf(error) })
      this.#settling = store.leave(epoch)
      await this.#settling
    }
    this.#look = undefined
    const freedBytes = before - store.sizeBytes
    if (freedBytes > 0) log.info('what was never recorded is forgotten', { epoch, freedBytes })
    return true
  }
}
