/**
 * The signatures under votes, as an argument: BLS12-381 on networks, a keyed hash in the simulator.
 *
 * What the engine relies on: a signature is a function of key and message (unique), one aggregate
 * stands for many signers of one message, and nobody else can make an honest validator's.
 */

import {
  blsAggregate,
  blsPublicKeyOf,
  blsSign,
  blsVerifyAggregate,
  concat,
  parseBlsPublicKey,
  sha256,
  toHex,
} from '@zg/primitives'
import type { BlsPublicKey } from '@zg/primitives'

/** Bytes of a signature, single or aggregate. */
export const signatureSizeBytes = 96

/** Parsed keys kept, at most; the oldest goes first. */
const parsedKeysMax = 4_096

export interface SignatureScheme {
  publicKeyOf(secretKey: Uint8Array): Uint8Array
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** Returns the aggregate; undefined when a signature is malformed. */
  aggregate(signatures: readonly Uint8Array[]): Uint8Array | undefined
  /** Whether `signature` aggregates one signature by each key on one message; false for no keys. */
  verifyAggregate(
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean
}

/** BLS12-381 multi-signatures (min-pk). Keys are parsed and group-checked once. */
export function blsScheme(): SignatureScheme {
  const parsed = new Map<string, BlsPublicKey>()

  const parse = (publicKey: Uint8Array): BlsPublicKey => {
    const name = toHex(publicKey)
    const known = parsed.get(name)
    if (known !== undefined) return known
    const fresh = parseBlsPublicKey(publicKey)
    if (parsed.size >= parsedKeysMax) {
      const oldest = parsed.keys().next().value
      if (oldest !== undefined) parsed.delete(oldest)
    }
    parsed.set(name, fresh)
    return fresh
  }

  const verifyAggregate = (
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean => {
    try {
      return blsVerifyAggregate(publicKeys.map(parse), message, signature)
    } catch {
      return false
    }
  }

  return {
    publicKeyOf: blsPublicKeyOf,
    sign: blsSign,
    verify: (publicKey, message, signature) => verifyAggregate([publicKey], message, signature),
    aggregate: (signatures) => {
      try {
        return blsAggregate(signatures)
      } catch {
        return undefined
      }
    },
    verifyAggregate,
  }
}

/**
 * A keyed hash with the shape of BLS, for simulations: a signature is sha256(public key ‖ message)
 * three times over, an aggregate the XOR. Anyone can forge it, so only programs that do not may use
 * it: a simulated adversary signs with the keys it owns.
 */
export function keyedHashScheme(): SignatureScheme {
  const publicKeyOf = (secretKey: Uint8Array): Uint8Array => {
    const publicKey = new Uint8Array(48)
    publicKey.set(sha256(secretKey))
    return publicKey
  }
  const signatureOf = (publicKey: Uint8Array, message: Uint8Array): Uint8Array => {
    const hash = sha256(concat(publicKey, message))
    return concat(hash, hash, hash)
  }
  const verifyAggregate = (
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean => {
    if (publicKeys.length === 0 || signature.length !== signatureSizeBytes) return false
    const expected = xor(publicKeys.map((publicKey) => signatureOf(publicKey, message)))
    return expected.every((byte, index) => byte === signature[index])
  }
  return {
    publicKeyOf,
    sign: (secretKey, message) => signatureOf(publicKeyOf(secretKey), message),
    verify: (publicKey, message, signature) => verifyAggregate([publicKey], message, signature),
    aggregate: (signatures) =>
      signatures.some((signature) => signature.length !== signatureSizeBytes)
        ? undefined
        : xor(signatures),
    verifyAggregate,
  }
}

function xor(parts: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(signatureSizeBytes)
  for (const part of parts) {
    for (let index = 0; index < sum.length; index++) {
      sum[index] = (sum[index] as number) ^ (part[index] as number)
    }
  }
  return sum
}
