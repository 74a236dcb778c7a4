import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { firstKey, lastKey, proveRange, verifyRange } from './range-proof.ts'
import type { ProvedRange } from './range-proof.ts'
import { RecordMap } from './testing/record-map.ts'
import { nibblesOf } from './trie-encoding.ts'
import { emptyTrieRoot } from './trie-root.ts'

const invalid = { code: 'STATE_PROOF_INVALID' }
const noLimit = { sizeBytesMax: Infinity }

/** Keys that share beginnings, and values small enough for nodes inside their parents. */
function createTrie(rng: Rng, count: number) {
  const trie = new RecordMap()
  const stems = Array.from({ length: 4 }, () => nibblesOf(rng.bytes(32)))
  const keys = Array.from({ length: count }, () => {
    const stem = rng.chance(0.6) ? stems[rng.below(4)]! : ''
    const kept = stem.slice(0, rng.chance(0.3) ? rng.below(64) : rng.below(6))
    return kept + nibblesOf(rng.bytes(32)).slice(kept.length)
  })
  const values = keys.map((key) => [key, Uint8Array.of(1, ...rng.bytes(rng.below(40)))] as const)
  const root = count === 0 ? emptyTrieRoot : trie.update(new Map(values))
  return { trie, root, keys: [...trie.values.keys()].sort() }
}

/** Two bounds: of the trie, beside one of its keys, or anywhere. */
function drawBounds(rng: Rng, keys: readonly string[]): { from: string; to: string } {
  const draw = (): string => {
    const key = keys[rng.below(Math.max(1, keys.length))] ?? firstKey
    if (rng.chance(0.2)) return rng.chance(0.5) ? firstKey : lastKey
    if (rng.chance(0.4)) return key
    return rng.chance(0.5) ? `${key.slice(0, 63)}${rng.below(10)}` : nibblesOf(rng.bytes(32))
  }
  const [from, to] = [draw(), draw()].sort() as [string, string]
  return { from, to }
}

test('verifyRange() takes what proveRange() returns: all keys between the bounds', () => {
  for (let seed = 0; seed < 300; seed++) {
    const rng = createSeededRng(seed)
    const { trie, root, keys } = createTrie(rng, [0, 1, 2, 5, 40, 200][seed % 6]!)
    const bounds = drawBounds(rng, keys)
    const range = proveRange(trie, { ...bounds, ...noLimit })
    verifyRange(root, range)
    const between = keys.filter((key) => key >= bounds.from && key <= bounds.to)
    assert.deepEqual(
      range.entries.map(({ key }) => key),
      between,
      `seed ${seed}`,
    )
  }
})

test('proveRange() stops at its limit, and the next range goes on after it', () => {
  for (let seed = 0; seed < 40; seed++) {
    const rng = createSeededRng(`limit ${seed}`)
    const { trie, root, keys } = createTrie(rng, 120)
    const seen: string[] = []
    for (let from = firstKey; ;) {
      const range = proveRange(trie, { from, to: lastKey, sizeBytesMax: 40 + rng.below(900) })
      verifyRange(root, range)
      seen.push(...range.entries.map(({ key }) => key))
      if (range.to === lastKey) break
      assert.equal(range.to, range.entries.at(-1)?.key)
      from = `${(BigInt(`0x${range.to}`) + 1n).toString(16).padStart(64, '0')}`
    }
    assert.deepEqual(seen, keys, `seed ${seed}`)
  }
})

test('verifyRange() refuses entries cut, put in, moved, changed, and bounds moved over a key', () => {
  for (let seed = 0; seed < 60; seed++) {
    const rng = createSeededRng(`hostile ${seed}`)
    const { trie, root, keys } = createTrie(rng, 60)
    const from = keys[rng.below(20)]!
    const to = keys[30 + rng.below(20)]!
    const range = proveRange(trie, { from, to, ...noLimit })
    verifyRange(root, range)
    for (const [what, wrong] of hostileRanges(rng, range, keys)) {
      assert.throws(() => verifyRange(root, wrong), invalid, `seed ${seed}: ${what}`)
    }
  }
})

