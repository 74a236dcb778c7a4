/**
 * Keys of the key-value stores as strings of one character a byte: V8 hashes those with a secret
 * seed, and compares them as unsigned bytes, shorter first, which is the order of `KeyValueStore`.
 */

import { ZgError } from '@zg/primitives'

/** The longest key a store takes, in bytes; the shortest has one. */
export const keySizeBytesMax = 500

/**
 * Returns the key as a string.
 *
 * @throws {KeySizeInvalidError} `RUNTIME_KEY_SIZE_INVALID` unless it has 1 to 500 bytes.
 */
export function stringOfKey(key: Uint8Array): string {
  if (key.length === 0 || key.length > keySizeBytesMax) throw new KeySizeInvalidError(key.length)
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

/** Returns the bytes of such a string. */
export function keyOfString(text: string): Uint8Array {
  const key = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) key[index] = text.charCodeAt(index)
  return key
}

export class KeySizeInvalidError extends ZgError<'RUNTIME_KEY_SIZE_INVALID'> {
  constructor(sizeBytes: number) {
    const message = `Cannot use a key of ${sizeBytes} bytes: it must have 1 to ${keySizeBytesMax}`
    super('RUNTIME_KEY_SIZE_INVALID', message, { sizeBytes, sizeBytesMax: keySizeBytesMax })
  }
}
