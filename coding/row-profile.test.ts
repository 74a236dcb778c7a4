import assert from 'node:assert/strict'
import { test } from 'node:test'

import { concat, keccak256 } from '@zg/primitives'

import { commitmentOf, RowCommitter, RowVerifier } from './commitment.ts'
import { rowProfiles } from './row-profile.ts'

/** The root of a segment as 0G's storage has it: sectors of 256 bytes, pairs from left to right. */
function segmentRoot(segment: Uint8Array): Uint8Array {
  let nodes = Array.from({ length: segment.length / 256 }, (_, sector) =>
    keccak256(segment.subarray(256 * sector, 256 * (sector + 1))),
  )
  while (nodes.length > 1) {
    nodes = nodes
      .filter((_, at) => at % 2 === 0)
      .map((left, at) => keccak256(concat(left, nodes[2 * at + 1]!)))
  }
  return nodes[0]!
}

function committed(rowSize: number) {
  const options = { dataRows: 4, codedRows: 12, rowSizeMax: rowSize, profile: 'segments' } as const
  const committer = new RowCommitter(options)
  const { data } = committer.coder
  for (let at = 0; at < data.length; at++) data[at] = (at * 2_654_435_761) >>> 13
  const header = committer.commit()
  const rows = Array.from({ length: 12 }, (_, index) => committer.prove(index))
  return { committer, header, rows, commitment: commitmentOf(header, 'segments') }
}

test('the leaf of a row of profile "segments" is its root as a segment', () => {
  for (const rowSize of [256, 512, 4_096, 262_144]) {
    const { rows } = committed(rowSize)
    // The sibling of row 0 is row 1, and the other way round.
    assert.deepEqual(rows[0]!.path[0], segmentRoot(rows[1]!.row))
    assert.deepEqual(rows[11]!.path[0], segmentRoot(rows[10]!.row))
  }
})

test("a segment of zeros has the root that 0G's nodes know it by", () => {
  const committer = new RowCommitter({
    dataRows: 2,
    codedRows: 4,
    rowSizeMax: 262_144,
    profile: 'segments',
  })
  committer.commit()
  const root = Buffer.from(committer.prove(0).path[0]!).toString('hex')
  assert.match(root, /^e68d0285.*3301b5$/)
})

test('holders of segments find theirs good, and one of another profile finds nothing', () => {
  const { header, rows, commitment } = committed(512)
  const verifier = new RowVerifier(commitment, header, 'segments')
  assert.deepEqual(verifier.wrongOf(rows), [])
  const flipped = { ...rows[7]!, row: rows[7]!.row.map((byte, at) => byte ^ +(at === 300)) }
  assert.deepEqual(verifier.wrongOf([rows[6]!, flipped]), [flipped])
  assert.throws(() => new RowVerifier(commitment, header), { code: 'CODING_COMMITMENT' })
  assert.throws(() => new RowVerifier(commitmentOf(header), header, 'segments'), {
    code: 'CODING_COMMITMENT',
  })
})

test('rows of profile "segments" are 2^h sectors, of "rows" whole chunks', () => {
  const sizes = [
    [0, 64, 256],
    [1, 64, 256],
    [65, 128, 256],
    [257, 320, 512],
    [1_025, 1_088, 2_048],
  ] as const
  for (const [sizeBytes, rows, segments] of sizes) {
    assert.equal(rowProfiles.rows.rowSizeFrom(sizeBytes), rows)
    assert.equal(rowProfiles.segments.rowSizeFrom(sizeBytes), segments)
  }
  const { committer, header, commitment } = committed(1_024)
  for (const rowSize of [64, 768]) {
    committer.coder.resize(rowSize)
    assert.throws(() => committer.commit(), { code: 'CODING_ROW_SIZE' })
    assert.throws(() => new RowVerifier(commitment, { ...header, rowSize }, 'segments'), {
      code: 'CODING_ROW_SIZE',
    })
  }
})
