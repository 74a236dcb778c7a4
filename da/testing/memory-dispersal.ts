/**
 * A disperser and a reader in memory, for what is built on them: doors and their clients.
 *
 * It keeps to `Dispersal` and `BlobReader`, but for durability. What a test wants to go wrong, it
 * sets: whether blobs are certified by themselves, whether the layer is down, what is read.
 */

import { bigintToBytes, bytesEqual, concat, sha256, toHex } from '@zg/primitives'

import type { BlobHandle } from '../batch/batch.ts'
import { encodeHandle } from '../batch/batch.ts'
import {
  BatchVoidError,
  blobSizeMax,
  BlobSizeError,
  BlobUnknownError,
  OverloadedError,
  RequestFailedError,
  RequestUnknownError,
  UnavailableError,
  UnpaidError,
} from '../doors/dispersal.ts'
import type { BlobReader, Dispersal, RequestStatus, SubmitOptions } from '../doors/dispersal.ts'

type Request = {
  readonly blob: Uint8Array
  readonly handle: BlobHandle
  readonly options: SubmitOptions
  status: RequestStatus
}

export class MemoryDispersal implements Dispersal, BlobReader {
  epoch = 7n
  /** Whether a blob is certified as soon as it is taken; else by `settle`. */
  isCertifying = true
  isDown = false
  /** Bytes that the disperser pays for, of each peer; a voucher lifts it. */
  peerBytesMax = Number.POSITIVE_INFINITY
  /** Requests that may be under way. */
  processingMax = Number.POSITIVE_INFINITY
  /** What every read returns instead of the blob: a reader that lies, or an error. */
  readsInstead: Uint8Array | Error | undefined
  /** Resolves before each `submit` and `read` goes on. */
  hold: Promise<void> = Promise.resolve()
  /** Blobs that arrived. */
  submitCount = 0
  /** Reads that were begun, and of these those called off. */
  readCount = 0
  abortedReadCount = 0
  readonly requests = new Map<string, Request>()
  readonly #peerBytes = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()

  async submit(blob: Uint8Array, options: SubmitOptions): Promise<Uint8Array> {
    if (blob.length === 0 || blob.length > blobSizeMax) throw new BlobSizeError(blob.length)
    this.submitCount++
    await this.hold
    if (this.isDown) throw new UnavailableError('no node answers')
    const id = options.requestId ?? sha256(concat(sha256(blob), bigintToBytes(this.epoch, 8)))
    if (this.requests.has(toHex(id))) return id
    const underWay = [...this.requests.values()].filter((one) => one.status.state === 'processing')
    if (underWay.length >= this.processingMax) throw new OverloadedError('blobs')
    const spent = (this.#peerBytes.get(options.peer) ?? 0) + blob.length
    if (options.voucher === undefined && spent > this.peerBytesMax) {
      throw new UnpaidError('the quota is used up')
    }
    this.#peerBytes.set(options.peer, spent)
    this.requests.set(toHex(id), {
      blob: blob.slice(),
      options,
      handle: this.#handleOf(blob),
      status: { state: 'processing' },
    })
    if (this.isCertifying) this.settle(id, 'confirmed')
    return id
  }

  async statusOf(requestId: Uint8Array): Promise<RequestStatus | undefined> {
    return this.requests.get(toHex(requestId))?.status
  }

  async certified(requestId: Uint8Array, signal?: AbortSignal): Promise<BlobHandle> {
    const key = toHex(requestId)
    const request = this.requests.get(key)
    if (request === undefined) throw new RequestUnknownError()
    while (request.status.state === 'processing') {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve])
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    if (request.status.state === 'failed') {
      throw new RequestFailedError(request.status.code, request.status.message)
    }
    return request.handle
  }

  async read(handle: BlobHandle, signal?: AbortSignal): Promise<Uint8Array> {
    this.readCount++
    let isOver = false
    signal?.addEventListener('abort', () => isOver || this.abortedReadCount++, { once: true })
    await this.hold
    isOver = true
    if (this.isDown) throw new UnavailableError('no node answers')
    if (this.readsInstead instanceof Error) throw this.readsInstead
    const wanted = encodeHandle(handle)
    const found = this.#recorded().find((one) => bytesEqual(encodeHandle(one.handle), wanted))
    if (found === undefined) throw new BlobUnknownError('no record has this handle')
    return this.readsInstead ?? found.blob
  }

  async find(name: Parameters<BlobReader['find']>[0]): Promise<BlobHandle | undefined> {
    return this.#recorded().find(
      ({ handle }) =>
        bytesEqual(handle.commitment, name.commitment) &&
        handle.batch.epoch === name.epoch &&
        handle.batch.quorum === name.quorum,
    )?.handle
  }

  /** Ends a request that is processed, or carries a confirmed one on. */
  settle(requestId: Uint8Array, state: 'confirmed' | 'finalized' | { failedAs: string }): void {
    const key = toHex(requestId)
    const request = this.requests.get(key)
    if (request === undefined) throw new RequestUnknownError()
    request.status =
      typeof state === 'string'
        ? { state, handle: request.handle }
        : { state: 'failed', code: state.failedAs, message: 'the test said so' }
    for (const go of this.#waiting.get(key) ?? []) go()
    this.#waiting.delete(key)
  }

  /** Makes every read find ⊥. */
  makeVoid(): void {
    this.readsInstead = new BatchVoidError('its rows are of no code')
  }

  #recorded(): readonly Request[] {
    return [...this.requests.values()].filter(({ status }) => 'handle' in status)
  }

  #handleOf(blob: Uint8Array): BlobHandle {
    const sequence = BigInt(this.requests.size)
    const disperser = new Uint8Array(20).fill(0xd1)
    return {
      batch: { network: 1, epoch: this.epoch, quorum: 3, disperser, sequence },
      commitment: sha256(concat(Uint8Array.of(0), blob)),
      index: 0,
    }
  }
}
