/** Whatever of L1 cannot be proved, a network goes on without. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { failureOf } from './seed-batch.ts'
import { runSeed } from './world.ts'
import type { SeedResult } from './world.ts'

/** Runs a seed in which so many of all questions about L1 have no answer, to the end. */
async function runMissing(seed: number, missChance: number): Promise<SeedResult | undefined> {
  let hasL1 = false
  const result = await runSeed(seed, {}, (drawn) => {
    hasL1 = drawn.l1 !== undefined
    return drawn.l1 === undefined ? drawn : { ...drawn, l1: { ...drawn.l1, missChance } }
  })
  return hasL1 ? result : undefined
}

test('while every second proof of L1 is missing, at every node, networks go on from epoch to epoch', async () => {
  let [networks, epochs] = [0, 0]
  for (let seed = 1; seed <= 10; seed++) {
    const result = await runMissing(seed, 0.5)
    if (result === undefined) continue
    assert.equal(failureOf(result), undefined, `seed ${seed}`)
    networks++
    epochs += result.epochCount
  }
  assert.ok(networks >= 6 && epochs >= networks, `${epochs} epochs in ${networks} networks`)
})

test('while nine of ten proofs of L1 are missing, at every node, blocks become final still', async () => {
  const result = await runMissing(4, 0.9)
  assert.ok(result !== undefined)
  // Sets that nobody knows wait; nothing wrong is believed meanwhile.
  assert.deepEqual(result.violations, [])
  assert.ok(result.height > 50n, `${result.height}`)
})
