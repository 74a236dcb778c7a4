/**
 * What a peer may make us read: token buckets of messages and bytes, one pair a channel.
 *
 * A bucket holds at most `burst` tokens and gains `perSecond`. A message is always delivered once
 * read, and may bring a bucket below zero; then the connection is not read until it is above zero
 * again, and TCP's own flow control makes the sender wait. So an honest peer that is only fast (a
 * block sync) is slowed and loses nothing, and a flood costs its sender, not us.
 */

import type { Channel } from '@zg/runtime'

export type Allowance = { readonly perSecond: number; readonly burst: number }

export type ChannelBudget = { readonly messages: Allowance; readonly bytes: Allowance }

export type Budgets = Readonly<Record<Channel, ChannelBudget>>

const kib = 1_024
const mib = 1_024 * kib

/** Twenty times what one validator sends at ten blocks a second, and a block sync at line speed. */
export const defaultBudgets: Budgets = {
  vote: {
    messages: { perSecond: 2_000, burst: 4_000 },
    bytes: { perSecond: 2 * mib, burst: 4 * mib },
  },
  block: {
    messages: { perSecond: 500, burst: 1_000 },
    bytes: { perSecond: 100 * mib, burst: 100 * mib },
  },
  gossip: {
    messages: { perSecond: 5_000, burst: 10_000 },
    bytes: { perSecond: 10 * mib, burst: 20 * mib },
  },
}

/** One bucket. Time is given to it, in milliseconds. */
export class TokenBucket {
  readonly #allowance: Allowance
  #tokens: number
  #atMs: number

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance
    this.#tokens = allowance.burst
    this.#atMs = nowMs
  }

  /**
   * Takes tokens, below zero if need be.
   *
   * @returns Milliseconds until the bucket is above zero again; 0 when it still is.
   */
  take(count: number, nowMs: number): number {
    const { perSecond, burst } = this.#allowance
    const gained = (Math.max(0, nowMs - this.#atMs) * perSecond) / 1_000
    this.#tokens = Math.min(burst, this.#tokens + gained) - count
    this.#atMs = nowMs
    return this.#tokens > 0 ? 0 : Math.ceil(((1 - this.#tokens) * 1_000) / perSecond)
  }
}

/** The buckets of one peer. */
export class PeerBudget {
  readonly #buckets: Readonly<Record<Channel, { messages: TokenBucket; bytes: TokenBucket }>>

  constructor(budgets: Budgets, nowMs: number) {
    const bucketsOf = ({ messages, bytes }: ChannelBudget) => ({
      messages: new TokenBucket(messages, nowMs),
      bytes: new TokenBucket(bytes, nowMs),
    })
    this.#buckets = {
      vote: bucketsOf(budgets.vote),
      block: bucketsOf(budgets.block),
      gossip: bucketsOf(budgets.gossip),
    }
  }

  /** Counts a message; returns for how many milliseconds its connection must not be read. */
  spend(channel: Channel, sizeBytes: number, nowMs: number): number {
    const { messages, bytes } = this.#buckets[channel]
    return Math.max(messages.take(1, nowMs), bytes.take(sizeBytes, nowMs))
  }
}
