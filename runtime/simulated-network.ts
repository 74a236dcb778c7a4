/**
 * A network in virtual time, as bad as it is told to be.
 *
 * Each directed link has a delay, jitter, loss, duplication and an order that holds or not; links
 * can be cut one way. Endpoints have names of their own beside their identity, so two endpoints may
 * carry one identity (an equivocating twin): a message to the identity goes to each of them the
 * link rules allow. What is in flight on a link is bounded per channel by the limits all networks
 * share.
 *
 * An endpoint that left (crashed) neither sends nor receives: its handlers are never called again,
 * whatever its old code still does. What it sent before still arrives, as what a killed process has
 * written to its sockets does; the other end learns of the loss after that.
 */

import { assert } from '@zg/primitives'

import { channelLimits } from './channel-limits.ts'
import type { Channel, MessageHandler, Network, PeerId } from './network.ts'
import type { Rng } from './rng.ts'
import type { SimulatedClock } from './simulated-clock.ts'

/** How one direction between two endpoints behaves. Chances are 0 to 1. */
export type LinkBehaviour = {
  readonly delayMs: number
  /** Added to the delay: uniform from 0. */
  readonly jitterMs: number
  readonly lossChance: number
  readonly duplicateChance: number
  /** Whether messages of a channel keep their order, as on one connection. */
  readonly ordered: boolean
  /** Nothing passes; the two still count as connected, as with a cable pulled out. */
  readonly blocked: boolean
}

/** A link as in one room: 1 ms, nothing lost, in order. */
export const goodLink: LinkBehaviour = {
  delayMs: 1,
  jitterMs: 0,
  lossChance: 0,
  duplicateChance: 0,
  ordered: true,
  blocked: false,
}

export type SimulatedNetworkOptions = {
  readonly clock: SimulatedClock
  readonly rng: Rng
  /**
   * The behaviour from one endpoint to another, asked for every message. `goodLink` when absent.
   */
  readonly link?: (from: string, to: string) => LinkBehaviour
  /** Time from joining to being connected. */
  readonly connectMs?: number
  /** Time for which a peer reported for misbehaviour stays cut off. 0: reports are only counted. */
  readonly banMs?: number
  /** Sees every message right after it was sent, lost or not; may make its sender leave. */
  readonly onSend?: (from: string, to: string, channel: Channel, message: Uint8Array) => void
}

/** What the network did so far. */
export type NetworkCounts = {
  sent: number
  delivered: number
  lost: number
  duplicated: number
  refused: number
}

type Waiting = { readonly message: Uint8Array; dropped: boolean }

type Flight = { readonly waiting: Waiting[]; sizeBytes: number; latestMs: number }

/** One end of a connection; both ends hold the same symbol. */
type Socket = { readonly connection: symbol; readonly flights: Readonly<Record<Channel, Flight>> }

export class SimulatedNetwork {
  readonly counts: NetworkCounts = { sent: 0, delivered: 0, lost: 0, duplicated: 0, refused: 0 }
  readonly options: Required<SimulatedNetworkOptions>
  readonly #endpoints = new Map<string, Endpoint>()

  constructor(options: SimulatedNetworkOptions) {
    const defaults = { link: () => goodLink, connectMs: 1, banMs: 0, onSend: () => undefined }
    this.options = { ...defaults, ...options }
  }

