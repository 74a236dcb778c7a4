/**
 * `OpenNetwork` on js-libp2p: TCP, Noise, Yamux, and three protocols of our own.
 *
 *     /zg/<genesis hash>/gossip/1    one stream each way for the life of a connection: frames
 *     /zg/<genesis hash>/request/1   one stream a request: question | status u8, answer
 *     /zg/<genesis hash>/peers/1     one stream a request: nothing | addresses (address-book.ts)
 *
 * The genesis hash in their names is how peers of one network meet: a peer is ours once it takes
 * our gossip stream; who does not know the protocol is hung up on. Nobody is asked to prove more,
 * for nothing here is believed: what the messages say proves itself.
 *
 * Peers are found from the addresses of the configuration, and by asking those for theirs. Every
 * limit has a name in `OpenNetworkLimits`. A banned peer is refused by its id and its address; on
 * this machine's own address by its id alone, as many nodes share that.
 */

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, ConnectionGater, PeerId, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { toHex, ZgError } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger, Rng, Timer } from '@zg/runtime'
import { createLibp2p } from 'libp2p'
import type { Libp2p } from 'libp2p'

import {
  AddressBook,
  AddressesMalformedError,
  decodeAddresses,
  encodeAddresses,
  hostOf,
} from './address-book.ts'
import { isLoopback, parseOpenAddress } from './address-book.ts'
import { BanList } from './ban-list.ts'
import { OpenGossip } from './open-gossip.ts'
import { defaultOpenNetworkLimits } from './open-network.ts'
import type { OpenNetwork, OpenNetworkLimits, OpenPeerId, RequestHandler } from './open-network.ts'
import { OpenMessageInvalidError, readMessage, sendMessage } from './open-stream.ts'
import { TokenBucket } from './budget.ts'

const statusAnswered = 0
const statusRefused = 1

/** The longest answer to a request for peers. */
const addressesSizeBytesMax = 8 * 1_024

export type Libp2pNetworkOptions = {
  /** Of the network: peers of another are strangers. 32 bytes. */
  readonly genesisHash: Uint8Array
  /** 32 bytes: what the node's key is made of, and so its id. */
  readonly seed: Uint8Array
  /** Where to listen; port 0 takes a free one. */
  readonly host: string
  readonly port: number
  /** Multiaddrs of peers to begin with. */
  readonly bootstrap: readonly string[]
  readonly clock: Clock
  readonly rng: Rng
  readonly logger?: Logger
  readonly limits?: Partial<OpenNetworkLimits>
}

type Session = {
  readonly peer: OpenPeerId
  readonly remote: PeerId
  readonly host: string
  readonly gossip: OpenGossip
  readonly requests: TokenBucket
  /** Requests of ours that wait for it. */
  waiting: number
}

/**
 * Starts listening and looking for peers.
 *
 * @throws {OpenAddressInvalidError} `P2P_OPEN_ADDRESS_INVALID` for a bootstrap address without a
 *   peer id; what libp2p throws when it cannot listen.
 */
export async function openLibp2pNetwork(options: Libp2pNetworkOptions): Promise<OpenNetwork> {
  const network = new Libp2pNetwork(options)
  await network.start()
  return network
}

class Libp2pNetwork implements OpenNetwork {
  readonly #options: Libp2pNetworkOptions
  readonly #limits: OpenNetworkLimits
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #book: AddressBook
  readonly #bans: BanList
  readonly #sessions = new Map<OpenPeerId, Session>()
  /** Peers that were asked to take our gossip stream, until they are lost. */
  readonly #joining = new Map<OpenPeerId, Promise<void>>()
  /** Streams of peers that are not ours yet. */
  readonly #held = new Map<OpenPeerId, Stream>()
  readonly #protocols: Readonly<Record<'gossip' | 'request' | 'peers', string>>
  #node: Libp2p | undefined
  #answering = 0
  #timer: Timer | undefined
  #isClosed = false
  #handleRequest: RequestHandler = () => Promise.resolve(undefined)
  #handleGossip: (from: OpenPeerId, message: Uint8Array) => void = () => undefined
  #handlePeer: (peer: OpenPeerId, connected: boolean) => void = () => undefined

