/**
 * A map from 256-bit words that an adversary may choose.
 *
 * V8 hashes a `bigint` key of a `Map` by its low 64 bits alone, so a contract that touches slots
 * `i << 64` would put every slot in one bucket. Here a word w is first mixed by a secret odd factor
 * K drawn at start:
 *
 *     m = w · K mod 2^256        k = m xor (m >> 192)
 *
 * w -> k is a bijection (K is odd, the shift is invertible), and the low 64 bits of k depend on all
 * of w through the high bits of the product (multiply-shift hashing), so colliding words cannot be
 * prepared without K. Iteration is in insertion order and never depends on K.
 */

const factor = drawFactor()

type Entry<value> = { readonly word: bigint; value: value }

/** Map from words below 2^256, safe against chosen keys. */
export class WordMap<value> {
  readonly #entries = new Map<bigint, Entry<value>>()

  get size(): number {
    return this.#entries.size
  }

  get(word: bigint): value | undefined {
    return this.#entries.get(mix(word))?.value
  }

  has(word: bigint): boolean {
    return this.#entries.has(mix(word))
  }

  set(word: bigint, value: value): void {
    const key = mix(word)
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, { word, value })
    else entry.value = value
  }

  delete(word: bigint): boolean {
    return this.#entries.delete(mix(word))
  }

  clear(): void {
    this.#entries.clear()
  }

  *[Symbol.iterator](): IterableIterator<readonly [word: bigint, value: value]> {
    for (const entry of this.#entries.values()) yield [entry.word, entry.value]
  }

  *values(): IterableIterator<value> {
    for (const entry of this.#entries.values()) yield entry.value
  }
}

/** Set of words below 2^256, safe against chosen keys. */
export class WordSet {
  readonly #words = new Map<bigint, bigint>()

  get size(): number {
    return this.#words.size
  }

  has(word: bigint): boolean {
    return this.#words.has(mix(word))
  }

  /** Returns whether the word was new. */
  add(word: bigint): boolean {
    const key = mix(word)
    if (this.#words.has(key)) return false
    this.#words.set(key, word)
    return true
  }

  delete(word: bigint): boolean {
    return this.#words.delete(mix(word))
  }

  clear(): void {
    this.#words.clear()
  }

  [Symbol.iterator](): IterableIterator<bigint> {
    return this.#words.values()
  }
}

function mix(word: bigint): bigint {
  const product = BigInt.asUintN(256, word * factor)
  return product ^ (product >> 192n)
}

function drawFactor(): bigint {
  const limbs = crypto.getRandomValues(new BigUint64Array(4))
  let drawn = 0n
  for (const limb of limbs) drawn = (drawn << 64n) | limb
  return drawn | 1n
}
