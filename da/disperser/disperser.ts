/**
 * The disperser: blobs in, certificates out (docs/specs/da.md §3, §5, §6).
 *
 *     submit -> queue -> batch -> code -> name -> ask every member -> certificate -> record
 *
 * A batch closes when none is under way, when it is full, or `batchWaitMs` after its first blob: a
 * lone blob waits for nobody, and under load each certificate serves many. Blobs and names are
 * durable before anyone is told of them (dispersal-journal.ts), so a crash costs time alone: what
 * was taken and is not certified goes into another batch, under another name.
 */

import type { SignatureScheme } from '@zg/consensus'
import { addressOfSecretKey, bytesEqual, sha256, toHex, ZgError } from '@zg/primitives'
import type { Clock, Disk, Logger, Timer } from '@zg/runtime'

import { answered, messageOf, pause } from '../asking.ts'
import { batchKey, quorumOf } from '../batch/batch.ts'
import type { BatchId, BlobHandle } from '../batch/batch.ts'
import type { BatchCoder, CodedBatch } from './batch-coder.ts'
import { BlobQueue } from './blob-queue.ts'
import type { Pending } from './blob-queue.ts'
import { certifiedCommitment } from '../batch/certificate.ts'
import type { Certificate } from '../batch/certificate.ts'
import type { BatchName, DataChain, DrawnQuorum } from '../chain/data-chain.ts'
import {
  blobSizeMax,
  BlobSizeError,
  OverloadedError,
  RequestDiffersError,
  UnavailableError,
} from '../doors/dispersal.ts'
import type { Dispersal, RequestStatus, SubmitOptions } from '../doors/dispersal.ts'
import { DispersalJournal } from './dispersal-journal.ts'
import type { JournalEntry } from './dispersal-journal.ts'
import type { EvidenceWatch } from './evidence-watch.ts'
import type { NodeClient } from '../node/node-client.ts'
import { rowSizeFor } from '../batch/payload.ts'
import type { PaymentDesk } from './payment-desk.ts'
import { requestIdOf, RequestTable } from './request-table.ts'
import { Sequences } from './sequences.ts'
import { collectSignatures } from './signature-round.ts'
import type { CertifiedRoot } from '../zero-gravity/root-courier.ts'

/** How long the first blob of a batch waits for others while batches are under way. */
const batchWaitMs = 200
/** Batches that wait for signatures at once. */
const batchesAtOnceMax = 4
/** Bytes of blobs that may wait or be under way. */
const queueBytesMax = 134_217_728
/** How long a blob goes from batch to batch before it is given up. */
const giveUpAfterMs = 20_000
/** How long blobs wait that were not certified: twice as long each time, up to a bound. */
const retryDelayMs = 1_000
const retryDelayMsMax = 8_000
/** Batches of a blob that were certified and never recorded, before it is given up. */
const roundsMax = 3
/** How long others of the members may still sign before a certificate goes to the chain. */
const fullerWithinMs = 300
/** Bytes of blobs that are kept on the disk. */
const keptBytesMax = 1_073_741_824
/** How often the chain is asked about what it has not recorded yet. */
const recordIntervalMs = 1_000

export type DisperserOptions = {
  readonly chain: DataChain
  readonly client: NodeClient
  readonly coder: BatchCoder
  readonly payments: PaymentDesk
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
  readonly scheme: SignatureScheme
  /** 32 bytes: of the account that pays. */
  readonly secretKey: Uint8Array
  /** Told of what members sign. */
  readonly onSigned?: EvidenceWatch['see'] | undefined
  /** Told of each batch of a lone blob when its certificate is formed. */
  readonly onLone?: ((root: CertifiedRoot) => void) | undefined
}