  /**
   * Adds an endpoint and connects it to all others of another identity after `connectMs`.
   *
   * @param options.name - Its own name; the identity when absent. One that joined before under this
   *   name leaves first.
   */
  join(options: { identity: PeerId; name?: string }): Network {
    const { identity, name = identity } = options
    this.leave(name)
    const endpoint = new Endpoint(this, name, identity)
    this.#endpoints.set(name, endpoint)
    this.options.clock.setTimer(this.options.connectMs, () => this.#connect(endpoint))
    return endpoint
  }

  /** Takes an endpoint away, as a crash does. */
  leave(name: string): void {
    const endpoint = this.#endpoints.get(name)
    if (endpoint === undefined) return
    this.#endpoints.delete(name)
    endpoint.left = true
    const { clock } = this.options
    for (const { other, connection, latestMs } of endpoint.sockets()) {
      clock.setTimer(latestMs - clock.exactMs, () => {
        if (other.connectionOf(endpoint) === connection) other.disconnected(endpoint)
      })
    }
  }

  /** Endpoints joined now, in order of joining. */
  names(): readonly string[] {
    return [...this.#endpoints.keys()]
  }

  /** Closes the connection of two endpoints; they connect again after `againMs`. */
  reset(a: string, b: string, againMs: number): void {
    const [one, other] = [this.#endpoints.get(a), this.#endpoints.get(b)]
    if (one === undefined || other === undefined) return
    this.#disconnect(one, other)
    this.options.clock.setTimer(againMs, () => {
      if (!one.left && !other.left) this.#pair(one, other)
    })
  }

  /** Carries one message; false when it was dropped at once. Called by endpoints. */
  carry(from: Endpoint, to: PeerId, channel: Channel, message: Uint8Array): boolean {
    if (message.length > channelLimits[channel].messageSizeBytesMax) return this.#refuse()
    let accepted = false
    for (const target of from.connections.get(to) ?? []) {
      if (from.left) break
      if (this.#post(from, target, channel, message)) accepted = true
      this.options.onSend(from.name, target.name, channel, message)
    }
    return accepted
  }

  #refuse(): false {
    this.counts.refused++
    return false
  }

  #post(from: Endpoint, to: Endpoint, channel: Channel, message: Uint8Array): boolean {
    const { link, rng } = this.options
    const behaviour = link(from.name, to.name)
    this.counts.sent++
    if (behaviour.blocked || rng.chance(behaviour.lossChance)) {
      this.counts.lost++
      return true
    }
    const flight = from.flightTo(to, channel)
    if (!this.#makeRoom(flight, channel, message.length)) return this.#refuse()
    this.#launch(flight, behaviour, from, to, channel, message)
    if (rng.chance(behaviour.duplicateChance)) {
      this.counts.duplicated++
      if (this.#makeRoom(flight, channel, message.length)) {
        this.#launch(flight, behaviour, from, to, channel, message)
      }
    }
    return true
  }

  #makeRoom(flight: Flight, channel: Channel, sizeBytes: number): boolean {
    const { queueCountMax, queueSizeBytesMax, whenFull } = channelLimits[channel]
    const isFull = (): boolean =>
      flight.waiting.length >= queueCountMax || flight.sizeBytes + sizeBytes > queueSizeBytesMax
    while (isFull()) {
      const oldest = flight.waiting[0]
      if (whenFull === 'refuse-newest' || oldest === undefined) return false
      oldest.dropped = true
      this.#remove(flight, oldest)
      this.counts.refused++
    }
    return true
  }

  #remove(flight: Flight, waiting: Waiting): void {
    const index = flight.waiting.indexOf(waiting)
    flight.waiting.splice(index, 1)
    flight.sizeBytes -= waiting.message.length
  }

  #launch(
    flight: Flight,
    behaviour: LinkBehaviour,
    from: Endpoint,
    to: Endpoint,
    channel: Channel,
    message: Uint8Array,
  ): void {
    const { clock, rng } = this.options
    const waiting: Waiting = { message, dropped: false }
    const connection = from.connectionOf(to)
    flight.waiting.push(waiting)
    flight.sizeBytes += message.length
    let atMs = clock.exactMs + behaviour.delayMs
    if (behaviour.jitterMs > 0) atMs += (behaviour.jitterMs * rng.below(4_096)) / 4_096
    if (behaviour.ordered) atMs = Math.max(atMs, flight.latestMs)
    flight.latestMs = Math.max(flight.latestMs, atMs)
    clock.setTimer(atMs - clock.exactMs, () => {
      if (waiting.dropped) return
      this.#remove(flight, waiting)
      // A message in flight dies with the connection it was sent on.
      if (to.left || to.connectionOf(from) !== connection) {
        this.counts.lost++
        return
      }
      this.counts.delivered++
      to.receive(from.self, channel, message)
    })
  }

  #connect(endpoint: Endpoint): void {
    if (endpoint.left) return
    for (const other of this.#endpoints.values()) this.#pair(endpoint, other)
  }

