/**
 * BN_ADD, 0x06, BN_MUL, 0x07, and SNARKV, 0x08 (EIP-196, EIP-197; gas of EIP-1108): addition,
 * multiplication and the pairing check on the curve bn254, also called alt_bn128.
 *
 *     G1: y² = x³ + 3 over Fp, 64 bytes x ‖ y; every point of the curve is in the group
 *     G2: y² = x³ + 3/(9+i) over Fp², 128 bytes x.i ‖ x.1 ‖ y.i ‖ y.1 (the imaginary part first);
 *         only points of order r are in the group
 *     infinity: all zero bytes
 *
 * A call fails when a coordinate is not below p, a point is not in its group, or the pairing's
 * input is not whole pairs of 192 bytes. The other two read their input zero-padded.
 *
 * Membership of G2 is decided by the endomorphism ψ (untwist, Frobenius, twist), which acts on G2
 * as multiplication by p: Q has order r exactly if, with the curve's parameter u,
 *
 *     (u + 1)·Q + ψ(u·Q) + ψ²(u·Q) = ψ³(2u·Q)          (Dai, Lin, Zhao, Zhou 2022, ePrint 2022/348)
 *
 * one multiplication by 63 bits instead of the 254 of r.
 */

import { fromHex } from '@zg/primitives'

import { isZeroRange, paddedSlice } from './input.ts'
import type { Address } from './mcl.ts'
import {
  fieldStride,
  g1Stride,
  g2Stride,
  gtStride,
  loadField,
  openCurve,
  scalarStride,
  storeField,
  storeScalar,
} from './mcl.ts'
import type { Precompile } from './precompile.ts'

const prime = fromHex('0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47')

/** The curve's parameter u: p and r are polynomials in it. */
const parameter = 4_965_661_367_192_848_881n

/** ψ(x, y) = (x̄·γ2, ȳ·γ3), γ2 = ξ^((p-1)/3), γ3 = ξ^((p-1)/2), ξ = 9 + i: 1 part, then i part. */
const psiFactors = [
  '0x2fb347984f7911f74c0bec3cf559b143b78cc310c2c3330c99e39557176f553d',
  '0x16c9e55061ebae204ba4cc8bd75a079432ae2a1d0b7c9dce1665d51c640fcba2',
  '0x063cf305489af5dcdc5ec698b6e2f9b9dbaae0eda9c95998dc54014671a0135a',
  '0x07c03cbcac41049a0704b5a7ec796f2b21807dc98fa25bd282d37f632623b0e3',
].map(fromHex)

/** Pairs of one round of Miller loops; a longer input takes as many rounds as it needs. */
const pairsAtOnce = 16

const g1SizeBytes = 64
const pairSizeBytes = 192

const curve = await openCurve('bn254', prime)
const { mcl } = curve
const g1Points = mcl._malloc(pairsAtOnce * g1Stride)
const g2Points = mcl._malloc(pairsAtOnce * g2Stride)
const scalar = mcl._malloc(scalarStride)
const product = mcl._malloc(gtStride)
const partial = mcl._malloc(gtStride)
const psi = mcl._malloc(4 * fieldStride)
for (const [index, factor] of psiFactors.entries()) {
  storeField(curve, psi + index * fieldStride, factor, 0)
}
const [uQ, left, right, image] = [0, 1, 2, 3].map(() => mcl._malloc(g2Stride)) as [
  Address,
  Address,
  Address,
  Address,
]

/** The bits of u below its highest, most significant first. */
const parameterBits = Array.from(parameter.toString(2).slice(1), (digit) => digit === '1')

export const bn254Add: Precompile = {
  name: 'BN254_ADD',
  gas: () => 150n,
  run: (input) => {
    const padded = paddedSlice(input, 0, 2 * g1SizeBytes)
    if (!storeG1(g1Points, padded, 0)) return undefined
    if (!storeG1(g1Points + g1Stride, padded, g1SizeBytes)) return undefined
    mcl._mclBnG1_add(g1Points, g1Points, g1Points + g1Stride)
    return loadG1(g1Points)
  },
}

export const bn254Mul: Precompile = {
  name: 'BN254_MUL',
  gas: () => 6_000n,
  run: (input) => {
    const padded = paddedSlice(input, 0, g1SizeBytes + 32)
    if (!storeG1(g1Points, padded, 0)) return undefined
    // Any 32-byte scalar is right: the group's order is r, so it counts modulo r.
    storeScalar(curve, scalar, padded, g1SizeBytes)
    mcl._mclBnG1_mul(g1Points, g1Points, scalar)
    return loadG1(g1Points)
  },
}

