/**
 * Who holds a validator's key. In production a process of its own; here also one in memory.
 *
 * The signer signs 32-byte digests. What may be signed is decided before, by the `VoteGuard` over a
 * durable log; a signer process keeps a guard of its own and refuses by rejecting.
 */

import type { SignatureScheme } from './signature-scheme.ts'

export interface Signer {
  /** 48 bytes. */
  readonly publicKey: Uint8Array
  /** Returns 96 bytes, the same for the same digest. */
  sign(digest: Uint8Array): Promise<Uint8Array>
}

/** A signer in this process. */
export function localSigner(scheme: SignatureScheme, secretKey: Uint8Array): Signer {
  const publicKey = scheme.publicKeyOf(secretKey)
  return {
    publicKey,
    sign: async (digest) => scheme.sign(secretKey, digest),
  }
}
