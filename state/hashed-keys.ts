/**
 * Keys of the state and storage tries: keccak256 of an address or slot, as hex digits.
 *
 * Hashing costs about as much as all else of a read, and blocks touch the same words again, so the
 * last `generationSize` to twice that many are remembered, per kind.
 */

import { bigintToBytes, keccak256, WordMap } from '@zg/primitives'

import { nibblesOf } from './trie-encoding.ts'

/** Words of one kind in one of the two generations of the memory. */
const generationSize = 32_768

/** Hashes addresses and slots, remembering the last ones. */
export class HashedKeys {
  readonly #addresses = new HashMemory(20)
  readonly #slots = new HashMemory(32)

  /** The 64 hex digits of keccak256(address). */
  address(address: bigint): string {
    return this.#addresses.hash(address)
  }

  /** The 64 hex digits of keccak256(slot). */
  slot(slot: bigint): string {
    return this.#slots.hash(slot)
  }
}

class HashMemory {
  readonly #wordSizeBytes: number
  #young = new WordMap<string>()
  #old = new WordMap<string>()

  constructor(wordSizeBytes: number) {
    this.#wordSizeBytes = wordSizeBytes
  }

  hash(word: bigint): string {
    const young = this.#young.get(word)
    if (young !== undefined) return young
    const hash =
      this.#old.get(word) ?? nibblesOf(keccak256(bigintToBytes(word, this.#wordSizeBytes)))
    if (this.#young.size >= generationSize) {
      this.#old = this.#young
      this.#young = new WordMap()
    }
    this.#young.set(word, hash)
    return hash
  }
}
