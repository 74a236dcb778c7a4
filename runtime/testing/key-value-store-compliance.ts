/** What every `KeyValueStore` does, as tests to run over an implementation. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { compareBytes, toHex } from '@zg/primitives'

import type { KeyRange, KeyValueStore, KeyValueWrite } from '../key-value-store.ts'
import { createSeededRng } from '../seeded-rng.ts'

/** A store under test. */
export type StoreUnderTest = {
  readonly store: KeyValueStore
  /** Closes the store and opens it again over the same bytes; absent when it keeps none. */
  readonly reopen?: () => Promise<KeyValueStore>
  /** Closes what is open and removes its bytes. */
  readonly dispose: () => Promise<void>
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Declares the suite for the implementation called `name`. */
export function checkKeyValueStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const check = (title: string, body: (under: StoreUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const under = await open()
      try {
        await body(under)
      } finally {
        await under.dispose()
      }
    })
  }

  suite(`${name} as a KeyValueStore`, () => {
    check('get() answers what was written, per table', getsPerTable)
    check('get() and range() see a batch at once, before it is durable', seesAtOnce)
    check('range() is in byte order, shorter first, within its bounds', rangesInOrder)
    check('write() applies entries in order, so the last of a key stands', lastStands)
    check('write() refuses keys of no or too many bytes and applies nothing', refusesKeys)
    check('a store behaves as a sorted map over random batches', behavesAsModel)
    check('an open store holds all batches again after a restart', survivesRestart)
  })
}

async function getsPerTable({ store }: StoreUnderTest): Promise<void> {
  await store.write([
    { table: 'a', key: bytes(1), value: bytes(10) },
    { table: 'b', key: bytes(1), value: bytes(20) },
    { table: 'a', key: bytes(2), value: bytes() },
    { table: 'a', key: new Uint8Array(500).fill(7), value: new Uint8Array(100_000).fill(9) },
  ])
  assert.deepEqual(store.get('a', bytes(1)), bytes(10))
  assert.deepEqual(store.get('b', bytes(1)), bytes(20))
  assert.deepEqual(store.get('a', bytes(2)), bytes())
  assert.deepEqual(store.get('a', new Uint8Array(500).fill(7)), new Uint8Array(100_000).fill(9))
  assert.equal(store.get('a', bytes(3)), undefined)
  assert.equal(store.get('never written', bytes(1)), undefined)
  assert.deepEqual([...store.range('never written', {})], [])
  assert.deepEqual([...store.range('never written', { to: bytes(1), reverse: true })], [])
}

async function seesAtOnce({ store }: StoreUnderTest): Promise<void> {
  await store.write([
    { table: 'a', key: bytes(1), value: bytes(1) },
    { table: 'a', key: bytes(2), value: bytes(1) },
  ])
  const first = store.write([
    { table: 'a', key: bytes(1), value: undefined },
    { table: 'a', key: bytes(3), value: bytes(3) },
  ])
  assert.equal(store.get('a', bytes(1)), undefined)
  assert.deepEqual(keysOf(store, 'a', {}), ['0x02', '0x03'])

  const second = store.write([{ table: 'a', key: bytes(1), value: bytes(9) }])
  assert.deepEqual(store.get('a', bytes(1)), bytes(9))
  assert.deepEqual(keysOf(store, 'a', { limit: 2 }), ['0x01', '0x02'])

  await Promise.all([first, second])
  assert.deepEqual(store.get('a', bytes(1)), bytes(9))
  assert.deepEqual(keysOf(store, 'a', {}), ['0x01', '0x02', '0x03'])
}

