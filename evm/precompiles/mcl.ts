/**
 * The elliptic curves of the precompiles, computed by mcl (github.com/herumi/mcl) in WebAssembly.
 *
 * mcl-wasm's own wrapper holds one curve in module state and copies every operand; the precompiles
 * need three curves at once and points by the thousand, so this file opens its WebAssembly module
 * once a curve and works on its memory directly. A `Curve` is that module with its addresses.
 *
 *     field element   48 bytes (six 64-bit limbs, Montgomery form; the 32-byte fields use four)
 *     G1 point        x, y, z: three field elements; affine when z = 1, infinity when z = 0
 *     G2 point        x, y, z: three pairs (c0, c1) meaning c0 + c1·u
 *     scalar          32 bytes
 *
 * Memory is taken at start and never given back. All calls are synchronous and none keeps state
 * between calls but the contents of that memory, so a precompile may use the same addresses for
 * every call.
 */

import createModule from 'mcl-wasm/dist/mcl_c.js'

import { assert } from '@zg/primitives'

import { isBelow } from './input.ts'

/** Sizes in the module's memory, in bytes. */
export const fieldStride = 48
export const scalarStride = 32
export const g1Stride = 3 * fieldStride
export const g2Stride = 6 * fieldStride
export const gtStride = 12 * fieldStride

/** An address in the module's memory. */
export type Address = number

type Unary = (target: Address, source: Address) => void
type Binary = (target: Address, left: Address, right: Address) => void
type Predicate = (source: Address) => number

/** The functions of mcl that we call, by their names in mcl's C interface (mcl/bn.h). */
export type Mcl = {
  readonly wasmMemory: { readonly buffer: ArrayBuffer }
  readonly _malloc: (sizeBytes: number) => Address
  readonly _mclBn_init: (curve: number, compiledTimeVar: number) => number
  readonly _mclBn_setMapToMode: (mode: number) => number
  readonly _mclBn_verifyOrderG1: (doVerify: number) => void
  readonly _mclBn_verifyOrderG2: (doVerify: number) => void

  readonly _mclBnFp_setInt32: (target: Address, value: number) => void
  readonly _mclBnFp_clear: (target: Address) => void
  readonly _mclBnFp_setLittleEndian: (target: Address, from: Address, size: number) => number
  readonly _mclBnFp_getLittleEndian: (to: Address, sizeMax: number, source: Address) => number
  readonly _mclBnFp_neg: Unary
  readonly _mclBnFp_mapToG1: (target: Address, source: Address) => number
  readonly _mclBnFp2_mul: Binary
  readonly _mclBnFp2_mapToG2: (target: Address, source: Address) => number

  readonly _mclBnFr_setBigEndianMod: (target: Address, from: Address, size: number) => number
  readonly _mclBnFr_getLittleEndian: (to: Address, sizeMax: number, source: Address) => number
  readonly _mclBnFr_inv: Unary
  readonly _mclBnFr_neg: Unary
  readonly _mclBnFr_mul: Binary

  readonly _mclBnG1_clear: (target: Address) => void
  readonly _mclBnG1_isValid: Predicate
  readonly _mclBnG1_isZero: Predicate
  readonly _mclBnG1_neg: Unary
  readonly _mclBnG1_normalize: Unary
  readonly _mclBnG1_add: Binary
  readonly _mclBnG1_mul: Binary
  readonly _mclBnG1_mulVec: (target: Address, points: Address, scalars: Address, n: number) => void

  readonly _mclBnG2_clear: (target: Address) => void
  readonly _mclBnG2_isEqual: (left: Address, right: Address) => number
  readonly _mclBnG2_isValid: Predicate
  readonly _mclBnG2_isZero: Predicate
  readonly _mclBnG2_neg: Unary
  readonly _mclBnG2_normalize: Unary
  readonly _mclBnG2_dbl: Unary
  readonly _mclBnG2_add: Binary
  readonly _mclBnG2_mulVec: (target: Address, points: Address, scalars: Address, n: number) => void

  readonly _mclBnGT_setInt32: (target: Address, value: number) => void
  readonly _mclBnGT_isOne: Predicate
  readonly _mclBnGT_mul: Binary

  readonly _mclBn_millerLoopVec: (target: Address, g1: Address, g2: Address, n: number) => void
  readonly _mclBn_finalExp: Unary
  readonly _mclBn_getUint64NumToPrecompute: () => number
  readonly _mclBn_precomputeG2: (target: Address, source: Address) => void
  readonly _mclBn_precomputedMillerLoop2: (
    target: Address,
    firstG1: Address,
    firstG2: Address,
    secondG1: Address,
    secondG2: Address,
  ) => void
}

