import assert from 'node:assert/strict'
import { test } from 'node:test'

import { commitmentOf, RowCommitter } from '@zg/coding'
import type { ProvedRow, RowsHeader } from '@zg/coding'
import { concat, merkleProof, merkleRoot, sha256 } from '@zg/primitives'

import { BatchJudge } from './batch-judge.ts'
import { BatchVoidError } from '../doors/dispersal.ts'
import { writePayload } from '../batch/payload.ts'
import { smallShape } from '../testing/data-world.ts'

const { dataRows, codedRows } = smallShape
const rowSize = 128
const judge = new BatchJudge(smallShape)

/** All rows of a batch as a disperser codes them. */
function codedRowsOf(blob: Uint8Array): { header: RowsHeader; rows: Uint8Array[] } {
  const committer = new RowCommitter({ ...smallShape, rowSizeMax: rowSize })
  writePayload(committer.coder.data, [blob])
  const header = committer.commit()
  const rows = Array.from({ length: codedRows }, (_, index) => committer.coder.row(index).slice())
  return { header, rows }
}

/** What a disperser that lies commits to: any rows, and a z of its own. */
function committedTo(rows: readonly Uint8Array[], combination: Uint8Array) {
  const leaves = rows.map((row) => sha256(row))
  const header = { dataRows, codedRows, rowSize, rowRoot: merkleRoot(leaves), combination }
  const proved = rows.map((row, index): ProvedRow => {
    return { index, row, path: merkleProof(leaves, index) }
  })
  return { header, proved, commitment: commitmentOf(header) }
}

const blob = new Uint8Array(1_500).fill(3)
const good = codedRowsOf(blob)

test('any K rows give the same blobs, and are no proof of ⊥', () => {
  const { proved, commitment, header } = committedTo(good.rows, good.header.combination)
  assert.deepEqual(commitment, commitmentOf(good.header))
  for (const from of [0, 5, 16, 48]) {
    const rows = proved.slice(from, from + dataRows)
    const { data, blobs } = judge.contents(header, rows)
    assert.deepEqual(data.subarray(blobs[0]!.from, blobs[0]!.from + blobs[0]!.size), blob)
    assert.equal(judge.isVoid(commitment, { header, rows }), false)
  }
})

test('rows of no code are void by whichever K rows, and those prove it to anyone', () => {
  for (const wrong of [0, 15, 16, 63]) {
    const rows = good.rows.map((row, index) =>
      index === wrong ? row.map((byte, at) => (at === 7 ? byte ^ 1 : byte)) : row,
    )
    const { header, proved, commitment } = committedTo(rows, good.header.combination)
    for (const from of [0, 5, 20, 48]) {
      const some = proved.slice(from, from + dataRows)
      assert.throws(() => judge.contents(header, some), BatchVoidError)
      assert.ok(new BatchJudge(smallShape).isVoid(commitment, { header, rows: some }))
    }
  }
})

test('good rows under a z that is not theirs are void as well', () => {
  const combination = good.header.combination.map((byte, at) => (at === 0 ? byte ^ 1 : byte))
  const { header, proved, commitment } = committedTo(good.rows, combination)
  const rows = proved.slice(3, 3 + dataRows)
  assert.throws(() => judge.contents(header, rows), BatchVoidError)
  assert.ok(judge.isVoid(commitment, { header, rows }))
})

test('a code of bytes that are no batch is void', () => {
  const committer = new RowCommitter({ ...smallShape, rowSizeMax: rowSize })
  committer.coder.data.fill(9)
  const header = committer.commit()
  const rows = Array.from({ length: dataRows }, (_, index) => {
    const { row, path } = committer.prove(index)
    return { index, row: row.slice(), path }
  })
  assert.throws(() => judge.contents(header, rows), /holds no blobs/)
  assert.ok(judge.isVoid(commitmentOf(header), { header, rows }))
})

test('a proof of ⊥ that is none is refused: too few rows, one twice, one not under the root', () => {
  const rows = good.rows.map((row, index) => (index === 20 ? row.map((byte) => byte ^ 1) : row))
  const { header, proved, commitment } = committedTo(rows, good.header.combination)
  const some = proved.slice(10, 10 + dataRows)
  assert.ok(judge.isVoid(commitment, { header, rows: some }))
  const not = (change: readonly ProvedRow[]) =>
    assert.equal(judge.isVoid(commitment, { header, rows: change }), false)
  not(some.slice(1))
  not([...some.slice(1), some[1]!])
  not([...some.slice(1), { ...some[0]!, row: new Uint8Array(rowSize) }])
  not([...some.slice(1), { ...some[0]!, index: 70 }])
  assert.equal(judge.isVoid(sha256(concat(commitment)), { header, rows: some }), false)
  assert.equal(judge.isVoid(commitment, { header: { ...header, rowSize: 64 }, rows: some }), false)
})