  constructor(options: Libp2pNetworkOptions) {
    const { clock, rng, bootstrap, genesisHash } = options
    this.#options = options
    this.#limits = { ...defaultOpenNetworkLimits, ...options.limits }
    this.#logger = options.logger ?? silentLogger
    this.#clock = clock
    this.#book = new AddressBook(this.#limits.addressBookCountMax, rng)
    this.#bans = new BanList(clock, this.#limits.banMs)
    for (const text of bootstrap) {
      const address = parseOpenAddress(text)
      if (address === undefined) throw new OpenAddressInvalidError(text)
      this.#book.keep(address)
    }
    const name = toHex(genesisHash).slice(2)
    this.#protocols = {
      gossip: `/zg/${name}/gossip/1`,
      request: `/zg/${name}/request/1`,
      peers: `/zg/${name}/peers/1`,
    }
  }

  async start(): Promise<void> {
    const { seed, host, port } = this.#options
    const { connectionCountMax, streamsOfPeerMax, handshakeMsMax } = this.#limits
    const node = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', seed),
      addresses: { listen: [`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`] },
      transports: [tcp({ maxConnections: connectionCountMax })],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxInboundStreams: 4 * streamsOfPeerMax })],
      connectionManager: {
        maxConnections: connectionCountMax,
        inboundConnectionThreshold: this.#limits.connectionsPerHostSecondMax,
        dialTimeout: handshakeMsMax,
        inboundUpgradeTimeout: handshakeMsMax,
      },
      // Our gossip streams have keep-alives of their own.
      connectionMonitor: { enabled: false },
      connectionGater: this.#gater(),
      start: false,
    })
    this.#node = node
    const streams = { maxInboundStreams: streamsOfPeerMax, maxOutboundStreams: streamsOfPeerMax }
    await node.handle(this.#protocols.gossip, (stream, { remotePeer }) =>
      this.#takeGossip(stream, remotePeer.toString()),
    )
    await node.handle(
      this.#protocols.request,
      (stream, { remotePeer }) => this.#answer(stream, remotePeer.toString()),
      streams,
    )
    await node.handle(
      this.#protocols.peers,
      (stream, connection) => this.#tellPeers(stream, connection),
      { maxInboundStreams: 1 },
    )
    node.addEventListener('peer:connect', ({ detail }) => {
      const joining = this.#join(detail)
      this.#joining.set(detail.toString(), joining)
      this.#own(joining)
    })
    node.addEventListener('peer:disconnect', ({ detail }) => this.#leave(detail.toString()))
    await node.start()
    this.#discover()
  }

  get self(): OpenPeerId {
    return this.#libp2p.peerId.toString()
  }

  addresses(): readonly string[] {
    return this.#libp2p.getMultiaddrs().map((address) => address.toString())
  }

  peers(): readonly OpenPeerId[] {
    return [...this.#sessions.keys()]
  }

  async request(peer: OpenPeerId, message: Uint8Array): Promise<Uint8Array> {
    const session = this.#sessions.get(peer)
    if (session === undefined) throw new OpenRequestFailedError(peer, 'it is not connected')
    if (session.waiting >= this.#limits.requestsToPeerMax) {
      throw new OpenRequestFailedError(peer, 'enough requests wait for it')
    }
    session.waiting++
    try {
      return await this.#ask(session.remote, message)
    } catch (error) {
      if (error instanceof OpenMessageInvalidError) this.ban(peer, error.message)
      if (error instanceof OpenRequestFailedError) throw error
      throw new OpenRequestFailedError(peer, 'it gave no answer', error)
    } finally {
      session.waiting--
    }
  }

  gossip(message: Uint8Array, except?: OpenPeerId): void {
    for (const { peer, gossip } of this.#sessions.values()) {
      if (peer !== except) gossip.send(message)
    }
  }

  onRequest(handler: RequestHandler): void {
    this.#handleRequest = handler
  }

  onGossip(handler: (from: OpenPeerId, message: Uint8Array) => void): void {
    this.#handleGossip = handler
  }

  onPeer(handler: (peer: OpenPeerId, connected: boolean) => void): void {
    this.#handlePeer = handler
  }

  ban(peer: OpenPeerId, reason: string): void {
    const session = this.#sessions.get(peer)
    const host = session?.host ?? ''
    this.#logger.warn('A peer is banned', { peer, host, reason })
    this.#bans.add(peer, isLoopback(host) ? '' : host)
    this.#book.forget(peer)
    if (session !== undefined) this.#hangUp(session.remote)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const peer of this.peers()) this.#leave(peer)
    await this.#node?.stop()
  }

  get #libp2p(): Libp2p {
    if (this.#node === undefined) throw new OpenNetworkNotStartedError()
    return this.#node
  }

  #gater(): ConnectionGater {
    const isBanned = (peer: PeerId): boolean => this.#bans.hasPeer(peer.toString())
    return {
      denyDialPeer: isBanned,
      denyInboundConnection: ({ remoteAddr }) => {
        const host = hostOf(remoteAddr.toString())
        return this.#bans.hasHost(host) || this.#isCrowded(host)
      },
      denyInboundEncryptedConnection: isBanned,
      // libp2p would not dial addresses of this machine's networks by itself.
      denyDialMultiaddr: () => false,
    }
  }

  #isCrowded(host: string): boolean {
    if (isLoopback(host)) return false
    const connections = this.#node?.getConnections() ?? []
    const count = connections.filter(({ remoteAddr }) => hostOf(remoteAddr.toString()) === host)
    return count.length >= this.#limits.connectionsPerHostMax
  }

  /** A peer is ours once it takes our gossip stream. */
  async #join(remote: PeerId): Promise<void> {
    const peer = remote.toString()
    if (this.#isClosed || this.#sessions.has(peer)) return
    const connection = this.#libp2p.getConnections(remote)[0]
    if (connection === undefined) return
    let stream: Stream
    try {
      stream = await this.#open(connection, this.#protocols.gossip)
    } catch (error) {
      // Of another network, or of none.
      this.#logger.debug('A peer does not speak our protocol', { peer, error })
      this.#book.forget(peer)
      this.#hangUp(remote)
      return
    }
    if (this.#isClosed || this.#bans.hasPeer(peer)) return this.#hangUp(remote)
    const gossip = new OpenGossip({
      stream,
      clock: this.#clock,
      limits: this.#limits,
      onMessage: (message) => this.#handleGossip(peer, message),
      onMalformed: (problem) => this.ban(peer, problem),
      onSilence: () => this.#hangUp(remote),
    })
    const allowance = { perSecond: this.#limits.requestsPerSecond }
    const requests = new TokenBucket(
      { ...allowance, burst: 2 * allowance.perSecond },
      this.#clock.nowMs(),
    )
    const host = hostOf(connection.remoteAddr.toString())
    this.#sessions.set(peer, { peer, remote, host, gossip, requests, waiting: 0 })
    for (const held of this.#takeHeld(peer)) gossip.read(held)
    this.#handlePeer(peer, true)
    this.#own(this.#askForPeers(peer))
  }

  #leave(peer: OpenPeerId): void {
    const session = this.#sessions.get(peer)
    this.#joining.delete(peer)
    this.#takeHeld(peer)
    if (session === undefined) return
    this.#sessions.delete(peer)
    session.gossip.close()
    this.#handlePeer(peer, false)
  }

  #takeGossip(stream: Stream, peer: OpenPeerId): void {
    const session = this.#sessions.get(peer)
    if (session !== undefined) return session.gossip.read(stream)
    // Its stream may come before ours to it is open.
    if (this.#held.has(peer)) return this.ban(peer, 'a second gossip stream')
    stream.pause()
    this.#held.set(peer, stream)
  }

  #takeHeld(peer: OpenPeerId): Stream[] {
    const held = this.#held.get(peer)
    this.#held.delete(peer)
    return held === undefined ? [] : [held]
  }

  async #open(connection: Connection, protocol: string): Promise<Stream> {
    const deadline = this.#deadline(this.#limits.handshakeMsMax)
    try {
      return await connection.newStream(protocol, { signal: deadline.signal })
    } finally {
      deadline.clear()
    }
  }

  async #ask(remote: PeerId, message: Uint8Array): Promise<Uint8Array> {
    const peer = remote.toString()
    const answer = await this.#exchange(remote, this.#protocols.request, {
      message,
      sizeBytesMax: 1 + this.#limits.answerSizeBytesMax,
    })
    if (answer[0] !== statusAnswered) throw new OpenRequestFailedError(peer, 'it refuses')
    return answer.subarray(1)
  }

  /** Opens a stream, asks, and reads the whole answer, in the time of one request. */
  async #exchange(
    remote: PeerId,
    protocol: string,
    { message, sizeBytesMax }: { message: Uint8Array; sizeBytesMax: number },
  ): Promise<Uint8Array> {
    const [connection] = this.#libp2p.getConnections(remote)
    if (connection === undefined) {
      throw new OpenRequestFailedError(remote.toString(), 'it is not connected')
    }
    const stream = await this.#open(connection, protocol)
    const deadline = this.#deadline(this.#limits.requestMsMax, stream)
    try {
      const answer = readMessage(stream, sizeBytesMax)
      const [whole] = await Promise.all([answer, sendMessage(stream, [message], deadline.signal)])
      return whole
    } finally {
      deadline.clear()
    }
  }

  async #answer(stream: Stream, peer: OpenPeerId): Promise<void> {
    const deadline = this.#deadline(this.#limits.requestMsMax, stream)
    this.#answering++
    try {
      const message = await readMessage(stream, this.#limits.requestSizeBytesMax)
      // It may ask before we have opened our gossip stream to it.
      await this.#joining.get(peer)
      const session = this.#sessions.get(peer)
      const isOver = (session?.requests.take(1, this.#clock.nowMs()) ?? 1) > 0
      const isBusy = this.#answering > this.#limits.requestsAnsweredMax
      const answer = isOver || isBusy ? undefined : await this.#handleRequest(peer, message)
      const parts =
        answer === undefined
          ? [Uint8Array.of(statusRefused)]
          : [Uint8Array.of(statusAnswered), answer]
      await sendMessage(stream, parts, deadline.signal)
    } catch (error) {
      if (error instanceof OpenMessageInvalidError) this.ban(peer, error.message)
      else stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#answering--
      deadline.clear()
    }
  }

  async #tellPeers(stream: Stream, { remotePeer }: Connection): Promise<void> {
    const deadline = this.#deadline(this.#limits.handshakeMsMax, stream)
    try {
      await readMessage(stream, 0)
      const others = this.peers().filter((peer) => peer !== remotePeer.toString())
      const known = others.flatMap((peer) => this.#book.addressOf(peer)?.text ?? [])
      const message = encodeAddresses([...this.addresses().slice(0, 4), ...known])
      await sendMessage(stream, [message], deadline.signal)
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      deadline.clear()
    }
  }

  async #askForPeers(peer: OpenPeerId): Promise<void> {
    const session = this.#sessions.get(peer)
    if (session === undefined) return
    try {
      const answer = await this.#exchange(session.remote, this.#protocols.peers, {
        message: new Uint8Array(0),
        sizeBytesMax: addressesSizeBytesMax,
      })
      for (const address of decodeAddresses(answer)) {
        if (address.peer !== this.self) this.#book.hear(address, session)
      }
    } catch (error) {
      const isLie =
        error instanceof OpenMessageInvalidError || error instanceof AddressesMalformedError
      if (isLie) this.ban(peer, error.message)
    }
  }

  #discover(): void {
    const { discoveryMs, redialMs, peersWanted } = this.#limits
    const isWanted = (peer: OpenPeerId): boolean =>
      peer !== this.self && !this.#sessions.has(peer) && !this.#bans.hasPeer(peer)
    const lacking = peersWanted - this.#sessions.size
    const nowMs = this.#clock.nowMs()
    if (lacking > 0) {
      for (const { text, peer } of this.#book.draw(lacking, { nowMs, redialMs, isWanted })) {
        this.#own(this.#dial(text, peer))
      }
      const asked = this.peers()[this.#options.rng.below(Math.max(1, this.#sessions.size))]
      if (asked !== undefined) this.#own(this.#askForPeers(asked))
    }
    this.#timer = this.#clock.setTimer(discoveryMs, () => this.#discover())
  }

  async #dial(text: string, peer: OpenPeerId): Promise<void> {
    const deadline = this.#deadline(this.#limits.handshakeMsMax)
    try {
      await this.#libp2p.dial(multiaddr(text), { signal: deadline.signal })
    } catch (error) {
      this.#logger.debug('A peer cannot be dialed', { peer, error })
      this.#book.forget(peer)
    } finally {
      deadline.clear()
    }
  }

  #hangUp(remote: PeerId): void {
    for (const connection of this.#node?.getConnections(remote) ?? []) {
      connection.abort(new Error('hung up'))
    }
  }

  /** Aborts the signal, and the stream, when the time is over. */
  #deadline(afterMs: number, stream?: Stream): { signal: AbortSignal; clear(): void } {
    const controller = new AbortController()
    const timer = this.#clock.setTimer(afterMs, () => {
      controller.abort()
      stream?.abort(new Error('out of time'))
    })
    return { signal: controller.signal, clear: () => timer.cancel() }
  }

  /** Nobody waits for these: what fails in them is a peer that was lost. */
  #own(work: Promise<void>): void {
    work.catch((error: unknown) => this.#logger.debug('A peer was lost', { error }))
  }
}

export class OpenRequestFailedError extends ZgError<'P2P_OPEN_REQUEST_FAILED'> {
  constructor(peer: OpenPeerId, problem: string, cause?: unknown) {
    const message = `Cannot ask peer ${peer}: ${problem}`
    super('P2P_OPEN_REQUEST_FAILED', message, { peer, problem }, cause)
  }
}

export class OpenAddressInvalidError extends ZgError<'P2P_OPEN_ADDRESS_INVALID'> {
  constructor(address: string) {
    const message = `Cannot use "${address}": it is not /ip4/HOST/tcp/PORT/p2p/ID`
    super('P2P_OPEN_ADDRESS_INVALID', message, { address })
  }
}

export class OpenNetworkNotStartedError extends ZgError<'P2P_OPEN_NETWORK_NOT_STARTED'> {
  constructor() {
    super('P2P_OPEN_NETWORK_NOT_STARTED', 'Cannot use the network: it is not started')
  }
}
