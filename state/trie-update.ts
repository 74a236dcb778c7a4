/**
 * One pass over a trie that applies all updates of a block and rehashes what they touch.
 *
 * The updates are sorted by key; the pass goes down with the range of updates that belong under
 * each node and comes back up with its new reference, so every node on the way is read, encoded and
 * hashed once, however many updates lie below it. Shapes follow from the set of keys alone:
 *
 *     no key      -> nothing hangs here
 *     one key     -> leaf
 *     many keys   -> inner: extension over what all share, then a branch
 *
 * An update of a key that is there already, below a branch that says "leaf here", needs neither the
 * leaf's record nor a new one: the common case of a block costs a read a branch.
 */

import { assert, keccak256 } from '@zg/primitives'

import { encodeLeaf, hashSizeBytes, hexDigits, nibbleAt, refOf } from './trie-encoding.ts'
import { sharedLength } from './trie-encoding.ts'
import type { NodeRef } from './trie-encoding.ts'
import { bitCount, childRef, innerRef, rank } from './trie-node.ts'
import type { InnerNode, TrieNode } from './trie-node.ts'
import { emptyTrieRoot } from './trie-root.ts'

/** One key's new value. All keys of a trie have one length. */
export type LeafUpdate = {
  /** Hex digits. */
  readonly key: string
  /** Undefined removes the key. */
  readonly value: Uint8Array | undefined
  /** Whether the trie holds the key before. Removals are of keys that it holds. */
  readonly existed: boolean
}

/** A trie's records, and the values its leaves stand for. */
export type TrieRecords = {
  get(path: string): TrieNode | undefined
  /** Undefined removes the record. */
  set(path: string, node: TrieNode | undefined): void
  /** The value of a key after the updates. */
  valueOf(key: string): Uint8Array
}

/** What hangs at a place after the updates. */
export type Hanging = { readonly ref: NodeRef; readonly isLeaf: boolean }
type LeafValue = { readonly key: string; readonly value: Uint8Array }

/** Applies `updates`, sorted by key, each key once; returns the new root, 32 bytes. */
export function updateTrie(records: TrieRecords, updates: readonly LeafUpdate[]): Uint8Array {
  assert(updates.length > 0, 'a pass has updates')
  const root = updateAt(records, '', records.get(''), updates, 0, updates.length)
  if (root === undefined) return emptyTrieRoot
  // The root is a hash even when its node would be small enough to stand inside a parent.
  return root.ref.length === hashSizeBytes ? root.ref : keccak256(root.ref)
}

function updateAt(
  records: TrieRecords,
  path: string,
  node: TrieNode | undefined,
  updates: readonly LeafUpdate[],
  from: number,
  to: number,
): Hanging | undefined {
  if (node?.kind === 'inner') return updateInner(records, path, node, updates, from, to)

  const leaves: LeafValue[] = []
  for (let index = from; index < to; index++) {
    const { key, value } = updates[index] as LeafUpdate
    if (value !== undefined) leaves.push({ key, value })
  }
  if (node !== undefined && !holdsKey(updates, from, to, node.key)) {
    leaves.push({ key: node.key, value: records.valueOf(node.key) })
    leaves.sort((a, b) => (a.key < b.key ? -1 : 1))
  }
  const [first] = leaves
  if (first === undefined) {
    if (node !== undefined) records.set(path, undefined)
    return undefined
  }
  if (leaves.length === 1 && node?.key === first.key) {
    return { ref: refOf(encodeLeaf(first.key, path.length, first.value)), isLeaf: true }
  }
  return build(records, leaves, 0, leaves.length, path.length)
}

function holdsKey(updates: readonly LeafUpdate[], from: number, to: number, key: string): boolean {
  for (let index = from; index < to; index++) {
    if ((updates[index] as LeafUpdate).key === key) return true
  }
  return false
}

/** Hangs the trie over `leaves[from..to)` where their first `depth` nibbles lead. */
function build(
  records: TrieRecords,
  leaves: readonly LeafValue[],
  from: number,
  to: number,
  depth: number,
): Hanging {
  const first = leaves[from] as LeafValue
  const path = first.key.slice(0, depth)
  if (to - from === 1) {
    records.set(path, { kind: 'leaf', key: first.key })
    return { ref: refOf(encodeLeaf(first.key, depth, first.value)), isLeaf: true }
  }
  const last = leaves[to - 1] as LeafValue
  const fork = depth + sharedLength(first.key.slice(depth), last.key.slice(depth))
  const children: (Hanging | undefined)[] = []
  for (let start = from; start < to;) {
    const nibble = nibbleAt((leaves[start] as LeafValue).key, fork)
    let end = start + 1
    while (end < to && nibbleAt((leaves[end] as LeafValue).key, fork) === nibble) end++
    children[nibble] = build(records, leaves, start, end, fork + 1)
    start = end
  }
  const node = innerOf(first.key.slice(depth, fork), children)
  records.set(path, node)
  return { ref: innerRef(node), isLeaf: false }
}

