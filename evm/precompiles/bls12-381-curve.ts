/**
 * The curve BLS12-381 as EIP-2537 writes it, for its precompiles and for point evaluation.
 *
 *     Fp   64 bytes: 16 zero bytes, then 48 bytes big-endian, below p
 *     Fp²  128 bytes: c0 ‖ c1
 *     G1   128 bytes: x ‖ y           y² = x³ + 4
 *     G2   256 bytes: x ‖ y           y² = x³ + 4(1 + u)
 *     infinity: all zero bytes
 *
 * Additions take any point of the curve; multiplications and pairings take points of the subgroup
 * of prime order only. That check is native (blst, 60 µs a point; mcl's takes four times as long).
 */

import { fromHex, isBlsG1Point, isBlsG2Point } from '@zg/primitives'

import { isZeroRange } from './input.ts'
import type { Address } from './mcl.ts'
import { fieldStride, loadField, openCurve, storeField } from './mcl.ts'

const prime = fromHex(
  '0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
)

/** Sizes on the wire, in bytes. */
export const blsFieldSizeBytes = 64
export const blsG1SizeBytes = 2 * blsFieldSizeBytes
export const blsG2SizeBytes = 4 * blsFieldSizeBytes

const paddingSizeBytes = 16
const plainFieldSizeBytes = 48

/** The curve's module; its memory is shared by all that import it. */
export const curve = await openCurve('bls12381', prime)
const { mcl } = curve

/** Whether a point must be of the subgroup too, or only of the curve. */
export type Membership = 'curve' | 'subgroup'

/** Stores an Fp; false when it is not canonical. */
export function storeBlsField(target: Address, input: Uint8Array, offset: number): boolean {
  // MUST have 16 zero bytes on top.
  if (!isZeroRange(input, offset, offset + paddingSizeBytes)) return false
  return storeField(curve, target, input, offset + paddingSizeBytes)
}

/** Stores a point of G1; false when it is malformed or not what `membership` asks for. */
export function storeBlsG1(
  target: Address,
  input: Uint8Array,
  offset: number,
  membership: Membership,
): boolean {
  if (isZeroRange(input, offset, offset + blsG1SizeBytes)) {
    mcl._mclBnG1_clear(target)
    return true
  }
  for (let part = 0; part < 2; part++) {
    const from = offset + part * blsFieldSizeBytes
    if (!storeBlsField(target + part * fieldStride, input, from)) return false
  }
  mcl._mclBnFp_setInt32(target + 2 * fieldStride, 1)
  if (membership === 'curve') return mcl._mclBnG1_isValid(target) === 1
  return isBlsG1Point(plainFields(input, offset, [0, 1]))
}

/** Stores a point of G2; false when it is malformed or not what `membership` asks for. */
export function storeBlsG2(
  target: Address,
  input: Uint8Array,
  offset: number,
  membership: Membership,
): boolean {
  if (isZeroRange(input, offset, offset + blsG2SizeBytes)) {
    mcl._mclBnG2_clear(target)
    return true
  }
  for (let part = 0; part < 4; part++) {
    const from = offset + part * blsFieldSizeBytes
    if (!storeBlsField(target + part * fieldStride, input, from)) return false
  }
  mcl._mclBnFp_setInt32(target + 4 * fieldStride, 1)
  mcl._mclBnFp_clear(target + 5 * fieldStride)
  if (membership === 'curve') return mcl._mclBnG2_isValid(target) === 1
  // blst takes c1 before c0.
  return isBlsG2Point(plainFields(input, offset, [1, 0, 3, 2]))
}

/** Returns the G1 point at `source` as 128 bytes; it is normalised in place. */
export function loadBlsG1(source: Address): Uint8Array {
  const output = new Uint8Array(blsG1SizeBytes)
  if (mcl._mclBnG1_isZero(source) === 1) return output
  mcl._mclBnG1_normalize(source, source)
  loadFields(source, output)
  return output
}

/** Returns the G2 point at `source` as 256 bytes; it is normalised in place. */
export function loadBlsG2(source: Address): Uint8Array {
  const output = new Uint8Array(blsG2SizeBytes)
  if (mcl._mclBnG2_isZero(source) === 1) return output
  mcl._mclBnG2_normalize(source, source)
  loadFields(source, output)
  return output
}

function loadFields(source: Address, output: Uint8Array): void {
  for (let part = 0; part < output.length / blsFieldSizeBytes; part++) {
    const to = part * blsFieldSizeBytes + paddingSizeBytes
    loadField(curve, source + part * fieldStride, output, to)
  }
}

/** The given fields of a point, without their padding. */
function plainFields(input: Uint8Array, offset: number, order: readonly number[]): Uint8Array {
  const plain = new Uint8Array(order.length * plainFieldSizeBytes)
  for (const [place, part] of order.entries()) {
    const from = offset + part * blsFieldSizeBytes + paddingSizeBytes
    plain.set(input.subarray(from, from + plainFieldSizeBytes), place * plainFieldSizeBytes)
  }
  return plain
}
