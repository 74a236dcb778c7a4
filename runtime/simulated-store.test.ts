import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { KeyValueStore } from './key-value-store.ts'
import { createSeededRng } from './seeded-rng.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { SimulatedStore } from './simulated-store.ts'
import { checkKeyValueStore } from './testing/key-value-store-compliance.ts'

const key = Uint8Array.of(1)

function createWorld(seed: number) {
  const clock = new SimulatedClock()
  const platter = new SimulatedStore({ clock, rng: createSeededRng(seed) })
  const run = (ms: number): Promise<void> => clock.run({ untilMs: clock.nowMs() + ms })
  return { platter, run }
}

checkKeyValueStore('SimulatedStore', async () => {
  const { platter, run } = createWorld(0)
  const open = (): KeyValueStore => {
    const store = platter.mount()
    const write: KeyValueStore['write'] = async (batch) => {
      const written = store.write(batch)
      written.catch(() => undefined)
      await run(10)
      return written
    }
    return { ...store, write }
  }
  return { store: open(), reopen: async () => open(), dispose: () => Promise.resolve() }
})

test('crash keeps a prefix of the batches, each whole, and all that was written', async () => {
  const left = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const { platter, run } = createWorld(seed)
    const store = platter.mount()
    const batch = (value: number) =>
      ['a', 'b'].map((table) => ({ table, key, value: Uint8Array.of(value) }))
    void store.write(batch(1))
    await run(10)
    for (const value of [2, 3, 4]) void store.write(batch(value))
    assert.deepEqual(store.get('a', key), Uint8Array.of(4))
    platter.crash()
    const again = platter.mount()
    assert.deepEqual(again.get('a', key), again.get('b', key))
    left.add(again.get('a', key)![0]!)
  }
  assert.deepEqual(
    [...left].sort((a, b) => a - b),
    [1, 2, 3, 4],
  )
})

test('crash brings back removed keys whose removal was not durable', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { platter, run } = createWorld(seed)
    const store = platter.mount()
    void store.write([{ table: 'a', key, value: key }])
    await run(10)
    let durable = false
    void store.write([{ table: 'a', key, value: undefined }]).then(() => (durable = true))
    await run(seed % 2 === 0 ? 0 : 10)
    platter.crash()
    if (durable) assert.equal(platter.mount().get('a', key), undefined)
  }
})

test('a mount that crashed has no effect and never answers', async () => {
  const { platter, run } = createWorld(1)
  const store = platter.mount()
  platter.crash()
  let answered = false
  void store.write([{ table: 'a', key, value: key }]).then(() => (answered = true))
  await run(100)
  assert.deepEqual([answered, platter.mount().get('a', key)], [false, undefined])
})

test('write refuses a bad key and leaves nothing behind', async () => {
  const { platter } = createWorld(1)
  const bad = { table: 'a', key: new Uint8Array(600), value: key }
  await assert.rejects(platter.mount().write([{ table: 'a', key, value: key }, bad]))
  assert.equal(platter.mount().get('a', key), undefined)
})
