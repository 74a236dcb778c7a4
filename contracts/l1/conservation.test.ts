/** Whatever anyone does on L1 and three networks, no token comes from nowhere. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runConservation } from '../testing/conservation.ts'

const steps = 150

for (const seed of [1, 2]) {
  test(`no token comes from nowhere at any step of seed ${seed}`, async () => {
    const done = await runConservation(seed, steps)
    assert.ok(done * 3 > steps, `${done} of ${steps} were not refused`)
  })
}
