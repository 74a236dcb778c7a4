import assert from 'node:assert/strict'
import { test } from 'node:test'

import { dataBugs } from './testing/data-bugs.ts'
import { findBug } from './testing/data-seeds.ts'

/** The others are planted by `npm run test:full -- data`. */
for (const bug of dataBugs.filter(({ isQuick }) => isQuick)) {
  test(`planted bug ${bug.name} is found: ${bug.breaks}`, { concurrency: true }, async () => {
    const seeds = [bug.seed, ...Array.from({ length: 50 }, (_, at) => at + 1)]
    const found = await findBug(bug, seeds)
    assert.ok(found !== undefined, 'no seed of the first fifty finds it')
  })
}
