/**
 * P256VERIFY, 0x100 (EIP-7951, from Osaka on): verification of an ECDSA signature on the curve
 * P-256 (FIPS 186-5), also called secp256r1.
 *
 *     input   digest (32) ‖ r (32) ‖ s (32) ‖ x (32) ‖ y (32)      exactly 160 bytes
 *     output  the word 1 when the signature is right; nothing otherwise, which is no failure
 *     gas     6,900
 *
 * Right means: r and s in [1, n-1]; (x, y) canonical, on the curve and not infinity; and with w =
 * s⁻¹ mod n, the point R = (digest·w)·G + (r·w)·Q is not infinity and x(R) mod n = r. s may be in
 * the upper half.
 */

import { bytesToBigint, fromHex } from '@zg/primitives'

import { isBelow, isZeroRange } from './input.ts'
import {
  fieldStride,
  g1Stride,
  loadField,
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
/** The base point G, then the public key Q. */
const points = mcl._malloc(2 * g1Stride)
const publicKey = points + g1Stride
/** digest·w for G, then r·w for Q. */
const scalars = mcl._malloc(2 * scalarStride)
const inverse = mcl._malloc(scalarStride)
const sum = mcl._malloc(g1Stride)
mcl._mclBnG1_getBasePoint(points)

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
  if (!storePublicKey(input)) return false

  storeScalar(curve, inverse, input, 64)
  mcl._mclBnFr_inv(inverse, inverse)
  for (const [index, offset] of [0, 32].entries()) {
    const target = scalars + index * scalarStride
    storeScalar(curve, target, input, offset)
    mcl._mclBnFr_mul(target, target, inverse)
  }
  mcl._mclBnG1_mulVec(sum, points, scalars, 2)
  if (mcl._mclBnG1_isZero(sum) === 1) return false
  mcl._mclBnG1_normalize(sum, sum)
  const x = new Uint8Array(32)
  loadField(curve, sum, x, 0)
  return bytesToBigint(x) % order === bytesToBigint(input.subarray(32, 64))
}

function storePublicKey(input: Uint8Array): boolean {
  // (0, 0) stands for infinity; it is not on the curve either, as b is not zero.
  if (!storeField(curve, publicKey, input, 96)) return false
  if (!storeField(curve, publicKey + fieldStride, input, 128)) return false
  mcl._mclBnFp_setInt32(publicKey + 2 * fieldStride, 1)
  return mcl._mclBnG1_isValid(publicKey) === 1
}
