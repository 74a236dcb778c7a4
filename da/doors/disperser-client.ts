/**
 * A client of a disperser's gRPC door, ours or 0G's: unary calls over one HTTP/2 connection.
 *
 * What a door answers is bounded before it is kept, and its words are cut short. That a blob is the
 * one that was asked for it cannot know; who has its root can (`commitmentOfBlob`).
 */

import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

import { concat, bigintToBytes, ZgError } from '@zg/primitives'

import { localBatchCoder } from '../disperser/batch-coder.ts'
import type { DataShape } from '../chain/data-chain.ts'
import {
  blobFieldSize,
  readDisperseReply,
  readRetrieveReply,
  readStatusReply,
  writeDisperseRequest,
  writeRetrieveRequest,
  writeStatusRequest,
} from './disperser-messages.ts'
import type { BlobName, BlobStatus } from './disperser-messages.ts'
import { blobSizeMax } from './dispersal.ts'
import type { Voucher } from './dispersal.ts'
import { frameOf, grpcStatus, IncomingMessage } from './grpc-message.ts'

/** A call in which nothing moves for so long is given up. */
const silenceMsMax = 120_000
/** Bytes of an answer that holds no blob. */
const smallAnswerSizeMax = 4_096
/** Characters of a refusal that are told on. */
const refusalLengthMax = 400
/** Node counts what a refused call had left to send for ever; calls end by `silenceMsMax`. */
const sessionMemoryMax = Number.MAX_SAFE_INTEGER
/** Bytes that are handed over at once. */
const partSize = 256 * 1024

export type DisperseOptions = {
  /** 32 bytes; the same id again is the same request. */
  readonly requestId?: Uint8Array
  readonly voucher?: Voucher
  /** Told of how many bytes are on their way. */
  readonly onSent?: (sizeBytes: number) => void
}

export class DisperserClient {
  readonly #url: string
  #session: ClientHttp2Session | undefined

  /** Connects when it is first asked. */
  constructor(url: string) {
    this.#url = url
  }

