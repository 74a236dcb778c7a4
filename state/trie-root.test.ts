import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex, keccak256, toHex } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'
import { createSeededRng } from '@zg/runtime'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'

import { emptyTrieRoot, orderedTrieRoot, trieRoot } from './trie-root.ts'

type Pair = readonly [key: string, value: string | null]
type Vector = { readonly in: readonly Pair[] | Readonly<Record<string, string>>; root: string }

const fixture = readFixture('trie-rlp-tx')
const skip = fixture === undefined && fixtureAbsent

const vectorFiles = [
  { file: 'TrieTests/trietest.json', isSecure: false },
  { file: 'TrieTests/trieanyorder_secureTrie.json', isSecure: true },
  { file: 'TrieTests/hex_encoded_securetrie_test.json', isSecure: true },
]

for (const { file, isSecure } of vectorFiles) {
  test(`trieRoot() passes ${file}`, { skip }, () => {
    const vectors = parseFixtureJson(fixture?.get(file)) as Readonly<Record<string, Vector>>
    for (const [name, vector] of Object.entries(vectors)) {
      const pairs = Array.isArray(vector.in) ? vector.in : Object.entries(vector.in)
      const root = trieRoot(
        (pairs as readonly Pair[]).map(([key, value]) => {
          const bytes = bytesOf(key)
          return [isSecure ? keccak256(bytes) : bytes, bytesOf(value ?? '')] as const
        }),
      )
      assert.equal(toHex(root), vector.root, name)
    }
  })
}

test('trieRoot() agrees with @ethereumjs/mpt, also on keys that begin others', async () => {
  for (let seed = 0; seed < 150; seed++) {
    const rng = createSeededRng(seed)
    const pairs = Array.from({ length: rng.below(40) }, () => {
      const key = Uint8Array.from({ length: 1 + rng.below(3) }, () => rng.below(256) & 0x31)
      return [key, Uint8Array.of(1, ...rng.bytes(rng.below(45)))] as const
    })
    const peer = new MerklePatriciaTrie()
    for (const [key, value] of pairs) await peer.put(key, value)
    assert.equal(toHex(trieRoot(pairs)), toHex(peer.root()), `seed ${seed}`)
  }
})

test('orderedTrieRoot() agrees with @ethereumjs/mpt up to 300 items', async () => {
  for (const count of [0, 1, 2, 127, 128, 129, 300]) {
    const rng = createSeededRng(count)
    const items = Array.from({ length: count }, () =>
      Uint8Array.of(2, ...rng.bytes(rng.below(300))),
    )
    const peer = new MerklePatriciaTrie()
    for (const [index, item] of items.entries()) await peer.put(rlpIndex(index), item)
    assert.equal(toHex(orderedTrieRoot(items)), toHex(peer.root()), `${count} items`)
  }
})

test('emptyTrieRoot is the root of nothing, and of values removed', () => {
  const known = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
  assert.equal(toHex(emptyTrieRoot), known)
  assert.equal(toHex(orderedTrieRoot([])), known)
  const key = Uint8Array.of(1)
  assert.equal(
    toHex(
      trieRoot([
        [key, key],
        [key, new Uint8Array(0)],
      ]),
    ),
    known,
  )
})

/** Strings of the vectors are text unless they start with 0x. */
function bytesOf(text: string): Uint8Array {
  return text.startsWith('0x') ? fromHex(text) : new TextEncoder().encode(text)
}

function rlpIndex(index: number): Uint8Array {
  if (index === 0) return Uint8Array.of(0x80)
  if (index < 0x80) return Uint8Array.of(index)
  return index < 0x100 ? Uint8Array.of(0x81, index) : Uint8Array.of(0x82, index >> 8, index & 0xff)
}
