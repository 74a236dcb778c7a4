/** Which rows a sampler asks for, and what it knows when all of them pass: docs/specs/coding.md. */

import { concat } from '@zg/primitives/bytes'
import { assert } from '@zg/primitives/errors'
import { sha256 } from '@zg/primitives/hash'

import type { CodeShape } from './code-shape.ts'

type Rows = Pick<CodeShape, 'dataRows' | 'codedRows'>

/**
 * Draws `count` of the n rows, no row twice and all choices alike but for 2^-32.
 *
 * @param seed - 32 bytes that nobody else knows before the rows are asked for.
 */
export function sampledIndices(seed: Uint8Array, codedRows: number, count: number): number[] {
  assert(count <= codedRows, 'a sample is not more than all rows')
  const indices = Array.from({ length: codedRows }, (_, index) => index)
  for (let at = 0; at < count; at++) {
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, at, true)
    const hash = sha256(concat(seed, counter))
    const view = new DataView(hash.buffer, hash.byteOffset)
    const number = view.getUint16(0) * 2 ** 32 + view.getUint32(2)
    const drawn = at + (number % (codedRows - at))
    const chosen = indices[drawn] as number
    indices[drawn] = indices[at] as number
    indices[at] = chosen
  }
  return indices.slice(0, count)
}

/**
 * The logarithm, to the base 2, of the chance that `count` rows drawn at random all pass though the
 * rows are farther from the code than the bound says: -61 for 148 rows of 1,024 in 4,096. What the
 * coefficients leave, 2^-116, is beside it.
 *
 * @param bound - Up to which part of the distance rows that are no codeword are caught: `third` is
 *   proved in the specification, `half` by the proximity gap of Reed-Solomon codes.
 */
export function passChanceLog2(
  { dataRows, codedRows }: Rows,
  count: number,
  bound: 'third' | 'half',
): number {
  const distance = codedRows - dataRows + 1
  const failing = Math.ceil(distance / (bound === 'third' ? 3 : 2))
  let log = 0
  for (let at = 0; at < count; at++) {
    const passing = Math.max(0, codedRows - failing - at)
    log += Math.log2(passing / (codedRows - at))
  }
  return log
}
