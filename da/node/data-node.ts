/**
 * A DA node: takes its rows of a batch, keeps them, and only then signs (docs/specs/da.md §4).
 *
 * The checks stand in the order of the specification, cheap ones first. What a node signed is what
 * lies on its disk: after a crash it signs the same commitment again, or none.
 */

import { commitmentOf, RowVerifier } from '@zg/coding'
import type { ProvedRange, ProvedRow, RowsHeader } from '@zg/coding'
import type { Signer } from '@zg/consensus'
import { bytesEqual, toHex, ZgError } from '@zg/primitives'
import type { Clock, Disk, Logger, Rng } from '@zg/runtime'

import { inGroups, messageOf } from '../asking.ts'
import { batchKey, batchRequestDigest, quorumOf } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { batchDigest } from '../batch/certificate.ts'
import type { DataChain, DataEpoch, DrawnQuorum } from '../chain/data-chain.ts'
import { OverloadedError, UnpaidError } from '../doors/dispersal.ts'
import { DutyLoop } from '../duties/duty-loop.ts'
import { recoverPersonal } from '../batch/personal-signature.ts'
import { rowsOf } from '../batch/quorum.ts'
import type { RowSpan } from '../batch/quorum.ts'
import { rowsAtOnceMax } from '../batch/row-list.ts'
import { checkRetention } from '../chain/retention.ts'
import { EpochWatch } from './epoch-watch.ts'
import { RowStore } from './row-store.ts'
import type { HeldBatch } from './row-store.ts'
import { UnrecordedDuty } from '../duties/unrecorded-duty.ts'
import { decodeStore, encodeHeader, encodeRows } from '../batch/wire.ts'
import type { StoreRequest } from '../batch/wire.ts'

/** Requests to store that are worked on at once; more are refused. */
const storesAtOnceMax = 8
/** Batches whose records are asked for at once. */
const recordsAtOnce = 32
/** How often the epoch is looked at, to forget what has expired or was never recorded. */
const pruneIntervalMs = 10_000

export type DataNodeOptions = {
  readonly chain: DataChain
  readonly disk: Disk
  readonly clock: Clock
  /** For the key of its rows. */
  readonly rng: Rng
  readonly log: Logger
  /** 20 bytes: the operator whose places this node answers for. */
  readonly operator: Uint8Array
  readonly signer: Signer
  /** Bytes that rows may take on the disk. */
  readonly quotaBytes: number
}

export type DataNodeStatus = {
  readonly batches: number
  readonly bytes: number
  readonly quotaBytes: number
  /** Files of rows that can be read or written no more; the others are served. */
  readonly brokenFiles: number
}

/** What the parties ask of a node; by HTTP between processes (node-door.ts, node-client.ts). */
export interface DataNodeApi {
  /** Returns its signature, 96 bytes. `request` is as wire.ts has it. */
  store(request: Uint8Array): Promise<Uint8Array>
  /** As wire.ts has it; undefined when it holds nothing of the batch. */
  header(batch: BatchId): Promise<Uint8Array | undefined>
  /** Those of the rows that it holds, as wire.ts has them. */
  rows(batch: BatchId, indexes: readonly number[]): Promise<Uint8Array>
}

/** What a node signed for and does not know to be recorded: of one disperser, by batch. */
type Debt = { total: bigint; readonly owed: Map<string, Owed> }
type Owed = { readonly batch: BatchId; readonly fee: bigint }

export class DataNode implements DataNodeApi {
  readonly #options: DataNodeOptions
  readonly #store: RowStore
  readonly #watch = new EpochWatch()
  /** By disperser. */
  readonly #debts = new Map<string, Debt>()
  /** By batch: one request at a time, the others after it. */
  readonly #busy = new Map<string, Promise<unknown>>()
  #storesUnderWay = 0
  /** Of what is being written. */
  #reservedBytes = 0
  readonly #unrecorded: UnrecordedDuty
  readonly #loop: DutyLoop
  #pruning: Promise<void> | undefined
  #isClosed = false

