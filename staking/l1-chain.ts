/**
 * What is asked of L1 by who sends to it: its state now, and the way of a transaction into it. The
 * endpoint is one's own: a lie costs gas or delay, for L1 itself decides what is done. Of several
 * (failover.ts) none holds anything up for long.
 */

export type L1Message = {
  readonly to: bigint
  readonly data: Uint8Array
  /** In wei; absent for none. */
  readonly value?: bigint
}

/** What a call returned, or with which bytes it reverted. */
export type L1Answer =
  | { readonly kind: 'returned'; readonly data: Uint8Array }
  | { readonly kind: 'reverted'; readonly data: Uint8Array }

export type L1GasAnswer =
  | { readonly kind: 'estimated'; readonly gas: bigint }
  | { readonly kind: 'reverted'; readonly data: Uint8Array }

/** `underpriced`: another one of its nonce waits and pays about as much; `stale`: it is used. */
export type L1Submission = 'taken' | 'underpriced' | 'stale'

export type L1Receipt = {
  readonly blockNumber: bigint
  readonly succeeded: boolean
  readonly gasUsed: bigint
}

export type L1Head = {
  readonly number: bigint
  /** In seconds. */
  readonly timestamp: bigint
  /** In wei. */
  readonly baseFeePerGas: bigint
}

/** Everything is asked of the newest block. */
export interface L1Chain {
  /** Changes when another endpoint is asked: what the former one said is forgotten then. */
  readonly turn?: number
  head(): Promise<L1Head>
  call(message: L1Message): Promise<L1Answer>
  storageAt(address: bigint, slot: bigint): Promise<bigint>
  /** Transactions of an account that are in blocks. */
  nonceOf(address: bigint): Promise<bigint>
  estimateGas(message: L1Message & { readonly from: bigint }): Promise<L1GasAnswer>
  /** A tip that gets a transaction in soon, in wei. */
  tipPerGas(): Promise<bigint>
  submit(transaction: Uint8Array): Promise<L1Submission>
  /** Undefined while it is in no block. */
  receipt(hash: Uint8Array): Promise<L1Receipt | undefined>
}
