import assert from 'node:assert/strict'
import { test } from 'node:test'

import { emptyKeccakWord } from '@zg/primitives'
import { MemoryStore, createSeededRng } from '@zg/runtime'
import type { KeyValueStore } from '@zg/runtime'

import type { AccountChange, StateChanges } from './account.ts'
import { emptyTrieRoot } from './trie-root.ts'
import {
  genesisParentHash,
  pinnedProofSlotsMax,
  proofSlotsMax,
  StateDatabase,
} from './state-database.ts'
import type { StateDatabaseOptions } from './state-database.ts'
import { wordPool } from './testing/state-model.ts'
import { World } from './testing/world.ts'

for (const { archive, retainedStates, seeds } of [
  { archive: false, retainedStates: 5, seeds: 12 },
  { archive: false, retainedStates: 1, seeds: 4 },
  { archive: true, retainedStates: 3, seeds: 4 },
]) {
  const mode = archive ? 'archive' : `the last ${retainedStates}`
  test(`StateDatabase equals its model over forks, finality and restarts (${mode})`, async () => {
    for (let seed = 0; seed < seeds; seed++) {
      try {
        await walk({ seed, archive, retainedStates })
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
}

async function walk(options: {
  readonly seed: number
  readonly archive: boolean
  readonly retainedStates: number
}): Promise<void> {
  const { seed, archive, retainedStates } = options
  const rng = createSeededRng(`state ${seed}`)
  const pool = wordPool(4 + rng.below(20), 1 + rng.below(10))
  const store: KeyValueStore = new MemoryStore()
  // A tiny node cache, so that nodes come from the store too.
  const cache = { nodeCacheSizeBytes: rng.chance(0.5) ? 2000 : 1e6 }
  const world = new World(store, { rng, pool, archive, retainedStates, ...cache })
  world.stage()
  await world.finalize()
  for (let step = 0; step < 60; step++) {
    const draw = rng.below(100)
    if (draw < 55 || world.staged.length === 0) world.stage()
    else if (draw < 85) await world.finalize()
    else if (draw < 92) world.discard()
    else world.restart(store)
    if (step % 4 === 0) world.check()
  }
  world.check()
}

const address = 0xabcn
const account = { nonce: 1n, balance: 10n, codeHash: emptyKeccakWord }

function hashOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number)
}

function changesOf(change: Partial<AccountChange>): StateChanges {
  const whole = { address, account, storageCleared: false, storage: [], ...change }
  return { accounts: [whole], codes: [] }
}

/** A database with a final genesis, hash 1, in which the account has slots 1 and 2. */
async function createDatabase(options: Partial<StateDatabaseOptions> = {}) {
  const store = options.store ?? new MemoryStore()
  const database = StateDatabase.open({ ...options, store })
  const storage = [
    [1n, 11n],
    [2n, 22n],
  ] as const
  const stage = (number: number, parent: number, change: Partial<AccountChange> = {}): void => {
    const parentHash = parent === 0 ? genesisParentHash : hashOf(parent)
    database.stage(hashOf(number), database.prepare(parentHash, changesOf(change)))
  }
  stage(1, 0, { storage })
  await database.finalize(hashOf(1))
  return { store, database, stage }
}

test('storage is cleared, set anew, removed with its account, staged and final alike', async () => {
  const { database, stage } = await createDatabase()
  const slotsAt = (number: number): bigint[] => {
    return [1n, 2n, 3n].map((slot) => database.readerAt(hashOf(number))!.storage(address, slot))
  }
  stage(2, 1, { storageCleared: true, storage: [[3n, 33n]] })
  stage(3, 2, { account: undefined })
  stage(4, 3, { storage: [[1n, 1n]] })
  stage(5, 4, { storage: [[1n, 0n]] })
  const check = (): void => {
    assert.deepEqual(slotsAt(1), [11n, 22n, 0n])
    assert.deepEqual(slotsAt(2), [0n, 0n, 33n])
    assert.deepEqual(slotsAt(3), [0n, 0n, 0n])
    assert.equal(database.readerAt(hashOf(3))!.account(address), undefined)
    assert.deepEqual(database.blockAt(hashOf(3))!.stateRoot, emptyTrieRoot)
    assert.deepEqual(slotsAt(4), [1n, 0n, 0n])
    assert.deepEqual(slotsAt(5), [0n, 0n, 0n])
    assert.equal(database.readerAt(hashOf(5))!.hasStorage(address), false)
  }
  check()
  await database.finalize(hashOf(3))
  check()
  await database.finalize(hashOf(5))
  check()
})

test('readerAt() follows its block from staged over final to past, then refuses', async () => {
  const { database, stage } = await createDatabase({ retainedStates: 2 })
  const reader = database.readerAt(hashOf(1))!
  for (const number of [2, 3]) {
    assert.equal(reader.storage(address, 1n), 11n)
    stage(number, number - 1, { storage: [[1n, BigInt(number)]] })
    await database.finalize(hashOf(number))
  }
  assert.throws(() => reader.storage(address, 1n), { code: 'STATE_UNAVAILABLE' })
  assert.equal(database.readerAt(hashOf(1)), undefined)
  assert.equal(database.finalBlockAt(0), undefined)
  assert.deepEqual(database.finalBlockAt(1)!.blockHash, hashOf(2))
})

test('pin() keeps states beyond those retained until it is lifted', async () => {
  const { database, stage } = await createDatabase({ retainedStates: 1 })
  database.pin(0)
  for (let number = 2; number <= 30; number++) {
    stage(number, number - 1, { storage: [[1n, BigInt(number)]] })
    await database.finalize(hashOf(number))
  }
  assert.equal(database.readerAt(hashOf(1))!.storage(address, 1n), 11n)
  assert.equal(database.readerAt(hashOf(20))!.storage(address, 1n), 20n)
  const slots = Array.from({ length: pinnedProofSlotsMax }, (_, slot) => BigInt(slot))
  assert.equal(database.prove(hashOf(20), address, slots)?.storageProof[1]?.value, 20n)
  const more = [...slots, 99n]
  assert.equal(database.prove(hashOf(30), address, more)?.storageProof[1]?.value, 30n)
  assert.throws(() => database.prove(hashOf(20), address, more), { code: 'STATE_PROOF_TOO_LARGE' })
  database.pin(undefined)
  for (let number = 31; number <= 33; number++) {
    stage(number, number - 1)
    await database.finalize(hashOf(number))
  }
  assert.equal(database.oldestHeight, database.head!.height)
})

test('pruned heights leave nothing in the store', async () => {
  const { store, database, stage } = await createDatabase({ retainedStates: 3 })
  const countRows = (table: string): number => [...store.range(table, {})].length
  for (let number = 2; number <= 20; number++) {
    stage(number, number - 1, { storage: [[1n, BigInt(number)]] })
    await database.finalize(hashOf(number))
  }
  assert.equal(countRows('state.blocks'), 3)
  assert.equal(countRows('state.heights'), 3)
  assert.equal(countRows('state.history'), 2)
  assert.equal(countRows('state.slots'), 2)
})

test('stage() takes a block once, and no more blocks or bytes than its limits', async () => {
  const { database, stage } = await createDatabase({ stagedBlocksMax: 2 })
  stage(2, 1)
  stage(2, 1)
  stage(3, 2)
  assert.equal(database.stagedCount, 2)
  assert.throws(() => stage(4, 3), { code: 'STATE_STAGED_BLOCKS_FULL' })
  database.discard(hashOf(2))
  assert.equal(database.stagedCount, 0)
  assert.equal(database.readerAt(hashOf(3)), undefined)

  const small = await createDatabase({ stagedSizeBytesMax: 100 })
  small.stage(2, 1, { storage: [[5n, 5n]] })
  assert.throws(() => small.stage(3, 2, { storage: [[5n, 6n]] }), {
    code: 'STATE_STAGED_BLOCKS_FULL',
  })
})

test('prepare(), stage(), finalize() refuse blocks neither staged nor the head', async () => {
  const { database, stage } = await createDatabase()
  const unknown = { code: 'STATE_PARENT_UNKNOWN' }
  assert.throws(() => database.prepare(hashOf(9), changesOf({})), unknown)
  assert.throws(() => database.prepare(genesisParentHash, changesOf({})), unknown)
  stage(2, 1)
  const onDropped = database.prepare(hashOf(2), changesOf({ storageCleared: true }))
  stage(3, 1, { storageCleared: true })
  await database.finalize(hashOf(3))
  assert.throws(() => database.stage(hashOf(4), onDropped), unknown)
  await assert.rejects(database.finalize(hashOf(2)), { code: 'STATE_BLOCK_NOT_STAGED' })
  await assert.rejects(database.finalize(hashOf(3)), { code: 'STATE_BLOCK_NOT_STAGED' })
})

test('prove() refuses more slots than its limit', async () => {
  const { database } = await createDatabase()
  const slots = Array.from({ length: proofSlotsMax + 1 }, () => 1n)
  assert.throws(() => database.prove(hashOf(1), address, slots), { code: 'STATE_PROOF_TOO_LARGE' })
})

test('open() refuses a store of the other archive mode', async () => {
  const { store } = await createDatabase()
  assert.throws(() => StateDatabase.open({ store, archive: true }), {
    code: 'STATE_FORMAT_MISMATCH',
  })
})

test('an empty block keeps the root, and a first height may be any', async () => {
  const database = StateDatabase.open({ store: new MemoryStore(), firstHeight: 54 })
  const none = { accounts: [], codes: [] }
  database.stage(hashOf(1), database.prepare(genesisParentHash, none))
  await database.finalize(hashOf(1))
  assert.deepEqual(database.head, { blockHash: hashOf(1), height: 54, stateRoot: emptyTrieRoot })
  assert.equal(database.oldestHeight, 54)
  assert.deepEqual(database.prove(hashOf(1), address, [])!.accountProof, [])
})
