/**
 * `Network` for validators: every pair joined by mutual TLS 1.3.
 *
 *     peer = vote lane (votes) + bulk lane (blocks, gossip), two TCP connections
 *
 * Of two peers the one with the lesser key dials, both lanes; so there is one connection a lane and
 * no tie to break. A peer is connected when both lanes stand, and lost when either breaks; then
 * both are closed and dialed again, with a delay that doubles and is drawn at random around that. A
 * newer connection of a lane replaces the older one: the peer restarted before we noticed.
 *
 * Limits: handshakes pending (the oldest goes, so that a flood of half-open ones does not lock
 * honest peers out), time of a handshake, queues and sizes by channel, budgets by peer, and points
 * for misbehaviour, at whose end the peer is cut off for a while. A key enters only while
 * `isAllowed` says so; call `setPeers` when the set changes, and those who may no longer stay are
 * cut off.
 */

import { createServer } from 'node:tls'
import type { Server, TLSSocket } from 'node:tls'

import { fromHex, toHex } from '@zg/primitives'
import type {
  Channel,
  Clock,
  Logger,
  MessageHandler,
  Metrics,
  Network,
  PeerId,
  Rng,
  Timer,
} from '@zg/runtime'
import { silentMetrics } from '@zg/runtime'

import { defaultBudgets, PeerBudget, TokenBucket } from './budget.ts'
import type { Budgets } from './budget.ts'
import { createTlsCertificate } from './certificate.ts'
import type { TlsCertificate } from './certificate.ts'
import { answerPeer, dialPeer, tlsSettings } from './handshake.ts'
import type { Identity } from './handshake.ts'
import type { Lane } from './hello.ts'
import { LaneConnection } from './lane-connection.ts'

export type TlsMeshLimits = {
  /**
   * Time in which a connection must have proved itself, and a second lane must follow the first.
   */
  readonly handshakeMsMax: number
  /** Inbound connections that may be unproved at once. */
  readonly pendingHandshakeCountMax: number
  /** First and longest delay before dialing again. */
  readonly redialMsMin: number
  readonly redialMsMax: number
  readonly keepAliveMs: number
  readonly silenceMsMax: number
  /** Reports of misbehaviour that cut a peer off; one is forgiven every ten seconds. */
  readonly misbehaviourCountMax: number
  /** How long it stays cut off. */
  readonly banMs: number
}

export const defaultTlsMeshLimits: TlsMeshLimits = {
  handshakeMsMax: 5_000,
  pendingHandshakeCountMax: 128,
  redialMsMin: 50,
  redialMsMax: 1_500,
  keepAliveMs: 5_000,
  silenceMsMax: 15_000,
  misbehaviourCountMax: 8,
  banMs: 30_000,
}

/** Where a peer listens. */
export type PeerAddress = { readonly peer: PeerId; readonly host: string; readonly port: number }

export type TlsMeshOptions = {
  readonly identity: Identity
  /** Where to listen; port 0 takes a free one. */
  readonly host: string
  readonly port: number
  /** Whether a key may be connected now; changes with the epochs. */
  readonly isAllowed: (peer: PeerId) => boolean
  readonly peers?: readonly PeerAddress[]
  readonly clock: Clock
  readonly rng: Rng
  readonly logger: Logger
  readonly metrics?: Metrics
  readonly limits?: Partial<TlsMeshLimits>
  readonly budgets?: Budgets
}

type Peer = {
  readonly id: PeerId
  readonly budget: PeerBudget
  readonly patience: TokenBucket
  address: PeerAddress | undefined
  readonly lanes: Map<Lane, LaneConnection>
  /** Sockets of ours being opened, by lane. */
  readonly dialing: Map<Lane, TLSSocket>
  connected: boolean
  failureCount: number
  redial: Timer | undefined
  /** Cuts a lane that waits too long for the other. */
  pairing: Timer | undefined
  bannedUntilMs: number
}

const lanes: readonly Lane[] = ['vote', 'bulk']

const laneOfChannel: Readonly<Record<Channel, Lane>> = {
  vote: 'vote',
  block: 'bulk',
  gossip: 'bulk',
}

