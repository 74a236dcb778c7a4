import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng, MemoryStore } from '@zg/runtime'
import type { KeyValueStore, KeyValueWrite, Rng } from '@zg/runtime'

import { allocationChanges } from './genesis.ts'
import { lastKey } from './range-proof.ts'
import type { ProvedRange } from './range-proof.ts'
import type { SnapshotReader } from './snapshot-reader.ts'
import { SnapshotWriter } from './snapshot-writer.ts'
import { genesisParentHash, StateDatabase } from './state-database.ts'
import { tables } from './tables.ts'
import { wordPool } from './testing/state-model.ts'
import { World } from './testing/world.ts'
import type { ModelBlock } from './testing/world.ts'

const invalid = { code: 'STATE_PROOF_INVALID' }
const flatAndTries = [
  tables.accounts,
  tables.slots,
  tables.nodes,
  tables.storageNodes,
  tables.codes,
]

/** A chain of `height` final blocks, and the state after one below its head. */
async function createSource(seed: string, height: number) {
  const rng = createSeededRng(seed)
  const options = { rng, pool: wordPool(60, 20, 40), retainedStates: 6 }
  const world = new World(new MemoryStore(), options)
  while ((world.head?.height ?? -1) < height) {
    world.stage()
    await world.finalize()
  }
  const block = world.final.at(-3) as ModelBlock
  const reader = world.database.snapshotAt(block.hash)
  const head = world.database.blockAt(block.hash)
  assert.ok(reader !== undefined && head !== undefined)
  return { rng, block, reader, head }
}

/** Fetches one missing piece; false when nothing is missing. A new writer each time: no memory. */
async function fetchOne(store: KeyValueStore, reader: SnapshotReader, rng: Rng): Promise<boolean> {
  const writer = new SnapshotWriter(store)
  const sizeBytesMax = 1 + rng.below(400)
  const gaps = writer.accountGaps()
  const gap = gaps[rng.below(Math.max(1, gaps.length))]
  const [slotGap] = writer.slotGaps(1)
  const [codeHash] = writer.missingCodes(1)
  if (gap !== undefined && rng.chance(0.5)) {
    await writer.addAccounts(reader.accounts({ ...gap, sizeBytesMax }))
  } else if (slotGap !== undefined) {
    const { account, from } = slotGap
    const range = reader.slots(account, { from, to: lastKey, sizeBytesMax })
    await writer.addSlots([{ account, range }])
  } else if (codeHash !== undefined) {
    await writer.addCodes([reader.code(codeHash) as Uint8Array])
  }
  return gap !== undefined || slotGap !== undefined || codeHash !== undefined
}

function entriesOf(store: KeyValueStore, table: string): unknown[] {
  return [...store.range(table, {})]
}

test('a snapshot taken in piece by piece is the state, records and tries alike', async () => {
  for (const segmentCount of [1, 3, 16, 256]) {
    const { rng, block, reader, head } = await createSource(`snapshot ${segmentCount}`, 12)
    const store = new MemoryStore()
    await new SnapshotWriter(store).begin(head.stateRoot, segmentCount)
    while (await fetchOne(store, reader, rng));
    assert.equal(StateDatabase.open({ store }).head, undefined)
    const extra = { table: 'chain.head', key: Uint8Array.of(1), value: Uint8Array.of(7) }
    await new SnapshotWriter(store).finish(head, { archive: false, extraWrites: [extra] })

    const plain = new MemoryStore()
    const whole = StateDatabase.open({ store: plain })
    const alloc = [...block.state].map(([address, { account, code, storage }]) => {
      return { address, ...account, code, storage }
    })
    whole.stage(block.hash, whole.prepare(genesisParentHash, allocationChanges(alloc)))
    await whole.finalize(block.hash)
    for (const table of flatAndTries) {
      assert.deepEqual(entriesOf(store, table), entriesOf(plain, table), table)
    }
    assert.deepEqual(StateDatabase.open({ store }).head, head)
    assert.deepEqual(store.get('chain.head', Uint8Array.of(1)), Uint8Array.of(7))
    assert.equal(new SnapshotWriter(store).stateRoot, undefined)
  }
})

test('a snapshot that a crash stops anywhere goes on where it was', async () => {
  const { rng, reader, head } = await createSource('crash', 12)
  let store = new MemoryStore()
  await new SnapshotWriter(store).begin(head.stateRoot, 8)
  for (let isMore = true; isMore;) {
    // What a crash in the midst of a piece leaves: the store before it.
    const before = store.copy()
    isMore = await fetchOne(store, reader, rng)
    if (rng.chance(0.3)) store = before
    isMore ||= rng.chance(0.3)
  }
  while (await fetchOne(store, reader, rng));
  for (let writesLeft = 0; new SnapshotWriter(store).stateRoot !== undefined; writesLeft++) {
    const failing = new FailingStore(store, writesLeft)
    const finish = new SnapshotWriter(failing).finish(head, { archive: false, extraWrites: [] })
    await finish.catch((error: unknown) => assert.equal(error, failing.crash))
  }
  assert.deepEqual(StateDatabase.open({ store }).head, head)
})

