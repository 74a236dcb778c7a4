import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Ledger } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import { createSeededRng, MemoryStore, silentLogger } from '@zg/runtime'
import type { Clock, Rng } from '@zg/runtime'

import { ChainDatabase } from '../chain-database.ts'
import { inlineRecovery } from '../sender-recovery.ts'
import { crowdedGenesis, openFinalChain } from '../testing/final-chain.ts'
import { signedTransfer, testKeys } from '../testing/test-chain.ts'
import { consensusGenesisOf } from '../validator-node.ts'
import { genesisLedgerBlock } from './open-follower.ts'
import { decodeQuestion } from './open-messages.ts'
import { answerQuestion } from './responder.ts'
import { beginSnapshot, finishSnapshot, firstHeightOf, isSyncing } from './snapshot-sync.ts'
import type { SnapshotPeers, SnapshotSyncOptions } from './snapshot-sync.ts'
import { checkpointOf } from './start-bundle.ts'

const genesis = crowdedGenesis(300)
const chain = await openFinalChain(genesis)
await chain.pool.add(signedTransfer(testKeys[0]!))
await chain.extend(9)
const source = { ...chain.source, firstHeight: 1n, snapshotIntervalBlocks: 4 }
const checkpoint = checkpointOf(chain.certificate(8))

/** Time that only waiting spends: a slow machine is no less patient than a fast one. */
function clockOfWaits(): Clock {
  let now = 0
  return {
    nowMs: () => now,
    setTimer(delayMs, fire) {
      const due = setImmediate(() => {
        now += delayMs
        fire()
      })
      return { cancel: () => clearImmediate(due) }
    },
  }
}

/** What a peer makes of an honest answer; undefined fails. */
type Manner = (answer: Uint8Array, kind: string) => Uint8Array | undefined

const honest: Manner = (answer) => answer

/** Peers by manner; a banned one is asked no more. */
function peersOf(manners: Readonly<Record<string, Manner>>) {
  const banned = new Set<string>()
  const answered = new Map<string, number>()
  const peers: SnapshotPeers = {
    holders: () => Object.keys(manners).filter((peer) => !banned.has(peer)),
    async ask(peer, bytes) {
      const question = decodeQuestion(bytes)
      const answer = answerQuestion(source, question)
      const given = answer && manners[peer]?.(answer, question.kind)
      // A turn of its own, as on a network.
      await new Promise((resolve) => setImmediate(resolve))
      if (given === undefined) throw new Error('refused')
      answered.set(peer, (answered.get(peer) ?? 0) + 1)
      return given
    },
    ban: (peer) => void banned.add(peer),
  }
  return { peers, banned, answered }
}

function optionsOf(peers: SnapshotPeers, store = new MemoryStore()): SnapshotSyncOptions {
  assert.ok(genesis.network)
  return {
    store,
    genesis,
    genesisBlock: genesisLedgerBlock(consensusGenesisOf(genesis, genesis.network)),
    archive: false,
    recovery: inlineRecovery,
    peers,
    clock: clockOfWaits(),
    logger: silentLogger,
    patienceMs: 60_000,
  }
}

async function assertIsChain({ store }: SnapshotSyncOptions): Promise<void> {
  const opened = await ChainDatabase.open({ genesis, store })
  const expected = chain.chain.blockByNumber(8)
  assert.equal(toHex(opened.head().hash), toHex(expected!.hash))
  assert.deepEqual(opened.states.head?.stateRoot, expected!.header.stateRoot)
  assert.equal(firstHeightOf(store), 8n)
  assert.equal(new Ledger(store).height, 8n)
  assert.equal(isSyncing(store), false)
  // What the node does not hold is refused, not passed over.
  const query = { addresses: [], topics: [], resultsMax: 10 }
  assert.deepEqual(opened.logs({ ...query, fromNumber: 0, toNumber: 0 }), [])
  for (const fromNumber of [0, 5, 8]) {
    const missing = { code: 'CHAIN_LOGS_NOT_HELD', data: { fromNumber: 9 } }
    assert.throws(() => opened.logs({ ...query, fromNumber, toNumber: 8 }), missing)
  }
}