export const bn254Pairing: Precompile = {
  name: 'BN254_PAIRING',
  gas: (input) => 45_000n + 34_000n * BigInt(Math.floor(input.length / pairSizeBytes)),
  run: (input) => {
    // MUST be whole pairs.
    if (input.length % pairSizeBytes !== 0) return undefined
    mcl._mclBnGT_setInt32(product, 1)
    let count = 0
    let total = 0
    for (let offset = 0; offset < input.length; offset += pairSizeBytes) {
      const [g1, g2] = [g1Points + count * g1Stride, g2Points + count * g2Stride]
      if (!storeG1(g1, input, offset) || !storeG2(g2, input, offset + g1SizeBytes)) return undefined
      // A pair with an infinity pairs to one.
      if (mcl._mclBnG1_isZero(g1) === 1 || mcl._mclBnG2_isZero(g2) === 1) continue
      total++
      if (++count === pairsAtOnce) multiplyPairs(count)
      count %= pairsAtOnce
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

/** Multiplies the Miller loops of the first `count` stored pairs into the product. */
function multiplyPairs(count: number): void {
  mcl._mclBn_millerLoopVec(partial, g1Points, g2Points, count)
  mcl._mclBnGT_mul(product, product, partial)
}

function storeG1(target: Address, input: Uint8Array, offset: number): boolean {
  if (isZeroRange(input, offset, offset + g1SizeBytes)) {
    mcl._mclBnG1_clear(target)
    return true
  }
  if (!storeField(curve, target, input, offset)) return false
  if (!storeField(curve, target + fieldStride, input, offset + 32)) return false
  mcl._mclBnFp_setInt32(target + 2 * fieldStride, 1)
  return mcl._mclBnG1_isValid(target) === 1
}

function storeG2(target: Address, input: Uint8Array, offset: number): boolean {
  if (isZeroRange(input, offset, offset + 128)) {
    mcl._mclBnG2_clear(target)
    return true
  }
  // On the wire the imaginary part stands first, in memory the real one.
  for (const [place, from] of [32, 0, 96, 64].entries()) {
    if (!storeField(curve, target + place * fieldStride, input, offset + from)) return false
  }
  mcl._mclBnFp_setInt32(target + 4 * fieldStride, 1)
  mcl._mclBnFp_clear(target + 5 * fieldStride)
  return mcl._mclBnG2_isValid(target) === 1 && isInG2(target)
}

/** Whether a point of the twist has order r. */
function isInG2(point: Address): boolean {
  multiplyByParameter(uQ, point)
  // left = (u + 1)·Q + ψ(u·Q) + ψ²(u·Q)
  mcl._mclBnG2_add(left, uQ, point)
  applyPsi(image, uQ)
  mcl._mclBnG2_add(left, left, image)
  applyPsi(image, image)
  mcl._mclBnG2_add(left, left, image)
  // right = ψ³(2u·Q) = 2·ψ(ψ²(u·Q))
  applyPsi(right, image)
  mcl._mclBnG2_dbl(right, right)
  return mcl._mclBnG2_isEqual(left, right) === 1
}

/** target = u · source, by doubling and adding: mcl's own multiplication presumes membership. */
function multiplyByParameter(target: Address, source: Address): void {
  const bytes = curve.bytes()
  bytes.copyWithin(target, source, source + g2Stride)
  for (const bit of parameterBits) {
    mcl._mclBnG2_dbl(target, target)
    if (bit) mcl._mclBnG2_add(target, target, source)
  }
}

/** ψ on projective coordinates: (x̄·γ2, ȳ·γ3, z̄), as conjugation is a field automorphism. */
function applyPsi(target: Address, source: Address): void {
  curve.bytes().copyWithin(target, source, source + g2Stride)
  for (let part = 1; part < 6; part += 2) {
    mcl._mclBnFp_neg(target + part * fieldStride, target + part * fieldStride)
  }
  mcl._mclBnFp2_mul(target, target, psi)
  const y = target + 2 * fieldStride
  mcl._mclBnFp2_mul(y, y, psi + 2 * fieldStride)
}

function loadG1(source: Address): Uint8Array {
  const output = new Uint8Array(g1SizeBytes)
  if (mcl._mclBnG1_isZero(source) === 1) return output
  mcl._mclBnG1_normalize(source, source)
  loadField(curve, source, output, 0)
  loadField(curve, source + fieldStride, output, 32)
  return output
}