test('SnapshotWriter refuses pieces that are wrong, of another state, or fill no gap', async () => {
  const { reader, head } = await createSource('hostile', 12)
  const other = await createSource('other', 12)
  const store = new MemoryStore()
  const writer = new SnapshotWriter(store)
  await writer.begin(head.stateRoot, 2)
  const [gap] = writer.accountGaps()
  assert.ok(gap)
  const wanted = { ...gap, sizeBytesMax: Infinity }
  const good = reader.accounts(wanted)
  const tooFar = reader.accounts({ ...wanted, to: lastKey })
  const later = reader.accounts({ ...wanted, from: (good.entries[1] as { key: string }).key })
  const cut = { ...good, entries: good.entries.slice(1) }
  for (const range of [cut, other.reader.accounts(wanted), tooFar, later]) {
    await assert.rejects(writer.addAccounts(range), invalid)
  }
  await writer.addAccounts(good)
  await assert.rejects(writer.addAccounts(good), invalid)

  const slotGap = writer.slotGaps(10).at(-1)
  assert.ok(slotGap)
  const { account } = slotGap
  const slots = reader.slots(account, { ...slotGap, to: lastKey, sizeBytesMax: Infinity })
  const [first] = slots.entries
  const changed = { key: first?.key ?? '', value: Uint8Array.of(0x7f) }
  const wrong: ProvedRange[] = [
    { ...slots, entries: slots.entries.slice(1) },
    { ...slots, entries: slots.entries.with(0, changed) },
    { ...slots, entries: [] },
  ]
  for (const range of wrong) await assert.rejects(writer.addSlots([{ account, range }]), invalid)
  await assert.rejects(writer.addSlots([{ account: '0'.repeat(64), range: slots }]), invalid)
  await writer.addSlots([{ account, range: slots }])
  await assert.rejects(writer.addSlots([{ account, range: slots }]), invalid)
  await assert.rejects(writer.addCodes([Uint8Array.of(1, 2, 3)]), invalid)
})

test('SnapshotWriter.clear() leaves a store that can begin with another state', async () => {
  const { rng, reader, head } = await createSource('clear', 12)
  const store = new MemoryStore()
  const writer = new SnapshotWriter(store)
  await writer.begin(head.stateRoot, 4)
  for (let step = 0; step < 30; step++) await fetchOne(store, reader, rng)
  await writer.clear()
  assert.equal(writer.stateRoot, undefined)
  for (const table of Object.values(tables)) assert.deepEqual(entriesOf(store, table), [], table)
  const other = await createSource('clear to', 12)
  await writer.begin(other.head.stateRoot, 4)
  while (await fetchOne(store, other.reader, rng));
  await writer.finish(other.head, { archive: false, extraWrites: [] })
  assert.deepEqual(StateDatabase.open({ store }).head, other.head)
})

test('a snapshot reader tells when its state is no longer kept', async () => {
  const rng = createSeededRng('gone')
  const world = new World(new MemoryStore(), { rng, pool: wordPool(5, 2), retainedStates: 2 })
  const next = async (): Promise<void> => {
    world.stage()
    await world.finalize()
  }
  await next()
  const reader = world.database.snapshotAt((world.head as ModelBlock).hash)
  assert.ok(reader)
  const wanted = { from: '0'.repeat(64), to: lastKey, sizeBytesMax: Infinity }
  assert.ok(reader.accounts(wanted).entries.length > 0)
  for (let count = 0; count < 8; count++) await next()
  assert.throws(() => reader.accounts(wanted), { code: 'STATE_UNAVAILABLE' })
})

/** A store that fails after so many batches. */
class FailingStore implements KeyValueStore {
  readonly crash = new Error('the machine stops')
  readonly #store: KeyValueStore
  #writesLeft: number

  constructor(store: KeyValueStore, writesLeft: number) {
    this.#store = store
    this.#writesLeft = writesLeft
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.#store.get(table, key)
  }

  range(...args: Parameters<KeyValueStore['range']>): ReturnType<KeyValueStore['range']> {
    return this.#store.range(...args)
  }

  write(batch: readonly KeyValueWrite[]): Promise<void> {
    return this.#writesLeft-- > 0 ? this.#store.write(batch) : Promise.reject(this.crash)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
