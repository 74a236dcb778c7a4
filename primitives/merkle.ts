/**
 * Binary Merkle trees over 32-byte leaves, with SHA-256; Solidity verifies the same trees.
 *
 *     node(0, i) = leaf i, or 32 zero bytes where there is none        leaves are not hashed
 *     node(l, i) = sha256( node(l-1, 2i) ‖ node(l-1, 2i+1) )           of 64 bytes
 *     root       = node(depth, 0)
 *
 *     depth 2:         root              proof of leaf 2 = [ leaf 3, node(1, 0) ],
 *                    /      \            siblings from the leaf upwards; bit l of the index says
 *               (1,0)        (1,1)       on which side of its sibling the path stands at level l
 *               /   \        /   \
 *             l 0   l 1    l 2   l 3
 *
 * Leaves and nodes have no domain tags. None are needed as long as the depth is fixed: a verifier
 * MUST know it beforehand, and a proof MUST hold exactly `depth` siblings, so no inner node passes
 * for a leaf. The number of leaves is not mixed into the root; a format that needs it says it
 * elsewhere (a finality vote holds the height, which is the count of leaves under its histRoot),
 * and no leaf of ours is zero, so an absent leaf is told from a present one.
 *
 * Two shapes:
 *  - the small tree of a record with fixed fields: depth = ceil(log2(number of leaves));
 *  - the incremental tree, depth 32, as in the beacon deposit contract, but without the count: it
 *    keeps one node for each bit set in its count, the roots of the full subtrees, and so appends
 *    in O(log n) without its leaves.
 */

import { concat } from './bytes.ts'
import { assert, ZgError } from './errors.ts'
import { sha256 } from './hash.ts'

/** Size of a leaf, a node and a root, in bytes. */
export const merkleNodeSizeBytes = 32

/** Depth of an incremental tree. */
export const incrementalTreeDepth = 32

/** Leaves an incremental tree holds at most: one less than fit, as its frontier has 32 places. */
export const incrementalTreeLeavesMax = 2 ** incrementalTreeDepth - 1

/** Leaves a small tree holds at most. */
export const merkleLeavesMax = 65_536

/**
 * An append-only tree of depth 32, as a value: appending returns a new tree, so competing branches
 * share what they have in common.
 */
export type IncrementalTree = {
  /** Leaves appended so far. */
  readonly count: number
  /** Roots of the full subtrees, one for each bit set in `count`, lowest level first. */
  readonly frontier: readonly Uint8Array[]
}

/** A claim that a leaf stands in a tree. */
export type MerkleClaim = {
  readonly root: Uint8Array
  readonly leaf: Uint8Array
  readonly index: number
  /** Depth of the tree, from the format, never from the sender of the proof. */
  readonly depth: number
  readonly proof: readonly Uint8Array[]
}

/** Called with each node that a new leaf completes, the leaf first: what to store for proofs. */
export type CompletedNodeHandler = (level: number, index: number, node: Uint8Array) => void

/** Returns a stored node: (level, index) as the handler of `appendLeaf` was given it. */
export type NodeReader = (level: number, index: number) => Uint8Array

/** zeroNodes[l] = root of a subtree of depth l without leaves. */
const zeroNodes: readonly Uint8Array[] = emptySubtrees()

/** The tree without leaves. */
export const emptyIncrementalTree: IncrementalTree = { count: 0, frontier: [] }

/** Returns the parent of two nodes. */
export function merkleParent(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(left, right))
}

/** Returns the depth of the small tree of `leafCount` leaves: 0 for one, 3 for five. */
export function merkleDepth(leafCount: number): number {
  assert(leafCount >= 1 && leafCount <= merkleLeavesMax, 'a tree has 1 to 65,536 leaves')
  return Math.ceil(Math.log2(leafCount))
}

/** Returns the root over 1 to `merkleLeavesMax` leaves. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  return levelsOf(leaves).at(-1)?.[0] as Uint8Array
}

/** Returns the siblings of leaf `index`, lowest first: `merkleDepth(leaves.length)` of them. */
export function merkleProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(index >= 0 && index < leaves.length, 'the index is one of a leaf')
  return levelsOf(leaves)
    .slice(0, -1)
    .map((nodes, level) => nodes[(index >> level) ^ 1] ?? zeroNode(level))
}

/** Whether the claim holds. Anything malformed in it is simply false. */
export function verifyMerkleProof({ root, leaf, index, depth, proof }: MerkleClaim): boolean {
  if (proof.length !== depth || !Number.isSafeInteger(index)) return false
  // MUST be an index of this depth: bits above it would give one leaf many indexes.
  if (index < 0 || index >= 2 ** depth) return false
  if (leaf.length !== merkleNodeSizeBytes || root.length !== merkleNodeSizeBytes) return false
  let node = leaf
  let position = index
  for (const sibling of proof) {
    if (sibling.length !== merkleNodeSizeBytes) return false
    node = position % 2 === 0 ? merkleParent(node, sibling) : merkleParent(sibling, node)
    position = Math.floor(position / 2)
  }
  return node.every((byte, at) => byte === root[at])
}

/**
 * Returns `tree` with one more leaf.
 *
 * @param onNode - Receives each node now complete, to be stored if proofs are wanted later.
 * @throws {MerkleTreeFullError} `PRIMITIVES_MERKLE_TREE_FULL`
 */
