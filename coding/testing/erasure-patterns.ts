/** Every way to lose rows of a small code: ten of twenty bring the data back, nine never do. */

import assert from 'node:assert/strict'

import { RowCoder } from '../row-coder.ts'
import { RowsMissingError } from '../row-errors.ts'

const dataRows = 10
const codedRows = 20
const rowSize = 64

export type ErasurePatterns = {
  /** Patterns tried; there are 2^20. */
  readonly patterns: number
  readonly broughtBack: number
  readonly refused: number
}

/** Tries each pattern `step` apart, the first one included. */
export function tryErasurePatterns(step: number): ErasurePatterns {
  const coder = new RowCoder({ dataRows, codedRows, rowSizeMax: rowSize })
  for (let at = 0; at < coder.data.length; at++) coder.data[at] = (at * 2_654_435_761) >>> 13
  coder.encode()
  const rows = Array.from({ length: codedRows }, (_, row) => coder.row(row).slice())
  const data = coder.data.slice()
  let [broughtBack, refused] = [0, 0]
  for (let pattern = 0; pattern < 1 << codedRows; pattern += step) {
    const isKnown = Uint8Array.from(rows, (_, row) => (pattern >> row) & 1)
    for (const [index, row] of rows.entries()) {
      if (isKnown[index] === 0) coder.row(index).fill(0xa5)
      else coder.row(index).set(row)
    }
    const known = isKnown.reduce((count, flag) => count + flag, 0)
    if (known < dataRows) {
      assert.throws(() => coder.reconstruct(isKnown), RowsMissingError)
      refused++
      continue
    }
    coder.reconstruct(isKnown)
    assert.ok(Buffer.compare(coder.data, data) === 0, `pattern ${pattern}`)
    broughtBack++
  }
  return { patterns: broughtBack + refused, broughtBack, refused }
}
