import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { encodeColumn } from './reference.ts'
import { RowCoder } from './row-coder.ts'
import { tryErasurePatterns } from './testing/erasure-patterns.ts'

/** Symbol j of a row: byte l of a chunk's low half, and of its high half. */
function symbolOf(row: Uint8Array, index: number): number {
  const at = (index >> 5) * 64 + (index & 31)
  return row[at]! | (row[at + 32]! << 8)
}

function fill(bytes: Uint8Array, seed: number): void {
  let state = seed | 1
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 24
  }
}

const codes = fc.record({
  dataRows: fc.integer({ min: 1, max: 150 }),
  parity: fc.integer({ min: 0, max: 300 }),
  chunks: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(),
  isShared: fc.boolean(),
})

test('coded rows are those of the reference, column by column', () => {
  fc.assert(
    fc.property(codes, ({ dataRows, parity, chunks, seed, isShared }) => {
      const codedRows = dataRows + parity
      const coder = new RowCoder({ dataRows, codedRows, rowSizeMax: 64 * chunks, isShared })
      fill(coder.data, seed)
      coder.encode()
      for (const column of [0, 31, seed % (32 * chunks), 32 * chunks - 1]) {
        const rows = Array.from({ length: codedRows }, (_, row) => symbolOf(coder.row(row), column))
        const data = Uint16Array.from(rows.slice(0, dataRows))
        assert.deepEqual(Uint16Array.from(rows), encodeColumn(coder.shape, data))
      }
    }),
    { numRuns: 60 },
  )
})

test('codes of few data rows and much parity are those of the reference', () => {
  // Factors of all levels are beyond the subfield, that of the fold too.
  for (const [dataRows, codedRows] of [
    [1, 700],
    [2, 1_500],
    [3, 2_000],
    [5, 4_090],
  ] as const) {
    const coder = new RowCoder({ dataRows, codedRows, rowSizeMax: 64 })
    fill(coder.data, codedRows)
    coder.encode()
    const column = Uint16Array.from({ length: codedRows }, (_, row) => symbolOf(coder.row(row), 7))
    assert.deepEqual(column, encodeColumn(coder.shape, column.slice(0, dataRows)))
  }
})

test('any K rows bring all data back, however many are missing', () => {
  const losses = fc.tuple(codes, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat())
  fc.assert(
    fc.property(losses, ([{ dataRows, parity, chunks, seed }, share, order]) => {
      const codedRows = dataRows + parity
      const coder = new RowCoder({ dataRows, codedRows, rowSizeMax: 64 * chunks })
      fill(coder.data, seed)
      const data = coder.data.slice()
      coder.encode()
      const isKnown = new Uint8Array(codedRows).fill(1)
      const lost = shuffled(codedRows, order).slice(0, Math.round(parity * share))
      for (const row of lost) {
        isKnown[row] = 0
        fill(coder.row(row), row)
      }
      coder.reconstruct(isKnown)
      assert.ok(Buffer.compare(coder.data, data) === 0)
    }),
    { numRuns: 120 },
  )
})

function shuffled(count: number, seed: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index)
  let state = seed | 1
  for (let at = count - 1; at > 0; at--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const other = (state >>> 8) % (at + 1)
    ;[all[at], all[other]] = [all[other]!, all[at]!]
  }
  return all
}

test('one row fewer than K is refused, and changes nothing', () => {
  const coder = new RowCoder({ dataRows: 5, codedRows: 12, rowSizeMax: 64 })
  fill(coder.data, 1)
  coder.encode()
  const before = coder.data.slice()
  const isKnown = Uint8Array.from([0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0])
  assert.throws(() => coder.reconstruct(isKnown), { code: 'CODING_ROWS_MISSING' })
  assert.deepEqual(coder.data, before)
})

test('rows that are no whole chunks, or too many bytes, are refused', () => {
  for (const rowSizeMax of [0, 32, 65, 64.5, -64, Number.NaN, 2 ** 20]) {
    assert.throws(() => new RowCoder({ dataRows: 1_024, codedRows: 4_096, rowSizeMax }), {
      code: 'CODING_ROW_SIZE',
    })
  }
})

test('ten of twenty rows bring the data back, nine never do', () => {
  // All 2^20 patterns: "npm run test:full -- coding".
  const { patterns, broughtBack, refused } = tryErasurePatterns(211)
  assert.equal(patterns, Math.ceil(2 ** 20 / 211))
  assert.ok(refused > 0 && broughtBack > refused)
})

test('a coder is for one batch after the other, of other sizes too', () => {
  const coder = new RowCoder({ dataRows: 6, codedRows: 20, rowSizeMax: 1_024 })
  for (const rowSize of [1_024, 64, 640]) {
    coder.resize(rowSize)
    fill(coder.data, rowSize)
    coder.encode()
    const data = coder.data.slice()
    assert.equal(data.length, 6 * rowSize)
    const column = Uint16Array.from({ length: 20 }, (_, row) => symbolOf(coder.row(row), 31))
    assert.deepEqual(column, encodeColumn(coder.shape, column.slice(0, 6)))
    coder.data.fill(0)
    coder.reconstruct(Uint8Array.from({ length: 20 }, (_, row) => (row < 6 ? 0 : 1)))
    assert.ok(Buffer.compare(coder.data, data) === 0)
  }
  for (const rowSize of [0, 1_088, 100]) {
    assert.throws(() => coder.resize(rowSize), { code: 'CODING_ROW_SIZE' })
  }
})
