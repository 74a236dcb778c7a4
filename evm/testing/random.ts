/** Numbers from a seed, the same on every machine (sfc32 by Chris Doty-Humphrey). */

export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    for (let index = 0; index < 12; index++) this.#next()
  }

  /** An integer of 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor((this.#next() / 2 ** 32) * count)
  }

  /** Whether something happens that has a chance of `percent` in a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  /** One of the items. */
  pick<item>(items: readonly item[]): item {
    const picked = items[this.below(items.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.below(256))
  }

  /** A word: often small, often at an edge, seldom any. */
  word(): bigint {
    const kind = this.below(12)
    if (kind < 5) return BigInt(this.below(300))
    if (kind < 7) return (1n << BigInt(this.below(257))) % (1n << 256n)
    if (kind === 7) return (1n << BigInt(1 + this.below(256))) - 1n
    if (kind === 8) return (1n << 256n) - 1n - BigInt(this.below(40))
    return this.bytes(1 + this.below(32)).reduce((word, byte) => (word << 8n) | BigInt(byte), 0n)
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }
}
