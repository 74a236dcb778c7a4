/** Hashes and other byte strings as keys of a `Map`. */

/**
 * Returns a string of one character a byte: for keys of a `Map` only, never shown. Strings are
 * hashed whole and with a seed by V8, so keys a peer may choose are safe.
 */
export function hashKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
