import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runAnvilDifferential, runDifferential } from './differential.ts'
import type { Difference } from './differential.ts'
import { forks } from './fork.ts'

test('500 random scenarios end as on @ethereumjs/vm', async (t) => {
  const differences: Difference[] = []
  const score = await runDifferential({ count: 500, firstSeed: 1, forks }, (difference) =>
    differences.push(difference),
  )
  t.diagnostic(`seeds 1 to 500: ${JSON.stringify(score)}`)
  assert.deepEqual(differences, [])
})

test('200 random scenarios end as on anvil, where it runs', async (t) => {
  const differences: Difference[] = []
  const chosen = { count: 200, firstSeed: 1, forks: ['prague', 'osaka'] } as const
  const score = await runAnvilDifferential(chosen, (difference) => differences.push(difference))
  if (score === undefined) return t.skip('anvil does not run here: @foundry-rs/anvil is missing')
  t.diagnostic(`seeds 1 to 200: ${JSON.stringify(score)}`)
  assert.deepEqual(differences, [])
  assert.ok(score.scenarios > 150 && score.transactions > score.untaken)
})
