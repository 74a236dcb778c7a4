/**
 * gRPC's unary calls over HTTP/2 without TLS, every byte of them bounded.
 *
 *     request   POST /package.Service/Method, content-type application/grpc
 *               flag u8 (1: compressed) | size u32 | message, and the end of the stream
 *     answer    flag | size | message, then the trailers grpc-status and grpc-message
 *     refusal   these two and nothing else, at once; what is still being sent is cut off
 *
 * A call is read only when its method asks for it, so what waits for its turn stays in the client,
 * but for a window; and the method says how much it takes before a byte is kept. A call is over
 * when its stream is closed: not before has its client read the answer.
 *
 * Deviations: nothing is compressed, and compressed messages are refused (`identity` is all that a
 * server must know); no TLS, as whoever opens a port to the world has a proxy in front of it. To
 * turns and quotas all clients behind a proxy are one peer: it is the proxy that tells them apart.
 */

import { constants, createServer } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'

import { ZgError } from '@zg/primitives'
import type { Clock, Timer } from '@zg/runtime'

import * as limits from './door-limits.ts'
import { openDoor } from './door-listener.ts'
import type { Door, Place } from './door-listener.ts'
import { frameOf, GrpcMalformedError, grpcStatus, IncomingMessage } from './grpc-message.ts'
import { peerOf } from './peer-address.ts'
import { limitSending } from './sending-limit.ts'

/** How a call is refused; `code` comes with it as metadata `zg-code`. */
export type GrpcRefusal = {
  readonly status: (typeof grpcStatus)[keyof typeof grpcStatus]
  readonly message: string
  readonly code: string
}

export interface GrpcCall {
  readonly peer: string
  readonly headers: IncomingHttpHeaders
  /** Aborted when the call is over: answered, refused, late, cancelled. */
  readonly signal: AbortSignal
  /**
   * Resolves with the one message of the request, which nobody else holds.
   *
   * @throws {GrpcMessageSizeError} `DA_GRPC_SIZE` · {GrpcMalformedError} `DA_GRPC_MALFORMED` ·
   *   {GrpcCompressedError} `DA_GRPC_COMPRESSED` · {GrpcLateError} `DA_GRPC_LATE`
   */
  read(sizeMax: number): Promise<Uint8Array>
}

/** Answers a call with the parts of one message. */
export type GrpcMethod = (call: GrpcCall) => Promise<readonly Uint8Array[]>

export type GrpcServerOptions = Place & {
  /** By path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, GrpcMethod>
  readonly refusalOf: (error: unknown) => GrpcRefusal
  readonly clock: Clock
}

/**
 * Node counts what a cancelled answer had left to send as held by its session for ever, and takes
 * no calls of one that holds too much. What one does hold is bounded by its calls and windows.
 */
const sessionMemoryMax = Number.MAX_SAFE_INTEGER

/**
 * Opens the door and resolves once it listens.
 *
 * @throws {DoorListenFailedError} `DA_DOOR_LISTEN_FAILED`
 */
export function startGrpcServer(options: GrpcServerOptions): Promise<Door> {
  const server = createServer({
    settings: {
      maxConcurrentStreams: limits.connectionCallsMax,
      initialWindowSize: limits.callWindowSize,
      maxHeaderListSize: limits.headersSizeMax,
    },
    maxHeaderListPairs: limits.headersCountMax,
    maxSessionMemory: sessionMemoryMax,
  })
  server.on('session', admit)
  server.on('sessionError', () => undefined)
  server.on('stream', (stream, headers) => serve(stream, headers, options))
  return openDoor(server, options)
}

function admit(session: ServerHttp2Session): void {
  session.on('error', () => session.destroy())
  session.setLocalWindowSize(limits.connectionWindowSize)
  let callCount = 0
  session.on('stream', (stream) => {
    callCount++
    stream.once('close', () => callCount--)
  })
  // Calls have time limits of their own.
  session.setTimeout(limits.idleMsMax, () => callCount === 0 && session.destroy())
}

function serve(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, refusalOf, clock }: GrpcServerOptions,
): void {
  stream.on('error', () => stream.destroy())
  const httpStatus = httpRefusalOf(headers)
  if (httpStatus !== undefined) {
    stream.respond({ ':status': httpStatus }, { endStream: true })
    return cutOff(stream)
  }
  const call = new Call(stream, headers, clock)
  const path = headers[':path'] ?? ''
  const refuse = (error: unknown): void => {
    if (!call.signal.aborted) call.refuse(refusalOf(error))
  }
  const method = methods.get(path)
  if (method === undefined) return refuse(new GrpcMethodUnknownError(path))
  const timeout = headers['grpc-timeout']
  const timeoutMs = timeoutMsOf(timeout)
  if (timeoutMs === undefined) return refuse(new GrpcMalformedError('its time-out is no time'))
  if (timeout !== undefined) call.limit(timeoutMs, () => refuse(new GrpcLateError('answered')))
  method(call)
    .then((parts) => call.answer(parts))
    .catch(refuse)
}

