/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as most logs use it: RFC 3720 B.4. */

const table = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) {
    remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
  }
  table[byte] = remainder
}

/** Returns the checksum of `bytes`, as if they followed those that gave `previous`. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let remainder = ~previous >>> 0
  for (const byte of bytes) {
    remainder = (table[(remainder ^ byte) & 0xff] as number) ^ (remainder >>> 8)
  }
  return ~remainder >>> 0
}
