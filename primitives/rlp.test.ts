import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import fc from 'fast-check'

import { bigintToMinimalBytes, concat, fromHex, toHex } from './bytes.ts'
import type { RlpItem } from './rlp.ts'
import {
  decodeRlp,
  decodeRlpSequence,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpDepthMax,
  rlpList,
  RlpMalformedError,
} from './rlp.ts'
import { fixtureAbsent, parseFixtureJson, readFixture } from './testing/fixture-archive.ts'

type Json = string | number | readonly Json[]
type Case = { readonly in: Json; readonly out: string }

const fixture = readFixture('trie-rlp-tx')

/**
 * What a value of the vectors stands for: `#` before digits is an integer, other strings are bytes.
 */
function itemOf(json: Json): RlpItem {
  if (typeof json === 'number') return bigintToMinimalBytes(BigInt(json))
  if (typeof json !== 'string') return json.map(itemOf)
  if (json.startsWith('#')) return bigintToMinimalBytes(BigInt(json.slice(1)))
  return new TextEncoder().encode(json)
}

function casesOf(name: string): [string, Case][] {
  return Object.entries(
    parseFixtureJson(fixture?.get(`RLPTests/${name}.json`)) as Record<string, Case>,
  )
}

const { item: anyItem } = fc.letrec<{ item: RlpItem }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 5 },
    fc.uint8Array({ maxLength: 70 }),
    fc.array(tie('item'), { maxLength: 5 }),
  ),
}))

suite('ethereum/tests RLPTests', { skip: fixture === undefined && fixtureAbsent }, () => {
  test('rlptest: encodes and decodes', () => {
    const cases = casesOf('rlptest')
    assert.equal(cases.length, 28)
    for (const [name, { in: value, out }] of cases) {
      assert.equal(toHex(encodeRlp(itemOf(value))), out, name)
      assert.deepEqual(decodeRlp(fromHex(out)), itemOf(value), name)
    }
  })

  test('invalidRLPTest: refuses', () => {
    const cases = casesOf('invalidRLPTest')
    assert.equal(cases.length, 26)
    for (const [name, { out }] of cases) {
      const bytes = fromHex(out.startsWith('0x') ? out : `0x${out}`)
      assert.throws(() => decodeRlp(bytes), RlpMalformedError, name)
    }
  })
})

suite('decodeRlp', () => {
  test('undoes encodeRlp', () => {
    fc.assert(fc.property(anyItem, (item) => assert.deepEqual(decodeRlp(encodeRlp(item)), item)))
  })

  test('accepts one encoding a value: what decodes encodes to the same bytes', () => {
    const hostile = fc.uint8Array({ maxLength: 12 }).map((bytes) => {
      // Bytes near the prefixes, where all the rules are.
      return bytes.map((byte) => (byte < 128 ? byte % 4 : byte))
    })
    fc.assert(
      fc.property(hostile, (bytes) => {
        let item: RlpItem
        try {
          item = decodeRlp(bytes)
        } catch (error) {
          assert.ok(error instanceof RlpMalformedError)
          return
        }
        assert.deepEqual(encodeRlp(item), bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  test('refuses bytes left over', () => {
    assert.throws(() => decodeRlp(fromHex('0xc000')), RlpMalformedError)
  })

  test('refuses lists nested deeper than the limit', () => {
    const nested = (depth: number): RlpItem => (depth === 0 ? [] : [nested(depth - 1)])
    assert.doesNotThrow(() => decodeRlp(encodeRlp(nested(rlpDepthMax))))
    assert.throws(() => decodeRlp(encodeRlp(nested(rlpDepthMax + 1))), RlpMalformedError)
    assert.throws(() => decodeRlp(new Uint8Array(100_000).fill(0xc1)), RlpMalformedError)
  })

  test('reads a view into larger memory', () => {
    const inside = concat(Uint8Array.of(9), encodeRlp([Uint8Array.of(1)]), Uint8Array.of(9))
    assert.deepEqual(decodeRlp(inside.subarray(1, 3)), [Uint8Array.of(1)])
  })
})

test('decodeRlpSequence reads items back to back, and nothing but whole ones', () => {
  const items = [Uint8Array.of(7), [Uint8Array.of(1, 2)], new Uint8Array(60)]
  const bytes = concat(...items.map(encodeRlp))
  assert.deepEqual(decodeRlpSequence(bytes), items)
  assert.throws(() => decodeRlpSequence(bytes.subarray(0, -1)), RlpMalformedError)
})

suite('readers of items', () => {
  test('rlpList wants a list, of a length when given', () => {
    assert.deepEqual(rlpList([]), [])
    for (const item of [undefined, new Uint8Array(0)]) {
      assert.throws(() => rlpList(item), RlpMalformedError)
    }
    assert.throws(() => rlpList([[]], 2), RlpMalformedError)
  })

  test('rlpBytes wants a byte string, of a size when given', () => {
    assert.deepEqual(rlpBytes(Uint8Array.of(1), 1), Uint8Array.of(1))
    for (const item of [undefined, []]) assert.throws(() => rlpBytes(item), RlpMalformedError)
    assert.throws(() => rlpBytes(Uint8Array.of(1), 2), RlpMalformedError)
  })

  test('rlpBigint wants a minimal integer, of at most a size', () => {
    assert.equal(rlpBigint(new Uint8Array(0)), 0n)
    assert.equal(rlpBigint(Uint8Array.of(1, 0)), 256n)
    assert.throws(() => rlpBigint(Uint8Array.of(0)), RlpMalformedError)
    assert.throws(() => rlpBigint(Uint8Array.of(0, 1)), RlpMalformedError)
    assert.throws(() => rlpBigint(new Uint8Array(9).fill(1), 8), RlpMalformedError)
    assert.throws(() => rlpBigint([]), RlpMalformedError)
  })
})
