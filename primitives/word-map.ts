/**
 * A map and a set of 256-bit words that an adversary may choose.
 *
 * V8 hashes a `bigint` key of a `Map` by its low 64 bits alone, so a contract that touches the
 * slots i·2^64 would put every slot in one bucket. Here a word is hashed by HalfSipHash-1-3
 * (Aumasson, Bernstein 2012), a keyed function, under a secret drawn at start: colliding words
 * cannot be prepared without it. Iteration is in insertion order and never depends on the secret.
 *
 *     words    [ w0, w1, w2, … ]       in insertion order; a deleted one leaves a hole
 *     values   [ v0, v1, v2, … ]
 *     hashes   [ h0, h1, h2, … ]
 *     slots    open addressing, linear probing: position + 1 of a word, or 0, at h & (length - 1)
 *
 * Up to `scanMax` words there are no slots and no hashes: comparing them all is cheaper, and most
 * maps of a transaction are that small. Deleting shifts the followers of a run back, so no slot is
 * ever marked as deleted, and deleting the newest word, which is what undoing does, leaves no hole.
 *
 * While iterating, words may be deleted, and values set; adding a word is a bug, and is reported
 * where it has moved the others.
 */

import { assert } from './errors.ts'

/** Words up to which a map is searched from end to end. */
const scanMax = 8

/** Shared by all small maps: a typed array costs more to make than the rest of a map. */
const nothing = new Int32Array(0)

/** Secret key of the hash. */
const [key0, key1] = crypto.getRandomValues(new Int32Array(2)) as unknown as [number, number]

const limbs = new BigUint64Array(4)
const halves = new Int32Array(limbs.buffer)
const oneLimb = (1n << 64n) - 1n

/** Map from words below 2^256, safe against chosen keys. */
export class WordMap<value> {
  #words: (bigint | undefined)[] = []
  #values: (value | undefined)[] = []
  #hashes = nothing
  #slots = nothing
  #holeCount = 0
  /** Counts the times positions have moved. */
  #moves = 0

  get size(): number {
    return this.#words.length - this.#holeCount
  }

  get(word: bigint): value | undefined {
    const position = this.#find(word)
    return position < 0 ? undefined : this.#values[position]
  }

  has(word: bigint): boolean {
    return this.#find(word) >= 0
  }

  /** Returns whether the word was new. */
  set(word: bigint, value: value): boolean {
    const isHashed = this.#slots.length > 0
    const hash = isHashed ? hashWord(word) : 0
    const position = isHashed ? this.#probe(word, hash) : this.#scan(word)
    if (position >= 0) {
      this.#values[position] = value
      return false
    }
    if (isHashed) this.#appendHashed(word, value, hash)
    else this.#appendScanned(word, value)
    return true
  }

