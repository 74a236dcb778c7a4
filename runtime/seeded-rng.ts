/**
 * Randomness from a seed: the same seed gives the same draws, on every machine.
 *
 * The generator is xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018) over four 32-bit words taken from SHA-256 of the seed. A fork is seeded by
 * SHA-256(seed ‖ label): it depends on the seed and the label alone, not on what was drawn before,
 * so a part that draws once more moves nothing in the others. Not for keys.
 */

import { assert, concat, sha256 } from '@zg/primitives'

import type { Rng } from './rng.ts'

/** Returns the generator of a seed; equal seeds give equal generators. */
export function createSeededRng(seed: number | string | Uint8Array): Rng {
  const bytes = seed instanceof Uint8Array ? seed : new TextEncoder().encode(String(seed))
  return new Xoshiro(sha256(bytes))
}

class Xoshiro implements Rng {
  readonly #seed: Uint8Array
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: Uint8Array) {
    const words = new DataView(seed.buffer, seed.byteOffset, seed.length)
    this.#seed = seed
    this.#a = words.getUint32(0)
    this.#b = words.getUint32(4)
    this.#c = words.getUint32(8)
    // The state of all zeros is the one the generator cannot leave.
    this.#d = words.getUint32(12) | 1
  }

  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'bound is from 1 to 2^32')
    // Draws at or above the greatest multiple of `bound` are thrown away, else low values are
    // likelier.
    const limit = 2 ** 32 - (2 ** 32 % bound)
    let draw = this.#next()
    while (draw >= limit) draw = this.#next()
    return draw % bound
  }

  chance(probability: number): boolean {
    return this.#next() < probability * 2 ** 32
  }

  bytes(sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes)
    let word = 0
    for (let index = 0; index < sizeBytes; index++) {
      word = index % 4 === 0 ? this.#next() : word >>> 8
      bytes[index] = word & 0xff
    }
    return bytes
  }

  fork(label: string): Rng {
    return new Xoshiro(sha256(concat(this.#seed, new TextEncoder().encode(label))))
  }

  /** The next 32 bits, as an unsigned integer. */
  #next(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotateLeft(this.#d, 11)
    return result >>> 0
  }
}

function rotateLeft(word: number, count: number): number {
  return (word << count) | (word >>> (32 - count))
}
