/**
 * BLS12-381 multi-signatures, "min-pk": public keys in G1 (48 bytes), signatures in G2 (96 bytes),
 * ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature-05), by
 * the native blst.
 *
 * The library has one domain-separation tag, so every message signed here is 32 bytes that hold a
 * 16-byte tag of their kind inside the hash (docs/specs/votes.md). Rogue keys are kept out by
 * proofs of possession; aggregate verification of one message is then one pairing check.
 */

import blst from '@chainsafe/blst'

import { ZgError } from './errors.ts'

const { PublicKey, SecretKey, Signature, aggregateSignatures, fastAggregateVerify, verify } = blst

/** Sizes on the wire, in bytes. */
export const blsPublicKeySizeBytes = 48
export const blsSignatureSizeBytes = 96
export const blsSecretKeySizeBytes = 32

/** A parsed public key, checked to be in the group and not the identity. */
export type BlsPublicKey = InstanceType<typeof PublicKey>

/**
 * Derives a secret key from at least 32 bytes of entropy (EIP-2333 `derive_master_SK`'s HKDF).
 *
 * @throws {BlsKeyInvalidError} `PRIMITIVES_BLS_KEY_INVALID`
 */
export function blsSecretKeyFromSeed(seed: Uint8Array): Uint8Array {
  if (seed.length < 32) throw new BlsKeyInvalidError('the seed is shorter than 32 bytes')
  return SecretKey.fromKeygen(seed).toBytes()
}

/** Returns the 48-byte public key of a 32-byte secret key. */
export function blsPublicKeyOf(secretKey: Uint8Array): Uint8Array {
  return secretKeyOf(secretKey).toPublicKey().toBytes()
}

/** Signs a message; returns 96 bytes, the same for the same key and message. */
export function blsSign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  return secretKeyOf(secretKey).sign(message).toBytes()
}

/**
 * Parses and checks a public key once, so that later verifications need not.
 *
 * @throws {BlsKeyInvalidError} `PRIMITIVES_BLS_KEY_INVALID` off the curve, out of the subgroup, or
 *   the identity.
 */
export function parseBlsPublicKey(bytes: Uint8Array): BlsPublicKey {
  if (bytes.length !== blsPublicKeySizeBytes) throw new BlsKeyInvalidError('it is not 48 bytes')
  try {
    return PublicKey.fromBytes(bytes, true)
  } catch (cause) {
    throw new BlsKeyInvalidError('it is no point of the group', cause)
  }
}

/** Whether `signature` is by `publicKey` on `message`. Malformed signatures are simply false. */
export function blsVerify(
  publicKey: BlsPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== blsSignatureSizeBytes) return false
  try {
    return verify(message, publicKey, Signature.fromBytes(signature, true), false, false)
  } catch {
    return false
  }
}

/** Whether `signature` is the aggregate of signatures by all `publicKeys` on one `message`. */
export function blsVerifyAggregate(
  publicKeys: readonly BlsPublicKey[],
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKeys.length === 0 || signature.length !== blsSignatureSizeBytes) return false
  try {
    const parsed = Signature.fromBytes(signature, true)
    return fastAggregateVerify(message, [...publicKeys], parsed, false)
  } catch {
    return false
  }
}

/**
 * Whether 96 bytes, x ‖ y, are a point of G1: canonical, on the curve, in the subgroup of prime
 * order and not the identity.
 */
export function isBlsG1Point(affine: Uint8Array): boolean {
  // MUST be the plain form: the top three bits of the first byte are flags (ZCash serialization).
  if (affine.length !== 2 * blsPublicKeySizeBytes || (affine[0] as number) >= 0x20) return false
  try {
    PublicKey.fromBytes(affine, true)
    return true
  } catch {
    return false
  }
}

/** Whether 192 bytes, x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0, are a point of G2, as `isBlsG1Point`. */
export function isBlsG2Point(affine: Uint8Array): boolean {
  if (affine.length !== 2 * blsSignatureSizeBytes || (affine[0] as number) >= 0x20) return false
  try {
    Signature.fromBytes(affine, true, true)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the 96 bytes x ‖ y of a compressed point of G1 that is not the identity, or undefined
 * when `compressed` is none: not canonical, not on the curve, or out of the subgroup.
 */
export function decompressBlsG1Point(compressed: Uint8Array): Uint8Array | undefined {
  if (compressed.length !== blsPublicKeySizeBytes) return undefined
  try {
    return PublicKey.fromBytes(compressed, true).toBytes(false)
  } catch {
    return undefined
  }
}

/**
 * Returns the 192 bytes x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0 of a compressed point of G2 that is not the
 * identity, or undefined when `compressed` is none, as `decompressBlsG1Point`.
 */
export function decompressBlsG2Point(compressed: Uint8Array): Uint8Array | undefined {
  if (compressed.length !== blsSignatureSizeBytes) return undefined
  try {
    return Signature.fromBytes(compressed, true, true).toBytes(false)
  } catch {
    return undefined
  }
}

/**
 * Adds signatures up; each is parsed and checked to be in the group.
 *
 * @throws {BlsSignatureInvalidError} `PRIMITIVES_BLS_SIGNATURE_INVALID`
 */
export function blsAggregate(signatures: readonly Uint8Array[]): Uint8Array {
  try {
    return aggregateSignatures(
      signatures.map((bytes) => Signature.fromBytes(bytes, true)),
    ).toBytes()
  } catch (cause) {
    throw new BlsSignatureInvalidError(cause)
  }
}

function secretKeyOf(bytes: Uint8Array): InstanceType<typeof SecretKey> {
  try {
    return SecretKey.fromBytes(bytes)
  } catch (cause) {
    throw new BlsKeyInvalidError('it is no secret key', cause)
  }
}

export class BlsKeyInvalidError extends ZgError<'PRIMITIVES_BLS_KEY_INVALID'> {
  constructor(problem: string, cause?: unknown) {
    super('PRIMITIVES_BLS_KEY_INVALID', `Cannot use the BLS key: ${problem}`, { problem }, cause)
  }
}

export class BlsSignatureInvalidError extends ZgError<'PRIMITIVES_BLS_SIGNATURE_INVALID'> {
  constructor(cause: unknown) {
    const message = 'Cannot aggregate the signatures: one is no point of the group'
    super('PRIMITIVES_BLS_SIGNATURE_INVALID', message, {}, cause)
  }
}