export class Disperser implements Dispersal {
  readonly #options: DisperserOptions
  readonly #address: Uint8Array
  readonly #journal: DispersalJournal
  readonly #requests = new RequestTable()
  /** Requests that are being taken in. */
  readonly #taking = new Map<string, Promise<void>>()
  /** By name: who is in it, in order. */
  readonly #named = new Map<string, readonly Uint8Array[]>()
  readonly #queue: BlobQueue
  #queueBytes = 0
  #isCoding = false
  #underWay = 0
  readonly #sequences = new Sequences()
  #timer: Timer | undefined
  readonly #unrecorded = new Map<string, Certificate>()
  /** Of these, those that are on their way to the chain. */
  readonly #bringing = new Set<string>()
  #recordTimer: Timer | undefined
  readonly #end = new AbortController()
  readonly #working = new Set<Promise<void>>()

  private constructor(options: DisperserOptions, journal: DispersalJournal) {
    this.#options = options
    this.#address = addressOfSecretKey(options.secretKey)
    this.#queue = new BlobQueue(options.chain.shape.dataRows)
    this.#journal = journal
  }

  /** Goes on where the journal ends. */
  static async open(options: DisperserOptions): Promise<Disperser> {
    const { journal, entries } = await DispersalJournal.open(options.disk)
    const disperser = new Disperser(options, journal)
    await disperser.#restore(entries)
    return disperser
  }

  /** 20 bytes: the account that pays. */
  get address(): Uint8Array {
    return this.#address
  }

