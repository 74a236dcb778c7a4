import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runDataSeed } from './testing/data-run.ts'

test('data availability under seeds: lies, losses and crashes below a third lose nothing', async () => {
  const runs = []
  for (const seed of [2, 3, 4, 11]) runs.push(await runDataSeed(seed))
  const broken = runs.filter(({ violations }) => violations.length > 0)
  assert.deepEqual(broken, [])
  assert.ok(runs.some((run) => run.void > 0))
  assert.ok(runs.every((run) => run.certified > 0))
})

test('one seed is one run', async () => {
  assert.deepEqual(await runDataSeed(3), await runDataSeed(3))
})

for (const [planted, rule, seed] of [
  ['amnesiac', 'readable', 1],
  ['corrupt', 'readable', 1],
  ['equivocator', 'honest', 8],
  ['silent', 'live', 1],
] as const) {
  test(`planted fault ${planted} is seen as ${rule}`, async () => {
    const { violations } = await runDataSeed(seed, { planted })
    assert.ok(violations.some((violation) => violation.startsWith(rule)))
  })
}
