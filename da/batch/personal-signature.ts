/**
 * A signature on 32 bytes as wallets make it (EIP-191, version 0x45): 65 bytes, r ‖ s ‖ v, v 27 or
 * 28.
 */

import { concat, keccak256, recoverAddress, signDigest } from '@zg/primitives'

export const personalSignatureSize = 65
const prefix = new TextEncoder().encode('\x19Ethereum Signed Message:\n32')
const recoveryBase = 27

export function signPersonal(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const { r, s, yParity } = signDigest(keccak256(concat(prefix, message)), secretKey)
  return concat(r, s, Uint8Array.of(recoveryBase + yParity))
}

/** The 20-byte address that signed; undefined when nobody can have. */
export function recoverPersonal(
  message: Uint8Array,
  signature: Uint8Array,
): Uint8Array | undefined {
  if (signature.length !== personalSignatureSize) return undefined
  return recoverAddress(keccak256(concat(prefix, message)), {
    r: signature.subarray(0, 32),
    s: signature.subarray(32, 64),
    yParity: signature[64]! - recoveryBase,
  })
}
