/**
 * BLS12-381 for a world that holds all secret keys: real signatures and aggregates, checked without
 * a pairing.
 *
 * A BLS signature is a function of key and message, so one is right iff it is what the key's holder
 * would sign, and an aggregate iff it is the sum of those. So what passes here is exactly what
 * passes on L1, at the cost of one signature for each key and message.
 */

import { blsAggregate, blsPublicKeyOf, blsSign, bytesEqual, toHex } from '@zg/primitives'
import type { SignatureScheme } from '@zg/consensus'

/** The scheme of some secret keys; a signature by any other key does not verify. */
export function knownKeysScheme(secretKeys: readonly Uint8Array[]): SignatureScheme {
  const secrets = new Map(secretKeys.map((key) => [toHex(blsPublicKeyOf(key)), key]))
  const publicKeys = new Map(secretKeys.map((key) => [toHex(key), blsPublicKeyOf(key)]))
  const signed = new Map<string, Uint8Array>()

  const sign = (secretKey: Uint8Array, message: Uint8Array): Uint8Array => {
    const name = toHex(secretKey) + toHex(message)
    const known = signed.get(name)
    if (known !== undefined) return known
    const signature = blsSign(secretKey, message)
    signed.set(name, signature)
    return signature
  }

  const verifyAggregate: SignatureScheme['verifyAggregate'] = (keys, message, signature) => {
    const holders = keys.map((key) => secrets.get(toHex(key)))
    if (holders.length === 0 || holders.includes(undefined)) return false
    const all = (holders as readonly Uint8Array[]).map((key) => sign(key, message))
    return bytesEqual(blsAggregate(all), signature)
  }

  return {
    publicKeyOf: (secretKey) => publicKeys.get(toHex(secretKey)) ?? blsPublicKeyOf(secretKey),
    sign,
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
