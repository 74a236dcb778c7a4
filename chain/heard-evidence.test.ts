import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Evidence } from '@zg/consensus'
import { bigintToBytes } from '@zg/primitives'

import { HeardEvidence } from './heard-evidence.ts'

function piece(culprit: number, view: number): Evidence {
  const vote = { kind: 'notarize', epoch: 0n, view, digest: new Uint8Array(32) } as const
  const signed = { vote, signature: new Uint8Array(96) }
  const operator = bigintToBytes(BigInt(culprit), 20)
  return { kind: 'round-votes', operator, first: signed, second: signed }
}

test('HeardEvidence keeps the newest of each culprit, and answers with the newest first', () => {
  const heard = new HeardEvidence()
  assert.deepEqual(heard.newest(), [])
  for (let view = 1; view <= 9; view++) heard.add(piece(1, view))
  heard.add(piece(2, 1))
  assert.deepEqual(heard.newest(), [piece(2, 1), ...[9, 8, 7, 6].map((view) => piece(1, view))])
})

test('HeardEvidence: who is at fault a thousand times hides nobody', () => {
  const heard = new HeardEvidence()
  for (let culprit = 1; culprit <= 255; culprit++) heard.add(piece(culprit, 1))
  for (let view = 1; view <= 1_000; view++) heard.add(piece(999, view))
  const answer = heard.newest()
  assert.equal(answer.length, 256)
  const culprits = new Set(answer.map((each) => 'operator' in each && each.operator.join()))
  assert.equal(culprits.size, 256)
  for (let culprit = 1_001; culprit <= 3_000; culprit++) heard.add(piece(culprit, 1))
  assert.equal(heard.newest().length, 256)
  assert.deepEqual(heard.newest()[0], piece(3_000, 1))
})
