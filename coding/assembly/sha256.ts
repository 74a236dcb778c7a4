/** SHA-256 (FIPS 180-4) of pairs of hashes: a level of a Merkle tree, four nodes at a time. */

// prettier-ignore
const k: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
// prettier-ignore
const initial: StaticArray<u32> = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

@inline
function right(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits))
}

@inline
function sum(a: v128, b: v128): v128 {
  return i32x4.add(a, b)
}

/**
 * Compresses one block of four messages.
 *
 * @param state - Eight vectors of a word each.
 * @param schedule - Sixteen vectors, the words of the block; they are used up.
 */
@inline
function compress(state: usize, schedule: usize): void {
  let a = v128.load(state)
  let b = v128.load(state, 16)
  let c = v128.load(state, 32)
  let d = v128.load(state, 48)
  let e = v128.load(state, 64)
  let f = v128.load(state, 80)
  let g = v128.load(state, 96)
  let h = v128.load(state, 112)
  const constants = changetype<usize>(k)
  for (let round: usize = 0; round < 64; round++) {
    const at = schedule + (round & 15) * 16
    let w = v128.load(at)
    if (round >= 16) {
      const w15 = v128.load(schedule + ((round + 1) & 15) * 16)
      const w2 = v128.load(schedule + ((round + 14) & 15) * 16)
      const near = v128.xor(v128.xor(right(w15, 7), right(w15, 18)), i32x4.shr_u(w15, 3))
      const far = v128.xor(v128.xor(right(w2, 17), right(w2, 19)), i32x4.shr_u(w2, 10))
      w = sum(sum(w, near), sum(v128.load(schedule + ((round + 9) & 15) * 16), far))
      v128.store(at, w)
    }
    const s1 = v128.xor(v128.xor(right(e, 6), right(e, 11)), right(e, 25))
    const choice = v128.bitselect(f, g, e)
    const constant = v128.load32_splat(constants + round * 4)
    const t1 = sum(sum(h, s1), sum(choice, sum(constant, w)))
    const s0 = v128.xor(v128.xor(right(a, 2), right(a, 13)), right(a, 22))
    const majority = v128.bitselect(v128.or(b, c), v128.and(b, c), a)
    h = g
    g = f
    f = e
    e = sum(d, t1)
    d = c
    c = b
    b = a
    a = sum(t1, sum(s0, majority))
  }
  v128.store(state, sum(v128.load(state), a))
  v128.store(state, sum(v128.load(state, 16), b), 16)
  v128.store(state, sum(v128.load(state, 32), c), 32)
  v128.store(state, sum(v128.load(state, 48), d), 48)
  v128.store(state, sum(v128.load(state, 64), e), 64)
  v128.store(state, sum(v128.load(state, 80), f), 80)
  v128.store(state, sum(v128.load(state, 96), g), 96)
  v128.store(state, sum(v128.load(state, 112), h), 112)
}

@inline
function swapBytes(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
}

/**
 * Hashes `count` pairs.
 *
 * @param pairs - 64 bytes each; there is room for four whole ones at the end.
 * @param out - 32 bytes each, may be `pairs`; room as above.
 * @param work - Room for 24 vectors.
 */
export function hashPairs(pairs: usize, count: usize, out: usize, work: usize): void {
  const state = work
  const schedule = work + 128
  for (let pair: usize = 0; pair < count; pair += 4) {
    const message = pairs + pair * 64
    for (let word: usize = 0; word < 8; word++) {
      v128.store(state + word * 16, v128.load32_splat(changetype<usize>(initial) + word * 4))
    }
    for (let word: usize = 0; word < 16; word++) {
      let w = v128.load32_zero(message + word * 4)
      w = v128.load32_lane(message + word * 4 + 64, w, 1)
      w = v128.load32_lane(message + word * 4 + 128, w, 2)
      w = v128.load32_lane(message + word * 4 + 192, w, 3)
      v128.store(schedule + word * 16, swapBytes(w))
    }
    compress(state, schedule)
    // The second block of every pair: a one, zeros, and the length, 512 bits.
    memory.fill(schedule, 0, 256)
    v128.store(schedule, i32x4.splat(0x80000000))
    v128.store(schedule, i32x4.splat(512), 240)
    compress(state, schedule)
    const hash = out + pair * 32
    for (let word: usize = 0; word < 8; word++) {
      const w = swapBytes(v128.load(state + word * 16))
      v128.store32_lane(hash + word * 4, w, 0)
      v128.store32_lane(hash + word * 4 + 32, w, 1)
      v128.store32_lane(hash + word * 4 + 64, w, 2)
      v128.store32_lane(hash + word * 4 + 96, w, 3)
    }
  }
}
