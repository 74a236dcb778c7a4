/**
 * Reads the body of an HTTP request within two bounds: its own size, and the bytes that all
 * requests under way hold together, so that many large bodies at once cannot fill the memory.
 */

import type { IncomingMessage } from 'node:http'

import { bodySizeBytesMax, discardedSizeBytesMax, pendingSizeBytesMax } from './limits.ts'
import { LimitExceededError } from './rpc-error.ts'

/** Bytes held for requests under way, all connections together. */
export class PendingBytes {
  #sizeBytes = 0

  /** Counts bytes in; an error when there are too many, which are counted all the same. */
  take(sizeBytes: number): LimitExceededError | undefined {
    this.#sizeBytes += sizeBytes
    if (this.#sizeBytes <= pendingSizeBytesMax) return undefined
    return new LimitExceededError('bytes in requests under way', pendingSizeBytesMax)
  }

  release(sizeBytes: number): void {
    this.#sizeBytes -= sizeBytes
  }
}

export type Body =
  | { readonly outcome: 'read'; readonly text: string }
  | { readonly outcome: 'refused'; readonly status: 413 | 503; readonly error: LimitExceededError }
  | { readonly outcome: 'aborted' }

/** One body under way; `release` gives its bytes back once the request is answered. */
export class BodyReader {
  readonly #request: IncomingMessage
  readonly #pending: PendingBytes
  readonly #chunks: Buffer[] = []
  #sizeBytes = 0

  constructor(request: IncomingMessage, pending: PendingBytes) {
    this.#request = request
    this.#pending = pending
  }

  read(): Promise<Body> {
    return new Promise((resolve) => {
      const declared = Number(this.#request.headers['content-length'] ?? 0)
      if (declared > bodySizeBytesMax) return resolve(bodyTooLarge())
      this.#request.on('data', (chunk: Buffer) => {
        const refusal = this.#take(chunk)
        if (refusal === undefined) return
        this.#request.pause()
        resolve(refusal)
      })
      this.#request.on('end', () => {
        const text = Buffer.concat(this.#chunks, this.#sizeBytes).toString('utf8')
        this.#chunks.length = 0
        resolve({ outcome: 'read', text })
      })
      this.#request.on('error', () => resolve({ outcome: 'aborted' }))
      this.#request.on('close', () => resolve({ outcome: 'aborted' }))
    })
  }

  /**
   * Reads the rest of a refused body without keeping it: a connection that is closed while its
   * client still sends is reset, and the answer lost. Who sends much more is cut off.
   */
  discardRest(): void {
    let left = discardedSizeBytesMax
    this.#request.removeAllListeners('data')
    this.#request.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) this.#request.destroy()
    })
    this.#request.resume()
  }

  release(): void {
    this.#pending.release(this.#sizeBytes)
    this.#sizeBytes = 0
  }

  #take(chunk: Buffer): Body | undefined {
    this.#sizeBytes += chunk.length
    const error = this.#pending.take(chunk.length)
    if (this.#sizeBytes > bodySizeBytesMax) return bodyTooLarge()
    if (error !== undefined) return { outcome: 'refused', status: 503, error }
    this.#chunks.push(chunk)
    return undefined
  }
}

function bodyTooLarge(): Body {
  const error = new LimitExceededError('bytes in a body', bodySizeBytesMax)
  return { outcome: 'refused', status: 413, error }
}
