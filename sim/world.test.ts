/**
 * The seeded world itself: a sample that must be clean, replay, and the bugs that must be caught.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { plantedBugs } from './planted-bugs.ts'
import { failureOf, runSeeds } from './seed-batch.ts'
import { runSeed } from './world.ts'

/** Seeds every `npm test` runs; each failure names its seed. */
const sample = { from: 1, count: 60 }

test(`seeds ${sample.from} to ${sample.from + sample.count - 1} are clean`, async () => {
  const summary = await runSeeds({ ...sample, threads: 2 })
  assert.deepEqual(summary.failures, [])
  assert.ok(summary.heights > 10 * sample.count)
  assert.ok(summary.faults.crashes > 100 && summary.faults.twins > 20)
})

test('one seed gives one trace hash, on any number of threads', async () => {
  const seeds = { from: 11, count: 6 }
  const [here, threads] = [await runSeeds(seeds), await runSeeds({ ...seeds, threads: 2 })]
  assert.deepEqual(threads, here)
  const [first, second] = [await runSeed(12), await runSeed(12)]
  assert.equal(first.traceHash, second.traceHash)
  assert.notEqual(first.traceHash, (await runSeed(13)).traceHash)
})

test('seed 283: a body is asked for once a delta, so duplicates start no storm', async () => {
  // Every answer made the node ask again for each body it lacked: with duplication, for ever more.
  const { eventCount, ...result } = await runSeed(283)
  assert.equal(failureOf({ eventCount, ...result }), undefined)
  assert.ok(eventCount < 20_000, `${eventCount} events`)
})

for (const { name, faults, seed } of plantedBugs) {
  test(`planted bug ${name} is caught by seed ${seed}`, async () => {
    const broken = await runSeed(seed, faults)
    assert.notEqual(failureOf(broken), undefined)
    const clean = await runSeed(seed)
    assert.equal(failureOf(clean), undefined)
  })
}
