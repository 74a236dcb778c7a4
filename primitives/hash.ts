/**
 * The hashes of Ethereum, by hash-wasm, one instance of each, reused. Keccak-256 has the original
 * padding, not SHA-3's.
 */

import { createKeccak, createRIPEMD160, createSHA256 } from 'hash-wasm'

import { bytesToBigint } from './bytes.ts'

const keccak = await createKeccak(256)
const sha = await createSHA256()
const ripemd = await createRIPEMD160()

/** Returns the 32-byte Keccak-256 of `bytes`. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak.init().update(bytes).digest('binary')
}

/** Returns the 32-byte SHA-256 of `bytes` (FIPS 180-4). */
export function sha256(bytes: Uint8Array): Uint8Array {
  return sha.init().update(bytes).digest('binary')
}

/** Returns the 20-byte RIPEMD-160 of `bytes` (ISO/IEC 10118-3). */
export function ripemd160(bytes: Uint8Array): Uint8Array {
  return ripemd.init().update(bytes).digest('binary')
}

/** Returns the Keccak-256 of `bytes` as a word. */
export function keccakWord(bytes: Uint8Array): bigint {
  return bytesToBigint(keccak256(bytes))
}

/** Keccak-256 of no bytes: the code hash of an account without code. */
export const emptyKeccakWord = keccakWord(new Uint8Array(0))
