/**
 * From the bytes of a block's transactions to signed transactions, with no recovery done twice.
 *
 * Most are in the pool, decoded and recovered when they came. The rest are recovered as one batch
 * and remembered for a while, so a payload seen twice costs once.
 */

import { decodeTransaction, signingHash } from '@zg/evm'
import type { Transaction } from '@zg/evm'
import { keccak256 } from '@zg/primitives'

import { BoundedCache } from './bounded-cache.ts'
import type { SignedTransaction } from './chain-view.ts'
import { hashKey } from './hash-key.ts'
import type { SenderRecovery } from './sender-recovery.ts'

/** Transactions remembered that came with a block and not through the pool. */
const rememberedMax = 8_192

type Unresolved = { readonly transaction: Transaction; readonly hash: Uint8Array }

export class TransactionResolver {
  readonly #pool: { get(hash: Uint8Array): SignedTransaction | undefined }
  readonly #recovery: SenderRecovery
  readonly #remembered = new BoundedCache<string, SignedTransaction>(rememberedMax)

  constructor(
    pool: { get(hash: Uint8Array): SignedTransaction | undefined },
    recovery: SenderRecovery,
  ) {
    this.#pool = pool
    this.#recovery = recovery
  }

  /**
   * Returns the transactions in order, or a sentence why one is none.
   *
   * Never throws for bad bytes.
   */
  async resolve(list: readonly Uint8Array[]): Promise<readonly SignedTransaction[] | string> {
    const found: (SignedTransaction | undefined)[] = []
    const unresolved: { index: number; item: Unresolved }[] = []
    for (const [index, bytes] of list.entries()) {
      const hash = keccak256(bytes)
      const known = this.#pool.get(hash) ?? this.#remembered.get(hashKey(hash))
      found.push(known)
      if (known !== undefined) continue
      try {
        unresolved.push({ index, item: { transaction: decodeTransaction(bytes), hash } })
      } catch (error) {
        const problem = error instanceof Error ? error.message : 'it is malformed'
        return `Transaction ${index}: ${problem}`
      }
    }
    const senders = await this.#recover(unresolved.map(({ item }) => item))
    for (const [place, { index, item }] of unresolved.entries()) {
      const sender = senders[place]
      if (sender === undefined) return `Transaction ${index}: no key can have signed it`
      const signed = { ...item, sender, bytes: list[index] as Uint8Array }
      found[index] = signed
      this.#remembered.set(hashKey(item.hash), signed)
    }
    return found as SignedTransaction[]
  }

  #recover(items: readonly Unresolved[]): Promise<readonly (bigint | undefined)[]> {
    if (items.length === 0) return Promise.resolve([])
    return this.#recovery.recover(
      items.map(({ transaction }) => {
        const { r, s, yParity } = transaction
        return { digest: signingHash(transaction), r, s, yParity }
      }),
    )
  }
}
