/**
 * The erasure locator e(x), the product of (x - y) over the erased points y, as logarithms.
 *
 * At points that are not erased it is e's value; at an erased point it is that of e's derivative,
 * the same product without the factor that is 0 there. log e(x) is the sum over erased y of log(x -
 * y), and x - y is x XOR y: a convolution over XOR, which the Walsh-Hadamard transform makes a
 * product. Sums are modulo the group's order 2^16 - 1, in which 2^16 is 1 and 2 has an inverse.
 */

import { pointOfRow } from './code-shape.ts'
import type { CodeShape } from './code-shape.ts'
import { groupOrder, logOf } from './field.ts'

/** Which of the N points are erased when `rows` are given: those of no row hold 0, and are not. */
export function erasedPoints(shape: CodeShape, rows: Iterable<number>): Uint8Array {
  const { dataRows, dataPoints, points } = shape
  const isErased = new Uint8Array(points).fill(1)
  isErased.fill(0, dataRows, dataPoints)
  for (const row of rows) isErased[pointOfRow(shape, row)] = 0
  return isErased
}

/** The logarithm of the above at each of the points 0 to `isErased.length - 1`, a power of two. */
export function locatorLogs(isErased: Readonly<Uint8Array>): Uint16Array {
  const size = isErased.length
  const sums = Uint32Array.from(isErased)
  const logs = Uint32Array.from(logOf.subarray(0, size))
  walshHadamard(sums)
  walshHadamard(logs)
  // 1 / size: 2^-r is 2^(16 - r).
  const scale = 2 ** 16 / size
  for (let at = 0; at < size; at++) {
    sums[at] = (((sums[at]! * logs[at]!) % groupOrder) * scale) % groupOrder
  }
  walshHadamard(sums)
  return Uint16Array.from(sums)
}

function walshHadamard(values: Uint32Array): void {
  for (let half = 1; half < values.length; half <<= 1) {
    for (let block = 0; block < values.length; block += 2 * half) {
      for (let low = block; low < block + half; low++) {
        const [a, b] = [values[low]!, values[low + half]!]
        values[low] = (a + b) % groupOrder
        values[low + half] = (a + groupOrder - b) % groupOrder
      }
    }
  }
}
