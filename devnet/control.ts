/**
 * Commands to the running supervisor, over a unix domain socket in the data directory.
 *
 * One connection carries one request and one reply, each a line of JSON. The socket is 0600 in a
 * 0700 folder, so who may open it may signal the processes anyway: there is no other check.
 *
 *     -> {"verb":"kill","network":0,"validator":2}      or {"verb":"kill","dataNode":3}
 *     <- {"ok":true,"parts":[{"name":"net-0/val-2","state":"killed",…}]}
 *     <- {"ok":false,"code":"DEVNET_PART_UNKNOWN","message":"Cannot …"}
 */

import { chmodSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { Socket } from 'node:net'

import { ZgError } from '@zg/primitives'

/** The longest request or reply line, in bytes. */
export const controlLineSizeMaxBytes = 65_536

/** How long a peer may take over its side of a request. */
export const controlTimeoutMs = 30_000

/** At most so many requests at once. */
const controlConnectionsMax = 16

export const chaosVerbs = ['kill', 'pause', 'resume', 'restart'] as const

export type ChaosVerb = (typeof chaosVerbs)[number]

export type ControlRequest =
  | { readonly verb: 'status' }
  | { readonly verb: ChaosVerb; readonly network: number; readonly validator: number }
  | { readonly verb: ChaosVerb; readonly dataNode: number }

/**
 * starting: spawned, not answering yet · ready · paused: SIGSTOP · killed: by chaos, stays down ·
 * crashed: died by itself, comes back after a wait · stopped: with the world.
 */
export type PartState = 'starting' | 'ready' | 'paused' | 'killed' | 'crashed' | 'stopped'

export type PartStatus = {
  /** `l1`, `net-0/val-2`, `da-nodes-0`; a DA node in such a process is `da-node-3`. */
  readonly name: string
  readonly state: PartState
  readonly pid: number | undefined
  /** Times it was started again. */
  readonly restarts: number
}

export type ControlReply =
  | { readonly ok: true; readonly parts: readonly PartStatus[] }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** Answers requests on a socket until closed; closing cuts requests under way. */
export async function serveControl(
  path: string,
  answer: (request: ControlRequest) => Promise<ControlReply>,
): Promise<{ close(): Promise<void> }> {
  rmSync(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    readLine(socket)
      .then(async (line) => replyTo(line, answer))
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
      .catch(() => socket.destroy())
  })
  server.maxConnections = controlConnectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/**
 * Sends one request to the supervisor that listens on `path`.
 *
 * @throws {ControlUnreachableError} `DEVNET_CONTROL_UNREACHABLE`
 * @throws {ControlRefusedError} `DEVNET_CONTROL_REFUSED` with the supervisor's own code in `data`.
 */
export async function requestControl(
  path: string,
  request: ControlRequest,
): Promise<readonly PartStatus[]> {
  let reply: ControlReply
  const socket = createConnection(path)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.write(`${JSON.stringify(request)}\n`)
    reply = JSON.parse(await readLine(socket)) as ControlReply
  } catch (error) {
    throw new ControlUnreachableError(path, error)
  } finally {
    socket.destroy()
  }
  if (!reply.ok) throw new ControlRefusedError(reply.code, reply.message)
  return reply.parts
}

async function replyTo(
  line: string,
  answer: (request: ControlRequest) => Promise<ControlReply>,
): Promise<ControlReply> {
  try {
    return await answer(parseRequest(line))
  } catch (error) {
    if (error instanceof ZgError) return { ok: false, code: error.code, message: error.message }
    throw error
  }
}

/** @throws {ControlRequestInvalidError} `DEVNET_CONTROL_REQUEST_INVALID` */
export function parseRequest(line: string): ControlRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new ControlRequestInvalidError('it is no JSON')
  }
  if (typeof value !== 'object' || value === null) throw new ControlRequestInvalidError('no object')
  const { verb, network, validator, dataNode } = value as Record<string, unknown>
  if (verb === 'status') return { verb }
  const known = chaosVerbs.find((candidate) => candidate === verb)
  if (known === undefined) throw new ControlRequestInvalidError('it has no verb we know')
  if (isIndex(dataNode)) return { verb: known, dataNode }
  if (!isIndex(network) || !isIndex(validator)) {
    throw new ControlRequestInvalidError('it names no validator and no DA node')
  }
  return { verb: known, network, validator }
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Resolves with the first line, without its end; rejects when it is too long or does not come. */
function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(controlTimeoutMs, () => reject(new Error('the line did not come in time')))
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
      else if (text.length > controlLineSizeMaxBytes) reject(new Error('the line is too long'))
    })
    socket.on('end', () => reject(new Error('the connection ended early')))
    socket.on('error', reject)
  })
}

export class ControlUnreachableError extends ZgError<'DEVNET_CONTROL_UNREACHABLE'> {
  constructor(path: string, cause: unknown) {
    const message = `Cannot reach the supervisor of the local world at "${path}"`
    super('DEVNET_CONTROL_UNREACHABLE', message, { path }, cause)
  }
}

export class ControlRefusedError extends ZgError<'DEVNET_CONTROL_REFUSED'> {
  constructor(reason: string, message: string) {
    super('DEVNET_CONTROL_REFUSED', message, { reason })
  }
}

export class ControlRequestInvalidError extends ZgError<'DEVNET_CONTROL_REQUEST_INVALID'> {
  constructor(problem: string) {
    const message = `Cannot follow the control request: ${problem}`
    super('DEVNET_CONTROL_REQUEST_INVALID', message, { problem })
  }
}
