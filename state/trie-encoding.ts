/**
 * Nodes of the Merkle-Patricia trie as bytes (Yellow Paper, appendix D).
 *
 *     leaf       rlp([ HP(rest of key, 1), value ])
 *     extension  rlp([ HP(shared path, 0), ref(child) ])
 *     branch     rlp([ ref(child 0), …, ref(child 15), value ])
 *     ref(node)  the node itself when it is under 32 bytes, else rlp(keccak256(node))
 *
 * Keys and paths are strings of hex digits, one a nibble: slices of them are cheap, they are hashed
 * with V8's secret seed as keys of a `Map`, and print as one reads them. HP packs two nibbles a
 * byte after a flag nibble: 2 for a leaf, plus 1 when the count of nibbles is odd.
 *
 * An encoder writes into one shared buffer: what it returns is valid until the next call.
 */

import { emptyBytes, keccak256, toHex } from '@zg/primitives'

/** Size of a hash; a node of fewer bytes stands inside its parent. */
export const hashSizeBytes = 32

/** Children of a branch. */
export const branchWidth = 16

/** A reference: 32 bytes are a hash, fewer are the child's own encoding, none mean no child. */
export type NodeRef = Uint8Array

let buffer = new Uint8Array(4096)

/** Returns a leaf that holds `value` for the nibbles of `key` from `depth` on. */
export function encodeLeaf(key: string, depth: number, value: Uint8Array): Uint8Array {
  const pathSize = 1 + ((key.length - depth) >> 1)
  const bodySize = pathStringSize(pathSize) + stringSize(value)
  const target = reserve(bodySize + 9)
  let offset = writeHeader(target, 0, bodySize, 0xc0)
  offset = writePath(target, offset, key, depth, 2)
  return target.subarray(0, writeString(target, offset, value))
}

/** Returns an extension over the nibbles `path`, at least one. */
export function encodeExtension(path: string, child: NodeRef): Uint8Array {
  const pathSize = 1 + (path.length >> 1)
  const bodySize = pathStringSize(pathSize) + refSize(child)
  const target = reserve(bodySize + 9)
  let offset = writeHeader(target, 0, bodySize, 0xc0)
  offset = writePath(target, offset, path, 0, 0)
  return target.subarray(0, writeRef(target, offset, child))
}

/** Returns a branch of 16 references and the value of the key that ends here, if any. */
export function encodeBranch(
  children: readonly NodeRef[],
  value: Uint8Array = emptyBytes,
): Uint8Array {
  let bodySize = stringSize(value)
  for (const child of children) bodySize += refSize(child)
  const target = reserve(bodySize + 9)
  let offset = writeHeader(target, 0, bodySize, 0xc0)
  for (const child of children) offset = writeRef(target, offset, child)
  return target.subarray(0, writeString(target, offset, value))
}

/** Returns how a parent refers to the node with that encoding, in fresh memory. */
export function refOf(node: Uint8Array): NodeRef {
  return node.length < hashSizeBytes ? node.slice() : keccak256(node)
}

/** Returns the bytes as hex digits, one a nibble. */
export function nibblesOf(bytes: Uint8Array): string {
  if (bytes.length !== hashSizeBytes) return toHex(bytes).slice(2)
  // One call makes a flat string; 32 appends would make a rope to be flattened at its first use.
  for (let index = 0; index < hashSizeBytes; index++) {
    const byte = bytes[index] as number
    hashCharCodes[2 * index] = digitCodes[byte >> 4] as number
    hashCharCodes[2 * index + 1] = digitCodes[byte & 15] as number
  }
  return String.fromCharCode(...hashCharCodes)
}

/** Returns how many digits `a` and `b` share from their starts on. */
export function sharedLength(a: string, b: string): number {
  const limit = Math.min(a.length, b.length)
  let index = 0
  while (index < limit && a.charCodeAt(index) === b.charCodeAt(index)) index++
  return index
}

/** The nibble at `index` of a string of hex digits. */
export function nibbleAt(path: string, index: number): number {
  const charCode = path.charCodeAt(index)
  // '0'..'9' are 48..57, 'a'..'f' are 97..102.
  return charCode < 58 ? charCode - 48 : charCode - 87
}

/** The hex digit of each nibble. */
export const hexDigits: readonly string[] = '0123456789abcdef'.split('')

const digitCodes = hexDigits.map((digit) => digit.charCodeAt(0))
const hashCharCodes = Array.from({ length: 2 * hashSizeBytes }, () => 0)

function reserve(sizeBytes: number): Uint8Array {
  if (buffer.length < sizeBytes) buffer = new Uint8Array(2 * sizeBytes)
  return buffer
}

function pathStringSize(size: number): number {
  // A path of one byte is below 0x80 (its flags are at most 3 << 4), so it has no prefix.
  return size === 1 ? 1 : size + headerSize(size)
}

function stringSize(bytes: Uint8Array): number {
  if (bytes.length === 1 && (bytes[0] as number) < 0x80) return 1
  return bytes.length + headerSize(bytes.length)
}

function refSize(ref: NodeRef): number {
  if (ref.length === hashSizeBytes) return 1 + hashSizeBytes
  return ref.length === 0 ? 1 : ref.length
}

function headerSize(size: number): number {
  if (size <= 55) return 1
  if (size <= 0xff) return 2
  return size <= 0xffff ? 3 : size <= 0xffffff ? 4 : 5
}

function writeHeader(target: Uint8Array, offset: number, size: number, base: number): number {
  const lengthSize = headerSize(size) - 1
  if (lengthSize === 0) {
    target[offset] = base + size
    return offset + 1
  }
  target[offset] = base + 55 + lengthSize
  for (let index = 0; index < lengthSize; index++) {
    target[offset + lengthSize - index] = (size >>> (8 * index)) & 0xff
  }
  return offset + 1 + lengthSize
}

function writeString(target: Uint8Array, offset: number, bytes: Uint8Array): number {
  const first = bytes[0] as number
  if (bytes.length === 1 && first < 0x80) {
    target[offset] = first
    return offset + 1
  }
  const start = writeHeader(target, offset, bytes.length, 0x80)
  target.set(bytes, start)
  return start + bytes.length
}

function writeRef(target: Uint8Array, offset: number, ref: NodeRef): number {
  if (ref.length === 0) {
    target[offset] = 0x80
    return offset + 1
  }
  if (ref.length < hashSizeBytes) {
    target.set(ref, offset)
    return offset + ref.length
  }
  target[offset] = 0x80 + hashSizeBytes
  target.set(ref, offset + 1)
  return offset + 1 + hashSizeBytes
}

function writePath(
  target: Uint8Array,
  start: number,
  path: string,
  from: number,
  flag: number,
): number {
  const count = path.length - from
  const size = 1 + (count >> 1)
  let offset = size === 1 ? start : writeHeader(target, start, size, 0x80)
  let index = from
  if (count % 2 === 1) target[offset++] = ((flag + 1) << 4) | nibbleAt(path, index++)
  else target[offset++] = flag << 4
  for (; index < path.length; index += 2) {
    target[offset++] = (nibbleAt(path, index) << 4) | nibbleAt(path, index + 1)
  }
  return offset
}
