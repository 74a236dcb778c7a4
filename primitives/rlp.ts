/**
 * Recursive Length Prefix (Yellow Paper, appendix B), canonical forms only.
 *
 * An item is a byte string or a list of items. A decoder of peers' bytes must accept exactly one
 * encoding a value, so a decoder here refuses: a length with a leading zero, the long form where
 * the short one fits, a single byte below 0x80 with a prefix, bytes that end early, bytes left
 * over, and nesting deeper than `rlpDepthMax`.
 */

import { bytesToBigint, emptyBytes } from './bytes.ts'
import { ZgError } from './errors.ts'

/** The deepest list within lists that a decoder follows. */
export const rlpDepthMax = 64

/** A byte string or a list of items. */
export type RlpItem = Uint8Array | readonly RlpItem[]

/** Returns the canonical encoding of `item`, in fresh memory. */
export function encodeRlp(item: RlpItem): Uint8Array {
  const target = new Uint8Array(encodedSize(item))
  writeItem(item, target, 0)
  return target
}

/**
 * Returns the one item that `bytes` encode. Byte strings are views of `bytes`, not copies.
 *
 * @throws {RlpMalformedError} `PRIMITIVES_RLP_MALFORMED` when they are not one canonical item.
 */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const { item, end } = decodeItem(bytes, 0, bytes.length, 0)
  // MUST reject trailing bytes: two encodings of one value would have two hashes.
  if (end !== bytes.length) throw new RlpMalformedError('bytes are left over', end)
  return item
}

/** Like `decodeRlp`, for items that stand back to back, such as an exported chain. */
export function decodeRlpSequence(bytes: Uint8Array): RlpItem[] {
  const items: RlpItem[] = []
  let offset = 0
  while (offset < bytes.length) {
    const { item, end } = decodeItem(bytes, offset, bytes.length, 0)
    items.push(item)
    offset = end
  }
  return items
}

/**
 * Returns `item` when it is a list, of exactly `length` items when given.
 *
 * @throws {RlpMalformedError} `PRIMITIVES_RLP_MALFORMED`
 */
export function rlpList(item: RlpItem | undefined, length?: number): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array) throw new RlpMalformedError('no list', 0)
  if (length !== undefined && item.length !== length) {
    throw new RlpMalformedError(`a list of ${item.length} items, not ${length}`, 0)
  }
  return item
}

/**
 * Returns `item` when it is a byte string, of exactly `sizeBytes` bytes when given.
 *
 * @throws {RlpMalformedError} `PRIMITIVES_RLP_MALFORMED`
 */
export function rlpBytes(item: RlpItem | undefined, sizeBytes?: number): Uint8Array {
  if (!(item instanceof Uint8Array)) throw new RlpMalformedError('no byte string', 0)
  if (sizeBytes !== undefined && item.length !== sizeBytes) {
    throw new RlpMalformedError(`a string of ${item.length} bytes, not ${sizeBytes}`, 0)
  }
  return item
}

/**
 * Returns the integer that `item` holds, at most `sizeBytesMax` bytes of it.
 *
 * @throws {RlpMalformedError} `PRIMITIVES_RLP_MALFORMED`, for leading zeros too.
 */
export function rlpBigint(item: RlpItem | undefined, sizeBytesMax = 32): bigint {
  const bytes = rlpBytes(item)
  if (bytes.length > sizeBytesMax) throw new RlpMalformedError('an integer too large', 0)
  // MUST be minimal: integers have no leading zero (Yellow Paper, appendix B).
  if (bytes.length > 0 && bytes[0] === 0) throw new RlpMalformedError('a leading zero', 0)
  return bytesToBigint(bytes)
}

type Decoded = { readonly item: RlpItem; readonly end: number }

function decodeItem(bytes: Uint8Array, start: number, limit: number, depth: number): Decoded {
  if (depth > rlpDepthMax) throw new RlpMalformedError('lists are nested too deep', start)
  if (start >= limit) throw new RlpMalformedError('bytes end early', start)
  const first = bytes[start] as number
  if (first < 0x80) return { item: bytes.subarray(start, start + 1), end: start + 1 }

  const isList = first >= 0xc0
  const { from, size } = readLength(bytes, start, limit, isList ? 0xc0 : 0x80)
  const end = from + size
  if (end > limit) throw new RlpMalformedError('bytes end early', start)
  if (!isList) {
    if (size === 1 && (bytes[from] as number) < 0x80) {
      throw new RlpMalformedError('a prefix before a single small byte', start)
    }
    return { item: size === 0 ? emptyBytes : bytes.subarray(from, end), end }
  }
  const items: RlpItem[] = []
  let offset = from
  while (offset < end) {
    const inner = decodeItem(bytes, offset, end, depth + 1)
    items.push(inner.item)
    offset = inner.end
  }
  return { item: items, end }
}

function readLength(
  bytes: Uint8Array,
  start: number,
  limit: number,
  base: number,
): { from: number; size: number } {
  const short = (bytes[start] as number) - base
  if (short <= 55) return { from: start + 1, size: short }
  const lengthSize = short - 55
  const from = start + 1 + lengthSize
  if (from > limit) throw new RlpMalformedError('bytes end early', start)
  if (bytes[start + 1] === 0) throw new RlpMalformedError('a length with a leading zero', start)
  let size = 0
  for (let index = start + 1; index < from; index++) {
    size = size * 256 + (bytes[index] as number)
    if (size > limit) throw new RlpMalformedError('bytes end early', start)
  }
  if (size <= 55) throw new RlpMalformedError('a long length where the short one fits', start)
  return { from, size }
}

function encodedSize(item: RlpItem): number {
  if (item instanceof Uint8Array) {
    return item.length === 1 && (item[0] as number) < 0x80 ? 1 : withPrefix(item.length)
  }
  return withPrefix(bodySize(item))
}

function bodySize(list: readonly RlpItem[]): number {
  let size = 0
  for (const item of list) size += encodedSize(item)
  return size
}

function withPrefix(size: number): number {
  return size <= 55 ? 1 + size : 1 + lengthSize(size) + size
}

/** Bytes that a length takes. */
function lengthSize(size: number): number {
  let bytes = 1
  for (let rest = size; rest >= 256; rest = Math.floor(rest / 256)) bytes++
  return bytes
}

/** Writes the encoding of `item` at `offset` and returns where it ends. */
function writeItem(item: RlpItem, target: Uint8Array, offset: number): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && (item[0] as number) < 0x80) {
      target[offset] = item[0] as number
      return offset + 1
    }
    const start = writePrefix(item.length, 0x80, target, offset)
    target.set(item, start)
    return start + item.length
  }
  let end = writePrefix(bodySize(item), 0xc0, target, offset)
  for (const inner of item) end = writeItem(inner, target, end)
  return end
}

function writePrefix(size: number, base: number, target: Uint8Array, offset: number): number {
  if (size <= 55) {
    target[offset] = base + size
    return offset + 1
  }
  const bytes = lengthSize(size)
  target[offset] = base + 55 + bytes
  let rest = size
  for (let at = offset + bytes; at > offset; at--) {
    target[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return offset + 1 + bytes
}

export class RlpMalformedError extends ZgError<'PRIMITIVES_RLP_MALFORMED'> {
  constructor(problem: string, offsetBytes: number) {
    const message = `Cannot decode RLP: ${problem} at byte ${offsetBytes}`
    super('PRIMITIVES_RLP_MALFORMED', message, { problem, offsetBytes })
  }
}
