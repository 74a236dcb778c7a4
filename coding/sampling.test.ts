import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { passChanceLog2, sampledIndices } from './sampling.ts'

const seedOf = (number: number) => createHash('sha256').update(`${number}`).digest()

test('sampledIndices draws every row alike, and none twice', () => {
  const counts = new Uint32Array(40)
  for (let round = 0; round < 4_000; round++) {
    const indices = sampledIndices(seedOf(round), 40, 10)
    assert.equal(new Set(indices).size, 10)
    for (const index of indices) counts[index]!++
  }
  // 1,000 each, with a deviation of 27.
  for (const count of counts) assert.ok(count > 850 && count < 1_150, `${count}`)
  const all = sampledIndices(seedOf(0), 40, 40)
  assert.deepEqual(new Set(all), new Set(Array.from({ length: 40 }, (_, index) => index)))
  assert.throws(() => sampledIndices(seedOf(0), 40, 41), { code: 'PRIMITIVES_INVARIANT_BROKEN' })
})

test('passChanceLog2 is that of the specification, drawn without repetition', () => {
  const rows = { dataRows: 1_024, codedRows: 4_096 }
  const chances = [
    [148, 'third', -61],
    [241, 'third', -100],
    [148, 'half', -100],
  ] as const
  for (const [count, bound, expected] of chances) {
    const log = passChanceLog2(rows, count, bound)
    assert.ok(log <= expected && log > expected - 6, `${count} ${bound}: ${log}`)
  }
  // Of six rows, d is 4 and two fail: one draw passes with 4/6, two with 4/6 · 3/5.
  const small = { dataRows: 3, codedRows: 6 }
  assert.equal(passChanceLog2(small, 1, 'third').toFixed(9), Math.log2(4 / 6).toFixed(9))
  assert.equal(passChanceLog2(small, 2, 'third').toFixed(9), Math.log2(12 / 30).toFixed(9))
  assert.equal(passChanceLog2(small, 6, 'third'), -Infinity)
  assert.equal(passChanceLog2(rows, 0, 'half'), 0)
})
