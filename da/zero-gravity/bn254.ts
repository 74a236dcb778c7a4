/**
 * Signatures over BN254 as 0G's contracts verify them (docs/specs/da.md §11): keys in both groups,
 * signatures in G1, messages hashed to G1 by trying one x after the other.
 *
 * Points are named and ordered as 0G's ABI has them; of a coordinate of G2 the part by i stands
 * first (EIP-197). Infinity is all zeros.
 */

import { bn254 } from '@noble/curves/bn254.js'
import { bigintToBytes, bytesToBigint, concat, keccak256, ZgError } from '@zg/primitives'

export type G1Point = { readonly X: bigint; readonly Y: bigint }

type Coordinate = readonly [imaginary: bigint, real: bigint]

export type G2Point = { readonly X: Coordinate; readonly Y: Coordinate }

/** A signer's secret, and both its keys. */
export type Bn254Key = {
  readonly secret: bigint
  readonly pkG1: G1Point
  readonly pkG2: G2Point
}

const { G1, G2, fields } = bn254
const { Fp, Fp2, Fp12, Fr } = fields
const seedTag = new TextEncoder().encode('zg/da/bn254')
/** Every second x has a point. */
const triesMax = 256
const wordSize = 32

/** Bytes of a signature on the wire: X, then Y. */
export const bn254SignatureSize = 2 * wordSize

/**
 * Returns the key that a seed of 32 bytes gives on a chain: another on each, for 0G's messages on
 * blobs do not say on which chain they are meant.
 */
export function bn254KeyOf(seed: Uint8Array, chainId: bigint): Bn254Key {
  const input = concat(seedTag, seed, bigintToBytes(chainId, wordSize))
  const wide = concat(...[0, 1].map((part) => keccak256(concat(input, Uint8Array.of(part)))))
  const secret = (bytesToBigint(wide) % (Fr.ORDER - 1n)) + 1n
  return {
    secret,
    pkG1: ofG1(G1.Point.BASE.multiply(secret)),
    pkG2: ofG2(G2.Point.BASE.multiply(secret)),
  }
}

/** Returns the point of a digest: of the first x from it on that has one. */
export function hashToG1(digest: Uint8Array): G1Point {
  let x = bytesToBigint(digest) % Fp.ORDER
  for (let tries = 0; tries < triesMax; tries++) {
    const square = Fp.add(Fp.pow(x, 3n), 3n)
    const root = Fp.pow(square, (Fp.ORDER + 1n) / 4n)
    if (Fp.eql(Fp.sqr(root), square)) return { X: x, Y: root }
    x = Fp.add(x, 1n)
  }
  throw new PointInvalidError('no x has a point')
}

export function bn254Sign(secret: bigint, digest: Uint8Array): G1Point {
  return ofG1(toG1(hashToG1(digest)).multiply(secret))
}

/** Whether it is; false when one of them is no point, too. */
export function bn254Verify(pkG2: G2Point, digest: Uint8Array, signature: G1Point): boolean {
  try {
    const pairs = [
      { g1: toG1(signature), g2: G2.Point.BASE.negate() },
      { g1: toG1(hashToG1(digest)), g2: toG2(pkG2) },
    ]
    if (pairs.some(({ g1, g2 }) => g1.is0() || g2.is0())) return false
    return Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE)
  } catch (error) {
    if (error instanceof PointInvalidError) return false
    throw error
  }
}

/** @throws {PointInvalidError} `DA_BN254_POINT` */
export function sumOfG1(points: readonly G1Point[]): G1Point {
  return ofG1(points.map(toG1).reduce((sum, point) => sum.add(point), G1.Point.ZERO))
}

/** @throws {PointInvalidError} `DA_BN254_POINT` */
export function sumOfG2(points: readonly G2Point[]): G2Point {
  return ofG2(points.map(toG2).reduce((sum, point) => sum.add(point), G2.Point.ZERO))
}

/** 64 bytes: X, then Y. */
export function encodeG1({ X, Y }: G1Point): Uint8Array {
  return concat(bigintToBytes(X, wordSize), bigintToBytes(Y, wordSize))
}

/** @throws {PointInvalidError} `DA_BN254_POINT` */
export function decodeG1(bytes: Uint8Array): G1Point {
  if (bytes.length !== bn254SignatureSize) throw new PointInvalidError('its size is another')
  const [X, Y] = [0, wordSize].map((at) => bytesToBigint(bytes.subarray(at, at + wordSize)))
  const point = { X: X!, Y: Y! }
  toG1(point)
  return point
}

type G1Affine = InstanceType<typeof G1.Point>
type G2Affine = InstanceType<typeof G2.Point>

function toG1({ X, Y }: G1Point): G1Affine {
  if (X === 0n && Y === 0n) return G1.Point.ZERO
  return checked(() => G1.Point.fromAffine({ x: X, y: Y }))
}

function toG2({ X, Y }: G2Point): G2Affine {
  if ([...X, ...Y].every((number) => number === 0n)) return G2.Point.ZERO
  const [x, y] = [X, Y].map(([c1, c0]) => Fp2.create({ c0, c1 }))
  return checked(() => G2.Point.fromAffine({ x: x!, y: y! }))
}

/** A point that is one: on the curve, in its group, of numbers below the field's. */
function checked<P extends { assertValidity(): void }>(make: () => P): P {
  try {
    const point = make()
    point.assertValidity()
    return point
  } catch {
    throw new PointInvalidError('it is not on the curve, or not in the group')
  }
}

function ofG1(point: G1Affine): G1Point {
  if (point.is0()) return { X: 0n, Y: 0n }
  const { x, y } = point.toAffine()
  return { X: x, Y: y }
}

function ofG2(point: G2Affine): G2Point {
  if (point.is0()) return { X: [0n, 0n], Y: [0n, 0n] }
  const { x, y } = point.toAffine()
  return { X: [x.c1, x.c0], Y: [y.c1, y.c0] }
}

/** Numbers that are no point of the curve. */
export class PointInvalidError extends ZgError<'DA_BN254_POINT'> {
  constructor(problem: string) {
    super('DA_BN254_POINT', `Cannot take a point of BN254: ${problem}`, { problem })
  }
}