async function rangesInOrder({ store }: StoreUnderTest): Promise<void> {
  const keys = [bytes(0xff), bytes(1, 0), bytes(1), bytes(0x80), bytes(0, 255), bytes(1, 0, 0)]
  await store.write(keys.map((key) => ({ table: 'a', key, value: key })))
  const all = ['0x00ff', '0x01', '0x0100', '0x010000', '0x80', '0xff']
  assert.deepEqual(keysOf(store, 'a', {}), all)
  assert.deepEqual(keysOf(store, 'a', { reverse: true }), all.toReversed())
  assert.deepEqual(keysOf(store, 'a', { from: bytes(1), to: bytes(0x80) }), all.slice(1, 4))
  assert.deepEqual(
    keysOf(store, 'a', { from: bytes(1), to: bytes(0x80), reverse: true }),
    all.slice(1, 4).toReversed(),
  )
  assert.deepEqual(keysOf(store, 'a', { from: bytes(0x81) }), ['0xff'])
  assert.deepEqual(keysOf(store, 'a', { to: bytes(1) }), ['0x00ff'])
  assert.deepEqual(keysOf(store, 'a', { to: bytes(2), reverse: true, limit: 1 }), ['0x010000'])
  assert.deepEqual(keysOf(store, 'a', { limit: 0 }), [])
  assert.deepEqual(keysOf(store, 'a', { from: bytes(2), to: bytes(1) }), [])
}

async function lastStands({ store }: StoreUnderTest): Promise<void> {
  await store.write([
    { table: 'a', key: bytes(1), value: bytes(1) },
    { table: 'a', key: bytes(1), value: undefined },
    { table: 'a', key: bytes(1), value: bytes(2) },
    { table: 'a', key: bytes(2), value: bytes(2) },
    { table: 'a', key: bytes(2), value: undefined },
  ])
  assert.deepEqual(store.get('a', bytes(1)), bytes(2))
  assert.equal(store.get('a', bytes(2)), undefined)
  await store.write([])
}

async function refusesKeys({ store }: StoreUnderTest): Promise<void> {
  const good: KeyValueWrite = { table: 'a', key: bytes(1), value: bytes(1) }
  for (const key of [bytes(), new Uint8Array(501)]) {
    const batch = [good, { table: 'a', key, value: bytes(1) }]
    await assert.rejects(store.write(batch), { code: 'RUNTIME_KEY_SIZE_INVALID' })
  }
  assert.equal(store.get('a', bytes(1)), undefined)
}

async function behavesAsModel({ store }: StoreUnderTest): Promise<void> {
  const rng = createSeededRng('key-value store')
  const model = new Map<string, { key: Uint8Array; value: Uint8Array }>()
  const randomKey = (): Uint8Array => {
    return Uint8Array.from({ length: 1 + rng.below(3) }, () => rng.below(5))
  }
  for (let round = 0; round < 120; round++) {
    const batch = Array.from({ length: rng.below(30) }, (): KeyValueWrite => {
      const value = rng.chance(0.3) ? undefined : bytes(rng.below(256), round)
      return { table: 'a', key: randomKey(), value }
    })
    for (const { key, value } of batch) {
      if (value === undefined) model.delete(toHex(key))
      else model.set(toHex(key), { key, value })
    }
    const written = store.write(batch)
    if (round % 3 === 0) await written

    const range = { from: randomKey(), to: randomKey(), reverse: rng.chance(0.5), limit: 20 }
    const expected = [...model.values()]
      .filter(({ key }) => compareBytes(key, range.from) >= 0 && compareBytes(key, range.to) < 0)
      .sort((a, b) => compareBytes(a.key, b.key) * (range.reverse ? -1 : 1))
      .slice(0, range.limit)
    const actual = [...store.range('a', range)].map(([key, value]) => ({ key, value }))
    assert.deepEqual(actual, expected, `round ${round}`)
    const key = randomKey()
    assert.deepEqual(store.get('a', key), model.get(toHex(key))?.value, `round ${round}`)
  }
}

async function survivesRestart({ store, reopen }: StoreUnderTest): Promise<void> {
  if (reopen === undefined) return
  void store.write([{ table: 'a', key: bytes(1), value: bytes(1) }])
  await store.write([{ table: 'b', key: bytes(2), value: bytes(2) }])
  const again = await reopen()
  assert.deepEqual(again.get('a', bytes(1)), bytes(1))
  assert.deepEqual([...again.range('b', {})], [[bytes(2), bytes(2)]])
  await again.write([{ table: 'a', key: bytes(1), value: undefined }])
  assert.equal(again.get('a', bytes(1)), undefined)
}

function keysOf(store: KeyValueStore, table: string, range: KeyRange): string[] {
  return [...store.range(table, range)].map(([key]) => toHex(key))
}
