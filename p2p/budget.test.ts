import assert from 'node:assert/strict'
import { test } from 'node:test'

import { defaultBudgets, PeerBudget, TokenBucket } from './budget.ts'

test('TokenBucket tells how long to wait once it is empty', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0)
  assert.deepEqual([bucket.take(1, 0), bucket.take(1, 0)], [0, 0])
  assert.equal(bucket.take(1, 0), 100)
  assert.equal(bucket.take(0, 100), 0)
})

test('TokenBucket goes below zero for a large take and recovers at its rate', () => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 50 }, 0)
  assert.equal(bucket.take(150, 0), 1_010)
  assert.equal(bucket.take(0, 1_000), 10)
  assert.equal(bucket.take(0, 1_010), 0)
})

test('TokenBucket never holds more than its burst, and time never runs back', () => {
  const bucket = new TokenBucket({ perSecond: 1_000, burst: 2 }, 5_000)
  bucket.take(0, 1_000_000)
  assert.equal(bucket.take(1, 1_000), 0)
  assert.equal(bucket.take(1, 1_000), 1)
})

test('PeerBudget counts messages and bytes of each channel apart', () => {
  const budgets = {
    ...defaultBudgets,
    gossip: { messages: { perSecond: 10, burst: 100 }, bytes: { perSecond: 10, burst: 20 } },
  }
  const budget = new PeerBudget(budgets, 0)
  assert.equal(budget.spend('gossip', 10, 0), 0)
  assert.equal(budget.spend('gossip', 20, 0), 1_100)
  assert.equal(budget.spend('vote', 200, 0), 0)
})
