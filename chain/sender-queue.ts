/**
 * The pooled transactions of one sender, in the order of their nonces, one a nonce.
 *
 *     nonce   5   6   7   .   9
 *             account nonce 5: pending 5 6 7, queued 9 (behind the gap at 8)
 */

import { maxFeePerGasOf, maxPriorityFeePerGasOf } from '@zg/evm'

import type { SignedTransaction } from './chain-view.ts'

/** A transaction and what it pays. */
export type PricedTransaction = {
  readonly signed: SignedTransaction
  /** The most it can cost its sender, in wei. */
  readonly cost: bigint
  readonly maxFee: bigint
  readonly priorityFee: bigint
}

/** A transaction in the pool. */
export type PoolEntry = PricedTransaction & {
  /** When it came, in milliseconds since 1970. */
  readonly arrivedMs: number
  /** Whether it came from a user of this node, not from another validator. */
  readonly isLocal: boolean
  /** Accounts whose authorization it carries (EIP-7702); none for other types. */
  readonly authorities: readonly bigint[]
}

/** A replacement pays at least a tenth more on both prices (geth's rule). */
const priceBumpPercent = 110n

export class SenderQueue {
  readonly sender: bigint
  /** The account's nonce, balance and code as of the head. */
  accountNonce: bigint
  balance: bigint
  isDelegated: boolean
  /** By nonce, ascending. */
  #entries: PoolEntry[] = []
  #pendingCount = 0
  #cost = 0n

  constructor(sender: bigint, account: { nonce: bigint; balance: bigint; isDelegated: boolean }) {
    this.sender = sender
    this.accountNonce = account.nonce
    this.balance = account.balance
    this.isDelegated = account.isDelegated
  }

  get size(): number {
    return this.#entries.length
  }

  /** The most that all of them together can cost. */
  get cost(): bigint {
    return this.#cost
  }

  get entries(): readonly PoolEntry[] {
    return this.#entries
  }

  /** How many stand without a gap from the account's nonce on. */
  get pendingCount(): number {
    return this.#pendingCount
  }

  /** The nonce after the pending ones. */
  get nextNonce(): bigint {
    return this.accountNonce + BigInt(this.#pendingCount)
  }

  get(nonce: bigint): PoolEntry | undefined {
    const entry = this.#entries[this.#placeOf(nonce)]
    return entry?.signed.transaction.nonce === nonce ? entry : undefined
  }

  /** Puts an entry in, in the place of one of its nonce, which is returned. */
  put(entry: PoolEntry): PoolEntry | undefined {
    const place = this.#placeOf(entry.signed.transaction.nonce)
    const old = this.#entries[place]
    const isReplacement = old?.signed.transaction.nonce === entry.signed.transaction.nonce
    this.#entries.splice(place, isReplacement ? 1 : 0, entry)
    this.#cost += entry.cost - (isReplacement ? old.cost : 0n)
    this.#extendPending()
    return isReplacement ? old : undefined
  }

  remove(nonce: bigint): PoolEntry | undefined {
    const place = this.#placeOf(nonce)
    const entry = this.#entries[place]
    if (entry?.signed.transaction.nonce !== nonce) return undefined
    this.#entries.splice(place, 1)
    if (place < this.#pendingCount) this.#pendingCount = place
    this.#cost -= entry.cost
    return entry
  }

  /** Takes in the account's new state; returns entries that can never be included now. */
  refresh(account: { nonce: bigint; balance: bigint; isDelegated: boolean }): PoolEntry[] {
    this.accountNonce = account.nonce
    this.balance = account.balance
    this.isDelegated = account.isDelegated
    const isStale = (entry: PoolEntry) =>
      entry.signed.transaction.nonce < account.nonce || entry.cost > account.balance
    const stale = this.#entries.filter(isStale)
    if (stale.length > 0) this.#entries = this.#entries.filter((entry) => !isStale(entry))
    for (const entry of stale) this.#cost -= entry.cost
    this.#pendingCount = 0
    this.#extendPending()
    return stale
  }

  /** Counts on from the pending ones, as far as there is no gap. */
  #extendPending(): void {
    while (this.#entries[this.#pendingCount]?.signed.transaction.nonce === this.nextNonce) {
      this.#pendingCount++
    }
  }

  /** Index of the first entry whose nonce is not below. */
  #placeOf(nonce: bigint): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle] as PoolEntry).signed.transaction.nonce < nonce) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Whether `next` pays enough more than `old` to take its place. */
export function isPricedToReplace(old: PricedTransaction, next: PricedTransaction): boolean {
  return (
    next.maxFee * 100n >= old.maxFee * priceBumpPercent &&
    next.priorityFee * 100n >= old.priorityFee * priceBumpPercent &&
    next.maxFee > old.maxFee
  )
}

/** What the block's maker earns a unit of gas; negative when the base fee is not even covered. */
export function tipOf(entry: PoolEntry, baseFeePerGas: bigint): bigint {
  const room = entry.maxFee - baseFeePerGas
  return room < entry.priorityFee ? room : entry.priorityFee
}

/** Returns the prices and the greatest cost of a transaction, in wei. */
export function pricesOf(
  signed: SignedTransaction,
): Pick<PoolEntry, 'cost' | 'maxFee' | 'priorityFee'> {
  const { transaction } = signed
  const maxFee = maxFeePerGasOf(transaction)
  return {
    cost: transaction.gasLimit * maxFee + transaction.value,
    maxFee,
    priorityFee: maxPriorityFeePerGasOf(transaction),
  }
}