function updateInner(
  records: TrieRecords,
  path: string,
  before: InnerNode,
  updates: readonly LeafUpdate[],
  from: number,
  to: number,
): Hanging | undefined {
  const node = splitForUpdates(records, path, before, updates, from, to)
  const base = path + node.extension
  const depth = base.length
  const changed: (Hanging | undefined)[] = []
  let touched = 0
  for (let start = from; start < to;) {
    const update = updates[start] as LeafUpdate
    const nibble = nibbleAt(update.key, depth)
    let end = start + 1
    while (end < to && nibbleAt((updates[end] as LeafUpdate).key, depth) === nibble) end++

    const bit = 1 << nibble
    touched |= bit
    const isOwnLeaf = (node.leaves & bit) !== 0 && end - start === 1 && update.existed
    if (isOwnLeaf && update.value !== undefined) {
      const ref = refOf(encodeLeaf(update.key, depth + 1, update.value))
      changed[nibble] = { ref, isLeaf: true }
    } else {
      const childPath = base + (hexDigits[nibble] as string)
      const child = (node.children & bit) === 0 ? undefined : records.get(childPath)
      changed[nibble] = updateAt(records, childPath, child, updates, start, end)
    }
    start = end
  }
  return hangInner(records, path, replaceChildren(node, changed, touched))
}

/**
 * Returns the node whose extension all updates share. Where one leaves the extension, a branch of
 * one child goes in between, and the old node hangs under it with what is left of its extension.
 */
function splitForUpdates(
  records: TrieRecords,
  path: string,
  node: InnerNode,
  updates: readonly LeafUpdate[],
  from: number,
  to: number,
): InnerNode {
  const { extension } = node
  if (extension === '') return node
  // Sorted, so if any update leaves the extension early, the first or the last leaves it earliest.
  const first = (updates[from] as LeafUpdate).key.slice(path.length)
  const last = (updates[to - 1] as LeafUpdate).key.slice(path.length)
  const shared = Math.min(sharedLength(first, extension), sharedLength(last, extension))
  if (shared === extension.length) return node

  const nibble = nibbleAt(extension, shared)
  const lower: InnerNode = { ...node, extension: extension.slice(shared + 1) }
  records.set(path + extension.slice(0, shared + 1), lower)
  const children: (Hanging | undefined)[] = []
  children[nibble] = { ref: innerRef(lower), isLeaf: false }
  return innerOf(extension.slice(0, shared), children)
}

/** Keeps an inner node at `path`, or what takes its place when it has under two children left. */
function hangInner(records: TrieRecords, path: string, node: InnerNode): Hanging | undefined {
  const count = bitCount(node.children)
  if (count >= 2) {
    records.set(path, node)
    return { ref: innerRef(node), isLeaf: false }
  }
  if (count === 0) {
    records.set(path, undefined)
    return undefined
  }
  const nibble = 31 - Math.clz32(node.children)
  const step = node.extension + (hexDigits[nibble] as string)
  const only = records.get(path + step)
  assert(only !== undefined, 'the only child of a branch has a record')
  records.set(path + step, undefined)
  if (only.kind === 'leaf') {
    records.set(path, only)
    const ref = refOf(encodeLeaf(only.key, path.length, records.valueOf(only.key)))
    return { ref, isLeaf: true }
  }
  const merged: InnerNode = { ...only, extension: step + only.extension }
  records.set(path, merged)
  return { ref: innerRef(merged), isLeaf: false }
}

/** Returns `node` with the children of `touched` nibbles replaced by those in `changed`. */
function replaceChildren(
  node: InnerNode,
  changed: readonly (Hanging | undefined)[],
  touched: number,
): InnerNode {
  let { children, leaves, embedded } = node
  for (let nibble = 0; nibble < 16; nibble++) {
    const bit = 1 << nibble
    if ((touched & bit) === 0) continue
    children &= ~bit
    leaves &= ~bit
    embedded &= ~bit
    const child = changed[nibble]
    if (child === undefined) continue
    children |= bit
    if (child.isLeaf) leaves |= bit
    if (child.ref.length < hashSizeBytes) embedded |= bit
  }
  if (children === node.children) {
    const refs = node.refs.slice()
    for (let nibble = 0; nibble < 16; nibble++) {
      const ref = (touched & (1 << nibble)) === 0 ? undefined : changed[nibble]?.ref
      if (ref === undefined) continue
      const offset = hashSizeBytes * rank(children, nibble)
      refs.set(ref, offset)
      // A shorter reference leaves nothing of the old one behind: one trie has one record a place.
      refs.fill(0, offset + ref.length, offset + hashSizeBytes)
    }
    return { kind: 'inner', extension: node.extension, children, leaves, embedded, refs }
  }
  const refs = new Uint8Array(hashSizeBytes * bitCount(children))
  for (let nibble = 0, offset = 0; nibble < 16; nibble++) {
    const bit = 1 << nibble
    if ((children & bit) === 0) continue
    const ref = (touched & bit) === 0 ? childRef(node, nibble) : changed[nibble]?.ref
    if (ref !== undefined) refs.set(ref, offset)
    offset += hashSizeBytes
  }
  return { kind: 'inner', extension: node.extension, children, leaves, embedded, refs }
}

/** Returns the inner node over sixteen places, at least two of them taken. */
export function innerOf(extension: string, children: readonly (Hanging | undefined)[]): InnerNode {
  const none: InnerNode = {
    kind: 'inner',
    extension,
    children: 0,
    leaves: 0,
    embedded: 0,
    refs: new Uint8Array(0),
  }
  return replaceChildren(none, children, 0xffff)
}
