/**
 * Who leads a view: a stake-weighted draw from the epoch's seed (docs/specs/blocks.md §5).
 *
 *     x = sha256( "zg/leader" ‖ seed(e) ‖ view ) as an integer
 *     the leader is the validator whose stretch of the stakes 0 … T covers x mod T
 */

import { bigintToBytes, bytesToBigint, concat, sha256 } from '@zg/primitives'

import type { ValidatorSet } from './validator-set.ts'

const tag = new Uint8Array(16)
tag.set(new TextEncoder().encode('zg/leader'))

/** Returns the index of the leader of a view. */
export function leaderOf(set: ValidatorSet, seed: Uint8Array, view: number): number {
  const draw = bytesToBigint(sha256(concat(tag, seed, bigintToBytes(BigInt(view), 8))))
  let point = draw % set.totalStake
  for (const [index, { stake }] of set.validators.entries()) {
    if (point < stake) return index
    point -= stake
  }
  return set.validators.length - 1
}
