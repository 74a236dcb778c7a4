/**
 * Roots of tries that are built whole and not kept: transactions, receipts, withdrawals, and any
 * set of pairs. Keys may have any length, and one may be the beginning of another: the value then
 * stands in a branch (Yellow Paper, appendix D).
 */

import { bigintToMinimalBytes, emptyBytes, encodeRlp, keccak256 } from '@zg/primitives'

import {
  branchWidth,
  encodeBranch,
  encodeExtension,
  encodeLeaf,
  nibbleAt,
  nibblesOf,
  refOf,
  sharedLength,
} from './trie-encoding.ts'
import type { NodeRef } from './trie-encoding.ts'

/** Root of the trie of nothing: keccak256(rlp('')). */
export const emptyTrieRoot: Uint8Array = keccak256(encodeRlp(emptyBytes))

/** A key as hex digits, and its value, not empty. */
export type Pair = { readonly path: string; readonly value: Uint8Array }

/**
 * Returns the 32-byte root over `pairs`. A later pair replaces an earlier one of the same key, and
 * an empty value removes the key, as no trie holds empty values.
 */
export function trieRoot(
  pairs: Iterable<readonly [key: Uint8Array, value: Uint8Array]>,
): Uint8Array {
  const values = new Map<string, Uint8Array>()
  for (const [key, value] of pairs) values.set(nibblesOf(key), value)
  const sorted: Pair[] = []
  for (const [path, value] of values) if (value.length > 0) sorted.push({ path, value })
  sorted.sort((a, b) => (a.path < b.path ? -1 : 1))
  if (sorted.length === 0) return emptyTrieRoot.slice()
  return keccak256(buildNode(sorted, 0, sorted.length, 0))
}

/**
 * Returns the 32-byte root over `items` keyed by rlp(index): `transactionsRoot`, `receiptsRoot` and
 * `withdrawalsRoot` of a header. Items are whole encodings (EIP-2718), never empty.
 */
export function orderedTrieRoot(items: readonly Uint8Array[]): Uint8Array {
  return trieRoot(
    items.map((item, index) => [encodeRlp(bigintToMinimalBytes(BigInt(index))), item] as const),
  )
}

/**
 * Encodes the node over `pairs[from..to)`, at least one, sorted, which share their first `depth`
 * nibbles.
 */
export function buildNode(
  pairs: readonly Pair[],
  from: number,
  to: number,
  depth: number,
): Uint8Array {
  const first = pairs[from] as Pair
  if (to - from === 1) return encodeLeaf(first.path, depth, first.value)

  // Sorted, so what the first and the last share, all share.
  const last = pairs[to - 1] as Pair
  const shared = sharedLength(first.path.slice(depth), last.path.slice(depth))
  if (shared > 0) {
    const child = refOf(buildNode(pairs, from, to, depth + shared))
    return encodeExtension(first.path.slice(depth, depth + shared), child)
  }

  const children: NodeRef[] = Array.from({ length: branchWidth }, () => emptyBytes)
  const endsHere = first.path.length === depth
  let start = endsHere ? from + 1 : from
  while (start < to) {
    const nibble = nibbleAt((pairs[start] as Pair).path, depth)
    let end = start + 1
    while (end < to && nibbleAt((pairs[end] as Pair).path, depth) === nibble) end++
    children[nibble] = refOf(buildNode(pairs, start, end, depth + 1))
    start = end
  }
  return encodeBranch(children, endsHere ? first.value : emptyBytes)
}
