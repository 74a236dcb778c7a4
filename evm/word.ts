/**
 * Arithmetic on 256-bit words beyond what one BigInt operator does, and words in memory.
 *
 * A word is an unsigned `bigint` below 2^256. Signed instructions read it in two's complement.
 */

import { wordMax } from '@zg/primitives'

const wordSize = 1n << 256n
const signBit = 1n << 255n
const limbMax = (1n << 64n) - 1n

/** Reads a word in two's complement. */
export function toSigned(word: bigint): bigint {
  return word < signBit ? word : word - wordSize
}

/** Writes an integer in two's complement. */
function fromSigned(value: bigint): bigint {
  return value < 0n ? (value + wordSize) & wordMax : value
}

/** The address in a word: its 160 low bits. */
export function addressOf(word: bigint): bigint {
  return BigInt.asUintN(160, word)
}

/** SDIV: toward zero; 0 for a divisor of 0. -2^255 / -1 wraps to -2^255. */
export function signedDivide(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : BigInt.asUintN(256, toSigned(a) / toSigned(b))
}

/** SMOD: the sign is the dividend's; 0 for a divisor of 0. */
export function signedModulo(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : fromSigned(toSigned(a) % toSigned(b))
}

/** SIGNEXTEND: the sign bit of byte `index` (0 the lowest) fills the bytes above it. */
export function signExtend(index: bigint, word: bigint): bigint {
  if (index >= 31n) return word
  const bits = 8 * Number(index) + 8
  return BigInt.asUintN(256, BigInt.asIntN(bits, word))
}

/** EXP modulo 2^256: four squarings a hex digit of the exponent, and one multiplication. */
export function power(base: bigint, exponent: bigint): bigint {
  // 2^n is what contracts ask for most.
  if (base === 2n) return exponent > 255n ? 0n : 1n << exponent
  const powers = [1n, base]
  let result = 1n
  for (const character of exponent.toString(16)) {
    const digit = Number.parseInt(character, 16)
    for (let index = 0; index < 4 && result !== 1n; index++) {
      result = BigInt.asUintN(256, result * result)
    }
    if (digit === 0) continue
    while (powers.length <= digit) {
      powers.push(BigInt.asUintN(256, (powers.at(-1) as bigint) * base))
    }
    result = BigInt.asUintN(256, result * (powers[digit] as bigint))
  }
  return result
}

/** How many bytes the word takes without leading zeros; 0 for 0. */
export function byteLength(word: bigint): number {
  return word === 0n ? 0 : (word.toString(16).length + 1) >> 1
}

/** BYTE: byte `index` of the word, 0 the highest. */
export function byteAt(index: bigint, word: bigint): bigint {
  return index > 31n ? 0n : (word >> (248n - 8n * index)) & 0xffn
}

/** SAR: shifts right and keeps the sign. */
export function shiftRightSigned(shift: bigint, word: bigint): bigint {
  if (shift > 255n) return word < signBit ? 0n : wordMax
  return word < signBit ? word >> shift : BigInt.asUintN(256, (word - wordSize) >> shift)
}

/** CLZ: leading zero bits; 256 for 0 (EIP-7939). */
export function leadingZeros(word: bigint): bigint {
  if (word === 0n) return 256n
  const digits = word.toString(16)
  return BigInt(4 * (64 - digits.length) + Math.clz32(Number.parseInt(digits.charAt(0), 16)) - 28)
}

/** Reads the word at `offset`, all 32 bytes of which must be there. */
export function readWord(view: DataView, offset: number): bigint {
  const low = view.getBigUint64(offset + 24)
  const third = view.getBigUint64(offset + 16)
  const second = view.getBigUint64(offset + 8)
  const high = view.getBigUint64(offset)
  if (high === 0n && second === 0n) return third === 0n ? low : (third << 64n) | low
  return (((high << 64n) | second) << 128n) | (third << 64n) | low
}

/** Writes the word at `offset`. */
export function writeWord(view: DataView, offset: number, word: bigint): void {
  if (word <= limbMax) {
    view.setBigUint64(offset, 0n)
    view.setBigUint64(offset + 8, 0n)
    view.setBigUint64(offset + 16, 0n)
    view.setBigUint64(offset + 24, word)
    return
  }
  view.setBigUint64(offset + 24, BigInt.asUintN(64, word))
  view.setBigUint64(offset + 16, BigInt.asUintN(64, word >> 64n))
  view.setBigUint64(offset + 8, BigInt.asUintN(64, word >> 128n))
  view.setBigUint64(offset, BigInt.asUintN(64, word >> 192n))
}

const scratch = new Uint8Array(32)
const scratchView = new DataView(scratch.buffer)

/** Returns the word of exactly 32 bytes, faster than through hex. */
export function wordOfBytes(bytes: Uint8Array): bigint {
  scratch.set(bytes)
  return readWord(scratchView, 0)
}

/** Returns the word that starts at `offset` in `bytes`, zeros past their end (CALLDATALOAD). */
export function wordAt(bytes: Uint8Array, offset: number): bigint {
  if (offset >= bytes.length) return 0n
  const size = Math.min(32, bytes.length - offset)
  // A loop, not a view and a copy: this is one of the commonest instructions.
  for (let index = 0; index < size; index++) scratch[index] = bytes[offset + index] as number
  if (size < 32) scratch.fill(0, size)
  return readWord(scratchView, 0)
}
