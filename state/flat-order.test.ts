import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'
import { MemoryStore } from '@zg/runtime'

const fixture = readFixture('trie-rlp-tx')
const skip = fixture === undefined && fixtureAbsent

type Vector = {
  readonly in: readonly string[]
  readonly tests: readonly [string, string, string][]
}

// Leaves are walked in the flat tables, not in the trie, so the iterator's vectors are for those.
test('a table walks keys as TrieTests/trietestnextprev.json does', { skip }, async () => {
  const { basic } = parseFixtureJson(fixture?.get('TrieTests/trietestnextprev.json')) as {
    basic: Vector
  }
  const store = new MemoryStore()
  await store.write(basic.in.map((key) => ({ table: 'a', key: bytes(key), value: bytes(key) })))
  for (const [key, previous, next] of basic.tests) {
    const from = bytes(`${key}\0`)
    const [above] = [...store.range('a', { from, limit: 1 })]
    const [below] = [...store.range('a', { to: bytes(key), reverse: true, limit: 1 })]
    assert.equal(text(above?.[0]), next, `after "${key}"`)
    assert.equal(text(below?.[0]), previous, `before "${key}"`)
  }
})

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function text(value: Uint8Array | undefined): string {
  return new TextDecoder().decode(value)
}
