/**
 * Rows one after the other, with one proof for all of them.
 *
 * At each level of the tree the nodes of a range are again one after the other, so a proof needs at
 * most two siblings a level: one before the range if it begins at an odd place, one behind it if it
 * ends at an even one. They are listed from the leaves upwards, the one before first.
 */

/** Bytes of a node. */
const nodeSize = 32

/** Two nodes to their parent. */
export type HashPair = (left: Uint8Array, right: Uint8Array) => Uint8Array

/** Siblings that a range needs at each level: whether one before it, and one behind it. */
export function rangeSiblings(
  from: number,
  count: number,
  depth: number,
): readonly (readonly [level: number, place: number])[] {
  const siblings: [number, number][] = []
  let [first, last] = [from, from + count - 1]
  for (let level = 0; level < depth; level++) {
    if (first % 2 === 1) siblings.push([level, first - 1])
    if (last % 2 === 0) siblings.push([level, last + 1])
    first >>= 1
    last >>= 1
  }
  return siblings
}

/**
 * All levels that leaves and siblings lead to, from the leaves up to the root; undefined when there
 * are too few siblings or too many.
 */
export function rangeLevels(
  range: { readonly from: number; readonly depth: number },
  leaves: readonly Uint8Array[],
  siblings: readonly Uint8Array[],
  hashPair: HashPair,
): readonly RangeLevel[] | undefined {
  const levels: RangeLevel[] = []
  let nodes = [...leaves]
  let [from, next] = [range.from, 0]
  for (let level = 0; level < range.depth; level++) {
    if (from % 2 === 1) {
      const before = siblings[next++]
      if (before === undefined) return undefined
      nodes = [before, ...nodes]
      from--
    }
    if (nodes.length % 2 === 1) {
      const behind = siblings[next++]
      if (behind === undefined) return undefined
      nodes.push(behind)
    }
    if (nodes.some(({ length }) => length !== nodeSize)) return undefined
    levels.push({ from, nodes })
    const parents: Uint8Array[] = []
    for (let at = 0; at < nodes.length; at += 2) {
      parents.push(hashPair(nodes[at]!, nodes[at + 1]!))
    }
    nodes = parents
    from >>= 1
  }
  if (next !== siblings.length || nodes.length !== 1) return undefined
  return [...levels, { from, nodes }]
}

/** Nodes of one level, one after the other, whole pairs of them. */
export type RangeLevel = { readonly from: number; readonly nodes: readonly Uint8Array[] }

/** The siblings of one leaf of a range, from the leaf upwards. */
export function pathIn(levels: readonly RangeLevel[], index: number): readonly Uint8Array[] {
  return levels.slice(0, -1).map(({ from, nodes }, level) => nodes[((index >> level) ^ 1) - from]!)
}
