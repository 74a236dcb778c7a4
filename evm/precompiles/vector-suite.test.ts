import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fixtureAbsent } from '@zg/primitives/testing'

import { runPrecompileSuite } from './vector-suite.ts'

/** Cases of each file, so that none is lost on the way. */
const cases = {
  modexp: 9,
  ecRecover: 5,
  modexp_eip2565: 24,
  modexp_eip7883: 23,
  bn256Add: 8,
  bn256ScalarMul: 19,
  bn256Pairing: 14,
  blake2F: 5,
  'fail-blake2f': 4,
  pointEvaluation: 1,
  blsG1Add: 112,
  'fail-blsG1Add': 6,
  blsG1Mul: 11,
  'fail-blsG1Mul': 7,
  blsG1MultiExp: 154,
  'fail-blsG1MultiExp': 7,
  blsG2Add: 56,
  'fail-blsG2Add': 3,
  blsG2Mul: 11,
  'fail-blsG2Mul': 4,
  blsG2MultiExp: 77,
  'fail-blsG2MultiExp': 4,
  blsPairing: 106,
  'fail-blsPairing': 5,
  blsMapG1: 105,
  'fail-blsMapG1': 3,
  blsMapG2: 105,
  'fail-blsMapG2': 5,
  p256Verify: 391,
  verify_kzg_proof: 64,
}

test("geth's and the consensus vectors of all precompiles: output, failure and gas", (t) => {
  const failures: string[] = []
  const scores = runPrecompileSuite((caseName, problem) => failures.push(`${caseName}: ${problem}`))
  if (scores === undefined) return t.skip(fixtureAbsent)
  assert.deepEqual(failures, [])
  const passed = Object.entries(scores).map(([file, score]) => [file, score.passed])
  assert.deepEqual(Object.fromEntries(passed), cases)
})
