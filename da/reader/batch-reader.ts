/**
 * Reads blobs by the full path: K rows that verify, decoded, coded again and compared
 * (docs/specs/da.md). Whole batches are cached, so that each is judged once.
 */

import { RowVerifier } from '@zg/coding'
import { bytesEqual, toHex } from '@zg/primitives'

import { answered } from '../asking.ts'
import { batchKey } from '../batch/batch.ts'
import type { BlobHandle } from '../batch/batch.ts'
import { BatchJudge } from './batch-judge.ts'
import type { BatchContents, VoidProof } from './batch-judge.ts'
import type { DataChain, DataEpoch, DrawnQuorum } from '../chain/data-chain.ts'
import { BatchVoidError, BlobUnknownError, UnavailableError } from '../doors/dispersal.ts'
import type { BlobReader } from '../doors/dispersal.ts'
import { RowGatherer } from './row-gatherer.ts'
import type { GathererOptions } from './row-gatherer.ts'

/** Bytes of batches that are kept when they are read. */
const cachedBytesMax = 134_217_728
/** Bytes that ⊥ counts for in the cache. */
const voidSize = 1_024

export type BatchReaderOptions = Omit<GathererOptions, 'shape'> & {
  readonly chain: DataChain
  /** Whether a certificate is here that the chain has not recorded yet. */
  readonly isCertified?: (handle: BlobHandle) => boolean
}

/** What a batch was judged to be. */
type Verdict = BatchContents | BatchVoidError

export class BatchReader implements Pick<BlobReader, 'read'> {
  readonly #options: BatchReaderOptions
  readonly #gatherer: RowGatherer
  readonly #judge: BatchJudge
  /** By batch and commitment, the one longest unread first. */
  readonly #cache = new Map<string, { readonly verdict: Verdict; readonly sizeBytes: number }>()
  readonly #reading = new Map<string, Promise<Verdict>>()
  #cachedBytes = 0

  constructor(options: BatchReaderOptions) {
    const { chain, client, clock, log } = options
    this.#options = options
    this.#gatherer = new RowGatherer({ shape: chain.shape, client, clock, log })
    this.#judge = new BatchJudge(chain.shape)
  }

  async read(handle: BlobHandle, signal?: AbortSignal): Promise<Uint8Array> {
    // Others may wait for the same batch: who leaves does not end their reading.
    await this.#checkRecorded(handle)
    const verdict = await orAborted(this.#verdict(handle), signal)
    if (verdict instanceof BatchVoidError) throw verdict
    const place = verdict.blobs[handle.index]
    if (place === undefined) {
      throw new BlobUnknownError(`its batch holds ${verdict.blobs.length} blobs`, true)
    }
    return verdict.data.slice(place.from, place.from + place.size)
  }

  /** K rows that show a batch to be void; undefined when it is not. */
  async voidProof(handle: BlobHandle): Promise<VoidProof | undefined> {
    const { dataRows } = this.#options.chain.shape
    const { verifier, rows } = await this.#gather(handle)
    const proof = { header: verifier.header, rows: rows.slice(0, dataRows) }
    return this.#judge.isVoid(handle.commitment, proof) ? proof : undefined
  }

  async #verdict(handle: BlobHandle): Promise<Verdict> {
    const key = `${batchKey(handle.batch)}/${toHex(handle.commitment)}`
    const cached = this.#cache.get(key)
    if (cached !== undefined) {
      this.#cache.delete(key)
      this.#cache.set(key, cached)
      return cached.verdict
    }
    const other = this.#reading.get(key)
    if (other !== undefined) return other
    const reading = this.#judged(handle)
    this.#reading.set(key, reading)
    try {
      const verdict = await reading
      this.#keep(key, verdict)
      return verdict
    } finally {
      this.#reading.delete(key)
    }
  }

  async #judged(handle: BlobHandle): Promise<Verdict> {
    const { verifier, rows } = await this.#gather(handle)
    try {
      return this.#judge.contents(verifier.header, rows)
    } catch (error) {
      if (error instanceof BatchVoidError) return error
      throw error
    }
  }

  async #gather(handle: BlobHandle): Promise<{
    readonly verifier: RowVerifier
    readonly rows: Awaited<ReturnType<RowGatherer['enough']>>
  }> {
    const { batch, commitment } = handle
    const quorum = await this.#quorumOf(handle)
    const verifier = await this.#gatherer.verifier(batch, commitment, quorum)
    return { verifier, rows: await this.#gatherer.enough(batch, verifier, quorum) }
  }

  /** Only what is certified is there for everybody. */
  async #checkRecorded(handle: BlobHandle): Promise<void> {
    const { chain, isCertified } = this.#options
    if (isCertified?.(handle) === true) return
    const record = await answered(chain.recordOf(handle.batch))
    if (record === undefined) throw new BlobUnknownError('its batch is not recorded')
    if (!bytesEqual(record.commitment, handle.commitment)) {
      throw new BlobUnknownError('its batch is recorded with another commitment', true)
    }
    const present = await answered(chain.epoch())
    if (handle.batch.epoch + chain.retentionEpochs < present) {
      throw new BlobUnknownError('its time is over')
    }
  }

  async #quorumOf({ batch }: BlobHandle): Promise<DrawnQuorum> {
    const { chain } = this.#options
    const epoch: DataEpoch | undefined =
      batch.network === chain.identity.networkId
        ? await answered(chain.epochAt(batch.epoch))
        : undefined
    if (epoch === undefined || batch.quorum >= epoch.quorumCount) {
      throw new BlobUnknownError('its batch is of no quorum of this network', true)
    }
    return answered(chain.quorumAt(epoch, batch.quorum))
  }

  #keep(key: string, verdict: Verdict): void {
    const sizeBytes = verdict instanceof BatchVoidError ? voidSize : verdict.data.length
    this.#cache.set(key, { verdict, sizeBytes })
    this.#cachedBytes += sizeBytes
    for (const [oldest, kept] of this.#cache) {
      if (this.#cachedBytes <= cachedBytesMax) break
      this.#cache.delete(oldest)
      this.#cachedBytes -= kept.sizeBytes
    }
  }
}

async function orAborted<T>(reading: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return reading
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(new UnavailableError('nobody waits for it any more'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([reading, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
