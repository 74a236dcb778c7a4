/**
 * The additive FFT (../additive-fft.ts) over places that hold a strip of a row each.
 *
 * A strip is a number of chunks of 64 bytes; a chunk is 32 symbols of GF(2^16), first their low
 * bytes, then their high ones. While it is transformed a symbol is not written over the Cantor
 * basis but as `a + b_8 · h`, with a and h in GF(256), the elements below 256. Its high byte h is
 * the same either way: it is the symbol's trace over GF(256). `twist` goes from one to the other,
 * and back.
 *
 * So a product with an element of GF(256) is one of each byte by itself: two lookups, one a nibble,
 * for sixteen bytes at once. Most factors of a transform are such elements: from half 16 upwards
 * all of the first 4,096 points. Two levels of these at a time read and write every byte once. A
 * product with any other element takes four lookups a byte.
 *
 * Tables (../kernel-tables.ts) stand where the module's own constants end.
 */

const tables: usize = 4096
const narrowCount: usize = 256
const narrowSize: usize = 32
const wideTables: usize = tables + narrowCount * narrowSize
const wideSize: usize = 128
const twistTable: usize = wideTables + 256 * wideSize

const chunkSize: usize = 64

/** From coefficients to values at `offset` and what follows, in place; `offset` as there. */
export function forward(work: usize, count: usize, offset: usize, size: usize): void {
  if (count < 2) return
  const half = count >> 1
  const factor = offset / half
  if (count == 2) {
    pairs(work, 1, size, factor, Join.forward)
    return
  }
  const quarter = half >> 1
  const step = quarter * size
  if (canQuad(factor)) {
    quads(work, step, factor, Join.forward)
  } else {
    pairs(work, half, size, factor, Join.forward)
    pairs(work, quarter, size, 2 * factor, Join.forward)
    pairs(work + 2 * step, quarter, size, 2 * factor + 2, Join.forward)
  }
  for (let part: usize = 0; part < 4; part++) {
    forward(work + part * step, quarter, offset + part * quarter, size)
  }
}

/** From values at `offset` and what follows to coefficients, in place. */
export function backward(work: usize, count: usize, offset: usize, size: usize): void {
  if (count < 2) return
  const half = count >> 1
  const factor = offset / half
  if (count == 2) {
    pairs(work, 1, size, factor, Join.backward)
    return
  }
  const quarter = half >> 1
  const step = quarter * size
  for (let part: usize = 0; part < 4; part++) {
    backward(work + part * step, quarter, offset + part * quarter, size)
  }
  if (canQuad(factor)) {
    quads(work, step, factor, Join.backward)
  } else {
    pairs(work, quarter, size, 2 * factor, Join.backward)
    pairs(work + 2 * step, quarter, size, 2 * factor + 2, Join.backward)
    pairs(work, half, size, factor, Join.backward)
  }
}

/** The last level of `backward`, when both halves have been transformed. */
export function joinHalves(work: usize, count: usize, offset: usize, size: usize): void {
  pairs(work, count >> 1, size, offset / (count >> 1), Join.backward)
}

/** out = row as the other way to write symbols has it; `out` may be `row`. */
export function twist(row: usize, out: usize, size: usize): void {
  const low = v128.load(twistTable)
  const high = v128.load(twistTable, 16)
  for (let at: usize = 0; at < size; at += chunkSize) {
    for (let half: usize = at; half < at + 32; half += 16) {
      const h = v128.load(row + half, 32)
      v128.store(out + half, addPicked(v128.load(row + half), h, low, high))
      v128.store(out + half, h, 32)
    }
  }
}

/** out = sum + factor · row; `out` may be `sum` or `row`. */
export function addProduct(row: usize, sum: usize, out: usize, size: usize, factor: usize): void {
  join(sum, row, out, size, factor, Join.product)
}

/** Whether the factors of two levels are all of GF(256): f, then 2f and 2f + 2. */
@inline
function canQuad(factor: usize): bool {
  return factor + 1 < narrowCount / 2
}

/** Two levels on four runs of `step` bytes. */
@inline
function quads(work: usize, step: usize, factor: usize, way: Join): void {
  const far = tables + factor * narrowSize
  const near = tables + 2 * factor * narrowSize
  const low = v128.load(far)
  const high = v128.load(far, 16)
  const low0 = v128.load(near)
  const high0 = v128.load(near, 16)
  const low1 = v128.load(near, 2 * narrowSize)
  const high1 = v128.load(near, 2 * narrowSize + 16)
  const end = work + step
  for (let at = work; at < end; at += 16) {
    let a = v128.load(at)
    let b = v128.load(at + step)
    let c = v128.load(at + 2 * step)
    let d = v128.load(at + 3 * step)
    if (way == Join.forward) {
      a = addPicked(a, c, low, high)
      b = addPicked(b, d, low, high)
      c = v128.xor(c, a)
      d = v128.xor(d, b)
    } else {
      b = v128.xor(b, a)
      d = v128.xor(d, c)
    }
    a = addPicked(a, b, low0, high0)
    c = addPicked(c, d, low1, high1)
    if (way == Join.forward) {
      b = v128.xor(b, a)
      d = v128.xor(d, c)
    } else {
      c = v128.xor(c, a)
      d = v128.xor(d, b)
      a = addPicked(a, c, low, high)
      b = addPicked(b, d, low, high)
    }
    v128.store(at, a)
    v128.store(at + step, b)
    v128.store(at + 2 * step, c)
    v128.store(at + 3 * step, d)
  }
}

