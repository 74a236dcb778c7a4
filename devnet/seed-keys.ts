/** The keys of a world: all of them come from its seed. */

import {
  addressOfSecretKey,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  concat,
  sha256,
} from '@zg/primitives'

/** What an operator signs by, and who it is. */
export type SeedKeys = {
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** 32 bytes: its BLS key. */
  readonly secretKey: Uint8Array
  /** 48 bytes. */
  readonly publicKey: Uint8Array
}

/** Returns the keys that `seed` gives to `label`. */
export function keysOf(seed: Uint8Array, label: string): SeedKeys {
  const secretKey = blsSecretKeyFromSeed(derive(seed, label))
  const operator = addressOfSecretKey(accountKeyOf(seed, label))
  return { operator, secretKey, publicKey: blsPublicKeyOf(secretKey) }
}

/** Returns the key of the account that `seed` gives to `label`; it sends transactions. */
export function accountKeyOf(seed: Uint8Array, label: string): Uint8Array {
  return derive(seed, `${label}/address`)
}

function derive(seed: Uint8Array, label: string): Uint8Array {
  return sha256(concat(new TextEncoder().encode(`zg/devnet/${label}\0`), seed))
}
