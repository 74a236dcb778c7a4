import assert from 'node:assert/strict'
import { test } from 'node:test'

import { dot, fitRelative } from './relative-fit.ts'

const amounts = [
  [10, 0, 0],
  [10, 4, 100],
  [10, 40, 50],
  [20, 8, 900],
]

function totalsOf(costs: readonly number[]) {
  return amounts.map((each) => ({ amounts: each, total: dot(each, costs) }))
}

test('fitRelative finds the costs that totals were made with', () => {
  const found = fitRelative(totalsOf([0.1, 0.02, 0.003]))
  assert.deepEqual(
    found.map((cost) => cost.toFixed(9)),
    ['0.100000000', '0.020000000', '0.003000000'],
  )
})

test('fitRelative weighs a small total like a large one', () => {
  const totals = [
    { amounts: [1], total: 1 },
    { amounts: [1_000], total: 2_000 },
  ]
  // (1/t) c = 1 for both: c of 1 and 2, each by its share.
  assert.equal(fitRelative(totals)[0]?.toFixed(3), '1.200')
})

test('fitRelative has no cost below zero', () => {
  const found = fitRelative(totalsOf([0.1, 0.02, -0.000_1]))
  assert.equal(found[2], 0)
  assert.ok(found.every((cost) => cost >= 0))
})

test('fitRelative tells when things cannot be told apart', () => {
  const code = { code: 'DEVNET_COSTS_UNDETERMINED' }
  assert.throws(() => fitRelative([]), code)
  const twice = amounts.map(([a = 0]) => ({ amounts: [a, 2 * a], total: a }))
  assert.throws(() => fitRelative(twice), code)
})