  async submit(blob: Uint8Array, options: SubmitOptions): Promise<Uint8Array> {
    if (blob.length < 1 || blob.length > blobSizeMax) throw new BlobSizeError(blob.length)
    const { chain } = this.#options
    const asked = Promise.all([chain.epoch(), chain.opening(this.#address)])
    const [epoch, opening] = await answered(asked)
    const hash = sha256(blob)
    const id = requestIdOf(hash, epoch, options.requestId)
    const key = toHex(id)
    await this.#taking.get(key)
    if (this.#requests.statusOf(id) !== undefined) {
      const known = this.#requests.hashOf(id)
      if (known !== undefined && !bytesEqual(known, hash)) throw new RequestDiffersError()
      return id
    }
    if (opening === undefined) throw new UnavailableError('nobody holds data, or nothing pays')
    if (opening > epoch) {
      throw new UnavailableError(`it begins with epoch ${opening}, and this is epoch ${epoch}`)
    }
    const taken = this.#take({ id, hash }, blob, epoch, options)
    this.#taking.set(key, taken)
    try {
      await taken
    } finally {
      this.#taking.delete(key)
    }
    return id
  }

  async statusOf(requestId: Uint8Array): Promise<RequestStatus | undefined> {
    return this.#requests.statusOf(requestId)
  }

  certified(requestId: Uint8Array, signal?: AbortSignal): Promise<BlobHandle> {
    return this.#requests.certified(requestId, signal)
  }

  /** Whether a certificate of the batch is here that the chain has not recorded yet. */
  isCertified({ batch, commitment }: BlobHandle): boolean {
    const certificate = this.#unrecorded.get(batchKey(batch))
    if (certificate === undefined) return false
    return toHex(certifiedCommitment(this.#options.chain.shape, certificate)) === toHex(commitment)
  }

  /** A batch that is certified and may not be recorded yet. */
  find({ commitment, epoch, quorum }: BatchName): BlobHandle | undefined {
    for (const { batch } of this.#unrecorded.values()) {
      const handle: BlobHandle = { batch, commitment, index: 0 }
      if (batch.epoch === epoch && batch.quorum === quorum && this.isCertified(handle)) {
        return handle
      }
    }
    return undefined
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#timer?.cancel()
    this.#recordTimer?.cancel()
    await Promise.allSettled(this.#working)
    await this.#journal.close()
  }

  async #take(
    { id, hash }: { readonly id: Uint8Array; readonly hash: Uint8Array },
    blob: Uint8Array,
    epoch: bigint,
    options: SubmitOptions,
  ): Promise<void> {
    const { chain, payments, clock } = this.#options
    if (this.#queueBytes + blob.length > queueBytesMax) throw new OverloadedError('blobs wait')
    if (this.#requests.keptBytes + blob.length > keptBytesMax) {
      throw new OverloadedError('certificates wait for the chain')
    }
    this.#queueBytes += blob.length
    try {
      const { dataRows } = chain.shape
      const rowSize = rowSizeFor([blob.length], dataRows)
      const price = await answered(chain.feeOf(epoch, rowSize))
      const { voucher, peer } = options
      await payments.pay(dataRows * rowSize, price, { voucher, peer, request: id })
      if (voucher !== undefined) {
        await this.#journal.write({ kind: 'paid', voucher, request: id }, epoch)
      }
      await this.#journal.keepBlob(id, blob)
      const isAlone = options.isAlone === true
      await this.#journal.write({ kind: 'taken', request: id, isAlone, hash }, epoch)
      this.#requests.take(id, { isAlone, sizeBytes: blob.length, rounds: 0 }, hash)
      this.#queue.add({ id, blob: blob.slice(), isAlone, atMs: clock.nowMs(), attempts: 0 })
    } catch (error) {
      this.#queueBytes -= blob.length
      throw error
    }
    this.#pump()
  }

  /** Begins a batch if it is time for one. */
  #pump(): void {
    const { clock } = this.#options
    const { first } = this.#queue
    if (this.#end.signal.aborted || this.#isCoding || first === undefined) return
    if (this.#underWay >= batchesAtOnceMax) return
    const { count, isFull } = this.#queue.next()
    const dueMs = first.atMs + batchWaitMs
    if (this.#underWay > 0 && !isFull && clock.nowMs() < dueMs) {
      this.#timer?.cancel()
      this.#timer = clock.setTimer(dueMs - clock.nowMs(), () => this.#pump())
      return
    }
    this.#isCoding = true
    this.#underWay++
    this.#track(
      this.#disperse(this.#queue.take(count)).finally(() => {
        this.#underWay--
        this.#pump()
      }),
    )
  }

  /** The life of one batch, up to its certificate, or until its blobs wait for the next one. */
  async #disperse(blobs: readonly Pending[]): Promise<void> {
    const { log } = this.#options
    try {
      const coded = await this.#code(blobs)
      const certificate = await this.#certify(coded, blobs)
      await this.#confirm(certificate, blobs)
    } catch (error) {
      if (this.#end.signal.aborted) return
      log.warn('a batch was not certified', { blobs: blobs.length, error: messageOf(error) })
      await this.#again(blobs, error)
    }
  }

  async #code(blobs: readonly Pending[]): Promise<CodedBatch> {
    try {
      return await this.#options.coder.code(blobs.map(({ blob }) => blob))
    } finally {
      this.#isCoding = false
      this.#pump()
    }
  }

  async #certify(coded: CodedBatch, blobs: readonly Pending[]): Promise<Certificate> {
    const named = await this.#name(coded, blobs).catch((error: unknown) => {
      coded.release()
      throw error
    })
    const { batch, quorum } = named
    const end = this.#end.signal
    try {
      const onFuller = (certificate: Certificate): void => this.#fuller(certificate)
      return await collectSignatures(batch, coded, quorum, { ...this.#options, end, onFuller })
    } catch (error) {
      this.#named.delete(batchKey(batch))
      throw error
    }
  }

  /** Gives the batch a name that nothing else ever had. */
  async #name(
    coded: CodedBatch,
    blobs: readonly Pending[],
  ): Promise<{ readonly batch: BatchId; readonly quorum: DrawnQuorum }> {
    const { chain } = this.#options
    const present = await chain.epoch()
    const epoch = await chain.epochAt(present)
    if (epoch === undefined) throw new UnavailableError(`the seed of epoch ${present} is not known`)
    const sequence = this.#sequences.take(present)
    const disperser = this.#address
    const quorum = quorumOf(epoch.seed, disperser, sequence, epoch.quorumCount)
    const network = chain.identity.networkId
    const batch: BatchId = { network, epoch: present, quorum, disperser, sequence }
    const requests = blobs.map(({ id }) => id)
    const { commitment } = coded
    await this.#journal.write({ kind: 'named', batch, commitment, requests }, present)
    this.#named.set(batchKey(batch), requests)
    return { batch, quorum: await chain.quorumAt(epoch, quorum) }
  }

  async #confirm(certificate: Certificate, blobs: readonly Pending[]): Promise<void> {
    const { batch } = certificate
    await this.#journal.write({ kind: 'certified', certificate }, batch.epoch)
    this.#certifiedNow(certificate)
    if (blobs[0]?.isAlone === true) {
      const commitment = certifiedCommitment(this.#options.chain.shape, certificate)
      this.#options.onLone?.({ batch, commitment })
    }
    for (const { blob } of blobs) this.#queueBytes -= blob.length
    this.#recordSoon(fullerWithinMs)
  }

  /** One that more members signed: they earn their part, and it bears who is contested. */
  #fuller(certificate: Certificate): void {
    const key = batchKey(certificate.batch)
    if (this.#unrecorded.has(key)) this.#unrecorded.set(key, certificate)
  }

  #certifiedNow(certificate: Certificate): void {
    const { batch } = certificate
    const commitment = certifiedCommitment(this.#options.chain.shape, certificate)
    const requests = this.#named.get(batchKey(batch)) ?? []
    for (const [index, id] of requests.entries()) {
      const handle: BlobHandle = { batch, commitment, index }
      this.#requests.set(id, { state: 'confirmed', handle })
    }
    this.#unrecorded.set(batchKey(batch), certificate)
  }

  /** Back into the queue, before all others; given up after so long. */
  async #again(blobs: readonly Pending[], error: unknown): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    const left: Pending[] = []
    for (const pending of blobs) {
      pending.attempts++
      if (nowMs < pending.atMs + giveUpAfterMs) left.push(pending)
      else await this.#fail(pending, error)
    }
    const [first] = left
    if (first === undefined) return
    const delayMs = Math.min(retryDelayMs * 2 ** (first.attempts - 1), retryDelayMsMax)
    await pause(this.#options.clock, delayMs, this.#end.signal)
    this.#queue.putBack(left)
  }

  /** What `close` waits for. */
  #track(work: Promise<void>): void {
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }

  async #fail({ id, blob }: Pending, error: unknown): Promise<void> {
    const { chain, log } = this.#options
    const code = error instanceof ZgError ? error.code : 'DA_UNAVAILABLE'
    const why = messageOf(error)
    this.#queueBytes -= blob.length
    this.#requests.fail(id, code, why)
    try {
      await this.#journal.write({ kind: 'failed', request: id, code, why }, await chain.epoch())
      await this.#journal.dropBlob(id)
    } catch (cause) {
      log.warn('a failure was not written down', { error: messageOf(cause) })
    }
  }

  #recordSoon(delayMs: number): void {
    if (this.#end.signal.aborted) return
    this.#recordTimer?.cancel()
    this.#recordTimer = this.#options.clock.setTimer(delayMs, () => {
      this.#recordTimer = undefined
      this.#track(
        this.#record().finally(() => {
          if (this.#unrecorded.size > 0 && this.#recordTimer === undefined) {
            this.#recordSoon(recordIntervalMs)
          }
        }),
      )
    })
  }

  /** Brings to the chain what it has not recorded: all at once, each until it is there. */
  async #record(): Promise<void> {
    await Promise.all([...this.#unrecorded.values()].map((each) => this.#bring(each)))
  }

  async #bring(certificate: Certificate): Promise<void> {
    const { chain, log } = this.#options
    const { batch } = certificate
    const key = batchKey(batch)
    if (this.#bringing.has(key) || this.#end.signal.aborted) return
    this.#bringing.add(key)
    try {
      await chain.certify(certificate)
      if ((await chain.recordOf(batch)) !== undefined) await this.#recorded(certificate)
    } catch (error) {
      log.warn('a certificate is not recorded yet', { error: messageOf(error) })
      await this.#expire(batch)
    } finally {
      this.#bringing.delete(key)
    }
  }

  /** The chain takes no certificate after the epoch that follows its own. */
  async #expire(batch: BatchId): Promise<void> {
    const { chain, log } = this.#options
    const present = await chain.epoch().catch(() => batch.epoch)
    if (batch.epoch + 1n >= present) return
    const key = batchKey(batch)
    const requests = this.#named.get(key) ?? []
    this.#unrecorded.delete(key)
    this.#named.delete(key)
    log.error('a certificate was never recorded: its blobs go into another batch', { batch: key })
    for (const id of requests) {
      const status = this.#requests.statusOf(id)
      const isOfBatch = status?.state === 'confirmed' && batchKey(status.handle.batch) === key
      if (isOfBatch) await this.#requeue(id)
    }
    this.#pump()
  }

  async #recorded({ batch }: Certificate): Promise<void> {
    await this.#journal.write({ kind: 'recorded', batch }, batch.epoch)
    for (const id of this.#finalizedNow(batch)) await this.#journal.dropBlob(id)
  }

  /** Returns the requests that are done with it. */
  #finalizedNow(batch: BatchId): readonly Uint8Array[] {
    const key = batchKey(batch)
    const requests = this.#named.get(key) ?? []
    this.#unrecorded.delete(key)
    this.#named.delete(key)
    for (const id of requests) {
      this.#requests.drop(id)
      const status = this.#requests.statusOf(id)
      if (status?.state === 'confirmed') {
        this.#requests.set(id, { state: 'finalized', handle: status.handle })
      }
    }
    return requests
  }

  async #restore(entries: readonly JournalEntry[]): Promise<void> {
    for (const entry of entries) {
      switch (entry.kind) {
        case 'taken': {
          const kept = { isAlone: entry.isAlone, sizeBytes: 0, rounds: 0 }
          this.#requests.take(entry.request, kept, entry.hash)
          break
        }
        case 'named':
          this.#sequences.learn(entry.batch.epoch, entry.batch.sequence)
          this.#named.set(batchKey(entry.batch), entry.requests)
          break
        case 'certified':
          this.#certifiedNow(entry.certificate)
          break
        case 'failed':
          this.#requests.fail(entry.request, entry.code, entry.why)
          break
        case 'recorded':
          this.#finalizedNow(entry.batch)
          break
        case 'paid':
          this.#options.payments.restore(entry.voucher, entry.request)
          break
      }
    }
    for (const key of this.#named.keys()) {
      if (!this.#unrecorded.has(key)) this.#named.delete(key)
    }
    const open = new Map(this.#requests.open().map((id) => [toHex(id), id]))
    for (const id of await this.#journal.requestsKept()) {
      const state = this.#requests.statusOf(id)?.state
      if (state === 'finalized' || state === 'failed') await this.#journal.dropBlob(id)
      if (state === undefined) open.set(toHex(id), id)
    }
    for (const id of open.values()) await this.#requeue(id)
    if (this.#unrecorded.size > 0) this.#recordSoon(0)
    this.#pump()
  }

  /** Puts a request into the queue whose bytes are on the disk; alone, if nothing else is known. */
  async #requeue(id: Uint8Array): Promise<void> {
    const { isAlone, rounds } = this.#requests.keptOf(id) ?? { isAlone: true, rounds: 0 }
    const blob = rounds < roundsMax ? await this.#journal.blobOf(id) : undefined
    if (blob === undefined) {
      const why = 'its bytes are lost, or the chain recorded none of its batches'
      this.#requests.fail(id, 'DA_UNAVAILABLE', why)
      return this.#journal.dropBlob(id)
    }
    this.#requests.take(id, { isAlone, sizeBytes: blob.length, rounds: rounds + 1 })
    this.#queueBytes += blob.length
    const { clock } = this.#options
    this.#queue.add({ id, blob, isAlone, atMs: clock.nowMs(), attempts: 0 })
  }
}
