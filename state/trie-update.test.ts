import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MerklePatriciaTrie, createMerkleProof, verifyMerkleProof } from '@ethereumjs/mpt'
import { fromHex, keccak256, toHex } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'
import { createSeededRng } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { RecordMap } from './testing/record-map.ts'
import { nibblesOf } from './trie-encoding.ts'
import { applyReverse, decodeNode, encodeReverse } from './trie-node.ts'
import { proveKey, verifyProof } from './trie-proof.ts'
import { trieRoot } from './trie-root.ts'

const fixture = readFixture('trie-rlp-tx')
const skip = fixture === undefined && fixtureAbsent

for (const name of ['trieanyorder_secureTrie', 'hex_encoded_securetrie_test']) {
  test(`updateTrie() passes TrieTests/${name}.json, one key at a time`, { skip }, () => {
    const vectors = parseFixtureJson(fixture?.get(`TrieTests/${name}.json`)) as Readonly<
      Record<string, { in: Record<string, string> | [string, string | null][]; root: string }>
    >
    for (const [title, vector] of Object.entries(vectors)) {
      const trie = new RecordMap()
      const pairs = Array.isArray(vector.in) ? vector.in : Object.entries(vector.in)
      const roots = pairs.map(([key, value]) => {
        const hashed = nibblesOf(keccak256(bytesOf(key)))
        return trie.update(new Map([[hashed, value === null ? undefined : bytesOf(value)]]))
      })
      assert.equal(toHex(roots.at(-1)!), vector.root, title)
    }
  })
}

test('updateTrie() keeps the one set of records that its keys have, under random batches', () => {
  for (let seed = 0; seed < 120; seed++) {
    const rng = createSeededRng(seed)
    const shape = { keySizeBytes: [1, 2, 32][seed % 3]!, digits: 2 + rng.below(15) }
    const trie = new RecordMap()
    for (let step = 0; step < 12; step++) {
      const before = new Map(trie.records)
      const root = trie.update(randomBatch(rng, trie, shape))
      const pairs = [...trie.values].map(([key, value]) => [fromHex(`0x${key}`), value] as const)
      assert.equal(toHex(root), toHex(trieRoot(pairs)), `seed ${seed} step ${step}`)
      assert.deepEqual(sortedRecords(trie), sortedRecords(rebuilt(trie)), `seed ${seed} ${step}`)
      assertReversible(before, trie.records)
    }
  }
})

test('updateTrie() and proveKey() agree with @ethereumjs/mpt over random batches', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const rng = createSeededRng(`peer ${seed}`)
    const trie = new RecordMap()
    const peer = new MerklePatriciaTrie()
    for (let step = 0; step < 8; step++) {
      const batch = randomBatch(rng, trie, { keySizeBytes: 32, digits: 16, count: 40 })
      const root = trie.update(batch)
      for (const [key, value] of batch) {
        if (value === undefined) await peer.del(fromHex(`0x${key}`))
        else await peer.put(fromHex(`0x${key}`), value)
      }
      assert.equal(toHex(root), toHex(peer.root()), `seed ${seed} step ${step}`)
    }
    const present = [...trie.values.keys()].slice(0, 20)
    const absent = Array.from({ length: 20 }, () => nibblesOf(rng.bytes(32)))
    for (const key of [...present, ...absent]) {
      const proof = proveKey(trie, key)
      const bytes = fromHex(`0x${key}`)
      assert.deepEqual(proof.map(toHex), (await createMerkleProof(peer, bytes)).map(toHex))
      const shown = await verifyMerkleProof(bytes, proof, { root: peer.root() })
      assert.deepEqual(shown ?? undefined, trie.values.get(key))
      assert.deepEqual(verifyProof(peer.root(), bytes, proof), trie.values.get(key))
    }
  }
})

type Shape = { readonly keySizeBytes: number; readonly digits: number; readonly count?: number }

function randomBatch(rng: Rng, trie: RecordMap, shape: Shape): Map<string, Uint8Array | undefined> {
  const batch = new Map<string, Uint8Array | undefined>()
  const count = 1 + rng.below(shape.count ?? 12)
  for (let index = 0; index < count; index++) {
    const known = [...trie.values.keys()]
    const isKnown = known.length > 0 && rng.chance(0.5)
    const key = isKnown ? known[rng.below(known.length)]! : randomKey(rng, shape)
    const isRemoved = trie.values.has(key) && rng.chance(0.5)
    batch.set(key, isRemoved ? undefined : Uint8Array.of(1, ...rng.bytes(rng.below(40))))
  }
  return batch
}

/** Long keys of few digits differ in their first and last ones only: deep, with long extensions. */
function randomKey(rng: Rng, { keySizeBytes, digits }: Shape): string {
  return Array.from({ length: 2 * keySizeBytes }, (_, index) => {
    return digits < 16 && index > 3 && index < 60 ? '0' : rng.below(digits).toString(16)
  }).join('')
}

function rebuilt(trie: RecordMap): RecordMap {
  const fresh = new RecordMap()
  if (trie.values.size > 0) fresh.update(trie.values)
  return fresh
}

function sortedRecords(trie: RecordMap): string[] {
  return [...trie.records].map(([path, record]) => `${path}: ${toHex(record)}`).sort()
}

function assertReversible(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
): void {
  for (const [path, record] of before) {
    const old = decodeNode(record)
    const now = after.get(path)
    const node = now && decodeNode(now)
    assert.deepEqual(applyReverse(node, encodeReverse(old, node)), old)
  }
}

function bytesOf(text: string): Uint8Array {
  return text.startsWith('0x') ? fromHex(text) : new TextEncoder().encode(text)
}