function flipOne(rng: Rng, from: number): Manner {
  return (answer, kind) => {
    if (kind === 'start') return answer
    const flipped = answer.slice()
    flipped[from + rng.below(answer.length - from)]! ^= 1 << rng.below(8)
    return flipped
  }
}

test('a state comes from several peers at once', async () => {
  const { peers, banned, answered } = peersOf({ a: honest, b: honest, c: honest })
  const options = optionsOf(peers)
  await beginSnapshot(options, checkpoint)
  assert.equal(isSyncing(options.store), true)
  await finishSnapshot(options, new Ledger(options.store))
  await assertIsChain(options)
  assert.deepEqual([...banned], [])
  for (const peer of ['a', 'b', 'c']) assert.ok((answered.get(peer) ?? 0) >= 3, peer)
})

test('peers that lie are banned, and what they owed comes from others', async () => {
  const rng = createSeededRng('liars')
  const liars: Readonly<Record<string, Manner>> = {
    'flips bits': flipOne(rng, 0),
    'cuts its answers': (answer, kind) => (kind === 'start' ? answer : answer.slice(0, -1)),
    'adds bytes': (answer) => Uint8Array.of(...answer, 0),
    'answers nothing': () => new Uint8Array(0),
    'answers another question': (answer, kind) =>
      kind === 'start' ? answer : answerQuestion(source, { kind: 'status' }),
  }
  const { peers, banned } = peersOf({ ...liars, honest })
  const options = optionsOf(peers)
  await beginSnapshot(options, checkpoint)
  await finishSnapshot(options, new Ledger(options.store))
  await assertIsChain(options)
  assert.deepEqual([...banned].sort(), Object.keys(liars).sort())
})

test('a start of another block, or a forged one, bans its sender', async () => {
  const other = answerQuestion(source, { kind: 'start', height: 7n })
  const rng = createSeededRng('starts')
  const { peers, banned } = peersOf({
    'another block': (answer, kind) => (kind === 'start' ? other : answer),
    // The reveal, of 96 bytes from 304 on, is not proved here.
    forged: (answer, kind) => {
      const flipped = answer.slice()
      if (kind === 'start') flipped[rng.below(304)]! ^= 4
      return flipped
    },
  })
  const begun = beginSnapshot({ ...optionsOf(peers), patienceMs: 5_000 }, checkpoint)
  await assert.rejects(begun, { code: 'CHAIN_SNAPSHOT_UNAVAILABLE' })
  assert.equal(banned.size, 2)
})

test('a state that nobody holds to its end is given up, and the store is empty again', async () => {
  let left = 6
  const { peers } = peersOf({ a: (answer) => (left-- > 0 ? answer : undefined) })
  const options = optionsOf(peers)
  await beginSnapshot(options, checkpoint)
  const impatient = { ...options, patienceMs: 5_000 }
  const finished = finishSnapshot(impatient, new Ledger(options.store))
  await assert.rejects(finished, { code: 'CHAIN_SNAPSHOT_UNAVAILABLE' })
  assert.equal(isSyncing(options.store), false)
  // Another is begun, by a peer that stays.
  const again = optionsOf(peersOf({ b: honest }).peers, options.store as MemoryStore)
  await beginSnapshot(again, checkpoint)
  await finishSnapshot(again, new Ledger(again.store))
  await assertIsChain(again)
})

test('a sync that is cut at any piece goes on with what it has', async () => {
  for (let pieces = 1; pieces < 20; pieces += 3) {
    let left = pieces
    const stop = new Error('killed')
    const cut = peersOf({ a: honest })
    const dying: SnapshotPeers = {
      ...cut.peers,
      holders: (height) => {
        if (left-- <= 0) throw stop
        return cut.peers.holders(height)
      },
    }
    const first = optionsOf(dying)
    await beginSnapshot({ ...first, peers: cut.peers }, checkpoint)
    await assert.rejects(finishSnapshot(first, new Ledger(first.store)), stop)
    // What was under way at the cut is written or lost, as in a process that ends.
    const store = (first.store as MemoryStore).copy()
    const { peers, answered } = peersOf({ b: honest })
    const second = optionsOf(peers, store)
    assert.equal(isSyncing(store), true)
    await finishSnapshot(second, new Ledger(store))
    await assertIsChain(second)
    assert.ok((answered.get('b') ?? 0) > 0)
  }
})
