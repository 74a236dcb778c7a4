/** The machine's cryptographic randomness. Forks are the same source: nothing can be disturbed. */

import { getRandomValues, randomInt } from 'node:crypto'

import { assert } from '@zg/primitives'

import type { Rng } from './rng.ts'

/** Most bytes one call of `getRandomValues` fills. */
const chunkSizeBytesMax = 65_536

/** Returns a generator over the operating system's randomness. */
export function createSystemRng(): Rng {
  const rng: Rng = {
    below(bound) {
      assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'bound is from 1 to 2^32')
      return randomInt(bound)
    },
    chance: (probability) => randomInt(2 ** 32) < probability * 2 ** 32,
    bytes(sizeBytes) {
      const bytes = new Uint8Array(sizeBytes)
      for (let start = 0; start < sizeBytes; start += chunkSizeBytesMax) {
        getRandomValues(bytes.subarray(start, start + chunkSizeBytesMax))
      }
      return bytes
    },
    fork: () => rng,
  }
  return rng
}
