/** Trees of docs/specs/blocks.md, written down plainly: what `History.sol` is held to in tests. */

import { concat, sha256 } from '@zg/primitives'

/** The root over leaves at the left of a tree of that depth; absent leaves are zero. */
export function rootOf(leaves: readonly Uint8Array[], depth = 32): Uint8Array {
  const { nodes, absent } = levelsOf(leaves, depth)[depth] as Level
  return nodes[0] ?? absent
}

/** The siblings of a leaf, from the leaf upwards. */
export function siblingsOf(leaves: readonly Uint8Array[], index: number, depth = 32): Uint8Array[] {
  return levelsOf(leaves, depth)
    .slice(0, depth)
    .map(({ nodes, absent }, level) => nodes[(index >> level) ^ 1] ?? absent)
}

/** The nodes of one height, and the node over nothing there. */
type Level = { readonly nodes: readonly Uint8Array[]; readonly absent: Uint8Array }

function levelsOf(leaves: readonly Uint8Array[], depth: number): readonly Level[] {
  const levels: Level[] = [{ nodes: leaves, absent: new Uint8Array(32) }]
  for (let level = 0; level < depth; level++) {
    const { nodes, absent } = levels[level] as Level
    const above = Array.from({ length: Math.ceil(nodes.length / 2) }, (_, at) =>
      nodeOf(nodes[2 * at] as Uint8Array, nodes[2 * at + 1] ?? absent),
    )
    levels.push({ nodes: above, absent: nodeOf(absent, absent) })
  }
  return levels
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(left, right))
}
