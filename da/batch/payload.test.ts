import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { BatchVoidError } from '../doors/dispersal.ts'
import { readIndex, readPayload, rowSizeFor, writePayload } from './payload.ts'

const dataRows = 16

function payloadOf(blobs: readonly Uint8Array[]): Uint8Array {
  const sizes = blobs.map(({ length }) => length)
  const rows = new Uint8Array(rowSizeFor(sizes, dataRows) * dataRows).fill(0xee)
  writePayload(rows, blobs)
  return rows
}

test('what is written is read: any blobs, whatever was in the rows before', () => {
  const blobs = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), {
    minLength: 1,
    maxLength: 20,
  })
  fc.assert(
    fc.property(blobs, (given) => {
      const rows = payloadOf(given)
      const places = readPayload(rows, dataRows)
      const read = places.map(({ from, size }) => rows.subarray(from, from + size))
      assert.deepEqual(
        read.map((blob) => [...blob]),
        given.map((blob) => [...blob]),
      )
    }),
  )
})

test('a batch has one form: every other is void', () => {
  const rows = payloadOf([new Uint8Array(100).fill(1), new Uint8Array(200).fill(2)])
  const change = (at: number, value: number): Uint8Array => {
    const other = rows.slice()
    other[at] = value
    return other
  }
  const wrong: [string, Uint8Array][] = [
    ['another magic', change(0, 0)],
    ['no blobs', change(7, 0)],
    ['more blobs than bytes', change(4, 1)],
    ['an empty blob', change(11, 0)],
    ['a blob beyond the rows', change(14, 0xff)],
    ['bytes behind the blobs', change(rows.length - 1, 1)],
    ['rows that are too long', new Uint8Array([...rows, ...new Uint8Array(64 * dataRows)])],
    ['one blob less, so that its bytes stand behind', change(7, 1)],
  ]
  for (const [what, bytes] of wrong) {
    assert.throws(() => readPayload(bytes, dataRows), BatchVoidError, what)
  }
})

test('an index is read from the beginning of the rows alone', () => {
  const rows = payloadOf(Array.from({ length: 40 }, (_, at) => new Uint8Array(at + 1).fill(at)))
  const head = rows.subarray(0, 8 + 4 * 40)
  assert.deepEqual(readIndex(head, rows.length), readPayload(rows, dataRows))
  assert.throws(() => readIndex(head.subarray(0, 100), rows.length), { sizeBytes: 168 })
})
