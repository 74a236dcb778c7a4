import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { coresAsked, playGrowth } from './growth-model.ts'
import type { GrowthOutcome, GrowthScenario } from './growth-model.ts'

const scenario: GrowthScenario = {
  networks: 1,
  operators: 4,
  committeeSize: 4,
  coresPerOperator: 1,
  costs: { idleSecond: 0.01, emptyBlock: 0.02, filledBlock: 0.05, transaction: 0.001 },
  blockTimeMs: 1_000,
  transactionsPerBlockMax: 100,
  ratePerSecond: 50,
  seconds: 400,
}

function play(change: Partial<GrowthScenario>): GrowthOutcome {
  return playGrowth({ ...scenario, ...change }, createSeededRng('test'))
}

function near(found: number, right: number, share = 0.01): void {
  assert.ok(Math.abs(found / right - 1) <= share, `${found} for ${right}`)
}

test('coresAsked is what being there, blocks and transactions take', () => {
  // 0.01 + 1 · 0.05 + 50 · 0.001
  assert.equal(coresAsked(scenario).toFixed(6), '0.110000')
})

test('playGrowth gives an unhurried network what is offered, at the cost of its parts', () => {
  const { transactionsPerSecond, cpuSecondsPerTransaction, ...rest } = play({})
  near(transactionsPerSecond, 50)
  near(cpuSecondsPerTransaction, (4 * 0.11) / 50)
  near(rest.coresUsedPerOperator, 0.11)
  near(rest.blocksPerSecondOfNetwork, 1)
  assert.equal(rest.overloadedShare, 0)
})

test('playGrowth has a network without load pay for empty blocks', () => {
  const { transactionsPerSecond, coresUsedPerOperator } = play({ ratePerSecond: 0 })
  assert.equal(transactionsPerSecond, 0)
  near(coresUsedPerOperator, 0.03)
})

test('playGrowth grows with the machines, and costs the same a transaction', () => {
  const one = play({})
  const many = play({ networks: 64, coresPerOperator: 64 })
  near(many.transactionsPerSecond, 64 * one.transactionsPerSecond)
  near(many.cpuSecondsPerTransaction, one.cpuSecondsPerTransaction)
})

test('playGrowth is flat on fixed machines beyond what they hold', () => {
  // Full blocks of 100 take 0.15 s of a processor, of which 16 networks leave 0.84.
  const many = play({ networks: 16 })
  near(many.transactionsPerSecond, (0.84 / 0.15) * 100, 0.03)
  const before = play({ networks: 8 })
  near(before.transactionsPerSecond, 400)
  assert.equal(before.overloadedShare, 0)
  assert.equal(many.overloadedShare, 1)
})

test('playGrowth stands still where being there takes all', () => {
  const { transactionsPerSecond, overloadedShare } = play({ networks: 200 })
  assert.equal(transactionsPerSecond, 0)
  assert.equal(overloadedShare, 1)
})

test('playGrowth has committees of many operators carry more than all in all', () => {
  const allInAll = play({ networks: 40, operators: 4 })
  const drawn = play({ networks: 40, operators: 100 })
  near(drawn.transactionsPerSecond, 40 * 50)
  assert.ok(allInAll.transactionsPerSecond < 0.3 * drawn.transactionsPerSecond)
})

test('playGrowth takes a pace as it was measured', () => {
  near(play({ blockTimeMs: 1_000.4 }).transactionsPerSecond, 50)
})

test('playGrowth is the same for the same seed', () => {
  const change = { networks: 30, operators: 50, seconds: 60 }
  assert.deepEqual(play(change), play(change))
})
