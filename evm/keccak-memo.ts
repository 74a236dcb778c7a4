/**
 * Keccak-256 of 64 bytes, remembering the results asked for last.
 *
 * Solidity finds an entry of a mapping by the hash of key and slot, 64 bytes, and asks again within
 * a transaction and in every transaction that touches the same account. A table of `placeCount`
 * places holds the last preimage and hash of each place. Whoever fills it with other preimages
 * gains nothing: a miss costs one hash, as without it.
 */

import { keccak256 } from '@zg/primitives'

import { wordOfBytes } from './word.ts'

const placeCount = 4_096
const limbCount = 16

const preimages = new Uint32Array(placeCount * limbCount)
const hashes: (bigint | undefined)[] = Array.from({ length: placeCount })

/** Returns the hash, as a word, of the 64 bytes at `offset`. */
export function keccakOfPair(view: DataView, offset: number): bigint {
  let mixed = 0
  for (let index = 0; index < limbCount; index++) {
    mixed = Math.imul(mixed ^ view.getUint32(offset + 4 * index, true), 0x9e3779b1)
    mixed ^= mixed >>> 15
  }
  const place = mixed & (placeCount - 1)
  const known = hashes[place]
  if (known !== undefined && isAt(place, view, offset)) return known
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, 4 * limbCount)
  const hash = wordOfBytes(keccak256(bytes))
  hashes[place] = hash
  for (let index = 0; index < limbCount; index++) {
    preimages[place * limbCount + index] = view.getUint32(offset + 4 * index, true)
  }
  return hash
}

function isAt(place: number, view: DataView, offset: number): boolean {
  for (let index = 0; index < limbCount; index++) {
    const limb = preimages[place * limbCount + index]
    if (limb !== view.getUint32(offset + 4 * index, true)) return false
  }
  return true
}
