/**
 * The combination of a row:
 *
 *     z = sum over lanes l of rho_l · (sum over chunks c of gamma_c · x_(c,l))
 *
 * Stage 1 multiplies chunks of 32 symbols by the eight components of gamma_c. It is linear over
 * bits: for each of the 128 bits of a gamma there is a plane, the sum of the chunks whose gamma has
 * that bit; at the end each is multiplied with what its bit stands for. Planes are summed by the
 * method of four Russians: of every four chunks all sixteen sums are made first, and each plane
 * takes one of them. So a chunk costs 32 additions, which are of registers, and four for its sums.
 *
 * Stage 2 looks up rho_l times each nibble of each component of lane l: 1,024 lookups a row.
 */

import { addProduct, twist } from './transform'

const chunkSize: usize = 64
const lanes: usize = 32
const components: usize = 8
const planes: usize = 128
const planesSize: usize = planes * chunkSize

/** Chunks whose sums are made at once. */
const groupChunks: usize = 4
const groupSums: usize = 16 * chunkSize

/** Groups whose sums are held at once: 16 KiB. */
const blockGroups: usize = 16

/**
 * Combines rows.
 *
 * @param rows - They may be read beyond their end, by less than four chunks.
 * @param picks - For each block of sixteen groups, for each plane and group of it two bytes: where
 *   in the block's sums the one that this plane takes is. The first sum of a group is 0. Planes are
 *   in the order of what their bits stand for, those of all components together.
 * @param lookups - For lane l, component k, nibble p and value v, 16 bytes.
 * @param work - Room for the sums of a block, the planes, and eight chunks.
 * @param out - 16 bytes for each row.
 */
export function combineRows(
  rows: usize,
  count: usize,
  rowSize: usize,
  picks: usize,
  lookups: usize,
  work: usize,
  out: usize,
): void {
  const plane = work + blockGroups * groupSums
  const sums = plane + planesSize
  memory.fill(work, 0, blockGroups * groupSums)
  for (let row: usize = 0; row < count; row++) {
    memory.fill(plane, 0, planesSize + components * chunkSize)
    addRow(rows + row * rowSize, rowSize, picks, work, plane)
    twist(plane, plane, planesSize)
    for (let bit: usize = 0; bit < 16; bit++) {
      const from = plane + bit * components * chunkSize
      addProduct(from, sums, sums, components * chunkSize, <usize>1 << bit)
    }
    twist(sums, sums, components * chunkSize)
    v128.store(out + row * 16, foldLanes(sums, lookups))
  }
}

/** Adds the chunks of a row to the planes. */
@inline
function addRow(row: usize, rowSize: usize, picks: usize, sums: usize, plane: usize): void {
  const groupSize = groupChunks * chunkSize
  let pick = picks
  for (let at: usize = 0; at < rowSize; at += blockGroups * groupSize) {
    const end = min(rowSize, at + blockGroups * groupSize)
    let out = sums
    for (let from = at; from < end; from += groupSize) {
      sumsOf(row + from, out)
      out += groupSums
    }
    for (let index: usize = 0; index < planes; index++, pick += 2 * blockGroups) {
      addPicked(plane + index * chunkSize, sums, pick)
    }
  }
}

/** All sums of four chunks: the sum at `value` is of those whose bits it has. */
@inline
function sumsOf(chunks: usize, sums: usize): void {
  for (let at: usize = 0; at < chunkSize; at += 16) {
    for (let bit: usize = 0; bit < groupChunks; bit++) {
      const chunk = v128.load(chunks + bit * chunkSize + at)
      const upper = chunkSize << bit
      for (let lower: usize = 0; lower < upper; lower += chunkSize) {
        const from = sums + lower + at
        v128.store(from + upper, v128.xor(v128.load(from), chunk))
      }
    }
  }
}

/** plane += what it takes of each group's sums */
@inline
function addPicked(plane: usize, sums: usize, picks: usize): void {
  let a = v128.load(plane)
  let b = v128.load(plane, 16)
  let c = v128.load(plane, 32)
  let d = v128.load(plane, 48)
  for (let pick = picks; pick < picks + 2 * blockGroups; pick += 2) {
    const sum = sums + <usize>load<u16>(pick)
    a = v128.xor(a, v128.load(sum))
    b = v128.xor(b, v128.load(sum, 16))
    c = v128.xor(c, v128.load(sum, 32))
    d = v128.xor(d, v128.load(sum, 48))
  }
  v128.store(plane, a)
  v128.store(plane, b, 16)
  v128.store(plane, c, 32)
  v128.store(plane, d, 48)
}

@inline
function foldLanes(sums: usize, lookups: usize): v128 {
  let z = i32x4.splat(0)
  let entry = lookups
  for (let lane: usize = 0; lane < lanes; lane++) {
    for (let component: usize = 0; component < components; component++) {
      const low = <usize>load<u8>(sums + component * chunkSize + lane)
      const high = <usize>load<u8>(sums + component * chunkSize + lane, 32)
      const x = v128.xor(
        v128.load(entry + (low & 15) * 16),
        v128.load(entry + (low >> 4) * 16, 256),
      )
      const y = v128.xor(
        v128.load(entry + (high & 15) * 16, 512),
        v128.load(entry + (high >> 4) * 16, 768),
      )
      z = v128.xor(z, v128.xor(x, y))
      entry += 1024
    }
  }
  return z
}
