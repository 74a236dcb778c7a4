/**
 * Nodes of a kept trie as this room stores them, one record a place where a node hangs.
 *
 * A place is the path from the root to the node, before the node's own nibbles. Two kinds hang:
 *
 *     leaf   { key }                          its value is not here: it is the flat record of `key`
 *     inner  { extension, children, refs }    a branch, and the extension above it, if any
 *
 * so a new value changes no leaf record, only the references on its way up. `children`, `leaves`
 * and `embedded` are masks of 16 bits, bit n for nibble n: which children there are, which of them
 * are leaves, and which have fewer than 32 bytes and stand in the parent. `refs` holds 32 bytes a
 * child, in the order of the nibbles.
 *
 *     leaf    00 ‖ key
 *     inner   01 ‖ count of extension nibbles ‖ those, two a byte ‖ the three masks ‖ refs
 *     delta   02 ‖ changed ‖ the three masks ‖ refs of those changed that were there
 *
 * A delta turns an inner node back into what it was one block earlier (see history.ts).
 */

import { assert, ZgError } from '@zg/primitives'

import { encodeExtension, hashSizeBytes, nibbleAt, nibblesOf, refOf } from './trie-encoding.ts'
import type { NodeRef } from './trie-encoding.ts'

export type LeafNode = { readonly kind: 'leaf'; readonly key: string }

export type InnerNode = {
  readonly kind: 'inner'
  /** Nibbles above the branch; none when the branch hangs here itself. */
  readonly extension: string
  readonly children: number
  readonly leaves: number
  readonly embedded: number
  /** 32 bytes a child. */
  readonly refs: Uint8Array
}

export type TrieNode = LeafNode | InnerNode

const tagLeaf = 0
const tagInner = 1
const tagDelta = 2

/** A full branch is 16 references of 33 bytes, a value of one and a header of three. */
const branch = new Uint8Array(16 * (1 + hashSizeBytes) + 4)

/** The branch of an inner node as RLP, without its extension; valid until the next call. */
export function branchEncoding(node: InnerNode): Uint8Array {
  const { children, embedded, refs } = node
  let bodySize = 17
  for (let nibble = 0, from = 0; nibble < 16; nibble++) {
    if ((children & (1 << nibble)) === 0) continue
    bodySize += (embedded & (1 << nibble)) === 0 ? hashSizeBytes : embeddedSize(refs, from) - 1
    from += hashSizeBytes
  }
  let offset = writeListHeader(bodySize)
  for (let nibble = 0, from = 0; nibble < 16; nibble++) {
    if ((children & (1 << nibble)) === 0) {
      branch[offset++] = 0x80
      continue
    }
    let end = from + hashSizeBytes
    if ((embedded & (1 << nibble)) === 0) branch[offset++] = 0x80 + hashSizeBytes
    else end = from + embeddedSize(refs, from)
    for (let index = from; index < end; index++) branch[offset++] = refs[index] as number
    from += hashSizeBytes
  }
  branch[offset++] = 0x80
  return branch.subarray(0, offset)
}

/** How the parent of an inner node refers to it. */
export function innerRef(node: InnerNode): NodeRef {
  const ref = refOf(branchEncoding(node))
  return node.extension === '' ? ref : refOf(encodeExtension(node.extension, ref))
}

/** The reference of one child, which must be there. */
export function childRef(node: InnerNode, nibble: number): NodeRef {
  const from = hashSizeBytes * rank(node.children, nibble)
  const isEmbedded = (node.embedded & (1 << nibble)) !== 0
  const size = isEmbedded ? embeddedSize(node.refs, from) : hashSizeBytes
  return node.refs.subarray(from, from + size)
}

/** How many bits of `mask` stand below bit `nibble`. */
export function rank(mask: number, nibble: number): number {
  return bitCount(mask & ((1 << nibble) - 1))
}

/** How many of 16 bits are set. */
export function bitCount(mask: number): number {
  let count = mask - ((mask >> 1) & 0x5555)
  count = (count & 0x3333) + ((count >> 2) & 0x3333)
  count = (count + (count >> 4)) & 0x0f0f
  return (count + (count >> 8)) & 0x1f
}

/** Returns the record of a node. */
export function encodeNode(node: TrieNode): Uint8Array {
  if (node.kind === 'leaf') {
    const record = new Uint8Array(1 + packedSize(node.key))
    record[0] = tagLeaf
    pack(node.key, record, 1)
    return record
  }
  const { extension, refs } = node
  const start = 2 + packedSize(extension)
  const record = new Uint8Array(start + 6 + refs.length)
  record[0] = tagInner
  record[1] = extension.length
  pack(extension, record, 2)
  writeMasks(record, start, node)
  record.set(refs, start + 6)
  return record
}

/**
 * Returns the node of a record. The node's references are a view of the record.
 *
 * @throws {NodeRecordMalformedError} `STATE_NODE_RECORD_MALFORMED` when no `encodeNode` wrote it.
 */
export function decodeNode(record: Uint8Array): TrieNode {
  if (record[0] === tagLeaf) return { kind: 'leaf', key: nibblesOf(record.subarray(1)) }
  const count = record[1]
  if (record[0] !== tagInner || count === undefined) throw new NodeRecordMalformedError(record)
  const start = 2 + ((count + 1) >> 1)
  const extension = nibblesOf(record.subarray(2, start)).slice(0, count)
  const masks = readMasks(record, start)
  const refs = record.subarray(start + 6)
  if (refs.length !== hashSizeBytes * bitCount(masks.children)) {
    throw new NodeRecordMalformedError(record)
  }
  return { kind: 'inner', extension, ...masks, refs }
}

