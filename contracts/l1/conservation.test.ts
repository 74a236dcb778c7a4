/** Whatever anyone does on L1 and three networks, no token comes from nowhere. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runConservation } from '../testing/conservation.ts'

const steps = 160

/** What none of so short a life may do without. */
const kinds = ['claim', 'return', 'grant', 'slash', 'data', 'bury', 'refund', 'replay']

for (const seed of [1, 2]) {
  test(`no token comes from nowhere at any step of seed ${seed}`, async () => {
    const taken = await runConservation(seed, steps)
    for (const kind of kinds) assert.ok((taken[kind] ?? 0) > 0, kind)
  })
}
