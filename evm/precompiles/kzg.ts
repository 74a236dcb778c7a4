/**
 * KZG_POINT_EVALUATION, 0x0a (EIP-4844): proof that the polynomial behind a blob's commitment C has
 * the value y at z.
 *
 *     input   versioned hash (32) ‖ z (32) ‖ y (32) ‖ C (48) ‖ proof π (48)     exactly 192 bytes
 *     output  4,096 ‖ the BLS modulus r, two words
 *     gas     50,000
 *
 * The call fails unless the versioned hash is 0x01 ‖ sha256(C)[1..], z and y are below r, C and π
 * are compressed points of G1 (infinity included), and, with [τ]₂ of the public ceremony,
 *
 *     e(C - y·G1, G2) = e(π, [τ - z]₂)     ⇔     e(C - y·G1 + z·π, -G2) · e(π, [τ]₂) = 1
 *
 * where the right form has two fixed points in G2, whose Miller lines are computed once. That is
 * for the first seconds: from then on the native library checks on a thread (kzg-thread.ts).
 */

import { bigintToBytes, concat, decompressBlsG1Point, fromHex, sha256 } from '@zg/primitives'

import { curve, storeBlsG1, storeBlsG2 } from './bls12-381-curve.ts'
import { isBelow, isZeroRange } from './input.ts'
import { KzgThread } from './kzg-thread.ts'
import type { Address } from './mcl.ts'
import {
  fieldStride,
  g1Stride,
  g2Stride,
  gtStride,
  scalarStride,
  storeField,
  storeScalar,
} from './mcl.ts'
import type { Precompile } from './precompile.ts'

const inputSizeBytes = 192

/** The order r of the groups: polynomials are over the numbers modulo r. */
const order = fromHex('0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001')

/** The number of field elements in a blob, as a word, then r: what a right proof returns. */
const success = concat(bigintToBytes(4_096n, 32), order)

/** [τ]₂ of the ceremony of 2023 (ethereum/kzg-ceremony), as EIP-2537 writes points. */
const tauPoint = blsPoint([
  '0x185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2',
  '0x15bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72',
  '0x014353bdb96b626dd7d5ee8599d1fca2131569490e28de18e82451a496a9c9794ce26d105941f383ee689bfbbb832a99',
  '0x1666c54b0a32529503432fcae0181b4bef79de09fc63671fda5ed1ba9bfa07899495346f3d7ac9cd23048ef30d0a154f',
])

/** The standard generators. */
const g1Generator = blsPoint([
  '0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
  '0x08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1',
])
const g2Generator = blsPoint([
  '0x024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8',
  '0x13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e',
  '0x0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801',
  '0x0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be',
])

const { mcl } = curve
/** G1, then π: multiplied by -y and z. */
const points = mcl._malloc(2 * g1Stride)
const proof = points + g1Stride
const scalars = mcl._malloc(2 * scalarStride)
const commitment = mcl._malloc(g1Stride)
const shifted = mcl._malloc(g1Stride)
const product = mcl._malloc(gtStride)
storeBlsG1(points, g1Generator, 0, 'subgroup')
const negatedG2Lines = linesOf(g2Generator, true)
const tauLines = linesOf(tauPoint, false)

export const kzgPointEvaluation: Precompile = {
  name: 'KZG_POINT_EVALUATION',
  gas: () => 50_000n,
  run: (input) => (isProof(input) ? success.slice() : undefined),
}

/** Where proofs are checked once it is ready. */
export const kzgThread = new KzgThread()

/** Whether an input is right. */
function isProof(input: Uint8Array): boolean {
  // MUST be exactly this long.
  if (input.length !== inputSizeBytes) return false
  const hash = sha256(input.subarray(96, 144))
  // MUST be the versioned hash of the commitment.
  hash[0] = 0x01
  if (!hash.every((byte, index) => byte === input[index])) return false
  // MUST be canonical: below the order.
  if (!isBelow(input, 32, order) || !isBelow(input, 64, order)) return false
  return kzgThread.verify(input.subarray(32)) ?? verifyHere(input)
}

/** Checks commitment and proof of an input whose other parts are right, without the thread. */
export function verifyHere(input: Uint8Array): boolean {
  if (!storeCompressed(commitment, input.subarray(96, 144))) return false
  if (!storeCompressed(proof, input.subarray(144, 192))) return false

  // shifted = C - y·G1 + z·π
  storeScalar(curve, scalars, input, 64)
  mcl._mclBnFr_neg(scalars, scalars)
  storeScalar(curve, scalars + scalarStride, input, 32)
  mcl._mclBnG1_mulVec(shifted, points, scalars, 2)
  mcl._mclBnG1_add(shifted, shifted, commitment)
  // e(shifted, -G2) and e(π, [τ]₂) are one exactly for infinities.
  const isShiftedZero = mcl._mclBnG1_isZero(shifted) === 1
  const isProofZero = mcl._mclBnG1_isZero(proof) === 1
  if (isShiftedZero || isProofZero) return isShiftedZero && isProofZero
  mcl._mclBnG1_normalize(shifted, shifted)
  mcl._mclBn_precomputedMillerLoop2(product, shifted, negatedG2Lines, proof, tauLines)
  mcl._mclBn_finalExp(product, product)
  return mcl._mclBnGT_isOne(product) === 1
}

/** Stores a compressed point of G1 (ZCash serialization); false when it is none. */
function storeCompressed(target: Address, compressed: Uint8Array): boolean {
  if (compressed[0] === 0xc0 && isZeroRange(compressed, 1, compressed.length)) {
    mcl._mclBnG1_clear(target)
    return true
  }
  const affine = decompressBlsG1Point(compressed)
  if (affine === undefined) return false
  storeField(curve, target, affine, 0)
  storeField(curve, target + fieldStride, affine, 48)
  mcl._mclBnFp_setInt32(target + 2 * fieldStride, 1)
  return true
}

/** The coefficients of the Miller loop's lines for a point of G2, negated if asked. */
function linesOf(point: Uint8Array, isNegated: boolean): Address {
  const stored = mcl._malloc(g2Stride)
  const lines = mcl._malloc(8 * mcl._mclBn_getUint64NumToPrecompute())
  storeBlsG2(stored, point, 0, 'subgroup')
  if (isNegated) mcl._mclBnG2_neg(stored, stored)
  mcl._mclBn_precomputeG2(lines, stored)
  return lines
}

function blsPoint(fields: readonly string[]): Uint8Array {
  return concat(...fields.flatMap((field) => [new Uint8Array(16), fromHex(field)]))
}