/** Opens the mesh: listens, and dials the peers it has to dial. */
export async function openTlsMesh(options: TlsMeshOptions): Promise<TlsMesh> {
  const certificate = await createTlsCertificate()
  const mesh = new TlsMesh(options, certificate)
  await mesh.listen()
  mesh.setPeers(options.peers ?? [])
  return mesh
}

export class TlsMesh implements Network {
  readonly self: PeerId
  readonly #options: TlsMeshOptions
  readonly #limits: TlsMeshLimits
  readonly #certificate: TlsCertificate
  readonly #server: Server
  readonly #peers = new Map<PeerId, Peer>()
  /** Inbound connections that have not proved themselves, by remote address; oldest first. */
  readonly #pending = new Map<string, () => void>()
  #onMessage: MessageHandler = () => undefined
  #onPeer: (peer: PeerId, connected: boolean) => void = () => undefined
  #closed = false
  readonly #count: {
    peers: (value: number) => void
    received: (count: number, labels: { channel: Channel }) => void
    sent: (count: number, labels: { channel: Channel }) => void
    refused: (count: number, labels: { channel: Channel }) => void
  }

  /** Use `openTlsMesh`. */
  constructor(options: TlsMeshOptions, certificate: TlsCertificate) {
    this.#options = options
    this.#limits = { ...defaultTlsMeshLimits, ...options.limits }
    this.#certificate = certificate
    this.self = peerIdOf(options.identity.publicKey)
    const settings = tlsSettings(certificate)
    this.#server = createServer({
      ...settings,
      requestCert: true,
      handshakeTimeout: this.#limits.handshakeMsMax,
    })
    this.#count = createCounters(options.metrics ?? silentMetrics)
  }

  /** The port it listens on. */
  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : this.#options.port
  }

  /** Begins to listen; rejects when the port is taken. */
  listen(): Promise<void> {
    const server = this.#server
    server.on('connection', (socket) => {
      const place = `${socket.remoteAddress}:${socket.remotePort}`
      this.#admit(place, () => socket.destroy())
      socket.on('close', () => this.#pending.delete(place))
    })
    // Garbage instead of TLS: the socket is destroyed by node:tls itself.
    server.on('tlsClientError', (_, socket) => socket.destroy())
    server.on('secureConnection', (socket) => {
      this.#answer(socket).catch((error: unknown) => this.#log('answer', error))
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#options.port, this.#options.host, () => {
        server.off('error', reject)
        server.on('error', (error) => this.#log('listen', error))
        resolve()
      })
    })
  }

  peers(): readonly PeerId[] {
    return [...this.#peers.values()].filter((peer) => peer.connected).map((peer) => peer.id)
  }

  send(to: PeerId, channel: Channel, message: Uint8Array): boolean {
    const peer = this.#peers.get(to)
    const lane = peer?.connected === true ? peer.lanes.get(laneOfChannel[channel]) : undefined
    const accepted = lane !== undefined && lane.send(channel, message)
    if (accepted) this.#count.sent(1, { channel })
    else this.#count.refused(1, { channel })
    return accepted
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

  reportMisbehaviour(id: PeerId, reason: string): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    const { clock, logger } = this.#options
    logger.warn('Peer misbehaved', { peer: id, reason })
    if (peer.patience.take(1, clock.nowMs()) === 0) return
    peer.bannedUntilMs = clock.nowMs() + this.#limits.banMs
    this.#dropPeer(peer, 'it misbehaved')
  }

  /** Says where peers listen now, and cuts off those that are no longer allowed. */
  setPeers(addresses: readonly PeerAddress[]): void {
    if (this.#closed) return
    for (const peer of this.#peers.values()) peer.address = undefined
    for (const address of addresses) {
      if (address.peer !== this.self) this.#peerOf(address.peer).address = address
    }
    for (const peer of this.#peers.values()) {
      if (!this.#options.isAllowed(peer.id)) this.#forget(peer)
      else this.#dialLanes(peer)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const peer of this.#peers.values()) this.#forget(peer)
    for (const destroy of this.#pending.values()) destroy()
    if (!this.#server.listening) return
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #peerOf(id: PeerId): Peer {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    const { clock, budgets = defaultBudgets } = this.#options
    const nowMs = clock.nowMs()
    // Half a report less: a little is forgiven between reports, and the last one counts.
    const patience = { perSecond: 0.1, burst: this.#limits.misbehaviourCountMax - 0.5 }
    const fresh: Peer = {
      id,
      budget: new PeerBudget(budgets, nowMs),
      patience: new TokenBucket(patience, nowMs),
      address: undefined,
      lanes: new Map(),
      dialing: new Map(),
      connected: false,
      failureCount: 0,
      redial: undefined,
      pairing: undefined,
      bannedUntilMs: 0,
    }
    this.#peers.set(id, fresh)
    return fresh
  }

  #forget(peer: Peer): void {
    peer.address = undefined
    this.#dropPeer(peer, 'it is no longer allowed')
    peer.redial?.cancel()
    this.#peers.delete(peer.id)
  }

  /** Holds an inbound connection as unproved, at the cost of the oldest when there are too many. */
  #admit(place: string, destroy: () => void): void {
    const [oldest] = this.#pending
    if (oldest !== undefined && this.#pending.size >= this.#limits.pendingHandshakeCountMax) {
      const [oldestPlace, destroyOldest] = oldest
      this.#pending.delete(oldestPlace)
      destroyOldest()
    }
    this.#pending.set(place, destroy)
  }

  async #answer(socket: TLSSocket): Promise<void> {
    const { identity, clock } = this.#options
    const place = `${socket.remoteAddress}:${socket.remotePort}`
    socket.on('error', ignoreError)
    const timer = clock.setTimer(this.#limits.handshakeMsMax, () => socket.destroy())
    try {
      const isAllowed = (key: Uint8Array): boolean => this.#mayEnter(peerIdOf(key))
      const { publicKey, lane } = await answerPeer({ identity, socket, isAllowed })
      this.#pending.delete(place)
      this.#install(this.#peerOf(peerIdOf(publicKey)), lane, socket)
    } finally {
      timer.cancel()
    }
  }

  #mayEnter(id: PeerId): boolean {
    // The lesser key dials: the other way round is no honest peer.
    if (this.#closed || id >= this.self || !this.#options.isAllowed(id)) return false
    const peer = this.#peers.get(id)
    return peer === undefined || peer.bannedUntilMs <= this.#options.clock.nowMs()
  }

  #dialLanes(peer: Peer): void {
    const { clock, isAllowed } = this.#options
    if (this.#closed || peer.id < this.self || peer.address === undefined) return
    if (!isAllowed(peer.id) || peer.redial !== undefined) return
    if (peer.bannedUntilMs > clock.nowMs()) return this.#dialLater(peer)
    for (const lane of lanes) {
      const isOpen = peer.lanes.has(lane) || peer.dialing.has(lane)
      if (!isOpen) void this.#dial(peer, lane, peer.address)
    }
  }

  /** Opens one lane; never rejects. */
  async #dial(peer: Peer, lane: Lane, address: PeerAddress): Promise<void> {
    const { identity, clock } = this.#options
    const { host, port } = address
    const certificate = this.#certificate
    const peerKey = fromHex(`0x${peer.id}`)
    let dialed: TLSSocket | undefined
    let timer: Timer | undefined
    // Not so once the peer was dropped: then this socket is destroyed, and another may be dialing.
    const isCurrent = (): boolean => dialed !== undefined && peer.dialing.get(lane) === dialed
    const onSocket = (socket: TLSSocket): void => {
      dialed = socket
      socket.on('error', ignoreError)
      peer.dialing.set(lane, socket)
      timer = clock.setTimer(this.#limits.handshakeMsMax, () => socket.destroy())
    }
    try {
      const call = { identity, certificate, host, port, lane, peerKey, onSocket }
      const socket = await dialPeer(call)
      if (!isCurrent()) return
      peer.dialing.delete(lane)
      this.#install(peer, lane, socket)
    } catch (error) {
      this.#log('dial', error, peer.id)
      if (isCurrent()) this.#dropPeer(peer, 'dialing it failed')
    } finally {
      timer?.cancel()
    }
  }

  #install(peer: Peer, lane: Lane, socket: TLSSocket): void {
    if (socket.destroyed || this.#closed) {
      socket.destroy()
      return
    }
    const older = peer.lanes.get(lane)
    if (older !== undefined) this.#dropLanes(peer, 'a newer connection replaces it')
    const { clock } = this.#options
    const connection = new LaneConnection({
      socket,
      lane,
      clock,
      budget: peer.budget,
      times: this.#limits,
      onMessage: (channel, message) => this.#receive(peer.id, channel, message),
      onClose: (reason) => {
        if (peer.lanes.get(lane) === connection) this.#dropPeer(peer, reason)
      },
    })
    peer.lanes.set(lane, connection)
    if (peer.lanes.size === lanes.length) this.#connect(peer)
    else {
      const cut = (): void => this.#dropPeer(peer, 'its second connection did not come')
      peer.pairing?.cancel()
      peer.pairing = clock.setTimer(this.#limits.handshakeMsMax, cut)
    }
  }

  #connect(peer: Peer): void {
    peer.pairing?.cancel()
    peer.pairing = undefined
    peer.failureCount = 0
    peer.connected = true
    this.#options.logger.info('Peer connected', { peer: peer.id })
    this.#count.peers(this.peers().length)
    this.#onPeer(peer.id, true)
    for (const connection of peer.lanes.values()) connection.start()
  }

  /** Closes what there is with a peer, and dials it again later if that is ours to do. */
  #dropPeer(peer: Peer, reason: string): void {
    this.#dropLanes(peer, reason)
    for (const socket of peer.dialing.values()) socket.destroy()
    peer.dialing.clear()
    if (!this.#closed && peer.id > this.self && peer.address !== undefined) this.#dialLater(peer)
  }

  #dropLanes(peer: Peer, reason: string): void {
    const connections = [...peer.lanes.values()]
    peer.lanes.clear()
    peer.pairing?.cancel()
    peer.pairing = undefined
    for (const connection of connections) connection.close(reason)
    if (!peer.connected) return
    peer.connected = false
    this.#options.logger.info('Peer lost', { peer: peer.id, reason })
    this.#count.peers(this.peers().length)
    this.#onPeer(peer.id, false)
  }

  #dialLater(peer: Peer): void {
    if (peer.redial !== undefined) return
    const { clock, rng } = this.#options
    const { redialMsMin, redialMsMax } = this.#limits
    const delayMs = Math.min(redialMsMax, redialMsMin * 2 ** Math.min(peer.failureCount++, 16))
    // Half to one and a half of it, so that peers of one that restarts do not come all at once.
    const drawnMs = delayMs / 2 + rng.below(delayMs + 1)
    peer.redial = clock.setTimer(drawnMs, () => {
      peer.redial = undefined
      this.#dialLanes(peer)
    })
  }

  #receive(from: PeerId, channel: Channel, message: Uint8Array): void {
    this.#count.received(1, { channel })
    try {
      this.#onMessage(from, channel, message)
    } catch (error) {
      // A handler must not throw; if it does, one message is lost and the mesh stands.
      this.#options.logger.error('Message handler failed', { peer: from, channel, error })
    }
  }

  #log(step: 'listen' | 'answer' | 'dial', error: unknown, peer?: PeerId): void {
    this.#options.logger.debug('Handshake failed', { step, error, peer })
  }
}

/** The id of a 48-byte BLS public key. */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  return toHex(publicKey).slice(2)
}

function createCounters(metrics: Metrics) {
  const labels = ['channel']
  return {
    peers: metrics.gauge({ name: 'zg_p2p_peers', help: 'Validators connected now' }),
    received: metrics.counter({
      name: 'zg_p2p_messages_received_total',
      help: 'Messages read',
      labels,
    }),
    sent: metrics.counter({ name: 'zg_p2p_messages_sent_total', help: 'Messages queued', labels }),
    refused: metrics.counter({
      name: 'zg_p2p_messages_refused_total',
      help: 'Messages that found no peer or no room',
      labels,
    }),
  }
}

/** A failed socket also closes, and that is what is acted on. */
function ignoreError(): void {}
