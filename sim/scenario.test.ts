import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { drawScenario } from './scenario.ts'

const scenarios = Array.from({ length: 1_000 }, (_, seed) =>
  drawScenario(seed, createSeededRng(seed)),
)
const share = (holds: (index: number) => boolean): number =>
  scenarios.filter((_, index) => holds(index)).length / scenarios.length

test('drawScenario draws the same for the same seed', () => {
  assert.deepEqual(drawScenario(7, createSeededRng(7)), scenarios[7])
})

test('drawScenario never makes a third or more of the stake faulty', () => {
  for (const { stakes, traitor } of scenarios) {
    if (traitor === undefined) continue
    const total = stakes.reduce((sum, stake) => sum + stake, 0n)
    assert.ok(3n * stakes[traitor.node]! < total)
  }
})

test('drawScenario swarms: every kind of fault is in some seeds and missing in others', () => {
  const shares = {
    bls: share((index) => scenarios[index]!.useBls),
    loss: share((index) => scenarios[index]!.link.lossChance > 0),
    duplication: share((index) => scenarios[index]!.link.duplicateChance > 0),
    reordering: share((index) => !scenarios[index]!.link.ordered),
    crashes: share((index) => scenarios[index]!.crashes.length > 0),
    damage: share((index) => scenarios[index]!.damageChance > 0),
    partitions: share((index) => scenarios[index]!.partitions.length > 0),
    resets: share((index) => scenarios[index]!.resetsMs.length > 0),
    traitors: share((index) => scenarios[index]!.traitor !== undefined),
    twins: share((index) => scenarios[index]!.traitor?.hasTwin === true),
    poison: share((index) => scenarios[index]!.traitor?.poison !== undefined),
    spells: share((index) => scenarios[index]!.spellMs !== undefined),
    forgers: share((index) => scenarios[index]!.traitor?.forgeryMs !== undefined),
    skew: share((index) => scenarios[index]!.skewsMs.some((skewMs) => skewMs !== 0)),
  }
  for (const [kind, value] of Object.entries(shares)) {
    assert.ok(value > 0.005 && value < 0.9, `${kind} in ${value} of the seeds`)
  }
  const counts = new Set(scenarios.map(({ stakes }) => stakes.length))
  assert.deepEqual(
    [...counts].sort((a, b) => a - b),
    [1, 4, 7, 10],
  )
})