test('verifyRange() refuses none for some, where both bounds lie between keys', () => {
  const rng = createSeededRng('none')
  for (let count = 1; count < 40; count++) {
    const { trie, root } = createTrie(rng, count)
    const from = `${'0'.repeat(63)}1`
    const to = `${'f'.repeat(63)}e`
    const range = proveRange(trie, { from, to, ...noLimit })
    verifyRange(root, range)
    assert.throws(() => verifyRange(root, { ...range, entries: [] }), invalid, `${count} keys`)
  }
})

test('verifyRange() refuses every proof with a flipped bit, a node less, more or elsewhere', () => {
  const rng = createSeededRng('nodes')
  const { trie, root, keys } = createTrie(rng, 200)
  const range = proveRange(trie, { from: keys[50]!, to: keys[120]!, ...noLimit })
  const { proof } = range
  assert.ok(proof.length > 2)
  for (const [index, node] of proof.entries()) {
    for (let bit = 0; bit < 8 * node.length; bit += 1 + rng.below(29)) {
      const flipped = node.slice()
      flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7))
      assert.throws(
        () => verifyRange(root, { ...range, proof: proof.with(index, flipped) }),
        invalid,
        `node ${index} bit ${bit}`,
      )
    }
    const cut = [proof.toSpliced(index, 1), proof.with(index, node.subarray(1))]
    const more = [proof.toSpliced(index, 0, node), [...proof, node]]
    for (const wrong of [...cut, ...more, proof.toReversed()]) {
      assert.throws(() => verifyRange(root, { ...range, proof: wrong }), invalid)
    }
  }
  const long = Array.from({ length: 261 }, () => proof[0]!)
  assert.throws(() => verifyRange(root, { ...range, proof: long }), invalid)
})

test('verifyRange() refuses what it took under another root', () => {
  const rng = createSeededRng('root')
  const { trie, root, keys } = createTrie(rng, 50)
  const part = proveRange(trie, { from: keys[3]!, to: keys[30]!, ...noLimit })
  const whole = proveRange(trie, { from: firstKey, to: lastKey, ...noLimit })
  assert.deepEqual(whole.proof, [])
  for (const range of [part, whole]) {
    verifyRange(root, range)
    assert.throws(() => verifyRange(rng.bytes(32), range), invalid)
    assert.throws(() => verifyRange(emptyTrieRoot, range), invalid)
  }
  const none = { from: firstKey, to: lastKey, entries: [], proof: [] }
  verifyRange(emptyTrieRoot, none)
  assert.throws(() => verifyRange(root, none), invalid)
})

function hostileRanges(
  rng: Rng,
  range: ProvedRange,
  keys: readonly string[],
): (readonly [string, ProvedRange])[] {
  const { entries } = range
  const index = rng.below(entries.length)
  const entry = entries[index]!
  const changed = entry.value.slice()
  changed[rng.below(changed.length)]! ^= 1 << rng.below(8)
  const key = nibblesOf(rng.bytes(32))
  const extra = { key, value: Uint8Array.of(1) }
  const added = [...entries, extra].sort((a, b) => (a.key < b.key ? -1 : 1))
  const before = keys[keys.indexOf(range.from) - 1] ?? firstKey
  const after = keys[keys.indexOf(range.to) + 1]!
  const isWide = before < range.from
  return [
    ['one is missing', { ...range, entries: entries.toSpliced(index, 1) }],
    ['the first is missing', { ...range, entries: entries.slice(1) }],
    ['the last is missing', { ...range, entries: entries.slice(0, -1) }],
    ['all are missing', { ...range, entries: [] }],
    ['one is there twice', { ...range, entries: entries.toSpliced(index, 0, entry) }],
    ['one is put in', { ...range, entries: added }],
    ['the order is another', { ...range, entries: entries.toReversed() }],
    [
      'a value is another',
      { ...range, entries: entries.with(index, { ...entry, value: changed }) },
    ],
    [
      'a value is empty',
      { ...range, entries: entries.with(index, { key, value: changed.slice(0, 0) }) },
    ],
    ['the end lies after another key', { ...range, to: after }],
    ['the start lies after its first key', { ...range, from: entries[1]!.key }],
    ...(isWide ? [['the start lies at an earlier key', { ...range, from: before }] as const] : []),
  ]
}