/** Ends a stream that was answered: the client need not send the rest of what is refused. */
function cutOff(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR)
  // It is not over, and counts as a call, until what came already is read.
  stream.resume()
}

function httpRefusalOf(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return 405
  if (!/^application\/grpc(\+proto)?(;|$)/.test(headers['content-type'] ?? '')) return 415
  return undefined
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/** 0 without one, undefined of one that is malformed. */
function timeoutMsOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return 0
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? []
  return digits === undefined ? undefined : Math.ceil(Number(digits) * (unitMs[unit] ?? 0))
}

class Call implements GrpcCall {
  readonly peer: string
  readonly headers: IncomingHttpHeaders
  readonly signal: AbortSignal
  readonly #stream: ServerHttp2Stream
  readonly #clock: Clock

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, clock: Clock) {
    const over = new AbortController()
    this.peer = peerOf(stream.session?.socket.remoteAddress)
    this.headers = headers
    this.signal = over.signal
    this.#stream = stream
    this.#clock = clock
    stream.once('close', () => over.abort(new GrpcCancelledError()))
  }

  #whenOver(act: () => void): void {
    if (this.signal.aborted) act()
    else this.signal.addEventListener('abort', act, { once: true })
  }

  /** Calls `act` unless the call is over within `delayMs`. */
  limit(delayMs: number, act: () => void): Timer {
    const timer = this.#clock.setTimer(delayMs, act)
    this.#whenOver(() => timer.cancel())
    return timer
  }

  read(sizeMax: number): Promise<Uint8Array> {
    const message = new IncomingMessage(sizeMax)
    return new Promise((resolve, reject) => {
      const late = limitSending({
        clock: this.#clock,
        msMax: limits.requestMsMax,
        size: () => message.size,
        onLate: () => stop(new GrpcLateError('sent')),
      })
      const stop = (error: unknown): void => {
        late.cancel()
        this.#stream.removeAllListeners('data')
        this.#stream.pause()
        message.release()
        reject(error)
      }
      this.#stream.on('data', (chunk: Buffer) => {
        const error = message.take(chunk)
        if (error !== undefined) stop(error)
      })
      this.#stream.once('end', () => {
        late.cancel()
        const whole = message.release()
        if (whole === undefined) stop(new GrpcMalformedError('its message is cut off'))
        else resolve(whole)
      })
      this.#whenOver(() => stop(this.signal.reason))
    })
  }

  async answer(parts: readonly Uint8Array[]): Promise<void> {
    this.signal.throwIfAborted()
    const stream = this.#stream
    // Who does not read keeps its turn, and a blob in memory, no longer than this.
    this.limit(limits.answerMsMax, () => stream.close(constants.NGHTTP2_CANCEL))
    stream.respond(answerHeaders, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus.ok }))
    for (const part of frameOf(parts)) {
      for (let at = 0; at < part.length; at += limits.answerPartSize) {
        if (!stream.write(part.subarray(at, at + limits.answerPartSize))) await this.#drained()
      }
    }
    stream.end()
  }

  refuse({ status, message, code }: GrpcRefusal): void {
    const stream = this.#stream
    if (stream.closed || stream.destroyed) return
    if (stream.headersSent) return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    this.limit(limits.answerMsMax, () => stream.close(constants.NGHTTP2_CANCEL))
    const trailers = {
      'grpc-status': status,
      'grpc-message': encodeURIComponent(message.toWellFormed()),
      'zg-code': code,
    }
    stream.respond({ ...answerHeaders, ...trailers }, { endStream: true })
    cutOff(stream)
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(this.signal.reason)
      this.signal.addEventListener('abort', gone, { once: true })
      this.#stream.once('drain', () => {
        this.signal.removeEventListener('abort', gone)
        resolve()
      })
    })
  }
}

const answerHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
}

export class GrpcMethodUnknownError extends ZgError<'DA_GRPC_METHOD_UNKNOWN'> {
  constructor(path: string) {
    super('DA_GRPC_METHOD_UNKNOWN', `There is no method "${path.slice(0, 64)}"`, {})
  }
}

export class GrpcLateError extends ZgError<'DA_GRPC_LATE'> {
  constructor(what: 'sent' | 'answered') {
    super('DA_GRPC_LATE', `The call was not ${what} in time`, { what })
  }
}

class GrpcCancelledError extends ZgError<'DA_GRPC_CANCELLED'> {
  constructor() {
    super('DA_GRPC_CANCELLED', 'The call is over', {})
  }
}
