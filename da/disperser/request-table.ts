/**
 * The requests of a disperser, by id: what became of them, who waits for them, whose bytes are on
 * the disk.
 */

import { bigintToBytes, concat, sha256, toHex } from '@zg/primitives'

import type { BlobHandle } from '../batch/batch.ts'
import { RequestFailedError, RequestUnknownError, UnavailableError } from '../doors/dispersal.ts'
import type { RequestStatus } from '../doors/dispersal.ts'

/** Requests that are remembered; those that are done go, the oldest first. */
const requestsMax = 100_000

const requestTag = new TextEncoder().encode('zg/da/request')

/** A request whose bytes are on the disk. */
export type Kept = {
  readonly isAlone: boolean
  readonly sizeBytes: number
  /** Batches that it was in and that were never recorded. */
  readonly rounds: number
}

type Request = {
  readonly id: Uint8Array
  status: RequestStatus
  /** Settled together with the status; another one when a blob goes into another batch. */
  done: PromiseWithResolvers<BlobHandle>
  /** 32 bytes: SHA-256 of the blob; unknown of one whose entry was lost. */
  hash: Uint8Array | undefined
  kept: Kept | undefined
}

export class RequestTable {
  readonly #requests = new Map<string, Request>()
  #keptBytes = 0

  /** Bytes of blobs on the disk. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  statusOf(id: Uint8Array): RequestStatus | undefined {
    return this.#requests.get(toHex(id))?.status
  }

  hashOf(id: Uint8Array): Uint8Array | undefined {
    return this.#requests.get(toHex(id))?.hash
  }

  keptOf(id: Uint8Array): Kept | undefined {
    return this.#requests.get(toHex(id))?.kept
  }

  /** Takes a request in, or one that is here into another batch. */
  take(id: Uint8Array, kept: Kept, hash = this.hashOf(id)): void {
    this.set(id, { state: 'processing' })
    const request = this.#requests.get(toHex(id))!
    this.#keptBytes += kept.sizeBytes - (request.kept?.sizeBytes ?? 0)
    request.kept = kept
    request.hash = hash
  }

  /** Its bytes are on the disk no more. */
  drop(id: Uint8Array): void {
    const request = this.#requests.get(toHex(id))
    if (request?.kept === undefined) return
    this.#keptBytes -= request.kept.sizeBytes
    request.kept = undefined
  }

  /** Gives a request up. */
  fail(id: Uint8Array, code: string, why: string): void {
    this.drop(id)
    this.set(id, { state: 'failed', code, message: why })
  }

  set(id: Uint8Array, status: RequestStatus): void {
    const key = toHex(id)
    let request = this.#requests.get(key)
    if (request === undefined) {
      request = { id, status, done: unsettled(), hash: undefined, kept: undefined }
      this.#requests.set(key, request)
      this.#forgetOldest()
    }
    const isAgain = status.state === 'processing' && request.status.state !== 'processing'
    if (isAgain) request.done = unsettled()
    request.status = status
    if (status.state === 'failed') {
      request.done.reject(new RequestFailedError(status.code, status.message))
    } else if (status.state !== 'processing') {
      request.done.resolve(status.handle)
    }
  }

  /** Those that are not certified and not given up. */
  open(): readonly Uint8Array[] {
    const open = [...this.#requests.values()].filter(({ status }) => status.state === 'processing')
    return open.map(({ id }) => id)
  }

  /**
   * @throws {RequestUnknownError} `DA_REQUEST_UNKNOWN` · {RequestFailedError} `DA_REQUEST_FAILED` ·
   *   {UnavailableError} `DA_UNAVAILABLE` when `signal` aborts first.
   */
  async certified(id: Uint8Array, signal?: AbortSignal): Promise<BlobHandle> {
    const request = this.#requests.get(toHex(id))
    if (request === undefined) throw new RequestUnknownError()
    if (signal === undefined) return request.done.promise
    const { promise, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(new UnavailableError('nobody waits for it any more'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([request.done.promise, promise])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #forgetOldest(): void {
    if (this.#requests.size <= requestsMax) return
    for (const [key, { kept }] of this.#requests) {
      if (kept !== undefined) continue
      this.#requests.delete(key)
      return
    }
  }
}

/** The id of a request; one that is given has a tag, so nobody takes that of another's blob. */
export function requestIdOf(
  hash: Uint8Array,
  epoch: bigint,
  given: Uint8Array | undefined,
): Uint8Array {
  if (given !== undefined) return sha256(concat(requestTag, given))
  return sha256(concat(hash, bigintToBytes(epoch, 8)))
}

function unsettled(): PromiseWithResolvers<BlobHandle> {
  const done = Promise.withResolvers<BlobHandle>()
  // Nobody may be waiting for it.
  done.promise.catch(() => undefined)
  return done
}
