/**
 * MODEXP, 0x05 (EIP-198): base^exponent mod modulus, for integers of any length.
 *
 *     input   B (32) ‖ E (32) ‖ M (32) ‖ base (B) ‖ exponent (E) ‖ modulus (M), zero-padded
 *     output  M bytes; zero for the moduli 0 and 1
 *
 * Gas, with x = max(B, M), words = ceil(x / 8), and
 * iterations = max(1, c·max(0, E - 32) + bits(first 32 bytes of the exponent) - 1):
 *
 *     until Prague (EIP-2565)   max(200, words² · iterations / 3)                        c = 8
 *     from Osaka (EIP-7883)     max(500, (x <= 32 ? 16 : 2·words²) · iterations)         c = 16
 *
 * From Osaka on, B, E and M are at most 1,024, or the call fails (EIP-7823).
 *
 * A length is 256 bits in the input, so the price is computed from the header and at most 32 bytes
 * more; nothing is allocated by a length before its price is paid. The power is taken on V8's big
 * integers with sliding windows: a bit of the exponent costs one squaring and one division.
 */

import { bigintToBytes, bytesToBigint } from '@zg/primitives'

import { paddedSlice } from './input.ts'
import type { Precompile } from './precompile.ts'

/** EIP-7823's bound of each length, in bytes. */
const lengthMaxOsaka = 1_024n

const headerSizeBytes = 96

type Lengths = { readonly base: bigint; readonly exponent: bigint; readonly modulus: bigint }

/** MODEXP until Prague: EIP-2565's price, no bound on the lengths. */
export const modexpEip2565: Precompile = {
  name: 'MODEXP',
  gas: (input) => {
    const lengths = lengthsOf(input)
    const words = (greatest(lengths.base, lengths.modulus) + 7n) / 8n
    return greatest(200n, (words * words * iterations(input, lengths, 8n)) / 3n)
  },
  run: (input) => power(input, lengthsOf(input)),
}

/** MODEXP from Osaka on: EIP-7883's price, EIP-7823's bounds. */
export const modexpEip7883: Precompile = {
  name: 'MODEXP',
  gas: (input) => {
    const lengths = lengthsOf(input)
    const size = greatest(lengths.base, lengths.modulus)
    const words = (size + 7n) / 8n
    const complexity = size <= 32n ? 16n : 2n * words * words
    return greatest(500n, complexity * iterations(input, lengths, 16n))
  },
  run: (input) => {
    const lengths = lengthsOf(input)
    const size = greatest(greatest(lengths.base, lengths.modulus), lengths.exponent)
    // MUST be at most 1,024 bytes each.
    if (size > lengthMaxOsaka) return undefined
    return power(input, lengths)
  },
}

function lengthsOf(input: Uint8Array): Lengths {
  const header = paddedSlice(input, 0, headerSizeBytes)
  return {
    base: bytesToBigint(header.subarray(0, 32)),
    exponent: bytesToBigint(header.subarray(32, 64)),
    modulus: bytesToBigint(header.subarray(64, 96)),
  }
}

/** The EIPs' iteration count, from at most the first 32 bytes of the exponent. */
function iterations(input: Uint8Array, lengths: Lengths, perByte: bigint): bigint {
  const { base, exponent } = lengths
  const headSizeBytes = exponent < 32n ? Number(exponent) : 32
  const start = BigInt(headerSizeBytes) + base
  const head =
    start < input.length ? bytesToBigint(paddedSlice(input, Number(start), headSizeBytes)) : 0n
  const tailIterations = exponent > 32n ? perByte * (exponent - 32n) : 0n
  const headIterations = head === 0n ? 0n : BigInt(head.toString(2).length - 1)
  return greatest(1n, tailIterations + headIterations)
}

/** The result as bytes. The price of `lengths` has been paid, so they fit in memory. */
function power(input: Uint8Array, lengths: Lengths): Uint8Array {
  // Without a modulus nothing is read, whatever length the exponent claims: it was nearly free.
  if (lengths.modulus === 0n) return new Uint8Array(0)
  const baseSize = Number(lengths.base)
  const exponentSize = Number(lengths.exponent)
  const modulusSize = Number(lengths.modulus)
  const baseStart = headerSizeBytes
  const exponentStart = baseStart + baseSize
  const modulus = bytesToBigint(paddedSlice(input, exponentStart + exponentSize, modulusSize))
  if (modulus <= 1n) return new Uint8Array(modulusSize)
  const base = bytesToBigint(paddedSlice(input, baseStart, baseSize)) % modulus
  const exponent = paddedSlice(input, exponentStart, exponentSize)
  return bigintToBytes(powerModulo(base, exponent, modulus), modulusSize)
}

/**
 * base^exponent mod modulus by sliding windows, left to right: runs of at most `width` bits that
 * begin and end with a one are multiplied in at once, from a table of the odd powers.
 */
function powerModulo(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  const bitCount = 8 * exponent.length
  let position = 0
  while (position < bitCount && bitOf(exponent, position) === 0) position++
  const width = windowWidth(bitCount - position)
  const oddPowers = oddPowersOf(base, modulus, 2 ** (width - 1))

  let result = 1n
  while (position < bitCount) {
    if (bitOf(exponent, position) === 0) {
      result = (result * result) % modulus
      position++
      continue
    }
    let end = Math.min(position + width, bitCount)
    while (bitOf(exponent, end - 1) === 0) end--
    let window = 0
    for (; position < end; position++) {
      window = 2 * window + bitOf(exponent, position)
      result = (result * result) % modulus
    }
    result = (result * (oddPowers[(window - 1) / 2] as bigint)) % modulus
  }
  return result
}

/** base^1, base^3, base^5, …: `count` of them. */
function oddPowersOf(base: bigint, modulus: bigint, count: number): bigint[] {
  const powers = [base]
  if (count === 1) return powers
  const square = (base * base) % modulus
  for (let index = 1; index < count; index++) {
    powers.push(((powers[index - 1] as bigint) * square) % modulus)
  }
  return powers
}

/** The width whose table is paid back by an exponent of so many bits. */
function windowWidth(bitCount: number): number {
  if (bitCount <= 16) return 1
  if (bitCount <= 80) return 3
  return bitCount <= 400 ? 4 : 6
}

/** Bit `position` of big-endian `bytes`, the most significant first. */
function bitOf(bytes: Uint8Array, position: number): number {
  return ((bytes[position >> 3] as number) >> (7 - (position & 7))) & 1
}

function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
