/**
 * Bytes, hex strings and 256-bit words.
 *
 * Inside, bytes are `Uint8Array` and words (balances, slots, addresses as the machine sees them) are
 * `bigint`; hex strings with `0x` live at the edges only. All integers here are big-endian, as on
 * Ethereum. Every decoder is strict: wrong length, odd digits or a value that does not fit is an
 * error, never a truncation.
 */

import { ZgError } from './errors.ts'

/** A string of `0x` and an even or odd number of lower-case hex digits. */
export type Hex = `0x${string}`

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** No bytes. Never written to. */
export const emptyBytes = new Uint8Array(0)

/** 2^256 - 1, the greatest word. */
export const wordMax = (1n << 256n) - 1n

/** Returns `0x` and two lower-case digits a byte. */
export function toHex(bytes: Uint8Array): Hex {
  let hex = '0x'
  for (const byte of bytes) hex += hexOfByte[byte]
  return hex as Hex
}

/**
 * Returns the bytes of a hex string, either case.
 *
 * @throws {HexMalformedError} `PRIMITIVES_HEX_MALFORMED` without `0x`, with an odd number of digits,
 *   or with a character that is no hex digit.
 */
export function fromHex(hex: string): Uint8Array {
  if (!hex.startsWith('0x') && !hex.startsWith('0X')) throw new HexMalformedError(hex, 'no 0x')
  if (hex.length % 2 !== 0) throw new HexMalformedError(hex, 'an odd number of digits')
  const bytes = new Uint8Array((hex.length - 2) / 2)
  for (let index = 0; index < bytes.length; index++) {
    const high = digitValue(hex.charCodeAt(2 * index + 2))
    const low = digitValue(hex.charCodeAt(2 * index + 3))
    if (high < 0 || low < 0) throw new HexMalformedError(hex, 'a character that is no hex digit')
    bytes[index] = (high << 4) | low
  }
  return bytes
}

/** Whether `value` is `0x` and hex digits, exactly `sizeBytes` bytes of them when given. */
export function isHex(value: unknown, sizeBytes?: number): value is Hex {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]*$/.test(value)) return false
  return sizeBytes === undefined || value.length === 2 + 2 * sizeBytes
}

/** Returns the parts one after the other, in fresh memory. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Whether both hold the same bytes. Not constant-time: never for secrets. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Negative, zero or positive as `a` sorts before, with or after `b`, byte by byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let index = 0; index < common; index++) {
    const difference = (a[index] as number) - (b[index] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/**
 * Returns `value` as exactly `sizeBytes` big-endian bytes.
 *
 * @throws {WordTooLargeError} `PRIMITIVES_WORD_TOO_LARGE` when it is negative or does not fit.
 */
export function bigintToBytes(value: bigint, sizeBytes: number): Uint8Array {
  if (value < 0n) throw new WordTooLargeError(value, sizeBytes)
  const digits = value.toString(16)
  if (digits.length > 2 * sizeBytes) throw new WordTooLargeError(value, sizeBytes)
  const bytes = new Uint8Array(sizeBytes)
  let target = sizeBytes - 1
  for (let end = digits.length; end > 0; end -= 2) {
    const low = digitValue(digits.charCodeAt(end - 1))
    const high = end > 1 ? digitValue(digits.charCodeAt(end - 2)) : 0
    bytes[target--] = (high << 4) | low
  }
  return bytes
}

/** Returns the shortest big-endian form of `value`: no bytes for zero, as RLP wants integers. */
export function bigintToMinimalBytes(value: bigint): Uint8Array {
  if (value === 0n) return emptyBytes
  return bigintToBytes(value, Math.ceil(value.toString(16).length / 2))
}

/** Reads all bytes as one big-endian unsigned integer; zero for no bytes. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  return BigInt(toHex(bytes))
}

/** Returns `value` as `0x` and the fewest digits: an Ethereum JSON-RPC quantity. */
export function toQuantity(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}

/** Returns `value` as `0x` and exactly `2 * sizeBytes` digits. */
export function bigintToHex(value: bigint, sizeBytes: number): Hex {
  const digits = value.toString(16)
  if (value < 0n || digits.length > 2 * sizeBytes) throw new WordTooLargeError(value, sizeBytes)
  return `0x${digits.padStart(2 * sizeBytes, '0')}`
}

function digitValue(charCode: number): number {
  // '0'..'9', 'a'..'f', 'A'..'F'
  if (charCode >= 48 && charCode <= 57) return charCode - 48
  if (charCode >= 97 && charCode <= 102) return charCode - 87
  if (charCode >= 65 && charCode <= 70) return charCode - 55
  return -1
}

export class HexMalformedError extends ZgError<'PRIMITIVES_HEX_MALFORMED'> {
  constructor(hex: string, problem: string) {
    const shown = hex.length > 40 ? `${hex.slice(0, 40)}…` : hex
    super('PRIMITIVES_HEX_MALFORMED', `Cannot read hex "${shown}": ${problem}`, { hex: shown })
  }
}

export class WordTooLargeError extends ZgError<'PRIMITIVES_WORD_TOO_LARGE'> {
  constructor(value: bigint, sizeBytes: number) {
    const message = `Cannot write the integer: it does not fit in ${sizeBytes} bytes`
    super('PRIMITIVES_WORD_TOO_LARGE', message, { bits: value.toString(2).length, sizeBytes })
  }
}
