import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from './seeded-rng.ts'
import { testRng } from './testing/index.ts'

testRng('seeded rng', () => createSeededRng('compliance'))

test('createSeededRng gives the same draws for the same seed, and others for another', () => {
  const draws = (seed: number): number[] => {
    const rng = createSeededRng(seed)
    return Array.from({ length: 20 }, () => rng.below(1_000))
  }
  assert.deepEqual(draws(7), draws(7))
  assert.notDeepEqual(draws(7), draws(8))
})

test('createSeededRng draws what the reference xoshiro128** draws from SHA-256("1")', () => {
  const rng = createSeededRng(1)
  assert.deepEqual(
    Array.from({ length: 4 }, () => rng.below(2 ** 32)),
    [674_876_142, 2_762_888_920, 3_346_312_760, 783_542_484],
  )
})

test('fork depends on seed and label, not on what was drawn', () => {
  const [one, other] = [createSeededRng(1), createSeededRng(1)]
  one.bytes(100)
  assert.deepEqual(one.fork('disk').bytes(8), other.fork('disk').bytes(8))
  assert.notDeepEqual(one.fork('disk').bytes(8), one.fork('network').bytes(8))
  other.bytes(100)
  assert.equal(one.below(9), other.below(9))
})