/** One curve, ready to compute. */
export type Curve = {
  readonly mcl: Mcl
  /** Size of a field element on the wire, in bytes. */
  readonly fieldSizeBytes: number
  /** The field's prime, big-endian, in `fieldSizeBytes`. */
  readonly prime: Uint8Array
  /** Address of 64 bytes through which numbers go in and out. */
  readonly scratch: Address
  /** The memory as bytes; asked for anew at each use, as growing it detaches older views. */
  readonly bytes: () => Uint8Array
}

/** mcl's numbers for the curves (mcl/curve_type.h). */
const curveNumbers = { bn254: 4, bls12381: 5, p256: 107 } as const

/** MCLBN_COMPILED_TIME_VAR of the build in the package: 6 limbs a field element, 4 a scalar. */
const compiledTimeVar = 46

/** MCL_MAP_TO_MODE_HASH_TO_CURVE: maps to the curve as RFC 9380 does. */
const mapToModeRfc9380 = 5

/**
 * Opens a module for one curve.
 *
 * @param prime - The field's prime, big-endian, in the size that elements have on the wire.
 */
export async function openCurve(
  name: keyof typeof curveNumbers,
  prime: Uint8Array,
): Promise<Curve> {
  // Nothing we call draws random numbers; should that change, it fails loudly.
  const cryptoGetRandomValues = (): never => assert(false, 'no precompile is random') as never
  const mcl = (await createModule({ cryptoGetRandomValues })) as Mcl
  assert(mcl._mclBn_init(curveNumbers[name], compiledTimeVar) === 0, 'mcl knows the curve')
  if (name === 'bls12381') mcl._mclBn_setMapToMode(mapToModeRfc9380)
  // Whether a point is on the curve and whether it is in the subgroup are asked separately.
  if (name !== 'p256') {
    mcl._mclBn_verifyOrderG1(0)
    mcl._mclBn_verifyOrderG2(0)
  }
  let bytes = new Uint8Array(mcl.wasmMemory.buffer)
  return {
    mcl,
    fieldSizeBytes: prime.length,
    prime,
    scratch: mcl._malloc(64),
    bytes: () => {
      if (bytes.length === 0) bytes = new Uint8Array(mcl.wasmMemory.buffer)
      return bytes
    },
  }
}

/**
 * Stores the big-endian number at `input[offset…]` as a field element; false when it is not below
 * the prime. `input` holds all its bytes.
 */
export function storeField(
  curve: Curve,
  target: Address,
  input: Uint8Array,
  offset: number,
): boolean {
  const { mcl, fieldSizeBytes, prime, scratch } = curve
  // MUST be canonical: below the prime.
  if (!isBelow(input, offset, prime)) return false
  const bytes = curve.bytes()
  for (let index = 0; index < fieldSizeBytes; index++) {
    bytes[scratch + index] = input[offset + fieldSizeBytes - 1 - index] as number
  }
  mcl._mclBnFp_setLittleEndian(target, scratch, fieldSizeBytes)
  return true
}

/** Writes the field element at `source` to the zero bytes at `output[offset…]`, big-endian. */
export function loadField(curve: Curve, source: Address, output: Uint8Array, offset: number): void {
  const { mcl, fieldSizeBytes, scratch } = curve
  // mcl writes the significant bytes alone and returns their number.
  const sizeBytes = mcl._mclBnFp_getLittleEndian(scratch, 64, source)
  const bytes = curve.bytes()
  for (let index = 0; index < sizeBytes; index++) {
    output[offset + fieldSizeBytes - 1 - index] = bytes[scratch + index] as number
  }
}

/** Stores the 32-byte big-endian number at `input[offset…]` as a scalar, reduced by the order. */
export function storeScalar(
  curve: Curve,
  target: Address,
  input: Uint8Array,
  offset: number,
): void {
  curve.bytes().set(input.subarray(offset, offset + 32), curve.scratch)
  curve.mcl._mclBnFr_setBigEndianMod(target, curve.scratch, 32)
}

/** Returns the scalar at `source` as 32 bytes, big-endian. */
export function loadScalar({ mcl, scratch, bytes }: Curve, source: Address): Uint8Array {
  const sizeBytes = mcl._mclBnFr_getLittleEndian(scratch, 64, source)
  const output = new Uint8Array(32)
  output.set(bytes().subarray(scratch, scratch + sizeBytes))
  return output.reverse()
}
