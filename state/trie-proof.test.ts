import assert from 'node:assert/strict'
import { test } from 'node:test'

import { encodeRlp, fromHex, keccak256 } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { RecordMap } from './testing/record-map.ts'
import { nibblesOf } from './trie-encoding.ts'
import { proveKey, verifyProof } from './trie-proof.ts'
import { emptyTrieRoot } from './trie-root.ts'

const invalid = { code: 'STATE_PROOF_INVALID' }
const rng = createSeededRng('proof')

function createTrie() {
  const trie = new RecordMap()
  const keys = Array.from({ length: 60 }, () => nibblesOf(rng.bytes(32)))
  const root = trie.update(new Map(keys.map((key) => [key, Uint8Array.of(1, ...rng.bytes(40))])))
  return { trie, keys, root }
}

test('verifyProof() shows the value of a present key and the absence of another', () => {
  const { trie, keys, root } = createTrie()
  for (const key of keys) {
    assert.deepEqual(
      verifyProof(root, fromHex(`0x${key}`), proveKey(trie, key)),
      trie.values.get(key),
    )
  }
  const absent = nibblesOf(rng.bytes(32))
  assert.equal(verifyProof(root, fromHex(`0x${absent}`), proveKey(trie, absent)), undefined)
  assert.equal(verifyProof(emptyTrieRoot, fromHex(`0x${absent}`), []), undefined)
})

test('verifyProof() takes the two ways in which nodes show that a trie is empty', () => {
  const key = new Uint8Array(32)
  const [nothing, other] = [Uint8Array.of(0x80), Uint8Array.of(0xc0)]
  // geth lists no node; anvil lists the one that the root is the hash of.
  for (const proof of [[], [nothing]])
    assert.equal(verifyProof(emptyTrieRoot, key, proof), undefined)
  for (const proof of [[other], [nothing, nothing], [nothing, other]]) {
    assert.throws(() => verifyProof(emptyTrieRoot, key, proof), invalid)
  }
  const { root } = createTrie()
  assert.throws(() => verifyProof(root, key, [nothing]), invalid)
})

test('verifyProof() refuses every proof with a flipped bit, a node less, more or elsewhere', () => {
  const { trie, keys, root } = createTrie()
  const key = fromHex(`0x${keys[0]}`)
  const proof = proveKey(trie, keys[0]!)
  for (const [index, node] of proof.entries()) {
    for (let bit = 0; bit < 8 * node.length; bit += 1 + rng.below(7)) {
      const bad = node.slice()
      bad[bit >> 3]! ^= 1 << (bit & 7)
      assert.throws(() => verifyProof(root, key, proof.with(index, bad)), invalid)
    }
    assert.throws(() => verifyProof(root, key, proof.toSpliced(index, 1)), invalid)
    assert.throws(() => verifyProof(root, key, proof.toSpliced(index, 0, node)), invalid)
  }
  assert.throws(() => verifyProof(root, key, proof.toReversed()), invalid)
  assert.throws(() => verifyProof(root, key, []), invalid)
  assert.throws(() => verifyProof(root, key, Array<Uint8Array>(1000).fill(proof[0]!)), invalid)
})

test('verifyProof() refuses nodes that are no trie nodes, though their hash fits', () => {
  const key = new Uint8Array(32)
  const path = (first: number): Uint8Array => Uint8Array.of(first, ...new Uint8Array(32))
  const bad = [
    Uint8Array.of(0xff, 0xff),
    encodeRlp(key),
    encodeRlp([key]),
    encodeRlp([path(0x40), key]),
    encodeRlp([path(0x21), key]),
    encodeRlp([path(0x20), [key]]),
    encodeRlp([Uint8Array.of(), key]),
    encodeRlp([Uint8Array.of(0x00), key]),
    encodeRlp([Uint8Array.of(0x10), Uint8Array.of()]),
    encodeRlp([Uint8Array.of(0x10), Uint8Array.of(1, 2)]),
    encodeRlp([Uint8Array.of(0x10), [path(0x20), key]]),
  ]
  for (const node of bad) assert.throws(() => verifyProof(keccak256(node), key, [node]), invalid)
})

test('verifyProof() never shows for one key what another has', () => {
  const { trie, keys, root } = createTrie()
  for (let round = 0; round < 200; round++) {
    const [a, b] = [keys[rng.below(keys.length)]!, keys[rng.below(keys.length)]!]
    if (a === b) continue
    assert.throws(() => verifyProof(root, fromHex(`0x${a}`), proveKey(trie, b)), invalid)
  }
})
