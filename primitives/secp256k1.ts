/**
 * ECDSA over secp256k1 with public-key recovery, as Ethereum signs transactions (Yellow Paper,
 * appendix F): the native library, about 55 µs a recovery.
 */

import native from 'secp256k1'

import { toHex } from './bytes.ts'
import { assert, ZgError } from './errors.ts'
import { keccak256 } from './hash.ts'

/** The order n of the group. */
export const secp256k1Order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** A signature: r and s, at most 32 bytes each, big-endian, and the parity of the point's y. */
export type EcdsaSignature = {
  readonly r: Uint8Array
  readonly s: Uint8Array
  readonly yParity: number
}

/**
 * Signs a 32-byte digest, deterministically (RFC 6979) and with low s (EIP-2).
 *
 * @throws {SecretKeyInvalidError} `PRIMITIVES_SECRET_KEY_INVALID`
 */
export function signDigest(digest: Uint8Array, secretKey: Uint8Array): EcdsaSignature {
  assert(digest.length === 32, 'a digest is 32 bytes')
  requireSecretKey(secretKey)
  const { signature, recid } = native.ecdsaSign(digest, secretKey)
  return { r: signature.slice(0, 32), s: signature.slice(32, 64), yParity: recid }
}

/**
 * Returns the 20-byte address whose key signed the 32-byte `digest`, or undefined when no key can
 * have: r or s not in [1, n-1], or no such point. s may be in the upper half; transactions forbid
 * that.
 */
export function recoverAddress(
  digest: Uint8Array,
  { r, s, yParity }: EcdsaSignature,
): Uint8Array | undefined {
  assert(digest.length === 32, 'a digest is 32 bytes')
  if ((yParity !== 0 && yParity !== 1) || r.length > 32 || s.length > 32) return undefined
  const signature = new Uint8Array(64)
  signature.set(r, 32 - r.length)
  signature.set(s, 64 - s.length)
  try {
    return addressOfPublicKey(native.ecdsaRecover(signature, yParity, digest, false))
  } catch {
    return undefined
  }
}

/**
 * Returns the 20-byte address of a secret key: the last 20 bytes of the hash of its public key.
 *
 * @throws {SecretKeyInvalidError} `PRIMITIVES_SECRET_KEY_INVALID`
 */
export function addressOfSecretKey(secretKey: Uint8Array): Uint8Array {
  requireSecretKey(secretKey)
  return addressOfPublicKey(native.publicKeyCreate(secretKey, false))
}

/** Returns the address of an uncompressed public key of 65 bytes. */
export function addressOfPublicKey(publicKey: Uint8Array): Uint8Array {
  return keccak256(publicKey.subarray(1)).slice(12)
}

/** Returns the mixed-case form of an address (EIP-55). */
export function checksumAddress(address: Uint8Array): string {
  const digits = toHex(address).slice(2)
  const hash = toHex(keccak256(new TextEncoder().encode(digits))).slice(2)
  let mixed = '0x'
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charAt(index)
    mixed += Number.parseInt(hash.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit
  }
  return mixed
}

function requireSecretKey(secretKey: Uint8Array): void {
  // MUST be a number in [1, n-1].
  if (secretKey.length !== 32 || !native.privateKeyVerify(secretKey)) {
    throw new SecretKeyInvalidError()
  }
}

export class SecretKeyInvalidError extends ZgError<'PRIMITIVES_SECRET_KEY_INVALID'> {
  constructor() {
    const message = 'Cannot use the secret key: it is not 32 bytes between 1 and the group order'
    super('PRIMITIVES_SECRET_KEY_INVALID', message)
  }
}
