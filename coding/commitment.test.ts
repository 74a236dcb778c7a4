import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { toHex, verifyMerkleProof } from '@zg/primitives'
import fc from 'fast-check'

import { commitmentOf, RowCommitter, RowVerifier } from './commitment.ts'
import type { ProvedRow, RowsHeader } from './commitment.ts'
import { drawCoefficients } from './combination.ts'
import { multiply } from './field.ts'
import { RowCoder } from './row-coder.ts'
import { pathIn } from './row-range.ts'

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function fill(bytes: Uint8Array, seed: number): void {
  for (let at = 0; at < bytes.length; at += 32) {
    bytes.set(sha256(Buffer.from(`${seed} ${at}`)), at)
  }
}

function committed(dataRows: number, codedRows: number, rowSize: number, seed = 1) {
  const committer = new RowCommitter({ dataRows, codedRows, rowSizeMax: rowSize })
  fill(committer.coder.data, seed)
  const header = committer.commit()
  const rows = Array.from({ length: codedRows }, (_, index) => {
    const { row, path } = committer.prove(index)
    return { index, row: row.slice(), path }
  })
  return { committer, header, rows, commitment: commitmentOf(header) }
}

test('every holder finds its rows good, by itself', () => {
  const shapes = fc.record({
    dataRows: fc.integer({ min: 1, max: 40 }),
    parity: fc.integer({ min: 0, max: 70 }),
    chunks: fc.integer({ min: 1, max: 9 }),
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(shapes, ({ dataRows, parity, chunks, seed }) => {
      const batch = committed(dataRows, dataRows + parity, 64 * chunks, seed)
      const verifier = new RowVerifier(batch.commitment, batch.header)
      assert.deepEqual(verifier.wrongOf(batch.rows), [])
    }),
    { numRuns: 40 },
  )
})

test('the tree is the one that Solidity verifies', () => {
  const { header, rows } = committed(5, 19, 64)
  for (const { index, row, path } of rows) {
    const leaf = sha256(row)
    assert.ok(
      verifyMerkleProof({ root: header.rowRoot, leaf, index, depth: 5, proof: path }),
      `${index}`,
    )
  }
})

test('a bit flipped anywhere in a row, its path, its place or its length is noticed', () => {
  const { commitment, header, rows } = committed(9, 30, 128)
  const verifier = new RowVerifier(commitment, header)
  const cases = fc.tuple(fc.nat(29), fc.nat(128 * 8 - 1), fc.nat(5 * 32 * 8 - 1))
  fc.assert(
    fc.property(cases, ([index, rowBit, pathBit]) => {
      const good = rows[index]!
      const path = good.path.map((node) => node.slice())
      path[pathBit >> 8]![(pathBit >> 3) & 31]! ^= 1 << (pathBit & 7)
      const row = good.row.slice()
      row[rowBit >> 3]! ^= 1 << (rowBit & 7)
      const wrong: ProvedRow[] = [
        { ...good, row },
        { ...good, path },
        { ...good, index: index ^ 1 },
        { ...good, index: index + 32 },
        { ...good, index: -1 - index },
        { ...good, index: index + 0.5 },
        { ...good, row: good.row.subarray(0, 64) },
        { ...good, row: Buffer.concat([good.row, new Uint8Array(64)]) },
        { ...good, path: good.path.slice(1) },
        { ...good, path: [...good.path, good.path[0]!] },
        { ...good, path: good.path.map((node) => node.subarray(0, 31)) },
      ]
      const found = verifier.wrongOf([good, ...wrong, good])
      assert.deepEqual(new Set(found), new Set(wrong))
    }),
  )
})

test('a header other than the one that was committed to is refused', () => {
  const { commitment, header } = committed(9, 30, 128)
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => byte ^ +(at === 3))
  const others: Partial<RowsHeader>[] = [
    { rowRoot: flipped(header.rowRoot) },
    { combination: flipped(header.combination) },
    { combination: header.combination.subarray(16) },
    { rowRoot: header.rowRoot.subarray(1) },
    { rowSize: 192 },
    { codedRows: 31 },
    { dataRows: 8, combination: header.combination.subarray(16) },
  ]
  for (const other of others) {
    assert.throws(() => new RowVerifier(commitment, { ...header, ...other }), {
      code: 'CODING_COMMITMENT',
    })
  }
  assert.throws(() => new RowVerifier(flipped(commitment), header), { code: 'CODING_COMMITMENT' })
  for (const rowSize of [0, 100, Number.NaN, 2 ** 40]) {
    assert.throws(() => new RowVerifier(commitment, { ...header, rowSize }), {
      code: /CODING_ROW_SIZE|CODING_COMMITMENT/,
    })
  }
})

