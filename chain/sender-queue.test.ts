import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import type { SignedTransaction } from './chain-view.ts'
import { SenderQueue } from './sender-queue.ts'
import type { PoolEntry } from './sender-queue.ts'

/** What the queue reads of an entry: its nonce and its cost. */
function entryOf(nonce: bigint, cost: bigint): PoolEntry {
  const signed = { transaction: { nonce } } as SignedTransaction
  const prices = { cost, maxFee: 1n, priorityFee: 1n }
  return { signed, ...prices, arrivedMs: 0, isLocal: false, authorities: [] }
}

test('SenderQueue: whatever comes and goes, the pending ones are those before the first gap', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const rng = createSeededRng(seed)
    const account = { nonce: BigInt(rng.below(3)), balance: 100n, isDelegated: false }
    const queue = new SenderQueue(1n, account)
    const held = new Map<bigint, bigint>()
    for (let step = 0; step < 60; step++) {
      const nonce = account.nonce + BigInt(rng.below(8))
      const kind = rng.below(10)
      if (kind < 6) {
        const cost = BigInt(rng.below(120))
        queue.put(entryOf(nonce, cost))
        held.set(nonce, cost)
      } else if (kind < 9) {
        queue.remove(nonce)
        held.delete(nonce)
      } else {
        account.nonce += BigInt(rng.below(4))
        queue.refresh(account)
        for (const [known, cost] of held) {
          if (known < account.nonce || cost > account.balance) held.delete(known)
        }
      }
      let count = 0
      while (held.has(account.nonce + BigInt(count))) count++
      assert.equal(queue.pendingCount, count, `seed ${seed} step ${step}`)
      assert.equal(queue.nextNonce, account.nonce + BigInt(count))
      assert.equal(queue.size, held.size)
      assert.equal(
        queue.cost,
        [...held.values()].reduce((sum, cost) => sum + cost, 0n),
      )
    }
  }
})