/** Returns what turns `after` back into `before`: a delta where the shape allows, else a record. */
export function encodeReverse(before: TrieNode, after: TrieNode | undefined): Uint8Array {
  if (before.kind === 'leaf' || after?.kind !== 'inner' || before.extension !== after.extension) {
    return encodeNode(before)
  }
  let changed = 0
  const refs: Uint8Array[] = []
  for (let nibble = 0; nibble < 16; nibble++) {
    const bit = 1 << nibble
    if ((before.children & bit) === 0) continue
    if ((after.children & bit) !== 0 && sameSlot(before, after, nibble)) continue
    changed |= bit
    refs.push(slot(before, nibble))
  }
  const record = new Uint8Array(9 + hashSizeBytes * refs.length)
  record[0] = tagDelta
  writeWord(record, 1, changed)
  writeMasks(record, 3, before)
  for (const [index, ref] of refs.entries()) record.set(ref, 9 + hashSizeBytes * index)
  return record
}

/** Applies what `encodeReverse` returned to the later node; an empty record means no node. */
export function applyReverse(
  after: TrieNode | undefined,
  record: Uint8Array,
): TrieNode | undefined {
  if (record.length === 0) return undefined
  if (record[0] !== tagDelta) return decodeNode(record)
  if (after?.kind !== 'inner' || record.length < 9) throw new NodeRecordMalformedError(record)
  const changed = readWord(record, 1)
  const masks = readMasks(record, 3)
  const refs = new Uint8Array(hashSizeBytes * bitCount(masks.children))
  for (let nibble = 0, target = 0, source = 9; nibble < 16; nibble++) {
    const bit = 1 << nibble
    if ((masks.children & bit) === 0) continue
    if ((changed & bit) === 0) {
      assert((after.children & bit) !== 0, 'a child that did not change is there')
      refs.set(slot(after, nibble), target)
    } else {
      refs.set(record.subarray(source, source + hashSizeBytes), target)
      source += hashSizeBytes
    }
    target += hashSizeBytes
  }
  return { kind: 'inner', extension: after.extension, ...masks, refs }
}

/** Bytes that `pack` writes for so many nibbles. */
export function packedSize(nibbles: string): number {
  return (nibbles.length + 1) >> 1
}

/** Writes nibbles two a byte, an odd last one with a zero after it. */
export function pack(nibbles: string, target: Uint8Array, offset: number): void {
  const { length } = nibbles
  for (let index = 0; index < length; index += 2) {
    const low = index + 1 < length ? nibbleAt(nibbles, index + 1) : 0
    target[offset + (index >> 1)] = (nibbleAt(nibbles, index) << 4) | low
  }
}

type Masks = Pick<InnerNode, 'children' | 'leaves' | 'embedded'>

function writeMasks(record: Uint8Array, offset: number, masks: Masks): void {
  writeWord(record, offset, masks.children)
  writeWord(record, offset + 2, masks.leaves)
  writeWord(record, offset + 4, masks.embedded)
}

function readMasks(record: Uint8Array, offset: number): Masks {
  const children = readWord(record, offset)
  const leaves = readWord(record, offset + 2)
  return { children, leaves, embedded: readWord(record, offset + 4) }
}

function writeWord(record: Uint8Array, offset: number, word: number): void {
  record[offset] = word >> 8
  record[offset + 1] = word & 0xff
}

function readWord(record: Uint8Array, offset: number): number {
  const low = record[offset + 1]
  if (low === undefined) throw new NodeRecordMalformedError(record)
  return ((record[offset] as number) << 8) | low
}

function slot(node: InnerNode, nibble: number): Uint8Array {
  const from = hashSizeBytes * rank(node.children, nibble)
  return node.refs.subarray(from, from + hashSizeBytes)
}

function sameSlot(a: InnerNode, b: InnerNode, nibble: number): boolean {
  let fromA = hashSizeBytes * rank(a.children, nibble)
  let fromB = hashSizeBytes * rank(b.children, nibble)
  for (const end = fromA + hashSizeBytes; fromA < end; fromA++, fromB++) {
    if (a.refs[fromA] !== b.refs[fromB]) return false
  }
  return true
}

function embeddedSize(refs: Uint8Array, from: number): number {
  // An embedded node is a list of under 32 bytes: its first byte is 0xc0 plus the rest's size.
  return (refs[from] as number) - 0xc0 + 1
}

function writeListHeader(bodySize: number): number {
  if (bodySize <= 55) {
    branch[0] = 0xc0 + bodySize
    return 1
  }
  if (bodySize <= 0xff) {
    branch[0] = 0xf8
    branch[1] = bodySize
    return 2
  }
  branch[0] = 0xf9
  branch[1] = bodySize >> 8
  branch[2] = bodySize & 0xff
  return 3
}

export class NodeRecordMalformedError extends ZgError<'STATE_NODE_RECORD_MALFORMED'> {
  constructor(record: Uint8Array) {
    const message = `Cannot read a trie node: a record of ${record.length} bytes is malformed`
    super('STATE_NODE_RECORD_MALFORMED', message, { tag: record[0], sizeBytes: record.length })
  }
}