/** One level on `half` places at `work` and those behind them. */
function pairs(work: usize, half: usize, size: usize, factor: usize, way: Join): void {
  const step = half * size
  // The way is known where the loops are compiled, and not asked for in them.
  if (way == Join.forward) join(work, work + step, work, step, factor, Join.forward)
  else join(work, work + step, work, step, factor, Join.backward)
}

/** What is done to two strips. */
const enum Join {
  /** out = low + factor · high */
  product,
  /** The same, then high += out. */
  forward,
  /** First high += low, then the same. */
  backward,
}

@inline
function join(
  low: usize,
  high: usize,
  out: usize,
  size: usize,
  factor: usize,
  way: Join,
): void {
  if (factor < narrowCount) narrowJoin(low, high, out, size, factor, way)
  else wideJoin(low, high, out, size, factor, way)
}

@inline
function narrowJoin(
  low: usize,
  high: usize,
  out: usize,
  size: usize,
  factor: usize,
  way: Join,
): void {
  const t0 = v128.load(tables + factor * narrowSize)
  const t1 = v128.load(tables + factor * narrowSize, 16)
  for (let at: usize = 0; at < size; at += 16) {
    let a = v128.load(low + at)
    let b = v128.load(high + at)
    if (way == Join.backward) b = v128.xor(b, a)
    a = addPicked(a, b, t0, t1)
    if (way == Join.forward) b = v128.xor(b, a)
    v128.store(out + at, a)
    if (way != Join.product) v128.store(high + at, b)
  }
}

@inline
function wideJoin(
  low: usize,
  high: usize,
  out: usize,
  size: usize,
  factor: usize,
  way: Join,
): void {
  // The table of factor's high byte, and on what each byte has of itself that of its low one.
  const wide = wideTables + (factor >> 8) * wideSize
  const narrow = tables + (factor & 255) * narrowSize
  const t0 = v128.load(narrow)
  const t1 = v128.load(narrow, 16)
  const a0 = v128.xor(v128.load(wide), t0)
  const h0 = v128.load(wide, 16)
  const a1 = v128.xor(v128.load(wide, 32), t1)
  const h1 = v128.load(wide, 48)
  const a2 = v128.load(wide, 64)
  const h2 = v128.xor(v128.load(wide, 80), t0)
  const a3 = v128.load(wide, 96)
  const h3 = v128.xor(v128.load(wide, 112), t1)
  for (let chunk: usize = 0; chunk < size; chunk += chunkSize) {
    for (let at = chunk; at < chunk + 32; at += 16) {
      let a = v128.load(low + at)
      let h = v128.load(low + at, 32)
      let b = v128.load(high + at)
      let i = v128.load(high + at, 32)
      if (way == Join.backward) {
        b = v128.xor(b, a)
        i = v128.xor(i, h)
      }
      const n0 = lowNibbles(b)
      const n1 = highNibbles(b)
      const n2 = lowNibbles(i)
      const n3 = highNibbles(i)
      a = v128.xor(a, sum4(pick(a0, n0), pick(a1, n1), pick(a2, n2), pick(a3, n3)))
      h = v128.xor(h, sum4(pick(h0, n0), pick(h1, n1), pick(h2, n2), pick(h3, n3)))
      if (way == Join.forward) {
        b = v128.xor(b, a)
        i = v128.xor(i, h)
      }
      v128.store(out + at, a)
      v128.store(out + at, h, 32)
      if (way == Join.product) continue
      v128.store(high + at, b)
      v128.store(high + at, i, 32)
    }
  }
}

/** sum + for each byte of `bytes` the table entries of its two nibbles. */
@inline
function addPicked(sum: v128, bytes: v128, low: v128, high: v128): v128 {
  return v128.xor(sum, v128.xor(pick(low, lowNibbles(bytes)), pick(high, highNibbles(bytes))))
}

/** Table entries of a nibble; with relaxed SIMD the indices need not be clamped, they never are. */
@inline
export function pick(table: v128, nibbles: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, nibbles)
  return i8x16.swizzle(table, nibbles)
}

@inline
export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15))
}

/** By a shift of sixteen bits: processors have none of bytes. */
@inline
export function highNibbles(bytes: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15))
}

@inline
export function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.xor(v128.xor(a, b), v128.xor(c, d))
}
