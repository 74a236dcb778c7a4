/**
 * The state root of a block: 10,000 account updates over 1,000,000 accounts on LMDB.
 *
 * The root is `StateDatabase.prepare` on the main thread, as wall time and as CPU time of that
 * thread (`process.threadCpuUsage`, steps of about 4 ms). As in a node, execution has read the
 * accounts just before; what that takes stands beside it. Warm: the caches are those of a node that
 * ran on. Cold: the database was just opened, so all nodes come from LMDB. @ethereumjs/mpt cannot
 * hold that size, so it is compared over 20,000 keys in memory, 1,000 updates, in the same run,
 * roots held equal.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import {
  bigintToBytes,
  bytesEqual,
  compareBytes,
  emptyBytes,
  emptyKeccakWord,
  keccak256,
} from '@zg/primitives'
import { createSeededRng, LmdbStore, MemoryStore } from '@zg/runtime'
import type { KeyValueStore, Rng } from '@zg/runtime'

import type { AccountChange, StateChanges } from './account.ts'
import { accountRecord } from './account-record.ts'
import { genesisParentHash, StateDatabase } from './state-database.ts'
import { emptyTrieRoot } from './trie-root.ts'

const accountCount = 1_000_000
const accountsPerLoad = 20_000
const updateCount = 10_000
const rounds = 7
const peerAccountCount = 20_000
const peerUpdateCount = 1_000

type Figures = Record<string, number | string>
type Timing = { readonly wallMs: number; readonly cpuMs: number; readonly readCpuMs: number }

/** Runs the bench; see the module header. */
export async function bench(): Promise<{
  name: string
  metrics: Figures
  peers: Record<string, Figures>
  ratios: Record<string, number>
}> {
  const folder = mkdtempSync(join(tmpdir(), 'zg-state-bench-'))
  const metrics = await measureLarge(folder)
  rmSync(folder, { recursive: true })
  const { ours, peer } = await measureBesidePeer()
  return {
    name: 'state',
    metrics: { ...metrics, rootOf1000UpdatesOn20000AccountsCpuMs: ours },
    peers: { '@ethereumjs/mpt 10.1.3': { rootOf1000UpdatesOn20000KeysCpuMs: peer } },
    ratios: { fasterThanEthereumjsMpt: peer / ours },
  }
}

async function measureLarge(folder: string): Promise<Figures> {
  const rng = createSeededRng('bench')
  let store = LmdbStore.open(folder)
  let database = StateDatabase.open({ store })
  const loadStart = performance.now()
  await load(database, accountCount)
  const loadSeconds = (performance.now() - loadStart) / 1000

  const finalizeMs: number[] = []
  const warm: Timing[] = []
  for (let round = 0; round < rounds; round++) {
    warm.push(prepareBlock(database, rng, accountCount, updateCount))
    const start = performance.now()
    await database.finalize(lastStaged)
    finalizeMs.push(performance.now() - start)
  }
  await store.close()
  const memory = process.memoryUsage()
  store = LmdbStore.open(folder)
  database = StateDatabase.open({ store })
  const cold = prepareBlock(database, rng, accountCount, updateCount)
  await store.close()
  return {
    accounts: accountCount,
    updates: updateCount,
    keccakOf32BytesCpuUs: keccakCpuUs(),
    rootCpuMs: median(warm.map(({ cpuMs }) => cpuMs)),
    rootWallMs: median(warm.map(({ wallMs }) => wallMs)),
    rootCpuMsAll: warm.map(({ cpuMs }) => cpuMs.toFixed(0)).join(' '),
    readAccountsCpuMs: median(warm.map(({ readCpuMs }) => readCpuMs)),
    rootColdCpuMs: cold.cpuMs,
    rootColdWallMs: cold.wallMs,
    finalizeWallMs: median(finalizeMs),
    loadSeconds,
    heapMiB: memory.heapUsed / 2 ** 20,
    buffersMiB: memory.external / 2 ** 20,
    diskMiB: statSync(join(folder, 'data.mdb')).size / 2 ** 20,
  }
}