test('rows that no memory holds are refused, though their header be committed to', () => {
  const { header } = committed(9, 30, 128)
  for (const rowSize of [2 ** 30, 2 ** 32 + 128]) {
    const huge = { ...header, rowSize }
    assert.throws(() => new RowVerifier(commitmentOf(huge), huge), { code: 'CODING_ROW_SIZE' })
  }
})

/** Commits to rows of which some were changed after they were coded, as only a liar would. */
function committedWith(change: (coder: RowCoder) => void) {
  const committer = new RowCommitter({ dataRows: 16, codedRows: 64, rowSizeMax: 256 })
  const { coder } = committer
  fill(coder.data, 7)
  const encode = coder.encode.bind(coder)
  coder.encode = () => {
    encode()
    change(coder)
  }
  const header = committer.commit()
  const rows = Array.from({ length: 64 }, (_, index) => {
    const { row, path } = committer.prove(index)
    return { index, row: row.slice(), path }
  })
  return { header, rows }
}

test('rows that are no codeword: who holds one of the wrong ones refuses it', () => {
  const { header, rows } = committedWith((coder) => {
    for (const index of [20, 21, 63]) coder.row(index)[5]! ^= 1
  })
  const verifier = new RowVerifier(commitmentOf(header), header)
  const wrong = verifier.wrongOf(rows).map(({ index }) => index)
  assert.deepEqual(wrong, [20, 21, 63])
})

test('a wrong data row is seen by all that hold parity: their rows do not combine to it', () => {
  // z is of the rows as they are, so data rows are good, and parity rows are not of this data.
  const { header, rows } = committedWith((coder) => (coder.row(3)[0]! ^= 1))
  const verifier = new RowVerifier(commitmentOf(header), header)
  const wrong = verifier.wrongOf(rows).map(({ index }) => index)
  assert.deepEqual(
    wrong,
    Array.from({ length: 48 }, (_, index) => index + 16),
  )
})

test('coefficients depend on all that is committed to before them', () => {
  const drawn = new Set<string>()
  for (const seed of [0, 1, 2]) {
    const { gammas, rhos } = drawCoefficients(sha256(Uint8Array.of(seed)), 256)
    for (const element of [...gammas, ...rhos]) drawn.add(element.join())
  }
  assert.equal(drawn.size, 3 * (4 + 32))
})

