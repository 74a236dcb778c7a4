/**
 * The kernel of rows: AssemblyScript for WebAssembly SIMD, built by
 * ../testing/build-kernel.ts.
 *
 * Rows are worked on in strips, so that what a transform (transform.ts) holds of all of them stays
 * in the second-level cache.
 */

import { addProduct, backward, forward, joinHalves, twist } from './transform'

/**
 * Writes the parity rows of a code.
 *
 * Parity is made by runs of half as many places as there are coefficients, which takes less of the
 * cache: at such a run X_i of the upper half is that of the lower one times a constant (the run's
 * number), so one product folds both halves into one.
 *
 * @param data - K rows, one after the other; `rowSize` bytes each, a multiple of 64.
 * @param parity - Room for `parityRows` rows.
 * @param count - c, a power of two (../code-shape.ts).
 * @param work - Room for 3c / 2 strips, two at least.
 * @param strip - Bytes of a strip, a multiple of 64.
 */
export function encode(
  data: usize,
  dataRows: usize,
  parity: usize,
  parityRows: usize,
  rowSize: usize,
  count: usize,
  work: usize,
  strip: usize,
): void {
  const run = max<usize>(count / 2, 1)
  const values = work + count * strip
  for (let at: usize = 0; at < rowSize; at += strip) {
    const size = min(strip, rowSize - at)
    for (let place: usize = 0; place < dataRows; place++) {
      twist(data + place * rowSize + at, work + place * size, size)
    }
    memory.fill(work + dataRows * size, 0, (count - dataRows) * size)
    backward(work, count, 0, size)
    for (let row: usize = 0; row < parityRows; row += run) {
      const offset = count + row
      if (run == count) memory.copy(values, work, size)
      else addProduct(work + run * size, work, values, run * size, offset / run)
      forward(values, run, offset, size)
      const end = min(run, parityRows - row)
      for (let place: usize = 0; place < end; place++) {
        twist(values + place * size, parity + (row + place) * rowSize + at, size)
      }
    }
  }
}

/**
 * Writes rows that are missing, each from all that are given, by the decoder of ../reference.ts.
 *
 * @param sources - For each of `points` places the address of its row, or 0 where it is erased
 *   or 0.
 * @param factors - For each place e at its point, two bytes.
 * @param blocks - For each run of `count` places whether any has a row.
 * @param targets - For each of the first `count` places where to write its row, or 0.
 * @param targetFactors - For each of these 1 / e'.
 * @param work - Room for `points` strips and one more.
 */
export function decode(
  sources: usize,
  factors: usize,
  blocks: usize,
  targets: usize,
  targetFactors: usize,
  rowSize: usize,
  points: usize,
  count: usize,
  work: usize,
  strip: usize,
): void {
  const zeros = work + points * strip
  memory.fill(zeros, 0, strip)
  for (let at: usize = 0; at < rowSize; at += strip) {
    const size = min(strip, rowSize - at)
    for (let place: usize = 0; place < points; place++) {
      const row = <usize>load<u32>(sources + place * 4)
      const out = work + place * size
      if (row == 0) {
        memory.fill(out, 0, size)
        continue
      }
      twist(row + at, out, size)
      addProduct(out, zeros, out, size, <usize>load<u16>(factors + place * 2))
    }
    for (let block: usize = 0; block * count < points; block++) {
      if (load<u8>(blocks + block) == 0) continue
      backward(work + block * count * size, count, block * count, size)
    }
    for (let width = count << 1; width <= points; width <<= 1) {
      for (let first: usize = 0; first < points; first += width) {
        joinHalves(work + first * size, width, first, size)
      }
    }
    // Only the first `count` coefficients of p + p' are asked for: see addDerivative.
    for (let place: usize = 1; place < count; place++) {
      const width = place & -place
      const from = work + place * size
      add(from, from - width * size, width * size)
    }
    for (let width = count; width < points; width <<= 1) {
      add(work + width * size, work, count * size)
    }
    // Their values at the first `count` points need no other coefficients: s_j is 0 there.
    forward(work, count, 0, size)
    for (let place: usize = 0; place < count; place++) {
      const row = <usize>load<u32>(targets + place * 4)
      if (row == 0) continue
      const from = work + place * size
      addProduct(from, zeros, from, size, <usize>load<u16>(targetFactors + place * 2))
      twist(from, row + at, size)
    }
  }
}

/**
 * Writes few missing rows, each as a combination of as many rows as there are data rows.
 *
 * @param sources - The addresses of `sourceCount` rows.
 * @param targets - The addresses of `targetCount` rows to be written.
 * @param factors - For each source its factors, two bytes each, one a target.
 * @param work - Room for a strip.
 */
export function combine(
  sources: usize,
  sourceCount: usize,
  targets: usize,
  targetCount: usize,
  factors: usize,
  rowSize: usize,
  work: usize,
  strip: usize,
): void {
  for (let at: usize = 0; at < rowSize; at += strip) {
    const size = min(strip, rowSize - at)
    for (let target: usize = 0; target < targetCount; target++) {
      memory.fill(<usize>load<u32>(targets + target * 4) + at, 0, size)
    }
    let factor = factors
    for (let source: usize = 0; source < sourceCount; source++) {
      twist(<usize>load<u32>(sources + source * 4) + at, work, size)
      for (let target: usize = 0; target < targetCount; target++, factor += 2) {
        const sum = <usize>load<u32>(targets + target * 4) + at
        addProduct(work, sum, sum, size, <usize>load<u16>(factor))
      }
    }
    for (let target: usize = 0; target < targetCount; target++) {
      const row = <usize>load<u32>(targets + target * 4) + at
      twist(row, row, size)
    }
  }
}

/** sum += row */
@inline
function add(row: usize, sum: usize, size: usize): void {
  for (let at: usize = 0; at < size; at += 32) {
    v128.store(sum + at, v128.xor(v128.load(sum + at), v128.load(row + at)))
    v128.store(sum + at, v128.xor(v128.load(sum + at, 16), v128.load(row + at, 16)), 16)
  }
}