  private constructor(options: DataNodeOptions, store: RowStore) {
    const { chain, clock, log } = options
    this.#options = options
    this.#store = store
    this.#unrecorded = new UnrecordedDuty({
      chain,
      finalEpoch: () => this.#finalEpoch(),
      store,
      log,
    })
    const expired = { what: 'what has expired', step: () => this.#prune() }
    const duties = [expired, this.#unrecorded]
    this.#loop = new DutyLoop({ duties, clock, log, pollMs: pruneIntervalMs })
  }

  /** @throws {RetentionTooShortError} `DA_RETENTION` · {RowKeyLostError} `DA_ROW_KEY_LOST` */
  static async open(options: DataNodeOptions): Promise<DataNode> {
    const { chain, disk, rng } = options
    checkRetention(chain)
    const store = await RowStore.open({ disk, shape: chain.shape, rng })
    for (const { message } of store.failures) options.log.error('rows are lost', { error: message })
    const node = new DataNode(options, store)
    await node.#recallOwed()
    return node
  }

  get status(): DataNodeStatus {
    const { batchCount: batches, sizeBytes: bytes, failures } = this.#store
    return {
      batches,
      bytes,
      quotaBytes: this.#options.quotaBytes,
      brokenFiles: failures.length,
    }
  }

  /**
   * @throws {WireMalformedError} `DA_MALFORMED` · {StoreRefusedError} `DA_STORE_REFUSED` ·
   *   {EpochEarlyError} `DA_EPOCH_EARLY` · {UnpaidError} `DA_UNPAID` · {QuotaError} `DA_QUOTA` ·
   *   {EquivocationError} `DA_EQUIVOCATION` · {OverloadedError} `DA_OVERLOADED`
   */
  async store(request: Uint8Array): Promise<Uint8Array> {
    if (this.#storesUnderWay >= storesAtOnceMax) throw new OverloadedError('batches to store')
    this.#storesUnderWay++
    try {
      const decoded = decodeStore(request, this.#options.chain.shape)
      return await this.#inTurn(batchKey(decoded.batch), () => this.#take(decoded))
    } finally {
      this.#storesUnderWay--
    }
  }

  async header(batch: BatchId): Promise<Uint8Array | undefined> {
    const header = await this.#store.header(batch)
    return header && encodeHeader(header)
  }

  async rows(batch: BatchId, indexes: readonly number[]): Promise<Uint8Array> {
    if (indexes.length > rowsAtOnceMax) throw new StoreRefusedError('too many rows at once')
    return encodeRows(await this.#rowsOf(batch, indexes))
  }

  /** What it keeps of an epoch. */
  heldOf(epoch: bigint): readonly HeldBatch[] {
    return this.#store.heldOf(epoch)
  }

  /** The commitment to a batch of which all rows that it took are on the disk, as they were. */
  async held(batch: BatchId): Promise<Uint8Array | undefined> {
    const known = this.#store.commitmentOf(batch)
    return known !== undefined && (await this.#store.isWhole(batch)) ? known : undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const steps = [this.#loop.close(), this.#pruning, this.#unrecorded.close()]
    await Promise.allSettled([...this.#busy.values(), ...steps])
    await this.#store.close()
  }

  #rowsOf(batch: BatchId, indexes: readonly number[]): Promise<readonly ProvedRow[]> {
    return this.#store.rows(batch, indexes)
  }

  async #take(request: StoreRequest): Promise<Uint8Array> {
    const { chain, signer } = this.#options
    const { batch, header } = request
    const epoch = await this.#epochOf(batch)
    await this.#checkDrawn(request, epoch)
    const commitment = commitmentOf(header)
    this.#checkAuthor(request, commitment)
    const known = this.#store.commitmentOf(batch)
    // MUST NOT sign in an epoch of which it forgot what it signed, nor two commitments for one
    // batch: S9.
    if (known === undefined && !this.#store.isEpochWhole(batch.epoch)) {
      throw new StoreRefusedError('what this node signed in its epoch is damaged on the disk')
    }
    if (known !== undefined && !bytesEqual(known, commitment)) throw new EquivocationError(batch)
    if (known === undefined || !(await this.#store.isWhole(batch))) {
      await this.#keep(request, commitment)
    }
    return signer.sign(batchDigest(chain.identity, batch, commitment))
  }

  async #keep(request: StoreRequest, commitment: Uint8Array): Promise<void> {
    const { batch, header, ranges } = request
    const sizeBytes = RowStore.sizeOf(header, ranges)
    this.#checkRoom(sizeBytes)
    this.#reservedBytes += sizeBytes
    try {
      await this.#promise(batch, header)
      checkRows(commitment, header, ranges)
      // MUST be durable before the signature exists.
      await this.#store.put(batch, commitment, header, ranges)
    } catch (error) {
      this.#forgive(batch)
      throw error
    } finally {
      this.#reservedBytes -= sizeBytes
    }
  }

  async #epochOf({ network, epoch }: BatchId): Promise<DataEpoch> {
    const { chain } = this.#options
    if (network !== chain.identity.networkId)
      throw new StoreRefusedError('it is of another network')
    const present = await chain.epoch()
    if (epoch > present) throw new EpochEarlyError(epoch, present)
    if (epoch !== present && epoch + 1n !== present) {
      throw new StoreRefusedError(`its epoch is ${epoch}, and this is ${present}`)
    }
    const found = await chain.epochAt(epoch)
    if (found === undefined) throw new StoreRefusedError(`nobody knows the seed of epoch ${epoch}`)
    return found
  }

  /** The rows are all those, and only those, that this node holds by lot. */
  async #checkDrawn({ batch, ranges }: StoreRequest, epoch: DataEpoch): Promise<void> {
    const { disperser, sequence, quorum } = batch
    const drawn = quorumOf(epoch.seed, disperser, sequence, epoch.quorumCount)
    if (quorum !== drawn) throw new StoreRefusedError(`it belongs to quorum ${drawn}`)
    const own = this.#spansOf(await this.#options.chain.quorumAt(epoch, quorum))
    const isExact =
      own.length > 0 &&
      ranges.length === own.length &&
      ranges.every(({ from, rows }, at) => {
        return from === own[at]!.from && rows.length === own[at]!.count
      })
    if (!isExact) throw new StoreRefusedError('its rows are not those that this node holds')
  }

  #spansOf(quorum: DrawnQuorum): readonly RowSpan[] {
    const { operator, signer } = this.#options
    // The place with the key that this node signs by: one that rotates has two for a while.
    const member = quorum.signers.findIndex(
      (other) =>
        bytesEqual(other.operator, operator) && bytesEqual(other.publicKey, signer.publicKey),
    )
    const found = quorum.members[member]
    if (found === undefined) throw new StoreRefusedError('this node is not in its quorum')
    return rowsOf(quorum, found)
  }

  #checkAuthor({ batch, signature }: StoreRequest, commitment: Uint8Array): void {
    const author = recoverPersonal(batchRequestDigest(batch, commitment), signature)
    if (author === undefined || !bytesEqual(author, batch.disperser)) {
      throw new StoreRefusedError('its disperser did not sign it')
    }
  }

  /** The disperser can pay for this one, too, and could before anybody knew the seed. */
  async #promise(batch: BatchId, header: RowsHeader): Promise<void> {
    const { chain } = this.#options
    const fee = await chain.feeOf(batch.epoch, header.rowSize)
    for (let isSettled = false; ; isSettled = true) {
      const cover = await chain.coverOf(batch.disperser, batch.epoch)
      // No await between the look at what is owed and the owing: others look meanwhile.
      if (cover >= fee + this.#owedBy(batch.disperser)) return this.#owe(batch, fee)
      if (isSettled) break
      await this.#settle(toHex(batch.disperser))
    }
    const why = 'the escrow does not cover it and what is not recorded yet, or is too young'
    throw new UnpaidError(why)
  }

  #owedBy(disperser: Uint8Array): bigint {
    return this.#debts.get(toHex(disperser))?.total ?? 0n
  }

  /** What could not be kept is not signed for. */
  #forgive(batch: BatchId): void {
    const debt = this.#debts.get(toHex(batch.disperser))
    const key = batchKey(batch)
    const owed = debt?.owed.get(key)
    if (debt === undefined || owed === undefined) return
    debt.total -= owed.fee
    debt.owed.delete(key)
    if (debt.owed.size === 0) this.#debts.delete(toHex(batch.disperser))
  }

  /** What was signed for before a restart, and may be recorded still. */
  async #recallOwed(): Promise<void> {
    const { chain, log } = this.#options
    try {
      const present = await chain.epoch()
      for (const epoch of [present - 1n, present]) {
        for (const { batch, rowSize } of await this.#store.batchesOf(epoch)) {
          this.#owe(batch, await chain.feeOf(epoch, rowSize))
        }
      }
    } catch (error) {
      log.warn('what dispersers owe is not known from before', { error: messageOf(error) })
    }
  }

  /** Forgets what is recorded by now, or can be no more. */
  async #settle(disperser: string): Promise<void> {
    const { chain } = this.#options
    const present = await chain.epoch()
    // Those of now: others are added and forgiven meanwhile.
    const owed = [...(this.#debts.get(disperser)?.owed.values() ?? [])]
    await inGroups(owed, recordsAtOnce, async ({ batch }) => {
      const isTooLate = batch.epoch + 1n < present
      if (isTooLate || (await chain.recordOf(batch)) !== undefined) this.#forgive(batch)
    })
  }

  #owe(batch: BatchId, fee: bigint): void {
    this.#forgive(batch)
    const disperser = toHex(batch.disperser)
    const debt = this.#debts.get(disperser) ?? { total: 0n, owed: new Map<string, Owed>() }
    this.#debts.set(disperser, debt)
    debt.owed.set(batchKey(batch), { batch, fee })
    debt.total += fee
  }

  #checkRoom(sizeBytes: number): void {
    const { quotaBytes } = this.#options
    const keptBytes = this.#store.sizeBytes + this.#reservedBytes
    if (keptBytes + sizeBytes > quotaBytes) throw new QuotaError(keptBytes, quotaBytes)
  }

  /** Requests for one batch follow each other: only the first of them writes. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(key)
    const turn = (before ?? Promise.resolve()).then(work, work)
    this.#busy.set(key, turn)
    try {
      return await turn
    } finally {
      if (this.#busy.get(key) === turn) this.#busy.delete(key)
    }
  }

  /** By which is forgotten; undefined while an answer is not believed. */
  async #finalEpoch(): Promise<bigint | undefined> {
    const { chain, clock } = this.#options
    return this.#watch.see(await chain.finalEpoch(), this.#store.newestEpoch, clock.nowMs())
  }

  async #prune(): Promise<boolean> {
    const { chain } = this.#options
    const final = await this.#finalEpoch()
    if (final === undefined || this.#isClosed) return false
    this.#pruning = this.#store.prune(final - chain.retentionEpochs)
    await this.#pruning
    return false
  }
}