test('the code is that of rsema1d where K and n - K are one power of two', () => {
  // SPEC v1.0 of celestiaorg/rsema1d, vector K = 4, N = 4: rows of 64 bytes, the last byte i + 1.
  const coder = new RowCoder({ dataRows: 4, codedRows: 8, rowSizeMax: 64 })
  for (let row = 0; row < 4; row++)
    coder
      .row(row)
      .fill(0)
      .set([row + 1], 63)
  coder.encode()
  const rows = Array.from({ length: 8 }, (_, index) => coder.row(index))
  const rootOf = (leaves: readonly Uint8Array[]): Uint8Array => {
    let level = leaves.map((leaf) => sha256(Uint8Array.of(0), leaf))
    while (level.length > 1) {
      level = level
        .filter((_, at) => at % 2 === 0)
        .map((left, at) => sha256(Uint8Array.of(1), left, level[2 * at + 1]!))
    }
    return level[0]!
  }
  const rowRoot = rootOf(rows)
  const seed = sha256(rowRoot)
  // Its published root of z is over those of all rows.
  const z = rows.map((row) => {
    const sum = new Uint16Array(8)
    for (let symbol = 0; symbol < 32; symbol++) {
      const value = row[symbol]! | (row[32 + symbol]! << 8)
      const hash = sha256(seed, Uint8Array.of(symbol, 0, 0, 0))
      const half = hash.subarray(0, 16).map((byte, at) => byte ^ hash[16 + at]!)
      for (let part = 0; part < 8; part++) {
        sum[part]! ^= multiply(value, half[2 * part]! | (half[2 * part + 1]! << 8))
      }
    }
    return new Uint8Array(sum.buffer)
  })
  const commitment = sha256(rowRoot, rootOf(z))
  const expected = 'a71c1e91387fc13003c3bb3891ab1dbe3fd00ddec2223064a5542f1e70ead50d'
  assert.equal(Buffer.from(commitment).toString('hex'), expected)
})

test('a range of rows is proved at once, and each of its rows by what the range leaves', () => {
  const committer = new RowCommitter({ dataRows: 5, codedRows: 13, rowSizeMax: 128 })
  committer.coder.data.set(Uint8Array.from({ length: 5 * 128 }, (_, at) => (at * 7) & 0xff))
  const header = committer.commit()
  const verifier = new RowVerifier(commitmentOf(header), header)
  for (let from = 0; from < 13; from++) {
    for (let count = 1; from + count <= 13; count++) {
      const range = committer.proveRange(from, count)
      const levels = verifier.check(range)
      assert.ok(levels !== undefined, `${from} + ${count}`)
      for (let index = from; index < from + count; index++) {
        const path = pathIn(levels, index)
        assert.deepEqual(path.map(toHex), committer.prove(index).path.map(toHex))
        assert.equal(verifier.wrongOf([{ index, row: range.rows[index - from]!, path }]).length, 0)
      }
    }
  }
})

test('a range with a flipped bit, another place, or siblings too few or many is refused', () => {
  const committer = new RowCommitter({ dataRows: 5, codedRows: 13, rowSizeMax: 128 })
  committer.coder.data.set(Uint8Array.from({ length: 5 * 128 }, (_, at) => (at * 11) & 0xff))
  const header = committer.commit()
  const verifier = new RowVerifier(commitmentOf(header), header)
  const { from, rows, siblings } = committer.proveRange(3, 5)
  const flip = (bytes: Uint8Array, at: number) =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  for (let row = 0; row < rows.length; row++) {
    const wrong = rows.map((bytes, at) => (at === row ? flip(bytes, row * 20) : bytes))
    assert.equal(verifier.check({ from, rows: wrong, siblings }), undefined)
  }
  for (let at = 0; at < siblings.length; at++) {
    const wrong = siblings.map((bytes, place) => (place === at ? flip(bytes, at) : bytes))
    assert.equal(verifier.check({ from, rows, siblings: wrong }), undefined)
    assert.equal(verifier.check({ from, rows, siblings: siblings.toSpliced(at, 1) }), undefined)
  }
  assert.equal(verifier.check({ from, rows, siblings: [...siblings, siblings[0]!] }), undefined)
  for (const other of [-1, 0, 2, 4, 9, 12, 0.5, Infinity]) {
    assert.equal(verifier.check({ from: other, rows, siblings }), undefined)
  }
  assert.equal(verifier.check({ from, rows: [], siblings }), undefined)
  const short = rows.map((row) => row.subarray(0, 64))
  assert.equal(verifier.check({ from, rows: short, siblings }), undefined)
})
