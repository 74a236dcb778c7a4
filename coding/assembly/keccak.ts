/** Keccak-256, with its original padding, of messages that are whole words: two at a time. */

// prettier-ignore
const constants: StaticArray<u64> = [
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
  0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
  0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
  0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
  0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]

const hashSize: usize = 32
const wordSize: usize = 8
/** A vector holds a word of each of the two states. */
const vectorSize: usize = 16
const stateSize: usize = 25 * vectorSize
const rateWords: usize = 17

const sectorSize: usize = 256

/**
 * Hashes a row as a segment: its sectors, and the binary tree over them.
 *
 * @param rowSize - 256 bytes, or twice another such size.
 * @param work - Room for the state and a hash a sector, for one sector more than there are.
 * @param out - 32 bytes.
 */
export function hashSectors(row: usize, rowSize: usize, work: usize, out: usize): void {
  const nodes = work + stateSize
  let count = rowSize / sectorSize
  hashMessages(row, sectorSize, count, nodes, work)
  for (; count > 1; count >>= 1) hashMessages(nodes, 2 * hashSize, count >> 1, nodes, work)
  memory.copy(out, nodes, hashSize)
}

/**
 * Hashes messages that lie one after the other.
 *
 * @param out - 32 bytes for each, and room for one more; may be `messages`.
 */
function hashMessages(
  messages: usize,
  size: usize,
  count: usize,
  out: usize,
  state: usize,
): void {
  for (let index: usize = 0; index < count; index += 2) {
    const first = messages + index * size
    // An odd one goes with itself.
    const second = index + 1 < count ? first + size : first
    memory.fill(state, 0, stateSize)
    let place: usize = 0
    for (let at: usize = 0; at < size; at += wordSize) {
      const word = v128.load64_lane(second + at, v128.load64_zero(first + at), 1)
      addWord(state, place, word)
      if (++place < rateWords) continue
      permute(state)
      place = 0
    }
    addWord(state, place, i64x2.splat(1))
    addWord(state, rateWords - 1, i64x2.splat(1 << 63))
    permute(state)
    for (let word: usize = 0; word < 4; word++) {
      const both = v128.load(state + word * vectorSize)
      const to = out + index * hashSize + word * wordSize
      v128.store64_lane(to, both, 0)
      v128.store64_lane(to + hashSize, both, 1)
    }
  }
}

@inline
function addWord(state: usize, place: usize, word: v128): void {
  const at = state + place * vectorSize
  v128.store(at, v128.xor(v128.load(at), word))
}

/** Keccak-f[1600] of FIPS 202, section 3. */
function permute(state: usize): void {
  for (let round: usize = 0; round < 24; round++) {
    theta(state)
    rhoPi(state)
    chi(state)
    addWord(state, 0, v128.load64_splat(changetype<usize>(constants) + round * wordSize))
  }
}

@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i64x2.shl(x, bits), i64x2.shr_u(x, 64 - bits))
}

@inline
function column(state: usize, x: usize): v128 {
  const at = state + x * vectorSize
  const upper = v128.xor(v128.load(at), v128.load(at, 80))
  const middle = v128.xor(v128.load(at, 160), v128.load(at, 240))
  return v128.xor(v128.xor(upper, middle), v128.load(at, 320))
}

@inline
function theta(state: usize): void {
  const c0 = column(state, 0)
  const c1 = column(state, 1)
  const c2 = column(state, 2)
  const c3 = column(state, 3)
  const c4 = column(state, 4)
  const d0 = v128.xor(c4, rotate(c1, 1))
  const d1 = v128.xor(c0, rotate(c2, 1))
  const d2 = v128.xor(c1, rotate(c3, 1))
  const d3 = v128.xor(c2, rotate(c4, 1))
  const d4 = v128.xor(c3, rotate(c0, 1))
  for (let place: usize = 0; place < 25; place += 5) {
    addWord(state, place, d0)
    addWord(state, place + 1, d1)
    addWord(state, place + 2, d2)
    addWord(state, place + 3, d3)
    addWord(state, place + 4, d4)
  }
}

/** Puts a lane, turned, where the next one is taken from. */
@inline
function move(state: usize, lane: v128, place: usize, bits: i32): v128 {
  const at = state + place * vectorSize
  const next = v128.load(at)
  v128.store(at, rotate(lane, bits))
  return next
}

/** All lanes but the first lie on one cycle. */
@inline
function rhoPi(state: usize): void {
  let lane = v128.load(state, 16)
  lane = move(state, lane, 10, 1)
  lane = move(state, lane, 7, 3)
  lane = move(state, lane, 11, 6)
  lane = move(state, lane, 17, 10)
  lane = move(state, lane, 18, 15)
  lane = move(state, lane, 3, 21)
  lane = move(state, lane, 5, 28)
  lane = move(state, lane, 16, 36)
  lane = move(state, lane, 8, 45)
  lane = move(state, lane, 21, 55)
  lane = move(state, lane, 24, 2)
  lane = move(state, lane, 4, 14)
  lane = move(state, lane, 15, 27)
  lane = move(state, lane, 23, 41)
  lane = move(state, lane, 19, 56)
  lane = move(state, lane, 13, 8)
  lane = move(state, lane, 12, 25)
  lane = move(state, lane, 2, 43)
  lane = move(state, lane, 20, 62)
  lane = move(state, lane, 14, 18)
  lane = move(state, lane, 22, 39)
  lane = move(state, lane, 9, 61)
  lane = move(state, lane, 6, 20)
  move(state, lane, 1, 44)
}

@inline
function chi(state: usize): void {
  for (let row = state; row < state + stateSize; row += 80) {
    const a0 = v128.load(row)
    const a1 = v128.load(row, 16)
    const a2 = v128.load(row, 32)
    const a3 = v128.load(row, 48)
    const a4 = v128.load(row, 64)
    v128.store(row, v128.xor(a0, v128.andnot(a2, a1)))
    v128.store(row, v128.xor(a1, v128.andnot(a3, a2)), 16)
    v128.store(row, v128.xor(a2, v128.andnot(a4, a3)), 32)
    v128.store(row, v128.xor(a3, v128.andnot(a0, a4)), 48)
    v128.store(row, v128.xor(a4, v128.andnot(a1, a0)), 64)
  }
}
