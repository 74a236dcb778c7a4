import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import fc from 'fast-check'

import { InvariantBrokenError } from './errors.ts'
import { WordMap, WordSet } from './word-map.ts'

/** Few words that differ in each limb, so that operations meet. */
const someWord = fc
  .tuple(fc.nat(6), fc.constantFrom(0n, 64n, 128n, 192n))
  .map(([value, shift]) => BigInt(value) << shift)

type Step = { readonly kind: 'set' | 'delete' | 'get' | 'clear'; readonly word: bigint }

const someSteps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('set', 'set', 'set', 'delete', 'delete', 'get', 'clear'),
    word: someWord,
  }),
  { maxLength: 200 },
)

suite('WordMap', () => {
  test('behaves as Map does, order included', () => {
    fc.assert(
      fc.property(someSteps, (steps) => {
        const map = new WordMap<number>()
        const model = new Map<bigint, number>()
        for (const [index, { kind, word }] of steps.entries()) {
          // Clearing is rare, or maps would stay small.
          if (kind === 'clear' && index % 7 === 0) {
            map.clear()
            model.clear()
          } else if (kind === 'set') {
            assert.equal(map.set(word, index), !model.has(word))
            model.set(word, index)
          } else if (kind === 'delete') {
            assert.equal(map.delete(word), model.delete(word))
          }
          assert.equal(map.get(word), model.get(word))
          assert.equal(map.has(word), model.has(word))
          assert.equal(map.size, model.size)
        }
        assert.deepEqual([...map], [...model])
        assert.deepEqual([...map.keys()], [...model.keys()])
        assert.deepEqual([...map.values()], [...model.values()])
      }),
      { numRuns: 300 },
    )
  })

  test('keeps 50,000 words apart that agree in their low 192 bits', () => {
    const map = new WordMap<number>()
    for (let index = 0; index < 50_000; index++) map.set(BigInt(index) << 192n, index)
    assert.equal(map.size, 50_000)
    assert.equal(map.get(49_999n << 192n), 49_999)
    assert.equal(map.get(50_000n << 192n), undefined)
  })

  test('survives deletion in any order while it is large', () => {
    const map = new WordMap<number>()
    for (let index = 0; index < 5_000; index++) map.set(BigInt(index) << 64n, index)
    for (let index = 0; index < 5_000; index += 2) map.delete(BigInt(index) << 64n)
    for (let index = 5_000; index < 9_000; index++) map.set(BigInt(index) << 64n, index)
    for (let index = 0; index < 9_000; index++) {
      const isKept = index >= 5_000 || index % 2 === 1
      assert.equal(map.get(BigInt(index) << 64n), isKept ? index : undefined)
    }
    assert.equal(map.size, 6_500)
    assert.equal([...map].length, 6_500)
  })

  test('may hold undefined', () => {
    const map = new WordMap<undefined>()
    map.set(1n, undefined)
    assert.equal(map.has(1n), true)
    assert.equal(map.has(2n), false)
  })

  test('may be deleted from, all of it, while it is iterated', () => {
    const map = new WordMap<number>()
    for (let index = 0; index < 100; index++) map.set(BigInt(index), index)
    let visited = 0
    for (const [word] of map) {
      map.delete(word)
      visited++
    }
    assert.equal(visited, 100)
    assert.equal(map.size, 0)
  })

  test('reports that it was added to, where positions moved, while it is iterated', () => {
    const map = new WordMap<number>()
    for (let index = 0; index < 16; index++) map.set(BigInt(index), index)
    map.delete(3n)
    const grow = (): void => {
      for (const [word] of map) map.set(word + 100n, 0)
    }
    assert.throws(grow, InvariantBrokenError)
  })
})

suite('WordSet', () => {
  test('says whether a word was new, and iterates in insertion order', () => {
    const set = new WordSet()
    for (const word of [5n, 1n << 255n, 3n]) assert.equal(set.add(word), true)
    assert.equal(set.add(3n), false)
    assert.equal(set.has(1n << 255n), true)
    assert.equal(set.has(0n), false)
    assert.deepEqual([...set], [5n, 1n << 255n, 3n])
    assert.equal(set.delete(5n), true)
    assert.equal(set.delete(5n), false)
    assert.equal(set.size, 2)
    set.clear()
    assert.deepEqual([...set], [])
  })
})