async function measureBesidePeer(): Promise<{ ours: number; peer: number }> {
  const rng = createSeededRng('peer')
  const database = StateDatabase.open({ store: new MemoryStore() as KeyValueStore })
  await load(database, peerAccountCount)
  const ours: number[] = []
  const theirs: number[] = []
  const trie = new MerklePatriciaTrie()
  for (let index = 0; index < peerAccountCount; index++) {
    await trie.put(...peerPair(index, 1n))
  }
  for (let round = 0; round < 3; round++) {
    const balance = BigInt(2 + round)
    const indexes = drawIndexes(rng, peerAccountCount, peerUpdateCount)
    ours.push(prepareBlock(database, rng, 0, 0, changesOf(indexes, balance)).cpuMs)
    await database.finalize(lastStaged)
    const start = process.threadCpuUsage()
    for (const index of indexes) await trie.put(...peerPair(index, balance))
    theirs.push(cpuMsSince(start))
    if (!bytesEqual(trie.root(), database.head?.stateRoot ?? emptyTrieRoot)) {
      throw new Error('the roots of the peer and ours differ')
    }
  }
  return { ours: median(ours), peer: median(theirs) }
}

let lastStaged = genesisParentHash
let blockCount = 0

/** Prepares and stages a block of random updates; returns what `prepare` took. */
function prepareBlock(
  database: StateDatabase,
  rng: Rng,
  total: number,
  count: number,
  changes = changesOf(drawIndexes(rng, total, count), BigInt(1 + rng.below(2 ** 32))),
): Timing {
  const parentHash = database.head?.blockHash ?? genesisParentHash
  const readStart = process.threadCpuUsage()
  const reader = database.readerAt(parentHash)
  for (const { address } of changes.accounts) reader?.account(address)
  const readCpuMs = cpuMsSince(readStart)
  const start = performance.now()
  const cpuStart = process.threadCpuUsage()
  const prepared = database.prepare(parentHash, changes)
  const timing = { cpuMs: cpuMsSince(cpuStart), wallMs: performance.now() - start, readCpuMs }
  lastStaged = keccak256(bigintToBytes(BigInt(blockCount++), 8))
  database.stage(lastStaged, prepared)
  return timing
}

/** Fills an empty database, block by block in the order of keys, as LMDB takes that fastest. */
async function load(database: StateDatabase, total: number): Promise<void> {
  const rng = createSeededRng('load')
  const keys = Array.from({ length: total }, (_, index) => peerPair(index, 1n)[0])
  const order = keys.map((_, index) => index)
  order.sort((a, b) => compareBytes(keys[a] ?? emptyBytes, keys[b] ?? emptyBytes))
  for (let from = 0; from < total; from += accountsPerLoad) {
    prepareBlock(database, rng, 0, 0, changesOf(order.slice(from, from + accountsPerLoad), 1n))
    await database.finalize(lastStaged)
  }
}

function drawIndexes(rng: Rng, total: number, count: number): number[] {
  const indexes = new Set<number>()
  while (indexes.size < count) indexes.add(rng.below(total))
  return [...indexes]
}

function changesOf(indexes: readonly number[], balance: bigint): StateChanges {
  const accounts = indexes.map((index): AccountChange => {
    const account = { nonce: 1n, balance, codeHash: emptyKeccakWord }
    return { address: addressOf(index), account, storageCleared: false, storage: [] }
  })
  return { accounts, codes: [] }
}

function addressOf(index: number): bigint {
  return (BigInt(index) << 64n) | 0xacc0n
}

function peerPair(index: number, balance: bigint): [Uint8Array, Uint8Array] {
  const account = { nonce: 1n, balance, codeHash: emptyKeccakWord }
  const key = keccak256(bigintToBytes(addressOf(index), 20))
  return [key, accountRecord(account, emptyTrieRoot).encoding]
}

/** A measure of the machine itself, to hold the other figures against. */
function keccakCpuUs(): number {
  const count = 200_000
  const start = process.threadCpuUsage()
  for (let index = 0; index < count; index++) keccak256(emptyTrieRoot)
  return (1000 * cpuMsSince(start)) / count
}

function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(start)
  return (user + system) / 1000
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
