import assert from 'node:assert/strict'
import { test } from 'node:test'

import { anyCorruptProbabilityMax, corruptionProbability } from './committee.ts'

/** Counts every committee by whole numbers. */
function exactly(operators: number, bad: number, size: number): number {
  let corrupt = 0n
  for (let count = 0; count <= size; count++) {
    if (3 * count >= size) corrupt += choose(bad, count) * choose(operators - bad, size - count)
  }
  const scale = 10n ** 18n
  return Number((corrupt * scale) / choose(operators, size)) / Number(scale)
}

function choose(from: number, count: number): bigint {
  if (count > from) return 0n
  let ways = 1n
  for (let index = 1n; index <= BigInt(count); index++) {
    ways = (ways * (BigInt(from) - index + 1n)) / index
  }
  return ways
}

test('corruptionProbability is what counting all committees gives', () => {
  // 4 of 10, 3 bad: 2 or 3 bad are a third or more; (3·21 + 1·7) / 210.
  assert.equal(exactly(10, 3, 4), 1 / 3)
  for (const [operators = 0, bad = 0, size = 0] of [
    [10, 3, 4],
    [12, 4, 3],
    [40, 10, 16],
    [100, 25, 32],
    [300, 75, 128],
    [1_000, 250, 128],
    [1_000, 250, 512],
    [20, 0, 5],
    [6, 6, 2],
  ]) {
    const found = corruptionProbability({ operators, bad, size })
    const right = exactly(operators, bad, size)
    assert.ok(Math.abs(found - right) <= 1e-9 * Math.max(right, 1e-6), `${found} for ${right}`)
  }
})

test('corruptionProbability agrees with the design: 128 of many are too few, 512 are not', () => {
  const of = (size: number): number =>
    corruptionProbability({ operators: 100_000, bad: 25_000, size })
  assert.ok(of(128) > 0.01 && of(128) < 0.02)
  assert.ok(of(512) > 0.5e-5 && of(512) < 2e-5)
})

test('corruptionProbability is certain or impossible at the ends', () => {
  assert.equal(corruptionProbability({ operators: 9, bad: 3, size: 9 }), 1)
  assert.equal(corruptionProbability({ operators: 10, bad: 3, size: 10 }), 0)
  assert.equal(corruptionProbability({ operators: 50, bad: 0, size: 10 }), 0)
})

test('anyCorruptProbabilityMax adds up and ends at 1', () => {
  const draw = { operators: 10, bad: 3, size: 4 }
  assert.equal(anyCorruptProbabilityMax(draw, 2), 2 * corruptionProbability(draw))
  assert.equal(anyCorruptProbabilityMax(draw, 100), 1)
})

test('corruptionProbability refuses draws that cannot be', () => {
  for (const draw of [
    { operators: 4, bad: 5, size: 2 },
    { operators: 4, bad: 1, size: 5 },
    { operators: 4, bad: 1, size: 0 },
    { operators: 1.5, bad: 1, size: 1 },
    { operators: 2_000_000, bad: 1, size: 1 },
  ]) {
    assert.throws(() => corruptionProbability(draw), /as many can be drawn/)
  }
})
