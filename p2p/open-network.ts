/**
 * The open world as an argument: anyone may join, nobody is trusted, who a peer is says only which
 * connection it has.
 *
 * Two ways to speak: a request with one answer, for what is large or asked for, and gossip, small
 * messages to all peers, for news. What they mean is the caller's; what does not verify is reported
 * by `ban`.
 */

/** A peer: the text form of its libp2p id. */
export type OpenPeerId = string

export interface OpenNetwork {
  readonly self: OpenPeerId
  /** Where others reach us: multiaddrs that end with our id. */
  addresses(): readonly string[]
  /** Peers of our network that are connected now. */
  peers(): readonly OpenPeerId[]
  /**
   * Asks a peer.
   *
   * @throws {OpenRequestFailedError} `P2P_OPEN_REQUEST_FAILED` when it is gone, does not answer in
   *   time, answers too much, or refuses.
   */
  request(peer: OpenPeerId, message: Uint8Array): Promise<Uint8Array>
  /** Queues a message for every peer but `except`; slow peers miss it. */
  gossip(message: Uint8Array, except?: OpenPeerId): void
  /** Sets who answers requests; undefined refuses. It must not throw. */
  onRequest(handler: RequestHandler): void
  /** Sets who takes gossip. It must not throw. */
  onGossip(handler: (from: OpenPeerId, message: Uint8Array) => void): void
  /** Sets who is told when a peer connects or is lost. */
  onPeer(handler: (peer: OpenPeerId, connected: boolean) => void): void
  /** Cuts a peer that sent what no honest peer sends, and its address, off for a while. */
  ban(peer: OpenPeerId, reason: string): void
  close(): Promise<void>
}

export type RequestHandler = (
  from: OpenPeerId,
  message: Uint8Array,
) => Promise<Uint8Array | undefined>

export type OpenNetworkLimits = {
  /** Connections, dialed and accepted. */
  readonly connectionCountMax: number
  /** Connections with one address, those of this machine left out. */
  readonly connectionsPerHostMax: number
  /** New connections a second from one address. */
  readonly connectionsPerHostSecondMax: number
  /** Peers to look for; more may come by themselves. */
  readonly peersWanted: number
  /** Peers that are known and not connected. */
  readonly addressBookCountMax: number
  /** Time of a dial, of opening a stream, of sending a request. */
  readonly handshakeMsMax: number
  /** Time of a request and its whole answer. */
  readonly requestMsMax: number
  readonly requestSizeBytesMax: number
  readonly answerSizeBytesMax: number
  /** Requests of ours to one peer that wait for an answer. */
  readonly requestsToPeerMax: number
  /** Streams of one protocol that one peer may have open with us. */
  readonly streamsOfPeerMax: number
  /** Requests of all peers being answered; beyond, they are refused. */
  readonly requestsAnsweredMax: number
  readonly requestsPerSecond: number
  readonly gossipMessagesPerSecond: number
  readonly gossipBytesPerSecond: number
  /** Bytes of gossip that wait for one peer. */
  readonly gossipQueueSizeBytesMax: number
  readonly keepAliveMs: number
  readonly silenceMsMax: number
  /** How often peers are looked for, and asked for others. */
  readonly discoveryMs: number
  /** How long a peer that could not be dialed is left alone. */
  readonly redialMs: number
  readonly banMs: number
}

const kib = 1_024
const mib = 1_024 * kib

export const defaultOpenNetworkLimits: OpenNetworkLimits = {
  connectionCountMax: 48,
  connectionsPerHostMax: 8,
  connectionsPerHostSecondMax: 5,
  peersWanted: 8,
  addressBookCountMax: 256,
  handshakeMsMax: 5_000,
  requestMsMax: 10_000,
  requestSizeBytesMax: 8 * kib,
  // One block of EIP-7934 and its header.
  answerSizeBytesMax: 11 * mib,
  requestsToPeerMax: 4,
  streamsOfPeerMax: 8,
  requestsAnsweredMax: 16,
  requestsPerSecond: 50,
  gossipMessagesPerSecond: 500,
  gossipBytesPerSecond: 2 * mib,
  gossipQueueSizeBytesMax: 4 * mib,
  keepAliveMs: 10_000,
  silenceMsMax: 35_000,
  discoveryMs: 2_000,
  redialMs: 30_000,
  banMs: 10 * 60_000,
}
