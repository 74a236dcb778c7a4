/**
 * The precompiles of BLS12-381, 0x0b-0x11 (EIP-2537, from Prague on); encodings and membership in
 * bls12-381-curve.ts.
 *
 *     0x0b G1ADD          two points of the curve                  375 gas
 *     0x0c G1MSM          k >= 1 of (point, scalar of 32 bytes)    12,000·k·discount(k) / 1,000
 *     0x0d G2ADD          two points of the curve                  600
 *     0x0e G2MSM          k >= 1 of (point, scalar)                22,500·k·discount(k) / 1,000
 *     0x0f PAIRING_CHECK  k >= 1 of (G1 point, G2 point)           37,700 + 32,600·k
 *     0x10 MAP_FP_TO_G1   one Fp                                   5,500
 *     0x11 MAP_FP2_TO_G2  one Fp²                                  23,800
 *
 * A call fails when its input is of another size, a field element is not canonical, or a point is
 * not where it must be. Scalars may be any 256-bit numbers. The maps are RFC 9380's SSWU with its
 * cofactor clearing (8.8.1 and 8.8.2 without the hashing). Sums of products run through mcl's
 * multi-scalar multiplication in rounds of `pairsAtOnce`, so memory is bounded whatever the input.
 */

import {
  blsFieldSizeBytes,
  blsG1SizeBytes,
  blsG2SizeBytes,
  curve,
  loadBlsG1,
  loadBlsG2,
  storeBlsField,
  storeBlsG1,
  storeBlsG2,
} from './bls12-381-curve.ts'
import { g1MsmDiscounts, g2MsmDiscounts } from './bls12-381-discounts.ts'
import { fieldStride, g1Stride, g2Stride, gtStride, scalarStride, storeScalar } from './mcl.ts'
import type { Precompile } from './precompile.ts'

/** Points of one multi-scalar multiplication, the most for which a call is discounted. */
const pairsAtOnce = 128

/** Pairs of one round of Miller loops. */
const pairingsAtOnce = 16

const scalarSizeBytes = 32
const g1TermSizeBytes = blsG1SizeBytes + scalarSizeBytes
const g2TermSizeBytes = blsG2SizeBytes + scalarSizeBytes
const pairSizeBytes = blsG1SizeBytes + blsG2SizeBytes

const { mcl } = curve
const g1Points = mcl._malloc(pairsAtOnce * g1Stride)
const g2Points = mcl._malloc(pairsAtOnce * g2Stride)
const scalars = mcl._malloc(pairsAtOnce * scalarStride)
const g1Sum = mcl._malloc(g1Stride)
const g2Sum = mcl._malloc(g2Stride)
const g1Part = mcl._malloc(g1Stride)
const g2Part = mcl._malloc(g2Stride)
const product = mcl._malloc(gtStride)
const partial = mcl._malloc(gtStride)

export const blsG1Add: Precompile = {
  name: 'BLS12_G1ADD',
  gas: () => 375n,
  run: (input) => {
    if (input.length !== 2 * blsG1SizeBytes) return undefined
    if (!storeBlsG1(g1Points, input, 0, 'curve')) return undefined
    if (!storeBlsG1(g1Points + g1Stride, input, blsG1SizeBytes, 'curve')) return undefined
    mcl._mclBnG1_add(g1Sum, g1Points, g1Points + g1Stride)
    return loadBlsG1(g1Sum)
  },
}

export const blsG2Add: Precompile = {
  name: 'BLS12_G2ADD',
  gas: () => 600n,
  run: (input) => {
    if (input.length !== 2 * blsG2SizeBytes) return undefined
    if (!storeBlsG2(g2Points, input, 0, 'curve')) return undefined
    if (!storeBlsG2(g2Points + g2Stride, input, blsG2SizeBytes, 'curve')) return undefined
    mcl._mclBnG2_add(g2Sum, g2Points, g2Points + g2Stride)
    return loadBlsG2(g2Sum)
  },
}

export const blsG1Msm: Precompile = {
  name: 'BLS12_G1MSM',
  gas: (input) => msmGas(input.length, g1TermSizeBytes, 12_000, g1MsmDiscounts),
  run: (input) => {
    if (input.length === 0 || input.length % g1TermSizeBytes !== 0) return undefined
    mcl._mclBnG1_clear(g1Sum)
    let count = 0
    for (let offset = 0; offset < input.length; offset += g1TermSizeBytes) {
      if (!storeBlsG1(g1Points + count * g1Stride, input, offset, 'subgroup')) return undefined
      storeScalar(curve, scalars + count * scalarStride, input, offset + blsG1SizeBytes)
      if (++count < pairsAtOnce && offset + g1TermSizeBytes < input.length) continue
      mcl._mclBnG1_mulVec(g1Part, g1Points, scalars, count)
      mcl._mclBnG1_add(g1Sum, g1Sum, g1Part)
      count = 0
    }
    return loadBlsG1(g1Sum)
  },
}

