import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'

import fc from 'fast-check'

import { concat, fromHex, toHex } from './bytes.ts'
import type { IncrementalTree } from './merkle.ts'
import {
  appendLeaf,
  decodeIncrementalTree,
  emptyIncrementalTree,
  encodeIncrementalTree,
  incrementalProof,
  incrementalRoot,
  incrementalTreeDepth,
  incrementalTreeLeavesMax,
  merkleDepth,
  merkleProof,
  merkleRoot,
  MerkleTreeFullError,
  MerkleTreeMalformedError,
  verifyMerkleProof,
} from './merkle.ts'

/** sha256 by another library than the one under test. */
const hash = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(concat(...parts))
      .digest(),
  )

const leafOf = (index: number): Uint8Array => hash(Uint8Array.of(index, index >> 8, 1))

/** The tree by its definition alone: node(l, i), from all leaves. */
function nodeByDefinition(leaves: readonly Uint8Array[], level: number, index: number): Uint8Array {
  if (level === 0) return leaves[index] ?? new Uint8Array(32)
  const left = nodeByDefinition(leaves, level - 1, 2 * index)
  return hash(left, nodeByDefinition(leaves, level - 1, 2 * index + 1))
}

/** A tree of `count` leaves with all its completed nodes. */
function grow(count: number): { tree: IncrementalTree; nodes: Map<string, Uint8Array> } {
  const nodes = new Map<string, Uint8Array>()
  let tree = emptyIncrementalTree
  for (let index = 0; index < count; index++) {
    tree = appendLeaf(tree, leafOf(index), (level, at, node) => nodes.set(`${level}/${at}`, node))
  }
  return { tree, nodes }
}

suite('merkleRoot', () => {
  test('is the leaf itself for one leaf', () => {
    assert.deepEqual(merkleRoot([leafOf(7)]), leafOf(7))
  })

  test('follows the definition for every count up to 33', () => {
    for (let count = 1; count <= 33; count++) {
      const leaves = Array.from({ length: count }, (_, index) => leafOf(index))
      assert.deepEqual(merkleRoot(leaves), nodeByDefinition(leaves, merkleDepth(count), 0))
    }
  })

  test('is that of zero leaves in place of absent ones', () => {
    const leaves = [leafOf(0), leafOf(1), leafOf(2)]
    assert.deepEqual(merkleRoot(leaves), merkleRoot([...leaves, new Uint8Array(32)]))
  })
})

suite('verifyMerkleProof', () => {
  const leaves = Array.from({ length: 13 }, (_, index) => leafOf(index))
  const root = merkleRoot(leaves)
  const claim = (index: number) => ({
    root,
    leaf: leafOf(index),
    index,
    depth: 4,
    proof: merkleProof(leaves, index),
  })

  test('holds for every leaf', () => {
    for (let index = 0; index < 13; index++) assert.equal(verifyMerkleProof(claim(index)), true)
  })

  test('fails for another leaf, index, root or sibling', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(3), fc.nat(255), fc.integer({ min: 1, max: 255 }), (...at) => {
        const [index, level, byte, flip] = at
        const good = claim(index)
        const broken = (bytes: Uint8Array): Uint8Array =>
          bytes.map((value, position) => (position === byte % 32 ? value ^ flip : value))
        const proof = good.proof.map((node, l) => (l === level ? broken(node) : node))
        assert.equal(verifyMerkleProof({ ...good, proof }), false)
        assert.equal(verifyMerkleProof({ ...good, leaf: broken(good.leaf) }), false)
        assert.equal(verifyMerkleProof({ ...good, root: broken(good.root) }), false)
        assert.equal(verifyMerkleProof({ ...good, index: index ^ (1 << level) }), false)
      }),
      { numRuns: 100 },
    )
  })

  test('fails for an inner node shown as a leaf, at its own depth or the full one', () => {
    const proof = merkleProof(leaves, 0).slice(1)
    const inner = { root, leaf: hash(leafOf(0), leafOf(1)), index: 0, proof }
    assert.equal(verifyMerkleProof({ ...inner, depth: 4 }), false)
    assert.equal(verifyMerkleProof({ ...inner, depth: 3 }), true, 'so the depth must be known')
  })

  test('fails for an index beyond the tree, even if its low bits fit', () => {
    for (const index of [16, 19, -1, 0.5, Number.NaN, 2 ** 53]) {
      assert.equal(verifyMerkleProof({ ...claim(3), index }), false)
    }
  })

  test('fails for parts of another size', () => {
    const good = claim(3)
    assert.equal(verifyMerkleProof({ ...good, leaf: good.leaf.slice(1) }), false)
    assert.equal(verifyMerkleProof({ ...good, root: good.root.slice(1) }), false)
    assert.equal(verifyMerkleProof({ ...good, proof: [...good.proof, good.root] }), false)
    const cut = good.proof.map((node) => node.slice(1))
    assert.equal(verifyMerkleProof({ ...good, proof: cut }), false)
  })
})

