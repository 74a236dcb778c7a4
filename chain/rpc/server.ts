/**
 * The JSON-RPC door: HTTP POST and WebSocket on one port.
 *
 * Bare `node:http` (strict parser, timeouts against slow senders) and `ws`. Who may come in:
 * - `Host` must be an IP address, `localhost` or an allowed name, so that a page cannot reach a
 *   local node by pointing its own name at 127.0.0.1 (DNS rebinding);
 * - a body must say it is JSON, so that a page of a foreign origin needs a CORS preflight first;
 * - CORS and the `Origin` of a WebSocket follow one list.
 *
 * Whatever arrives, the answer is a JSON-RPC object or a closed connection; nothing ends the node.
 */

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

import { ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { answerJsonRpc, RequestInvalidError, transportErrorText } from './json-rpc.ts'
import type { JsonRpcOptions, RpcMethods } from './json-rpc.ts'
import {
  connectionsCheckMs,
  connectionsMax,
  headersCountMax,
  headersSizeBytesMax,
  headersTimeoutMs,
  keepAliveTimeoutMs,
  requestTimeoutMs,
} from './limits.ts'
import { BodyReader, PendingBytes } from './body-reader.ts'
import { isHostAllowed, isOriginAllowed } from './origin.ts'
import type { AllowList } from './origin.ts'
import { serveWebSockets } from './web-socket.ts'
import type { WebSocketDoor } from './web-socket.ts'

export type RpcServerOptions = {
  readonly methods: RpcMethods
  readonly clock: Clock
  /** Address to listen on; only what is served to the world needs more than 127.0.0.1. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** Names besides IP addresses and `localhost` that `Host` may hold. */
  readonly allowedHosts: AllowList
  /** Origins of web pages that may call; `'*'` in the local world. */
  readonly allowedOrigins: AllowList
  readonly onInternalError: (method: string, error: unknown) => void
}

export type RpcServer = {
  readonly host: string
  readonly port: number
  /** Stops listening, closes every connection; resolves once all are gone. */
  close(): Promise<void>
}

/**
 * Opens the door and resolves once it listens.
 *
 * @throws {RpcListenFailedError} `CHAIN_RPC_LISTEN_FAILED`, the port being busy, mostly.
 */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { methods, clock, onInternalError } = options
  const jsonRpc: JsonRpcOptions = { methods, clock, onInternalError }
  const pending = new PendingBytes()
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: connectionsCheckMs,
      maxHeaderSize: headersSizeBytesMax,
      insecureHTTPParser: false,
    },
    (request, response) => {
      serveHttp(request, response, { options, jsonRpc, pending }).catch((error: unknown) => {
        onInternalError('http', error)
        response.destroy()
      })
    },
  )
  server.maxHeadersCount = headersCountMax
  server.maxConnections = connectionsMax
  server.on('clientError', (_error: Error, socket: Duplex) => refuseUpgrade(socket, 400))
  const webSockets = serveWebSockets(jsonRpc, pending)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrade({ request, socket, head }, options, webSockets)
  })
  const { port } = await listen(server, options)
  return { host: options.host, port, close: () => close(server, webSockets) }
}

type Door = {
  readonly options: RpcServerOptions
  readonly jsonRpc: JsonRpcOptions
  readonly pending: PendingBytes
}

async function serveHttp(
  request: IncomingMessage,
  response: ServerResponse,
  { options, jsonRpc, pending }: Door,
): Promise<void> {
  if (!isHostAllowed(request.headers.host, options.allowedHosts)) {
    return answerHttp(response, 403, transportErrorText(new HostRefusedError(request.headers.host)))
  }
  setCorsHeaders(request, response, options.allowedOrigins)
  if (request.method === 'OPTIONS') return answerHttp(response, 204, undefined)
  if (request.method !== 'POST') return refuse(response, 405, 'send it by POST')
  if (!isJson(request.headers['content-type'])) {
    return refuse(response, 415, 'its content type must be application/json')
  }
  const reader = new BodyReader(request, pending)
  try {
    const body = await reader.read()
    if (body.outcome === 'aborted') return
    if (body.outcome === 'refused') {
      answerHttp(response, body.status, transportErrorText(body.error))
      return reader.discardRest()
    }
    const answer = await answerJsonRpc(body.text, undefined, jsonRpc)
    answerHttp(response, answer === undefined ? 204 : 200, answer)
  } finally {
    reader.release()
  }
}

function upgrade(
  incoming: { request: IncomingMessage; socket: Duplex; head: Buffer },
  options: RpcServerOptions,
  webSockets: WebSocketDoor,
): void {
  const { request, socket, head } = incoming
  socket.on('error', () => socket.destroy())
  const { host, origin } = request.headers
  const allowed =
    isHostAllowed(host, options.allowedHosts) && isOriginAllowed(origin, options.allowedOrigins)
  if (!allowed) refuseUpgrade(socket, 403)
  else if (!webSockets.accept(request, socket, head)) refuseUpgrade(socket, 503)
}

const reasons = { 400: 'Bad Request', 403: 'Forbidden', 503: 'Service Unavailable' } as const

function refuseUpgrade(socket: Duplex, status: keyof typeof reasons): void {
  const line = `HTTP/1.1 ${status} ${reasons[status]}`
  if (!socket.writable) return void socket.destroy()
  // Not left half open: a client that never closes its end would keep its place for ever.
  socket.end(`${line}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}

function setCorsHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  allowedOrigins: AllowList,
): void {
  const { origin } = request.headers
  response.setHeader('vary', 'Origin')
  if (origin === undefined || !isOriginAllowed(origin, allowedOrigins)) return
  response.setHeader('access-control-allow-origin', allowedOrigins === '*' ? '*' : origin)
  response.setHeader('access-control-allow-methods', 'POST')
  response.setHeader('access-control-allow-headers', 'content-type')
  response.setHeader('access-control-max-age', '600')
}

function isJson(contentType: string | undefined): boolean {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return mediaType === 'application/json' || mediaType === 'application/json-rpc'
}

function refuse(response: ServerResponse, status: number, problem: string): void {
  answerHttp(response, status, transportErrorText(new RequestInvalidError(problem)))
}

function answerHttp(response: ServerResponse, status: number, text: string | undefined): void {
  if (text === undefined) {
    response.writeHead(status).end()
    return
  }
  const body = Buffer.from(text, 'utf8')
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

function listen(server: Server, { host, port }: RpcServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new RpcListenFailedError(host, port, cause)))
    server.listen({ host, port }, () => resolve(server.address() as AddressInfo))
  })
}

async function close(server: Server, webSockets: WebSocketDoor): Promise<void> {
  webSockets.close()
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

export class HostRefusedError extends ZgError<'CHAIN_HOST_REFUSED'> {
  constructor(host: string | undefined) {
    const shown = host?.slice(0, 64) ?? ''
    const message = `Cannot answer for the host "${shown}": [rpc] allowedHosts does not name it`
    super('CHAIN_HOST_REFUSED', message, {})
  }
}

export class RpcListenFailedError extends ZgError<'CHAIN_RPC_LISTEN_FAILED'> {
  constructor(host: string, port: number, cause: Error) {
    const message = `Cannot listen for JSON-RPC on ${host}:${port}: ${cause.message}`
    super('CHAIN_RPC_LISTEN_FAILED', message, { host, port }, cause)
  }
}
