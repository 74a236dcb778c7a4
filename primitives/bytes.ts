/**
 * Bytes, hex strings and 256-bit words.
 *
 * Inside, bytes are `Uint8Array` and words (balances, slots, addresses as the machine sees them)
 * are `bigint`; hex strings with `0x` live at the edges only. All integers here are big-endian, as
 * on Ethereum. Every decoder is strict: wrong length, odd digits or a value that does not fit is an
 * error, never a truncation.
 */

import { ZgError } from './errors.ts'

/** A string of `0x` and an even or odd number of lower-case hex digits. */
export type Hex = `0x${string}`

/** No bytes. Never written to. */
export const emptyBytes = new Uint8Array(0)

/** 2^256 - 1, the greatest word. */
export const wordMax = (1n << 256n) - 1n

/** Words pass through these 32 bytes: four 64-bit limbs, the most significant first. */
const limbs = new DataView(new ArrayBuffer(32))
const limbBytes = new Uint8Array(limbs.buffer)

/** bounds[n] = 256^n, for the sizes a word may have. */
const bounds = Array.from({ length: 33 }, (_, sizeBytes) => 1n << BigInt(8 * sizeBytes))

/** Hex digits pass through these characters, of which the first two are always `0x`. */
const shortText = new Uint8Array(2 + 2 * 1_024)

/** The two digits of each byte, as one 16-bit number with the first digit first in memory. */
const digitPairs = new Uint16Array(
  new TextEncoder().encode(
    Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
  ).buffer,
)

/** Value of a character that is a hex digit, 255 of any other below 128. */
const digitValues = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? 255 : value
})

const decoder = new TextDecoder()

/** Returns `0x` and two lower-case digits a byte. */
export function toHex(bytes: Uint8Array): Hex {
  const size = 2 + 2 * bytes.length
  const text = size <= shortText.length ? shortText : new Uint8Array(size)
  text[0] = 0x30
  text[1] = 0x78
  const pairs = new Uint16Array(text.buffer, 2, bytes.length)
  for (let index = 0; index < bytes.length; index++) {
    pairs[index] = digitPairs[bytes[index] as number] as number
  }
  return decoder.decode(text.subarray(0, size)) as Hex
}

/**
 * Returns the bytes of a hex string, either case.
 *
 * @throws {HexMalformedError} `PRIMITIVES_HEX_MALFORMED` without `0x`, with an odd number of
 * digits,
 *   or with a character that is no hex digit.
 */
export function fromHex(hex: string): Uint8Array {
  if (!hex.startsWith('0x') && !hex.startsWith('0X')) throw new HexMalformedError(hex, 'no 0x')
  if (hex.length % 2 !== 0) throw new HexMalformedError(hex, 'an odd number of digits')
  const bytes = new Uint8Array((hex.length - 2) / 2)
  for (let index = 0; index < bytes.length; index++) {
    const high = digitValue(hex.charCodeAt(2 * index + 2))
    const low = digitValue(hex.charCodeAt(2 * index + 3))
    if (high > 15 || low > 15) throw new HexMalformedError(hex, 'a character that is no hex digit')
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
  if (sizeBytes > 32) return longToBytes(value, sizeBytes)
  if (value < 0n || value >= (bounds[sizeBytes] as bigint)) {
    throw new WordTooLargeError(value, sizeBytes)
  }
  writeLimbs(value)
  return limbBytes.slice(32 - sizeBytes)
}

/** Returns the shortest big-endian form of `value`: no bytes for zero, as RLP wants integers. */
export function bigintToMinimalBytes(value: bigint): Uint8Array {
  if (value === 0n) return emptyBytes
  if (value < 0n || value > wordMax) {
    return longToBytes(value, Math.ceil(value.toString(16).length / 2))
  }
  writeLimbs(value)
  let start = 0
  while (limbBytes[start] === 0) start++
  return limbBytes.slice(start)
}

/** Reads all bytes as one big-endian unsigned integer; zero for no bytes. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  const size = bytes.length
  if (size > 32) return BigInt(toHex(bytes))
  limbBytes.fill(0, 0, 32 - size)
  limbBytes.set(bytes, 32 - size)
  const low = limbs.getBigUint64(24)
  if (size <= 8) return low
  const lower = (limbs.getBigUint64(16) << 64n) | low
  if (size <= 16) return lower
  return (((limbs.getBigUint64(0) << 64n) | limbs.getBigUint64(8)) << 128n) | lower
}

/** V8 turns asUintN(64, …) of a word into machine code; digits would take four times as long. */
function writeLimbs(value: bigint): void {
  limbs.setBigUint64(24, BigInt.asUintN(64, value))
  limbs.setBigUint64(16, BigInt.asUintN(64, value >> 64n))
  limbs.setBigUint64(8, BigInt.asUintN(64, value >> 128n))
  limbs.setBigUint64(0, BigInt.asUintN(64, value >> 192n))
}

function longToBytes(value: bigint, sizeBytes: number): Uint8Array {
  const digits = value.toString(16)
  if (value < 0n || digits.length > 2 * sizeBytes) throw new WordTooLargeError(value, sizeBytes)
  return fromHex(`0x${digits.padStart(2 * sizeBytes, '0')}`)
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
  return charCode < 128 ? (digitValues[charCode] as number) : 255
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