/** All rows, never a sample: what is signed for is held. */
function checkRows(
  commitment: Uint8Array,
  header: RowsHeader,
  ranges: readonly ProvedRange[],
): void {
  const verifier = new RowVerifier(commitment, header)
  for (const range of ranges) {
    if (verifier.check(range) === undefined) {
      throw new StoreRefusedError('a row is not what was committed to')
    }
  }
}

/** The batch is not one that this node holds rows of, or its rows are not good. */
export class StoreRefusedError extends ZgError<'DA_STORE_REFUSED'> {
  constructor(why: string) {
    super('DA_STORE_REFUSED', `The batch is refused: ${why}`, { why })
  }
}

/** This node's chain, which may be a moment behind, has not begun the batch's epoch. */
export class EpochEarlyError extends ZgError<'DA_EPOCH_EARLY'> {
  constructor(epoch: bigint, present: bigint) {
    const message = `The batch is of epoch ${epoch}, and this is ${present}: ask again`
    super('DA_EPOCH_EARLY', message, { epoch: String(epoch), present: String(present) })
  }
}

/** Rows fill what the operator set aside for them. */
export class QuotaError extends ZgError<'DA_QUOTA'> {
  constructor(keptBytes: number, quotaBytes: number) {
    const message = `There is no room: ${keptBytes} of ${quotaBytes} bytes are taken`
    super('DA_QUOTA', message, { keptBytes, quotaBytes })
  }
}

/** Another commitment was signed for this batch. */
export class EquivocationError extends ZgError<'DA_EQUIVOCATION'> {
  constructor({ epoch, quorum, sequence }: BatchId) {
    super('DA_EQUIVOCATION', 'Another commitment was signed for this batch', {
      epoch: String(epoch),
      quorum,
      sequence: String(sequence),
    })
  }
}
