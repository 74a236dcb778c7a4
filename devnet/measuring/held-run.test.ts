import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { QuotaGroup, Throttling } from './cpu-quota.ts'
import { throttledShare, throttlingOf } from './held-run.ts'

function group(counted: Throttling | undefined): QuotaGroup {
  return { add: () => undefined, hold: () => undefined, throttling: () => counted }
}

test('throttlingOf adds groups up, and knows nothing where one is not counted', () => {
  const counted = group({ periods: 10, throttled: 4 })
  assert.deepEqual(throttlingOf([counted, counted]), { periods: 20, throttled: 8 })
  assert.equal(throttlingOf([counted, group(undefined)]), undefined)
})

test('throttledShare is that of the periods in between', () => {
  const before = { periods: 10, throttled: 4 }
  assert.equal(throttledShare(before, { periods: 30, throttled: 9 }), 0.25)
  assert.equal(throttledShare(before, before), 0)
  assert.equal(throttledShare(undefined, before), undefined)
})
