import assert from 'node:assert/strict'
import { test } from 'node:test'

import { dataBenchPlan } from './data-bench-plan.ts'

test('dataBenchPlan has a plan without options, and takes others', () => {
  const plan = { isSimulation: false, seconds: 60, quorumCounts: [1, 2, 4] }
  assert.deepEqual(dataBenchPlan({}), plan)
  const other = { simulate: true, seconds: '5', quorums: '1,8' }
  assert.deepEqual(dataBenchPlan(other), { isSimulation: true, seconds: 5, quorumCounts: [1, 8] })
})

test('dataBenchPlan names the flag that is wrong', () => {
  assert.throws(() => dataBenchPlan({ seconds: '0' }), /^Error: --seconds takes .* not "0"$/)
  assert.throws(() => dataBenchPlan({ seconds: 'long' }), /--seconds/)
  assert.throws(() => dataBenchPlan({ quorums: '1,9' }), /^Error: --quorums takes .* not "9"$/)
  assert.throws(() => dataBenchPlan({ quorums: '' }), /--quorums/)
})
