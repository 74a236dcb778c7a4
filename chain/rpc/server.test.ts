import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, test } from 'node:test'

import { createSystemClock } from '@zg/runtime'
import { WebSocket } from 'ws'

import type { RpcMethod, RpcMethods, RpcSession } from './json-rpc.ts'
import { bodySizeBytesMax, bufferedSizeBytesMax, pingIntervalMs, webSocketsMax } from './limits.ts'
import { MethodUnknownError } from './rpc-error.ts'
import { startRpcServer } from './server.ts'
import type { RpcServerOptions } from './server.ts'

const sessions: RpcSession[] = []

const methods: RpcMethods = {
  single: new Map<string, RpcMethod>([
    ['echo', (params) => params],
    [
      'listen',
      (_params, session) => {
        if (session !== undefined) sessions.push(session)
        return true
      },
    ],
  ]),
  bulk: new Map(),
  unknownMethod: (method) => new MethodUnknownError(method),
}

/** The system's time, with pings fired by hand. */
const clock = createSystemClock()
const pings: (() => void)[] = []
const handClock = {
  nowMs: () => clock.nowMs(),
  setTimer: (delayMs: number, fire: () => void) => {
    assert.equal(delayMs, pingIntervalMs)
    pings.push(fire)
    return { cancel: () => undefined }
  },
}

async function open(overrides: Partial<RpcServerOptions> = {}) {
  const server = await startRpcServer({
    methods,
    clock: handClock,
    host: '127.0.0.1',
    port: 0,
    allowedHosts: ['node.example'],
    allowedOrigins: ['https://wallet.example'],
    onInternalError: (method, error) => assert.fail(`${method}: ${String(error)}`),
    ...overrides,
  })
  after(() => server.close())
  return server
}

const server = await open()
const url = `http://127.0.0.1:${server.port}`
const call = '{"jsonrpc":"2.0","id":1,"method":"echo","params":["a"]}'
const called = '{"jsonrpc":"2.0","id":1,"result":["a"]}'

function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

/** The head of a raw request with a JSON body, and more header lines. */
function head(...lines: readonly string[]): string {
  const always = ['POST / HTTP/1.1', 'Content-Type: application/json']
  return `${[...always, ...lines].join('\r\n')}\r\n\r\n`
}

/** Sends raw bytes and returns all that comes back until the socket closes. */
async function raw(text: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => (answer += chunk))
  socket.on('error', () => undefined)
  socket.end(text, 'latin1')
  await once(socket, 'close')
  return answer
}

async function openSocket(headers: Record<string, string> = {}): Promise<WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, { headers })
  after(() => ws.terminate())
  await once(ws, 'open')
  return ws
}

async function ask(ws: WebSocket, text: string): Promise<string> {
  ws.send(text)
  const [data] = (await once(ws, 'message')) as [Buffer]
  return data.toString()
}

test('startRpcServer answers POST and keeps the connection', async () => {
  const response = await post(call)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.equal(await response.text(), called)
})

test('startRpcServer answers a notification with no content', async () => {
  const response = await post('{"jsonrpc":"2.0","method":"echo"}')
  assert.equal(response.status, 204)
  assert.equal(await response.text(), '')
})

test('startRpcServer refuses other methods and content types', async () => {
  assert.equal((await fetch(url)).status, 405)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    const response = await post(call, { 'content-type': type })
    assert.equal(response.status, 415)
    assert.match(await response.text(), /"code":-32600/)
  }
  assert.equal(
    (await post(call, { 'content-type': 'application/json; charset=utf-8' })).status,
    200,
  )
})

test('startRpcServer refuses a large body, declared or not, and stays up', async () => {
  const large = ' '.repeat(bodySizeBytesMax + 1)
  const declared = await raw(head('Host: localhost', `Content-Length: ${large.length}`))
  assert.match(declared, /^HTTP\/1.1 413 .*"code":-32005/s)
  const chunk = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`
  const chunked = await raw(head('Host: localhost', 'Transfer-Encoding: chunked') + chunk)
  assert.match(chunked, /^HTTP\/1.1 413 /)
  assert.equal((await post(call)).status, 200)
})

test('startRpcServer lets a client that sends too much read why', async () => {
  for (let time = 0; time < 3; time++) {
    const response = await post(' '.repeat(2 * bodySizeBytesMax))
    assert.equal(response.status, 413)
    assert.match(await response.text(), /"code":-32005.*bytes in a body/)
  }
})

test('startRpcServer keeps no connection half open', async () => {
  const socket = connect({ port: server.port, allowHalfOpen: true })
  const reset = new Promise((resolve) => socket.on('error', resolve))
  socket.write('no request at all\r\n\r\n')
  await once(socket.resume(), 'end')
  // Closed on both sides: what is written is refused, not taken and ignored.
  while (!socket.destroyed && socket.write(' ')) await new Promise(setImmediate)
  assert.match(String(await reset), /ECONNRESET|EPIPE/)
})

test('startRpcServer answers only for addresses, localhost and allowed hosts', async () => {
  const status = async (host: string) => {
    const length = `Content-Length: ${call.length}`
    const answer = await raw(head(`Host: ${host}`, 'Connection: close', length) + call)
    return Number(answer.slice(9, 12))
  }
  for (const host of ['localhost:8545', '127.0.0.1', '[::1]:8545', 'Node.Example:80']) {
    assert.equal(await status(host), 200, host)
  }
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '']) {
    assert.equal(await status(host), 403, host)
  }
  const length = `Content-Length: ${call.length}`
  const refused = await raw(head('Host: evil.example', 'Connection: close', length) + call)
  assert.match(refused, /"code":-32600.*evil.example.*allowedHosts/)
})

test('startRpcServer gives CORS headers to allowed origins only', async () => {
  const preflight = (origin: string) => fetch(url, { method: 'OPTIONS', headers: { origin } })
  const allowed = await preflight('https://wallet.example')
  assert.equal(allowed.status, 204)
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://wallet.example')
  const refused = await preflight('https://evil.example')
  assert.equal(refused.headers.get('access-control-allow-origin'), null)
})

test('startRpcServer allows every origin when told to', async () => {
  const open_ = await open({ allowedOrigins: '*' })
  const response = await fetch(`http://127.0.0.1:${open_.port}`, {
    method: 'OPTIONS',
    headers: { origin: 'https://any.example' },
  })
  assert.equal(response.headers.get('access-control-allow-origin'), '*')
})