  #pair(a: Endpoint, b: Endpoint): void {
    if (a === b || a.self === b.self || a.connectionOf(b) !== undefined) return
    // One that came back before the other noticed: the old connection goes first.
    a.forgetLeft(b.name)
    b.forgetLeft(a.name)
    const connection = Symbol('connection')
    a.connected(b, connection)
    b.connected(a, connection)
  }

  #disconnect(a: Endpoint, b: Endpoint): void {
    if (a.connectionOf(b) === undefined) return
    a.disconnected(b)
    b.disconnected(a)
  }
}

class Endpoint implements Network {
  readonly name: string
  readonly self: PeerId
  /** By identity, the endpoints that carry it and are connected. */
  readonly connections = new Map<PeerId, Endpoint[]>()
  left = false
  readonly #network: SimulatedNetwork
  readonly #sockets = new Map<Endpoint, Socket>()
  #onMessage: MessageHandler = () => undefined
  #onPeer: (peer: PeerId, connected: boolean) => void = () => undefined

  constructor(network: SimulatedNetwork, name: string, identity: PeerId) {
    this.#network = network
    this.name = name
    this.self = identity
  }

  peers(): readonly PeerId[] {
    return this.left ? [] : [...this.connections.keys()]
  }

  send(to: PeerId, channel: Channel, message: Uint8Array): boolean {
    return !this.left && this.#network.carry(this, to, channel, message)
  }

  broadcast(channel: Channel, message: Uint8Array): void {
    for (const peer of this.peers()) this.send(peer, channel, message)
  }

  onMessage(handler: MessageHandler): void {
    this.#onMessage = handler
  }

  onPeer(handler: (peer: PeerId, connected: boolean) => void): void {
    this.#onPeer = handler
  }

  reportMisbehaviour(peer: PeerId): void {
    const { banMs } = this.#network.options
    if (banMs === 0) return
    for (const endpoint of this.connections.get(peer) ?? []) {
      this.#network.reset(this.name, endpoint.name, banMs)
    }
  }

  close(): Promise<void> {
    if (!this.left) this.#network.leave(this.name)
    return Promise.resolve()
  }

  connectionOf(other: Endpoint): symbol | undefined {
    return this.#sockets.get(other)?.connection
  }

  /** What is in flight to a connected endpoint: a reconnection starts afresh. */
  flightTo(other: Endpoint, channel: Channel): Flight {
    const socket = this.#sockets.get(other)
    assert(socket !== undefined, 'only connected endpoints are sent to')
    return socket.flights[channel]
  }

  /** Its connections, with the time at which what is in flight has arrived. */
  *sockets(): Iterable<{ other: Endpoint; connection: symbol; latestMs: number }> {
    for (const [other, { connection, flights }] of this.#sockets) {
      const { vote, block, gossip } = flights
      const latestMs = Math.max(vote.latestMs, block.latestMs, gossip.latestMs)
      yield { other, connection, latestMs }
    }
  }

  /** Drops the connection to an endpoint of this name that has left. */
  forgetLeft(name: string): void {
    for (const other of this.#sockets.keys()) {
      if (other.left && other.name === name) this.disconnected(other)
    }
  }

  receive(from: PeerId, channel: Channel, message: Uint8Array): void {
    this.#onMessage(from, channel, message)
  }

  connected(other: Endpoint, connection: symbol): void {
    const flights = { vote: createFlight(), block: createFlight(), gossip: createFlight() }
    this.#sockets.set(other, { connection, flights })
    const known = this.connections.get(other.self) ?? []
    this.connections.set(other.self, [...known, other])
    if (known.length === 0) this.#onPeer(other.self, true)
  }

  disconnected(other: Endpoint): void {
    this.#sockets.delete(other)
    const rest = (this.connections.get(other.self) ?? []).filter((known) => known !== other)
    if (rest.length > 0) {
      this.connections.set(other.self, rest)
      return
    }
    this.connections.delete(other.self)
    if (!this.left) this.#onPeer(other.self, false)
  }
}

function createFlight(): Flight {
  return { waiting: [], sizeBytes: 0, latestMs: 0 }
}
