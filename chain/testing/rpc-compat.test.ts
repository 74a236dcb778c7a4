import assert from 'node:assert/strict'
import { test } from 'node:test'

import { rpcCompatExceptions } from './rpc-compat-exceptions.ts'
import { rpcCompatAbsent, runRpcCompat } from './rpc-compat.ts'

const report = await runRpcCompat()
const skip = report === undefined && rpcCompatAbsent

test(
  'rpc-compat: every file of a method we claim passes, or is excepted with a reason',
  { skip },
  () => {
    assert.deepEqual(report?.failures, [])
  },
)

test('rpc-compat: no exception is needless', { skip }, () => {
  assert.deepEqual(report?.needless, [])
})

test('rpc-compat: at least four fifths of the files of methods we claim pass', { skip }, () => {
  const { passed = 0, claimed = 0 } = report ?? {}
  assert.ok(passed >= 0.8 * claimed, `${passed} of ${claimed}`)
  assert.ok(claimed - passed <= Object.keys(rpcCompatExceptions).length)
})
