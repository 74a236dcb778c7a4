import assert from 'node:assert/strict'
import { test } from 'node:test'

import { faultsIn } from './statements.ts'
import type { Statement } from './statements.ts'

function said(kind: Statement['kind'], digest: string | null, view = '0x7'): Statement {
  return { validator: 2, kind, round: `0x0/${view}`, digest }
}

test('faultsIn finds each pair of docs/specs/votes.md §6', () => {
  const pairs: Record<string, [Statement, Statement]> = {
    S1: [said('notarization', '0xa'), said('notarization', '0xb')],
    S2: [said('finalization', '0xa'), said('finalization', '0xb')],
    S3: [said('nullification', null), said('finalization', '0xa')],
    S4: [said('finalization', '0xa'), said('notarization', '0xb')],
  }
  for (const [name, pair] of Object.entries(pairs)) {
    assert.deepEqual(faultsIn(pair), [`${name} of validator 2 in 0x0/0x7`])
    assert.deepEqual(faultsIn(pair.toReversed()), [`${name} of validator 2 in 0x0/0x7`])
  }
})

test('faultsIn finds none where there is none', () => {
  assert.deepEqual(faultsIn([said('notarization', '0xa'), said('nullification', null)]), [])
  assert.deepEqual(faultsIn([said('notarization', '0xa'), said('finalization', '0xa')]), [])
  assert.deepEqual(faultsIn([said('finalization', '0xa'), said('finalization', '0xa')]), [])
  assert.deepEqual(faultsIn([said('finalization', '0xa'), said('nullification', null, '0x8')]), [])
  const other = { ...said('notarization', '0xb'), validator: 3 }
  assert.deepEqual(faultsIn([said('notarization', '0xa'), other]), [])
})
