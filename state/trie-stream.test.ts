import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { RecordMap } from './testing/record-map.ts'
import { nibblesOf } from './trie-encoding.ts'
import { encodeNode } from './trie-node.ts'
import { emptyTrieRoot } from './trie-root.ts'
import { TrieStream } from './trie-stream.ts'

test('TrieStream leaves the root and the records that updateTrie() leaves', () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = createSeededRng(`stream ${seed}`)
    const stem = nibblesOf(rng.bytes(32))
    const keys = Array.from({ length: 1 + rng.below(80) }, () => {
      const kept = rng.chance(0.5) ? stem.slice(0, rng.below(64)) : ''
      return kept + nibblesOf(rng.bytes(32)).slice(kept.length)
    })
    const kept = new RecordMap()
    const root = kept.update(
      new Map(keys.map((key) => [key, Uint8Array.of(1, ...rng.bytes(rng.below(40)))])),
    )
    const records = new Map<string, Uint8Array>()
    const stream = new TrieStream((path, node) => {
      assert.ok(!records.has(path), 'a record is emitted once')
      records.set(path, encodeNode(node))
    })
    for (const [key, value] of [...kept.values].sort(byPath)) stream.add(key, value)
    assert.deepEqual(stream.finish(), root, `seed ${seed}`)
    assert.deepEqual([...records].sort(byPath), [...kept.records].sort(byPath), `seed ${seed}`)
  }
})

test('TrieStream of nothing is the empty trie, and leaves come in order', () => {
  const stream = new TrieStream(() => assert.fail('there is nothing to emit'))
  assert.deepEqual(stream.finish(), emptyTrieRoot)
  stream.add('b'.repeat(64), Uint8Array.of(1))
  assert.throws(() => stream.add('a'.repeat(64), Uint8Array.of(1)))
})

function byPath([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}
