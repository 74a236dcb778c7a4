/**
 * What every `Network` holds its channels to, the real one and the simulated one alike.
 *
 * Sizes are of one message. Queues are per peer and channel, on the sender's side. `vote` is small
 * and superseded by what comes later, so its oldest message goes first; on `block` and `gossip` a
 * newcomer is refused, and `send` says so.
 */

import type { Channel } from './network.ts'

const kib = 1_024
const mib = 1_024 * kib

/** What happens when a queue is full. */
export type DropPolicy = 'drop-oldest' | 'refuse-newest'

export type ChannelLimits = {
  /**
   * Largest message, in bytes. A larger one is refused by the sender and cut off by the receiver.
   */
  readonly messageSizeBytesMax: number
  /** Messages that may wait for one peer. */
  readonly queueCountMax: number
  /** Bytes that may wait for one peer. */
  readonly queueSizeBytesMax: number
  readonly whenFull: DropPolicy
}

/**
 * The limits of each channel. `block` fits the largest block of EIP-7934 (10 MiB) and its header.
 */
export const channelLimits: Readonly<Record<Channel, ChannelLimits>> = {
  vote: {
    messageSizeBytesMax: 16 * kib,
    queueCountMax: 4_096,
    queueSizeBytesMax: 4 * mib,
    whenFull: 'drop-oldest',
  },
  block: {
    messageSizeBytesMax: 11 * mib,
    queueCountMax: 256,
    queueSizeBytesMax: 64 * mib,
    whenFull: 'refuse-newest',
  },
  gossip: {
    messageSizeBytesMax: 256 * kib,
    queueCountMax: 1_024,
    queueSizeBytesMax: 16 * mib,
    whenFull: 'refuse-newest',
  },
}