  /** Returns whether the word was there. */
  delete(word: bigint): boolean {
    const position = this.#find(word)
    if (position < 0) return false
    if (this.#slots.length > 0) this.#vacate(position)
    if (position === this.#words.length - 1) {
      this.#words.pop()
      this.#values.pop()
    } else {
      this.#words[position] = undefined
      this.#values[position] = undefined
      this.#holeCount++
    }
    if (this.#holeCount === this.#words.length) this.clear()
    return true
  }

  clear(): void {
    this.#words = []
    this.#values = []
    this.#hashes = nothing
    this.#slots = nothing
    this.#holeCount = 0
    this.#moves++
  }

  *[Symbol.iterator](): IterableIterator<readonly [word: bigint, value: value]> {
    for (const position of this.#positions()) {
      yield [this.#words[position] as bigint, this.#values[position] as value]
    }
  }

  *keys(): IterableIterator<bigint> {
    for (const position of this.#positions()) yield this.#words[position] as bigint
  }

  *values(): IterableIterator<value> {
    for (const position of this.#positions()) yield this.#values[position] as value
  }

  *#positions(): IterableIterator<number> {
    const moves = this.#moves
    for (let position = 0; position < this.#words.length; position++) {
      if (this.#words[position] === undefined) continue
      yield position
      if (this.#moves === moves) continue
      assert(this.#words.length === 0, 'a map is not added to while it is iterated')
      return
    }
  }

  /** The position of a word, or a negative number. */
  #find(word: bigint): number {
    return this.#slots.length === 0 ? this.#scan(word) : this.#probe(word, hashWord(word))
  }

  #scan(word: bigint): number {
    const words = this.#words
    for (let position = 0; position < words.length; position++) {
      if (words[position] === word) return position
    }
    return -1
  }

  #probe(word: bigint, hash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const position = (slots[slot] as number) - 1
      if (position < 0) return -1
      if (this.#hashes[position] === hash && this.#words[position] === word) return position
    }
  }

  #appendScanned(word: bigint, value: value): void {
    this.#words.push(word)
    this.#values.push(value)
    if (this.#words.length <= scanMax) return
    this.#closeHoles()
    this.#hashes = Int32Array.from(this.#words, (each) => hashWord(each as bigint))
    this.#makeRoom()
  }

  #appendHashed(word: bigint, value: value, hash: number): void {
    if (this.#words.length === this.#hashes.length) {
      this.#closeHoles()
      this.#makeRoom()
    }
    const position = this.#words.length
    this.#words.push(word)
    this.#values.push(value)
    this.#hashes[position] = hash
    this.#occupy(hash, position)
  }

  #closeHoles(): void {
    if (this.#holeCount === 0) return
    let kept = 0
    for (const [position, word] of this.#words.entries()) {
      if (word === undefined) continue
      this.#words[kept] = word
      this.#values[kept] = this.#values[position]
      if (position < this.#hashes.length) this.#hashes[kept] = this.#hashes[position] as number
      kept++
    }
    this.#words.length = kept
    this.#values.length = kept
    this.#holeCount = 0
    this.#moves++
  }

  /** Makes room for at least as many words again, and fills the slots anew. */
  #makeRoom(): void {
    const count = this.#words.length
    let room = 2 * scanMax
    while (room < 2 * count) room *= 2
    const hashes = this.#hashes
    this.#hashes = new Int32Array(room)
    this.#hashes.set(hashes.subarray(0, count))
    // At most half full, so runs stay short.
    this.#slots = new Int32Array(2 * room)
    for (let position = 0; position < count; position++) {
      this.#occupy(hashes[position] as number, position)
    }
  }

  #occupy(hash: number, position: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = position + 1
  }

  /** Empties the slot of a position and closes the gap in its run (Knuth 6.4, algorithm R). */
  #vacate(position: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let gap = (this.#hashes[position] as number) & mask
    while (slots[gap] !== position + 1) gap = (gap + 1) & mask
    for (let slot = (gap + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = (this.#hashes[(slots[slot] as number) - 1] as number) & mask
      // It may move to the gap unless its home lies after the gap, cyclically.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      slots[gap] = slots[slot] as number
      gap = slot
    }
    slots[gap] = 0
  }
}

/** Set of words below 2^256, safe against chosen keys; iterates in insertion order. */
export class WordSet {
  readonly #words = new WordMap<true>()

  get size(): number {
    return this.#words.size
  }

  has(word: bigint): boolean {
    return this.#words.has(word)
  }

  /** Returns whether the word was new. */
  add(word: bigint): boolean {
    return this.#words.set(word, true)
  }

  /** Returns whether the word was there. */
  delete(word: bigint): boolean {
    return this.#words.delete(word)
  }

  clear(): void {
    this.#words.clear()
  }

  [Symbol.iterator](): IterableIterator<bigint> {
    return this.#words.keys()
  }
}

/** HalfSipHash-1-3 of a word, over two halves when it has 64 bits and over eight otherwise. */
function hashWord(word: bigint): number {
  limbs[0] = BigInt.asUintN(64, word)
  let count = 2
  if (word > oneLimb) {
    limbs[1] = BigInt.asUintN(64, word >> 64n)
    limbs[2] = BigInt.asUintN(64, word >> 128n)
    limbs[3] = BigInt.asUintN(64, word >> 192n)
    count = 8
  }
  let v0 = key0
  let v1 = key1
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  // Rounds: one a half, one for the length in bytes, and after that three to finish.
  for (let index = 0; index < count + 4; index++) {
    const message = index < count ? (halves[index] as number) : index === count ? count << 26 : 0
    if (index === count + 1) v2 ^= 0xff
    v3 ^= message
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= message
  }
  return v1 ^ v3
}