suite('incremental tree', () => {
  test("empty root is the beacon deposit contract's zero subtree of depth 32", () => {
    // zero_hashes[32] before the contract mixes its count in; the contract's own empty root is
    // sha256(zero_hashes[32] ‖ 32 zero bytes), a published constant.
    const published = '0xd70a234731285c6804c2a4f56711ddb8c82c99740f207854891028af34e27e5e'
    const root = incrementalRoot(emptyIncrementalTree)
    assert.equal(toHex(hash(root, new Uint8Array(32))), published)
  })

  test('root follows the definition', () => {
    for (const count of [1, 2, 3, 5, 8, 13, 31, 32, 33]) {
      const leaves = Array.from({ length: count }, (_, index) => leafOf(index))
      let expected = merkleRoot(leaves)
      let zero: Uint8Array = new Uint8Array(32)
      for (let level = 0; level < incrementalTreeDepth; level++) {
        if (level >= merkleDepth(count)) expected = hash(expected, zero)
        zero = hash(zero, zero)
      }
      assert.deepEqual(incrementalRoot(grow(count).tree), expected)
    }
  })

  test('appending leaves the older tree as it was', () => {
    const { tree } = grow(11)
    const before = incrementalRoot(tree)
    const left = appendLeaf(tree, leafOf(100))
    const right = appendLeaf(tree, leafOf(200))
    assert.deepEqual(incrementalRoot(tree), before)
    assert.notDeepEqual(incrementalRoot(left), incrementalRoot(right))
  })

  test('every leaf is proved under every later root, from one store of nodes', () => {
    const { nodes } = grow(40)
    const nodeAt = (level: number, index: number) => nodes.get(`${level}/${index}`)!
    for (const count of [1, 2, 7, 16, 23, 40]) {
      const root = incrementalRoot(grow(count).tree)
      for (let index = 0; index < count; index++) {
        const proof = incrementalProof({ index, count, nodeAt })
        const leaf = leafOf(index)
        assert.ok(verifyMerkleProof({ root, leaf, index, depth: incrementalTreeDepth, proof }))
      }
    }
  })

  test('encodes and decodes', () => {
    for (const count of [0, 1, 6, 33]) {
      const { tree } = grow(count)
      assert.deepEqual(decodeIncrementalTree(encodeIncrementalTree(tree)), tree)
    }
  })

  test('decoding refuses anything else', () => {
    const good = encodeIncrementalTree(grow(6).tree)
    const bad = [
      new Uint8Array(0),
      good.slice(0, 7),
      good.slice(0, -1),
      concat(good, Uint8Array.of(0)),
      good.with(7, 7),
      fromHex('0x0000000100000000'),
      fromHex('0xffffffffffffffff'),
    ]
    for (const bytes of bad) {
      assert.throws(() => decodeIncrementalTree(bytes), MerkleTreeMalformedError)
    }
  })

  test('refuses a leaf more than it has places', () => {
    const frontier = Array.from({ length: 32 }, () => leafOf(0))
    const full = { count: incrementalTreeLeavesMax, frontier }
    assert.throws(() => appendLeaf(full, leafOf(1)), MerkleTreeFullError)
  })
})
