import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MemoryStore } from './memory-store.ts'
import { checkKeyValueStore } from './testing/key-value-store-compliance.ts'

checkKeyValueStore('MemoryStore', async () => {
  const store = new MemoryStore()
  return { store, dispose: () => store.close() }
})

test('MemoryStore keeps its order over many inserts and removals', async () => {
  const store = new MemoryStore()
  const keyOf = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 0xff)
  const numbers = Array.from({ length: 5000 }, (_, index) => (index * 2741) % 5000)
  for (const number of numbers) {
    await store.write([{ table: 'a', key: keyOf(number), value: keyOf(number) }])
  }
  const odd = numbers.filter((number) => number % 2 === 1)
  await store.write(odd.map((number) => ({ table: 'a', key: keyOf(number), value: undefined })))

  const left = [...store.range('a', {})].map(([key]) => (key[0] as number) * 256 + Number(key[1]))
  assert.deepEqual(
    left,
    Array.from({ length: 2500 }, (_, index) => 2 * index),
  )
})

test('MemoryStore.copy holds the same and changes apart', async () => {
  const store = new MemoryStore()
  const key = Uint8Array.of(1)
  await store.write([{ table: 't', key, value: Uint8Array.of(7) }])
  const copied = store.copy()
  await store.write([{ table: 't', key, value: undefined }])
  assert.equal(store.get('t', key), undefined)
  assert.deepEqual(copied.get('t', key), Uint8Array.of(7))
})
