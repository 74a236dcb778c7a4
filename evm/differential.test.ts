import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runDifferential } from './differential.ts'
import type { Difference } from './differential.ts'
import { forks } from './fork.ts'

test('2,000 random scenarios end as on @ethereumjs/vm', async (t) => {
  const differences: Difference[] = []
  const score = await runDifferential({ count: 2_000, firstSeed: 1, forks }, (difference) =>
    differences.push(difference),
  )
  t.diagnostic(`seeds 1 to 2000: ${JSON.stringify(score)}`)
  assert.deepEqual(differences, [])
})
