/**
 * Keccak-256 as Ethereum uses it (the original padding, not SHA-3's), by hash-wasm: one instance,
 * reused, about 0.7 µs for up to 135 bytes.
 */

import { createKeccak, createSHA256 } from 'hash-wasm'

import { bytesToBigint } from './bytes.ts'

const keccak = await createKeccak(256)
const sha = await createSHA256()

/** Returns the 32-byte Keccak-256 of `bytes`. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak.init().update(bytes).digest('binary')
}

/** Returns the 32-byte SHA-256 of `bytes` (FIPS 180-4). */
export function sha256(bytes: Uint8Array): Uint8Array {
  return sha.init().update(bytes).digest('binary')
}

/** Returns the Keccak-256 of `bytes` as a word. */
export function keccakWord(bytes: Uint8Array): bigint {
  return bytesToBigint(keccak256(bytes))
}

/** Keccak-256 of no bytes: the code hash of an account without code. */
export const emptyKeccakWord = keccakWord(new Uint8Array(0))
