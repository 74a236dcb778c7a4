/** What the doors' servers have in common: where they listen, whom they let connect, how they close. */

import type { AddressInfo, Server, Socket } from 'node:net'

import { ZgError } from '@zg/primitives'

import { connectionsMax, peerConnectionsMax } from './door-limits.ts'
import { peerOf } from './peer-address.ts'

export type Place = {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

/** Connections at once, and of one peer. */
export type DoorLimits = { readonly connections: number; readonly peerConnections: number }

/** A door that listens. */
export type Door = Place & {
  /** Stops listening and closes every connection; resolves once all are gone. */
  close(): Promise<void>
}

/**
 * Resolves once the server listens.
 *
 * @throws {DoorListenFailedError} `DA_DOOR_LISTEN_FAILED`
 */
export async function openDoor(
  server: Server,
  { host, port }: Place,
  limits: DoorLimits = { connections: connectionsMax, peerConnections: peerConnectionsMax },
): Promise<Door> {
  const sockets = new Map<Socket, string>()
  server.maxConnections = limits.connections
  server.prependListener('connection', (socket: Socket) => {
    const peer = peerOf(socket.remoteAddress)
    let ofPeer = 0
    for (const other of sockets.values()) if (other === peer) ofPeer++
    if (ofPeer >= limits.peerConnections) return void socket.destroy()
    sockets.set(socket, peer)
    socket.once('close', () => sockets.delete(socket))
  })
  const address = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', (cause) => reject(new DoorListenFailedError({ host, port, cause })))
    server.listen({ host, port }, () => resolve(server.address() as AddressInfo))
  })
  return {
    host,
    port: address.port,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets.keys()) socket.destroy()
      return closed
    },
  }
}

export class DoorListenFailedError extends ZgError<'DA_DOOR_LISTEN_FAILED'> {
  constructor({ host, port, cause }: Place & { cause: Error }) {
    const message = `Cannot open a door on ${host}:${port}: ${cause.message}`
    super('DA_DOOR_LISTEN_FAILED', message, { host, port }, cause)
  }
}