export function appendLeaf(
  tree: IncrementalTree,
  leaf: Uint8Array,
  onNode?: CompletedNodeHandler,
): IncrementalTree {
  assert(leaf.length === merkleNodeSizeBytes, 'a leaf is 32 bytes')
  if (tree.count >= incrementalTreeLeavesMax) throw new MerkleTreeFullError()
  // Like adding one to a binary counter: each trailing set bit of the count is a full subtree on
  // the left of the new one, and both become one a level higher.
  let node = leaf
  let level = 0
  let index = tree.count
  onNode?.(level, index, node)
  while (index % 2 === 1) {
    node = merkleParent(tree.frontier[level] as Uint8Array, node)
    level++
    index = (index - 1) / 2
    onNode?.(level, index, node)
  }
  return { count: tree.count + 1, frontier: [node, ...tree.frontier.slice(level)] }
}

/** Returns the root of an incremental tree. */
export function incrementalRoot({ count, frontier }: IncrementalTree): Uint8Array {
  let node = zeroNode(0)
  let next = 0
  let rest = count
  for (let level = 0; level < incrementalTreeDepth; level++) {
    const isFull = rest % 2 === 1
    node = isFull
      ? merkleParent(frontier[next++] as Uint8Array, node)
      : merkleParent(node, zeroNode(level))
    rest = Math.floor(rest / 2)
  }
  return node
}

/**
 * Returns the 32 siblings of leaf `index` in the incremental tree of the first `count` leaves, from
 * the nodes that `appendLeaf` completed on the way; at most 64 are read.
 */
export function incrementalProof(options: {
  readonly index: number
  readonly count: number
  readonly nodeAt: NodeReader
}): Uint8Array[] {
  const { index, count, nodeAt } = options
  assert(
    index >= 0 && index < count && count <= incrementalTreeLeavesMax,
    'the leaf is in the tree',
  )
  const siblings: Uint8Array[] = []
  let position = index
  for (let level = 0; level < incrementalTreeDepth; level++) {
    const sibling = position % 2 === 0 ? position + 1 : position - 1
    siblings.push(nodeOf(level, sibling, count, nodeAt))
    position = Math.floor(position / 2)
  }
  return siblings
}

/** Returns a tree as bytes: the count as 8 bytes, big-endian, then the frontier's nodes. */
export function encodeIncrementalTree(tree: IncrementalTree): Uint8Array {
  const count = new Uint8Array(8)
  new DataView(count.buffer).setBigUint64(0, BigInt(tree.count))
  return concat(count, ...tree.frontier)
}

/**
 * Returns the tree that `bytes` encode.
 *
 * @throws {MerkleTreeMalformedError} `PRIMITIVES_MERKLE_TREE_MALFORMED`
 */
export function decodeIncrementalTree(bytes: Uint8Array): IncrementalTree {
  if (bytes.length < 8) throw new MerkleTreeMalformedError('the count is cut off')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getBigUint64(0)
  if (count > incrementalTreeLeavesMax) throw new MerkleTreeMalformedError('the count is too large')
  const nodeCount = count.toString(2).replaceAll('0', '').length
  if (bytes.length !== 8 + nodeCount * merkleNodeSizeBytes) {
    throw new MerkleTreeMalformedError('the nodes do not match the count')
  }
  const frontier = Array.from({ length: nodeCount }, (_, at) => {
    const start = 8 + at * merkleNodeSizeBytes
    return bytes.slice(start, start + merkleNodeSizeBytes)
  })
  return { count: Number(count), frontier }
}

/** Node (level, index) of the tree of `count` leaves: stored, empty, or the one partly filled. */
function nodeOf(level: number, index: number, count: number, nodeAt: NodeReader): Uint8Array {
  const width = 2 ** level
  if (index * width >= count) return zeroNode(level)
  if ((index + 1) * width <= count) return nodeAt(level, index)
  const left = nodeOf(level - 1, 2 * index, count, nodeAt)
  return merkleParent(left, nodeOf(level - 1, 2 * index + 1, count, nodeAt))
}

function levelsOf(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const depth = merkleDepth(leaves.length)
  for (const leaf of leaves) assert(leaf.length === merkleNodeSizeBytes, 'a leaf is 32 bytes')
  const levels = [leaves]
  for (let level = 0; level < depth; level++) {
    const below = levels[level] as readonly Uint8Array[]
    const nodes: Uint8Array[] = []
    for (let index = 0; index < below.length; index += 2) {
      nodes.push(merkleParent(below[index] as Uint8Array, below[index + 1] ?? zeroNode(level)))
    }
    levels.push(nodes)
  }
  return levels
}

function emptySubtrees(): Uint8Array[] {
  const nodes: Uint8Array[] = [new Uint8Array(merkleNodeSizeBytes)]
  for (let level = 0; level < incrementalTreeDepth; level++) {
    const below = nodes[level] as Uint8Array
    nodes.push(merkleParent(below, below))
  }
  return nodes
}

function zeroNode(level: number): Uint8Array {
  return zeroNodes[level] as Uint8Array
}

export class MerkleTreeFullError extends ZgError<'PRIMITIVES_MERKLE_TREE_FULL'> {
  constructor() {
    const message = `Cannot append a leaf: the tree holds ${incrementalTreeLeavesMax}`
    super('PRIMITIVES_MERKLE_TREE_FULL', message)
  }
}

export class MerkleTreeMalformedError extends ZgError<'PRIMITIVES_MERKLE_TREE_MALFORMED'> {
  constructor(problem: string) {
    const message = `Cannot decode the Merkle tree: ${problem}`
    super('PRIMITIVES_MERKLE_TREE_MALFORMED', message, { problem })
  }
}
