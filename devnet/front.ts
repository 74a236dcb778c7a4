/**
 * The public port of a network: a TCP relay to one of its validators' RPC ports.
 *
 * All connections go to the same validator, so that what a client wrote over one connection it
 * reads over the next, mempool included. When that validator does not accept within
 * `dialTimeoutMs`, or is said to be down, the next one takes over, and stays. (A paused process
 * still accepts: its kernel does. So the supervisor says which ones are down.) Connections of a
 * validator that goes down are cut; HTTP clients dial again by themselves, WebSocket clients
 * subscribe again.
 *
 * Bytes are not looked at: limits, batches and WebSockets are the validators' own.
 */

import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

import { ZgError } from '@zg/primitives'

import { loopback } from './ports.ts'

/** How long a validator may take to accept a connection on this machine. */
export const dialTimeoutMs = 1_000

/** How long a client may take to read what came last. */
export const lingerMs = 2_000

/** Connections relayed at once; more wait in the system's backlog. */
export const frontConnectionsMax = 1_024

export type Front = {
  /** The back that new connections go to, 0-based. */
  readonly current: () => number
  /** Says that a back went down, which cuts its connections, or came up again. */
  setUp(back: number, isUp: boolean): void
  close(): Promise<void>
}

/**
 * Listens on `port` and relays to the `backPorts`.
 *
 * @throws {FrontPortBusyError} `DEVNET_FRONT_PORT_BUSY`
 */
export async function openFront(options: {
  port: number
  backPorts: readonly number[]
}): Promise<Front> {
  const { port, backPorts } = options
  let current = 0
  const down = new Set<number>()
  /** Every client, and the back it is joined to once it is. */
  const clients = new Map<Socket, number | undefined>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    clients.set(client, undefined)
    client.once('close', () => clients.delete(client))
    client.on('error', () => client.destroy())
    dialFrom(backPorts, { first: current, down }).then(
      ({ socket, back }) => {
        current = back
        if (client.destroyed) socket.destroy()
        else {
          clients.set(client, back)
          join(client, socket)
        }
      },
      () => client.destroy(),
    )
  })
  server.maxConnections = frontConnectionsMax
  await listen(server, port)
  return {
    current: () => current,
    setUp(back, isUp) {
      if (isUp) down.delete(back)
      else down.add(back)
      if (isUp) return
      for (const [client, itsBack] of clients) if (itsBack === back) client.destroy()
    },
    close() {
      for (const client of clients.keys()) client.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Dials the backs once each, from `first` on; rejects when none accepts. */
async function dialFrom(
  backPorts: readonly number[],
  { first, down }: { first: number; down: ReadonlySet<number> },
): Promise<{ socket: Socket; back: number }> {
  let problem: unknown = new Error('every validator is down')
  for (let step = 0; step < backPorts.length; step++) {
    const back = (first + step) % backPorts.length
    if (down.has(back)) continue
    try {
      return { socket: await dial(backPorts[back] ?? 0), back }
    } catch (error) {
      problem = error
    }
  }
  throw problem
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: loopback, port, allowHalfOpen: true, noDelay: true })
    const giveUp = (error: Error): void => {
      clearTimeout(late)
      socket.destroy()
      reject(error)
    }
    const late = setTimeout(() => giveUp(new Error('no answer')), dialTimeoutMs)
    socket.once('error', giveUp)
    socket.once('connect', () => {
      clearTimeout(late)
      socket.off('error', giveUp)
      resolve(socket)
    })
  })
}

function join(client: Socket, back: Socket): void {
  back.on('error', () => client.destroy())
  back.once('close', () => client.destroy())
  // A validator that has said its last leaves nothing to wait for.
  back.once('end', () => {
    const late = setTimeout(() => client.destroy(), lingerMs)
    client.once('close', () => clearTimeout(late))
  })
  client.once('close', () => back.destroy())
  client.pipe(back)
  back.pipe(client)
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new FrontPortBusyError(port, cause)))
    server.listen({ host: loopback, port }, resolve)
  })
}

export class FrontPortBusyError extends ZgError<'DEVNET_FRONT_PORT_BUSY'> {
  constructor(port: number, cause: unknown) {
    const message = `Cannot open the public RPC port ${port}: something else listens there`
    super('DEVNET_FRONT_PORT_BUSY', message, { port }, cause)
  }
}
