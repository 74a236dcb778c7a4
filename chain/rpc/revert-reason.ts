/** The reason in revert data, as Solidity encodes it: `Error(string)` or `Panic(uint256)`. */

import { bytesToBigint, toHex } from '@zg/primitives'

const errorSelector = '0x08c379a0'
const panicSelector = '0x4e487b71'

/** A longer reason is cut: it is an aid to the eye, the data itself is sent whole. */
const reasonSizeMax = 1_024

/** Solidity manual, "Panic via assert and error via require". */
const panicMeanings: ReadonlyMap<bigint, string> = new Map([
  [0x01n, 'assertion failed'],
  [0x11n, 'arithmetic overflow or underflow'],
  [0x12n, 'division or modulo by zero'],
  [0x21n, 'conversion to an enum out of range'],
  [0x22n, 'storage byte array that is incorrectly encoded'],
  [0x31n, 'pop() on an empty array'],
  [0x32n, 'array index out of bounds'],
  [0x41n, 'too much memory allocated'],
  [0x51n, 'call of a zero-initialized function'],
])

/** Returns the reason; undefined for data of another form. */
export function revertReason(data: Uint8Array): string | undefined {
  const selector = toHex(data.subarray(0, 4))
  if (selector === panicSelector && data.length === 36) {
    const code = bytesToBigint(data.subarray(4))
    return `panic: ${panicMeanings.get(code) ?? 'unknown'} (0x${code.toString(16)})`
  }
  // abi.encode(string): offset 32, length, bytes padded to whole words.
  if (selector !== errorSelector || data.length < 68) return undefined
  const offset = bytesToBigint(data.subarray(4, 36))
  const size = bytesToBigint(data.subarray(36, 68))
  if (offset !== 32n || size > BigInt(data.length - 68)) return undefined
  const bytes = data.subarray(68, 68 + Math.min(Number(size), reasonSizeMax))
  return new TextDecoder().decode(bytes)
}
