import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EpochWatch, jumpBelievedAfterMs } from './epoch-watch.ts'

test('EpochWatch: a jump is believed when it is still seen a while later, and no more than its least', () => {
  const watch = new EpochWatch()
  assert.equal(watch.see(13n, 10n, 0), 13n)
  assert.equal(watch.see(1_000n, 10n, 1), undefined)
  assert.equal(watch.see(900n, 10n, 2), undefined)
  assert.equal(watch.see(1_000n, 10n, jumpBelievedAfterMs), undefined)
  assert.equal(watch.see(1_001n, 10n, 1 + jumpBelievedAfterMs), 900n)
  assert.equal(watch.see(902n, 10n, 2 + jumpBelievedAfterMs), 902n)
})

test('EpochWatch: an answer between that says otherwise has it wait anew', () => {
  const watch = new EpochWatch()
  assert.equal(watch.see(1_000n, 10n, 0), undefined)
  assert.equal(watch.see(11n, 10n, 1), 11n)
  assert.equal(watch.see(1_000n, 10n, jumpBelievedAfterMs), undefined)
  assert.equal(watch.see(9n, 10n, jumpBelievedAfterMs + 1), 9n)
})
