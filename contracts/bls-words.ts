/** Keys and signatures as contracts take them: affine points, numbers in words (EIP-2537). */

import {
  assert,
  bigintToBytes,
  bytesToBigint,
  concat,
  decompressBlsG1Point,
  decompressBlsG2Point,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

/** `Bls.Key`: x and y of 48 bytes each, end to end in three words. */
export type KeyWords = { readonly a: Hex; readonly b: Hex; readonly c: Hex }

const fieldSizeBytes = 48
const fieldModulus = BigInt(
  '0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
)
const fieldPadding = new Uint8Array(16)

/** Returns a public key of 48 bytes as `Bls.Key`. */
export function keyWords(publicKey: Uint8Array): KeyWords {
  const affine = decompressBlsG1Point(publicKey)
  assert(affine !== undefined, 'a public key is a point of G1')
  const [a, b, c] = [0, 32, 64].map((at) => toHex(affine.subarray(at, at + 32)))
  return { a, b, c } as KeyWords
}

/** Returns a signature of 96 bytes as 256: x.c0, x.c1, y.c0, y.c1, each padded to 64. */
export function signatureWords(signature: Uint8Array): Hex {
  const affine = decompressBlsG2Point(signature)
  assert(affine !== undefined, 'a signature is a point of G2')
  const numbers = [1, 0, 3, 2].map((index) =>
    affine.subarray(index * fieldSizeBytes, (index + 1) * fieldSizeBytes),
  )
  return toHex(concat(...numbers.flatMap((number) => [fieldPadding, number])))
}

/**
 * Returns the public key of 48 bytes that `Bls.Key` words are: x, and in its first three bits
 * "compressed", "identity" (never here) and "y is the greater of the two".
 */
export function publicKeyOfWords(words: readonly [a: bigint, b: bigint, c: bigint]): Uint8Array {
  const affine = concat(...words.map((word) => bigintToBytes(word, 32)))
  const publicKey = affine.slice(0, fieldSizeBytes)
  const y = bytesToBigint(affine.subarray(fieldSizeBytes))
  publicKey[0] = (publicKey[0] as number) | (2n * y > fieldModulus ? 0xa0 : 0x80)
  return publicKey
}