export const blsG2Msm: Precompile = {
  name: 'BLS12_G2MSM',
  gas: (input) => msmGas(input.length, g2TermSizeBytes, 22_500, g2MsmDiscounts),
  run: (input) => {
    if (input.length === 0 || input.length % g2TermSizeBytes !== 0) return undefined
    mcl._mclBnG2_clear(g2Sum)
    let count = 0
    for (let offset = 0; offset < input.length; offset += g2TermSizeBytes) {
      if (!storeBlsG2(g2Points + count * g2Stride, input, offset, 'subgroup')) return undefined
      storeScalar(curve, scalars + count * scalarStride, input, offset + blsG2SizeBytes)
      if (++count < pairsAtOnce && offset + g2TermSizeBytes < input.length) continue
      mcl._mclBnG2_mulVec(g2Part, g2Points, scalars, count)
      mcl._mclBnG2_add(g2Sum, g2Sum, g2Part)
      count = 0
    }
    return loadBlsG2(g2Sum)
  },
}

export const blsPairingCheck: Precompile = {
  name: 'BLS12_PAIRING_CHECK',
  gas: (input) => 37_700n + 32_600n * BigInt(Math.floor(input.length / pairSizeBytes)),
  run: (input) => {
    if (input.length === 0 || input.length % pairSizeBytes !== 0) return undefined
    mcl._mclBnGT_setInt32(product, 1)
    let count = 0
    let total = 0
    for (let offset = 0; offset < input.length; offset += pairSizeBytes) {
      const [g1, g2] = [g1Points + count * g1Stride, g2Points + count * g2Stride]
      if (!storeBlsG1(g1, input, offset, 'subgroup')) return undefined
      if (!storeBlsG2(g2, input, offset + blsG1SizeBytes, 'subgroup')) return undefined
      // A pair with an infinity pairs to one.
      if (mcl._mclBnG1_isZero(g1) === 1 || mcl._mclBnG2_isZero(g2) === 1) continue
      total++
      if (++count === pairingsAtOnce) multiplyPairs(count)
      count %= pairingsAtOnce
    }
    const output = new Uint8Array(32)
    // The groups have prime order, so the pairing of two other points alone is never one.
    if (total === 1) return output
    if (count > 0) multiplyPairs(count)
    mcl._mclBn_finalExp(product, product)
    output[31] = mcl._mclBnGT_isOne(product)
    return output
  },
}

export const blsMapFpToG1: Precompile = {
  name: 'BLS12_MAP_FP_TO_G1',
  gas: () => 5_500n,
  run: (input) => {
    if (input.length !== blsFieldSizeBytes) return undefined
    if (!storeBlsField(g1Points, input, 0)) return undefined
    mcl._mclBnFp_mapToG1(g1Sum, g1Points)
    return loadBlsG1(g1Sum)
  },
}

export const blsMapFp2ToG2: Precompile = {
  name: 'BLS12_MAP_FP2_TO_G2',
  gas: () => 23_800n,
  run: (input) => {
    if (input.length !== 2 * blsFieldSizeBytes) return undefined
    if (!storeBlsField(g2Points, input, 0)) return undefined
    if (!storeBlsField(g2Points + fieldStride, input, blsFieldSizeBytes)) return undefined
    mcl._mclBnFp2_mapToG2(g2Sum, g2Points)
    return loadBlsG2(g2Sum)
  },
}

/** The price of k terms: k · each · discount(k) / 1,000; the last discount holds for all longer. */
function msmGas(
  inputSizeBytes: number,
  termSizeBytes: number,
  each: number,
  discounts: readonly number[],
): bigint {
  const count = Math.floor(inputSizeBytes / termSizeBytes)
  if (count === 0) return 0n
  const discount = discounts[Math.min(count, discounts.length) - 1] as number
  return BigInt(Math.floor((count * each * discount) / 1_000))
}

/** Multiplies the Miller loops of the first `count` stored pairs into the product. */
function multiplyPairs(count: number): void {
  mcl._mclBn_millerLoopVec(partial, g1Points, g2Points, count)
  mcl._mclBnGT_mul(product, product, partial)
}
