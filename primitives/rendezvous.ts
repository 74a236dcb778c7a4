/**
 * Rendezvous hashing (Thaler, Ravishankar 1998): which of some numbered places a key meets at, the
 * same for everyone who knows the places, in whatever order.
 *
 *     place of key = the n with the highest keccak256(key 32 ‖ n u256)
 *
 * Places are alike. Another place takes over keys on which it scores highest, about one in as many
 * as there are then; of one that goes its own keys go elsewhere, and no others.
 */

import { assert } from './errors.ts'
import { bigintToBytes, compareBytes, concat } from './bytes.ts'
import { keccak256 } from './hash.ts'

/**
 * Returns the place of a key (32 bytes); undefined when there are no places.
 *
 * @param places - Each once, below 2^53.
 */
export function rendezvous(key: Uint8Array, places: readonly number[]): number | undefined {
  assert(key.length === 32, 'a key has 32 bytes')
  let highest: Uint8Array | undefined
  let found: number | undefined
  for (const place of places) {
    const score = keccak256(concat(key, bigintToBytes(BigInt(place), 32)))
    if (highest !== undefined && compareBytes(score, highest) <= 0) continue
    highest = score
    found = place
  }
  return found
}