  /**
   * Resolves with the request's id once the blob is durable there.
   *
   * @throws {DisperserSilentError} `DA_DISPERSER_SILENT` · {DisperserRefusedError}
   *   `DA_DISPERSER_REFUSED`, its `reason` the door's own code
   */
  async disperse(blob: Uint8Array, options: DisperseOptions = {}): Promise<Uint8Array> {
    const { requestId, voucher, onSent } = options
    const metadata = {
      ...(requestId && { 'zg-request-id-bin': base64(requestId) }),
      ...(voucher && { 'zg-voucher-bin': base64(voucherBytes(voucher)) }),
    }
    const sent = { parts: writeDisperseRequest(blob), metadata, ...(onSent && { onSent }) }
    return readDisperseReply(await this.#call('DisperseBlob', sent, smallAnswerSizeMax))
  }

  /** @throws as `disperse` */
  async statusOf(requestId: Uint8Array): Promise<{
    readonly status: BlobStatus | undefined
    readonly name: BlobName | undefined
  }> {
    const parts = [writeStatusRequest(requestId)]
    return readStatusReply(await this.#call('GetBlobStatus', { parts }, smallAnswerSizeMax))
  }

  /** @throws as `disperse` */
  async retrieve(name: BlobName): Promise<Uint8Array> {
    const parts = [writeRetrieveRequest(name)]
    const sizeMax = blobFieldSize + blobSizeMax
    return readRetrieveReply(await this.#call('RetrieveBlob', { parts }, sizeMax))
  }

  close(): void {
    this.#session?.destroy()
    this.#session = undefined
  }

  async #call(method: string, sent: Sent, sizeMax: number): Promise<Uint8Array> {
    const stream = this.#connected().request({
      ':method': 'POST',
      ':path': `/disperser.Disperser/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...sent.metadata,
    })
    const answer = answerOf(stream, { url: this.#url, sizeMax })
    await Promise.race([write(stream, sent), answer])
    return answer
  }

  #connected(): ClientHttp2Session {
    const { closed = true, destroyed = true } = this.#session ?? {}
    if (this.#session === undefined || closed || destroyed) {
      this.#session = connect(this.#url, { maxSessionMemory: sessionMemoryMax })
      // Told by the streams that it ends.
      this.#session.on('error', () => undefined)
    }
    return this.#session
  }
}

/**
 * The commitment of a batch that holds this blob alone, as one has that came through a gRPC door:
 * its `storage_root`. Takes about a second for the largest.
 */
export async function commitmentOfBlob(blob: Uint8Array, shape: DataShape): Promise<Uint8Array> {
  const coder = localBatchCoder(shape)
  const { commitment } = await coder.code([blob])
  await coder.close()
  return commitment
}

type Sent = {
  readonly parts: readonly Uint8Array[]
  readonly metadata?: Readonly<Record<string, string>>
  readonly onSent?: (sizeBytes: number) => void
}

/** Resolves when all is handed over; what goes wrong the answer tells. */
async function write(stream: ClientHttp2Stream, { parts, onSent }: Sent): Promise<void> {
  let sentBytes = 0
  for (const part of frameOf(parts)) {
    for (let at = 0; at < part.length; at += partSize) {
      if (stream.closed || stream.destroyed) return
      const piece = part.subarray(at, at + partSize)
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve))
      sentBytes += piece.length
      onSent?.(sentBytes)
    }
  }
  stream.end()
}

/** Resolves with the message of an answer, or rejects with why there is none. */
function answerOf(
  stream: ClientHttp2Stream,
  { url, sizeMax }: { url: string; sizeMax: number },
): Promise<Uint8Array> {
  const message = new IncomingMessage(sizeMax)
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  let headers: IncomingHttpHeaders = {}
  let problem: Error | undefined
  const giveUp = (error: Error): void => {
    problem ??= error
    stream.close(constants.NGHTTP2_CANCEL)
  }
  stream.setTimeout(silenceMsMax, () => giveUp(new DisperserSilentError(url, 'it says nothing')))
  stream.on('response', (own) => (headers = { ...headers, ...own }))
  stream.on('trailers', (own) => (headers = { ...headers, ...own }))
  stream.on('data', (chunk: Buffer) => {
    const error = message.take(chunk)
    if (error !== undefined) giveUp(error)
  })
  stream.on('error', (cause) => (problem ??= new DisperserSilentError(url, cause.message)))
  stream.once('close', () => {
    const bytes = message.release()
    const status = headers['grpc-status']
    if (status !== undefined && status !== String(grpcStatus.ok)) {
      reject(new DisperserRefusedError(headers))
    } else if (problem !== undefined) reject(problem)
    else if (status === undefined || bytes === undefined) {
      reject(new DisperserSilentError(url, 'its answer is cut off, or no gRPC'))
    } else resolve(bytes)
  })
  return promise
}

function voucherBytes({ payer, total, signature }: Voucher): Uint8Array {
  return concat(payer, bigintToBytes(total, 32), signature)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Nobody answers, or not what a disperser would. */
export class DisperserSilentError extends ZgError<'DA_DISPERSER_SILENT'> {
  constructor(url: string, why: string) {
    super('DA_DISPERSER_SILENT', `Cannot ask the disperser at ${url}: ${why}`, { url })
  }
}

/** The door's own words. */
export class DisperserRefusedError extends ZgError<'DA_DISPERSER_REFUSED'> {
  constructor(headers: IncomingHttpHeaders) {
    const status = Number(headers['grpc-status'])
    const [reason = ''] = /^[A-Z0-9_]{1,64}$/.exec(String(headers['zg-code'])) ?? []
    super('DA_DISPERSER_REFUSED', wordsOf(headers['grpc-message'], status), { reason, status })
  }
}

function wordsOf(header: string | string[] | undefined, status: number): string {
  const text = String(header ?? '')
  let words = text
  try {
    words = decodeURIComponent(text)
  } catch {
    // Left as it came.
  }
  // No control characters: this goes to terminals.
  words = words.replace(/\p{C}/gu, ' ').slice(0, refusalLengthMax)
  return words === '' ? `The disperser refuses: gRPC status ${status}` : words
}
