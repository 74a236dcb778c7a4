/**
 * P256VERIFY, 0x100 (EIP-7951, from Osaka on): verification of an ECDSA signature on the curve
 * P-256 (FIPS 186-5), also called secp256r1.
 *
 *     input   digest (32) ‖ r (32) ‖ s (32) ‖ x (32) ‖ y (32)      exactly 160 bytes
 *     output  the word 1 when the signature is right; nothing otherwise, which is no failure
 *     gas     6,900
 *
 * Right means: r and s are in [1, n-1]; Q = (x, y) is canonical, on the curve and not infinity; the
 * point R = (digest / s)·G + (r / s)·Q is not infinity, and x(R) mod n = r. Divisions are modulo n;
 * s may be in the upper half.
 *
 * No library at hand verifies a bare digest at OpenSSL's speed: `node:crypto` hashes first. But it
 * multiplies points for key agreement, giving x alone, and x(R) is all that is asked:
 *
 *     R = u·(t·G + Q)      u = r / s,  t = digest / r
 *
 * so OpenSSL computes t·G as the public key of t, mcl adds Q, and OpenSSL computes x(u·(t·G + Q))
 * as the secret shared by u and that point. One full multiplication in all, natively.
 */

import { createECDH } from 'node:crypto'

import { bytesToBigint, fromHex } from '@zg/primitives'

import { isBelow, isZeroRange } from './input.ts'
import type { Address } from './mcl.ts'
import {
  fieldStride,
  g1Stride,
  loadField,
  loadScalar,
  openCurve,
  scalarStride,
  storeField,
  storeScalar,
} from './mcl.ts'
import type { Precompile } from './precompile.ts'

const prime = fromHex('0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff')

/** The order n of the group, as bytes and as a number. */
const orderBytes = fromHex('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const order = bytesToBigint(orderBytes)

const inputSizeBytes = 160

const curve = await openCurve('p256', prime)
const { mcl } = curve
const publicKey = mcl._malloc(g1Stride)
const shift = mcl._malloc(g1Stride)
const scalar = mcl._malloc(scalarStride)
const inverse = mcl._malloc(scalarStride)
const agreement = createECDH('prime256v1')

export const p256Verify: Precompile = {
  name: 'P256VERIFY',
  gas: () => 6_900n,
  run: (input) => {
    if (!isSignature(input)) return new Uint8Array(0)
    const output = new Uint8Array(32)
    output[31] = 1
    return output
  },
}

function isSignature(input: Uint8Array): boolean {
  // MUST be exactly this long.
  if (input.length !== inputSizeBytes) return false
  for (const offset of [32, 64]) {
    if (isZeroRange(input, offset, offset + 32) || !isBelow(input, offset, orderBytes)) return false
  }
  if (!storeAffine(publicKey, input, 96)) return false

  // shift = t·G + Q, with t = digest / r; t is zero when the digest is a multiple of n.
  const t = quotient(input, 0, 32)
  if (isZeroRange(t, 0, 32)) curve.bytes().copyWithin(shift, publicKey, publicKey + g1Stride)
  else {
    agreement.setPrivateKey(t)
    storeAffine(shift, agreement.getPublicKey(), 1)
    mcl._mclBnG1_add(shift, shift, publicKey)
  }
  if (mcl._mclBnG1_isZero(shift) === 1) return false
  mcl._mclBnG1_normalize(shift, shift)
  // Uncompressed form (SEC 1, 2.3.3): 0x04 ‖ x ‖ y.
  const point = new Uint8Array(65)
  point[0] = 0x04
  loadField(curve, shift, point, 1)
  loadField(curve, shift + fieldStride, point, 33)
  // u = r / s is not zero, and the order is prime, so R is not infinity.
  agreement.setPrivateKey(quotient(input, 32, 64))
  return (
    bytesToBigint(agreement.computeSecret(point)) % order === bytesToBigint(input.subarray(32, 64))
  )
}

/** The quotient modulo n of the numbers at two offsets, 32 bytes. */
function quotient(input: Uint8Array, dividend: number, divisor: number): Uint8Array {
  storeScalar(curve, inverse, input, divisor)
  mcl._mclBnFr_inv(inverse, inverse)
  storeScalar(curve, scalar, input, dividend)
  mcl._mclBnFr_mul(scalar, scalar, inverse)
  return loadScalar(curve, scalar)
}

function storeAffine(target: Address, bytes: Uint8Array, offset: number): boolean {
  // (0, 0) stands for infinity; it is not on the curve either, as b is not zero.
  if (!storeField(curve, target, bytes, offset)) return false
  if (!storeField(curve, target + fieldStride, bytes, offset + 32)) return false
  mcl._mclBnFp_setInt32(target + 2 * fieldStride, 1)
  return mcl._mclBnG1_isValid(target) === 1
}
