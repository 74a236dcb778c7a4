/**
 * Messages between authenticated peers, as an argument.
 *
 * Delivery is best effort: a message arrives whole, at most once a connection, or not at all, and
 * `from` is proved. Channels do not block each other. Every queue is bounded; what happens when one
 * is full is the channel's drop policy.
 */

/** A peer: the lower-case hex of its BLS public key, no `0x`. */
export type PeerId = string

/**
 * `vote`: small and urgent, oldest dropped · `block`: large, newest refused · `gossip`: newest
 * refused.
 */
export type Channel = 'vote' | 'block' | 'gossip'

export type MessageHandler = (from: PeerId, channel: Channel, message: Uint8Array) => void

export interface Network {
  readonly self: PeerId
  /** Peers connected now. */
  peers(): readonly PeerId[]
  /**
   * Queues a message; false when it was dropped at once (no such peer, queue full, too large). The
   * message is not copied: nobody, sender or receiver, writes to it afterwards.
   */
  send(to: PeerId, channel: Channel, message: Uint8Array): boolean
  /** Sends to every connected peer. */
  broadcast(channel: Channel, message: Uint8Array): void
  /** Sets the one handler of incoming messages. It must not throw. */
  onMessage(handler: MessageHandler): void
  /** Sets the one handler told when a peer connects or is lost. */
  onPeer(handler: (peer: PeerId, connected: boolean) => void): void
  /** Tells that a peer sent what no honest peer sends; the transport may cut it off for a while. */
  reportMisbehaviour(peer: PeerId, reason: string): void
  close(): Promise<void>
}
