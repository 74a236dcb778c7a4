import assert from 'node:assert/strict'
import { test } from 'node:test'

import { costOf, costsAtSize, fitCosts } from './cost-model.ts'
import type { CostRun, Costs } from './cost-model.ts'

const costs: Costs = {
  idleSecond: 0.01,
  emptyBlock: 0.02,
  filledBlock: 0.05,
  transaction: 0.000_3,
}

const loads = [
  { seconds: 20, emptyBlocks: 10, filledBlocks: 0, transactions: 0 },
  { seconds: 20, emptyBlocks: 20, filledBlocks: 0, transactions: 0 },
  { seconds: 20, emptyBlocks: 0, filledBlocks: 10, transactions: 450 },
  { seconds: 20, emptyBlocks: 0, filledBlocks: 10, transactions: 900 },
  { seconds: 20, emptyBlocks: 1, filledBlocks: 19, transactions: 900 },
]

function runsOf(truth: Costs): CostRun[] {
  return loads.map((load) => ({ ...load, cpuSeconds: costOf(truth, load) }))
}

test('costOf adds each part up', () => {
  const cpu = costOf(costs, { seconds: 10, emptyBlocks: 2, filledBlocks: 3, transactions: 100 })
  assert.equal(cpu.toFixed(6), '0.320000')
})

test('fitCosts finds the costs that runs were made with', () => {
  const found = fitCosts(runsOf(costs))
  for (const [term, cost] of Object.entries(costs)) {
    const got = found[term as keyof Costs]
    assert.ok(Math.abs(got - cost) < 1e-9, `${term} ${got}`)
  }
})

test('fitCosts has no cost below zero, and explains the rest best without it', () => {
  const wrong = { ...costs, idleSecond: -0.002 }
  const found = fitCosts(runsOf(wrong))
  assert.equal(found.idleSecond, 0)
  assert.ok(Object.values(found).every((cost) => cost >= 0))
  for (const run of runsOf(wrong)) {
    assert.ok(Math.abs(costOf(found, run) / run.cpuSeconds - 1) < 0.1)
  }
})

test('fitCosts refuses runs that do not tell the costs apart', () => {
  const same = Array.from({ length: 5 }, () => runsOf(costs)[2] as CostRun)
  assert.throws(() => fitCosts(same), { code: 'DEVNET_COSTS_UNDETERMINED' })
  assert.throws(() => fitCosts([]), { code: 'DEVNET_COSTS_UNDETERMINED' })
})

test('costsAtSize goes on along the line of two sizes, and never down', () => {
  const large = { ...costs, filledBlock: 0.11, transaction: 0.000_1 }
  const at = costsAtSize(16, { size: 4, costs }, { size: 10, costs: large })
  assert.equal(at.filledBlock.toFixed(6), '0.170000')
  assert.equal(at.transaction, costs.transaction)
  assert.deepEqual(costsAtSize(4, { size: 4, costs }, { size: 10, costs: large }), costs)
})
