import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fixtureAbsent } from '@zg/primitives/testing'

import { runStateSuite } from './state-suite.ts'
import type { StateFailure } from './state-suite.ts'
import { runTransactionSuite } from './transaction-suite.ts'

test('state tests of Cancun: every twelfth case', (t) => {
  const failures: StateFailure[] = []
  const score = runStateSuite('evm-state-cancun', {
    sample: 12,
    onFailure: (failure) => failures.push(failure),
  })
  if (score === undefined) return t.skip(fixtureAbsent)
  assert.deepEqual(failures, [])
  assert.deepEqual(score, { cancun: { passed: 867, failed: 0, skipped: 0 } })
})

test('state tests of Osaka and Prague: every case', (t) => {
  const failures: StateFailure[] = []
  const score = runStateSuite('evm-state-osaka', {
    onFailure: (failure) => failures.push(failure),
  })
  if (score === undefined) return t.skip(fixtureAbsent)
  assert.deepEqual(failures, [])
  assert.deepEqual(score, {
    osaka: { passed: 655, failed: 0, skipped: 0 },
    prague: { passed: 83, failed: 0, skipped: 0 },
  })
})

test('transaction tests', (t) => {
  const failures: StateFailure[] = []
  const score = runTransactionSuite((failure) => failures.push(failure))
  if (score === undefined) return t.skip(fixtureAbsent)
  assert.deepEqual(failures, [])
  assert.deepEqual(score, { passed: 65, failed: 0, skipped: 20 })
})