test('startRpcServer survives garbage on its socket', async () => {
  const garbage = [
    '\x00\x01\x02\x03',
    'GET',
    'POST / HTTP/1.1\r\n\r\n',
    'POST / HTTP/9.9\r\nHost: x\r\n\r\n',
    `${head('Host: localhost', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
    `${head('Host: localhost', 'Content-Length: 9')}{"a`,
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ]
  for (const text of garbage) await raw(text)
  assert.equal(await (await post(call)).text(), called)
})

test('startRpcServer names a port that is taken', async () => {
  await assert.rejects(open({ port: server.port }), { code: 'CHAIN_RPC_LISTEN_FAILED' })
})

test('serveWebSockets answers messages in order and tells notifications', async () => {
  const ws = await openSocket()
  assert.equal(await ask(ws, call), called)
  await ask(ws, '{"jsonrpc":"2.0","id":1,"method":"listen"}')
  sessions.at(-1)?.notify('told')
  const [told] = (await once(ws, 'message')) as [Buffer]
  assert.equal(told.toString(), 'told')
})

test('serveWebSockets refuses binary messages and malformed ones alike with an error', async () => {
  const ws = await openSocket()
  ws.send(Buffer.from(call))
  const [refused] = (await once(ws, 'message')) as [Buffer]
  assert.match(refused.toString(), /"code":-32600/)
  assert.match(await ask(ws, '{'), /"code":-32700/)
  assert.equal(await ask(ws, call), called)
})

test('serveWebSockets refuses an origin that is not allowed', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, {
    headers: { origin: 'https://evil.example' },
  })
  const [error] = (await once(ws, 'error')) as [Error]
  assert.match(error.message, /403/)
  await openSocket({ origin: 'https://wallet.example' })
})

test('serveWebSockets opens as many sockets as allowed and no more', async () => {
  const full = await open()
  const url = `ws://127.0.0.1:${full.port}`
  const sockets = Array.from({ length: webSocketsMax }, () => new WebSocket(url))
  after(() => sockets.forEach((ws) => ws.terminate()))
  await Promise.all(sockets.map((ws) => once(ws, 'open')))
  const [error] = (await once(new WebSocket(url), 'error')) as [Error]
  assert.match(error.message, /503/)
  sockets[0]?.close()
  await once(sockets[0] as WebSocket, 'close')
  await once(new WebSocket(url), 'open')
})

test('serveWebSockets closes on a message over the limit', async () => {
  const ws = await openSocket()
  ws.send('x'.repeat(bodySizeBytesMax + 1))
  const [code] = (await once(ws, 'close')) as [number]
  assert.equal(code, 1009)
})

test('serveWebSockets cuts off a client that does not read', async () => {
  const ws = await openSocket()
  await ask(ws, '{"jsonrpc":"2.0","id":1,"method":"listen"}')
  const session = sessions.at(-1) as RpcSession
  const closed = new Promise<void>((resolve) => session.onClose(resolve))
  ws.pause()
  const mebibyte = 'x'.repeat(1024 * 1024)
  // Beyond what the two sockets of the machine may hold themselves.
  for (let sent = 0; sent < 8 * bufferedSizeBytesMax; sent += mebibyte.length) {
    session.notify(mebibyte)
  }
  await closed
  assert.equal(await (await post(call)).text(), called)
})

test('serveWebSockets cuts off a client that answers no ping', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, { autoPong: false })
  pings.length = 0
  await once(ws, 'open')
  await ask(ws, call)
  pings.shift()?.()
  await once(ws, 'ping')
  pings.shift()?.()
  await once(ws, 'close')
})
