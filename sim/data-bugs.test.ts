import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { dataBugs } from './testing/data-bugs.ts'
import { findBug } from './testing/data-seeds.ts'

/** Two threads at a time. The others are planted by `npm run test:full -- data`. */
suite('planted bugs of data availability', { concurrency: 2 }, () => {
  for (const bug of dataBugs.filter(({ isQuick }) => isQuick)) {
    test(`${bug.name} is found: ${bug.breaks}`, async () => {
      // The one that is known first.
      const seeds = [bug.seed, ...Array.from({ length: 50 }, (_, at) => at + 1)]
      const found = await findBug(bug, seeds)
      assert.ok(found !== undefined, 'no seed of fifty finds it')
    })
  }
})
