import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { toHex } from '@zg/primitives'
import {
  createSystemClock,
  MemoryStore,
  silentLogger,
  silentMetrics,
  SimulatedClock,
} from '@zg/runtime'

import { parseGenesis } from '../genesis.ts'
import { inlineRecovery } from '../sender-recovery.ts'
import { openFinalChain, testScheme } from '../testing/final-chain.ts'
import type { FinalChain } from '../testing/final-chain.ts'
import { MemoryOpenWorld } from '../testing/memory-open-network.ts'
import type { MemoryOpenNetwork } from '../testing/memory-open-network.ts'
import { signedTransfer, testGenesisJson, testKeys, testTimestamp } from '../testing/test-chain.ts'
import { keptKnownBlock } from './known-block.ts'
import type { KnownBlock } from './known-block.ts'
import { decodeQuestion } from './open-messages.ts'
import { openOpenNode } from './open-node.ts'
import type { OpenNode, OpenNodeOptions } from './open-node.ts'
import { answerQuestion } from './responder.ts'
import { checkpointOf } from './start-bundle.ts'

const genesis = parseGenesis(testGenesisJson())

/** A network, and what whoever has its keys writes in its place: from block 1 on, from 6 on. */
const honest = await openFinalChain(genesis)
const forged = await openFinalChain(genesis)
const forked = await openFinalChain(genesis)
await forged.pool.add(signedTransfer(testKeys[0]!))
for (const chain of [honest, forged, forked]) await chain.extend(5)
await forked.pool.add(signedTransfer(testKeys[0]!))
for (const chain of [honest, forged, forked]) await chain.extend(14)

function known(height: number, rest: Partial<KnownBlock> = {}): KnownBlock {
  return { ...checkpointOf(honest.certificate(height)), fromEpoch: 0n, status: 'alive', ...rest }
}

type Peers = Readonly<Record<string, FinalChain>>

/** A world of peers that hold chains, each with the state of block 16 to offer. */
function openWorld(peers: Peers): MemoryOpenWorld {
  const world = new MemoryOpenWorld()
  for (const [name, { source }] of Object.entries(peers)) {
    const offered = { ...source, firstHeight: 1n, snapshotIntervalBlocks: 8 }
    const peer = world.join(name)
    peer.onRequest(async (_, message) => answerQuestion(offered, decodeQuestion(message)))
  }
  return world
}

type Begun = OpenNode & {
  readonly network: MemoryOpenNetwork
  readonly store: MemoryStore
  /** Joins another one to its world. */
  join(name: string): MemoryOpenNetwork
}

async function begin(
  context: TestContext,
  peers: Peers,
  options: Partial<OpenNodeOptions> & { readonly store?: MemoryStore },
): Promise<Begun> {
  const world = openWorld(peers)
  const network = (options.network as MemoryOpenNetwork | undefined) ?? world.join('newcomer')
  const { store = new MemoryStore() } = options
  const node = await openOpenNode(
    {
      genesis,
      l1View: honest.l1View,
      scheme: testScheme,
      upstreams: [],
      start: 'snapshot',
      snapshotIntervalBlocks: 8,
      recovery: inlineRecovery,
      clock: createSystemClock(),
      logger: silentLogger,
      metrics: silentMetrics,
      archive: false,
      pace: { statusMs: 20, offerWaitMs: 50, patienceMs: 2_000 },
      ...options,
      store,
      network,
    },
    (error) => assert.fail(error as Error),
  )
  context.after(() => node.stop())
  return { ...node, network, store, join: (name) => world.join(name) }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function assertReaches(node: OpenNode, chain: FinalChain): Promise<void> {
  await until(() => node.chain.headNumber() === 19)
  assert.equal(toHex(node.chain.head().hash), toHex(chain.chain.head().hash))
}

const thieves = { 'thief 1': forged, 'thief 2': forged, 'thief 3': forked }

/** L1 that says one thing. */
const l1Says = (block: KnownBlock | undefined) => ({ knownBlock: async () => block })

test('a state is taken in that lies above, at or below the block that L1 knows', async (t) => {
  for (const height of [9, 16, 18]) {
    const node = await begin(t, { honest }, l1Says(known(height)))
    assert.equal(node.chain.states.oldestHeight, 16, `L1 knows ${height}`)
    await assertReaches(node, honest)
    assert.deepEqual(node.network.bans, [])
  }
})

test('who began with a state proves as much to the next, from that state on', async (t) => {
  const chain = await openFinalChain(genesis)
  await chain.extend(19)
  const knownOf = (height: number) =>
    l1Says({ ...checkpointOf(chain.certificate(height)), fromEpoch: 0n, status: 'alive' })
  const first = await begin(t, { chain }, knownOf(18))
  await chain.extend(8)
  await until(() => first.chain.headNumber() === 27)
  /** One that asks the first alone. */
  const joinAlone = (name: string): MemoryOpenNetwork => {
    const network = first.join(name)
    for (const peer of network.peers()) if (peer !== 'newcomer') network.ban(peer, 'not asked')
    return network
  }
  for (const [height, name] of [
    [20, 'above it'],
    [26, 'below it'],
  ] as const) {
    const network = joinAlone(name)
    const next = await begin(t, {}, { network, ...knownOf(height) })
    assert.equal(next.chain.states.oldestHeight, 24, name)
  }
  const network = joinAlone('too low')
  const opening = begin(t, {}, { network, ...knownOf(12) })
  await assert.rejects(opening, { code: 'CHAIN_KNOWN_BLOCK_UNPROVED' })
  assert.ok(network.peers().includes('newcomer'), 'what it cannot prove is no lie')
})

test('whoever has all keys of an old set shows a newcomer no other history', async (t) => {
  // Without L1 most peers are believed: what the certificates say holds of either.
  await assertReaches(await begin(t, thieves, {}), forged)
  for (const height of [7, 16, 19]) {
    const node = await begin(t, { ...thieves, honest }, l1Says(known(height)))
    assert.equal(node.chain.states.oldestHeight, 16)
    await assertReaches(node, honest)
    const banned = node.network.bans.map(([peer]) => peer).sort()
    assert.deepEqual(banned, Object.keys(thieves), `L1 knows ${height}`)
  }
  const alone = begin(t, thieves, l1Says(known(9)))
  await assert.rejects(alone, { code: 'CHAIN_KNOWN_BLOCK_UNPROVED', data: { height: 9n } })
})

test('an old epoch does not go on above the block that L1 knows', async (t) => {
  // Its history holds block 4, and its set signed it: that was over by then.
  const peers = { 'thief 3': forked }
  await assertReaches(await begin(t, peers, l1Says(known(4))), forked)
  const opening = begin(t, peers, l1Says(known(4, { fromEpoch: 1n })))
  await assert.rejects(opening, { code: 'CHAIN_KNOWN_BLOCK_UNPROVED' })
})

test('from the genesis on, no other history is taken than that of the block that L1 knows', async (t) => {
  const start = { start: 'genesis' } as const
  for (const height of [7, 19]) {
    const node = await begin(t, { ...thieves, honest }, { ...start, ...l1Says(known(height)) })
    await assertReaches(node, honest)
    assert.deepEqual(keptKnownBlock(node.store), checkpointOf(honest.certificate(height)))
  }
  const peers = { 'thief 1': forged, 'thief 2': forged }
  const node = await begin(t, peers, { ...start, ...l1Says(known(19)) })
  await until(() => node.network.bans.length === 2)
  assert.equal(node.chain.headNumber(), 0)
})

test('a node that was away is held against L1, and told when its chain is another', async (t) => {
  const start = 'genesis'
  /** What is left of a node that followed a chain to its end. */
  const followed = async (chain: FinalChain): Promise<MemoryStore> => {
    const node = await begin(t, { peer: chain }, { start })
    await assertReaches(node, chain)
    await node.stop()
    return node.store
  }
  const store = await followed(forged)
  const foreign = begin(t, { honest }, { start, store, ...l1Says(known(9)) })
  await assert.rejects(foreign, { code: 'CHAIN_HISTORY_FOREIGN', data: { height: 9n } })
  const clock = new SimulatedClock((testTimestamp + 60) * 1_000).forNode(0)
  const soon = await begin(t, {}, { start, store, clock, ...l1Says(undefined) })
  assert.equal(soon.chain.headNumber(), 19)

  const good = await followed(honest)
  const back = await begin(t, {}, { start, store: good, ...l1Says(known(9)) })
  assert.deepEqual(keptKnownBlock(back.store), checkpointOf(honest.certificate(9)))
  await back.stop()
  const dead = l1Says(known(9, { status: 'dead' }))
  const left = await begin(t, {}, { start, store: good, ...dead })
  assert.equal(left.chain.headNumber(), 19)
})

test('a network of which L1 knows the genesis alone is begun as without L1', async (t) => {
  const none = { height: 0n, consensusRoot: new Uint8Array(32), histRoot: new Uint8Array(32) }
  const node = await begin(t, { honest }, l1Says({ ...none, fromEpoch: 0n, status: 'alive' }))
  assert.equal(node.chain.states.oldestHeight, 16)
  await assertReaches(node, honest)
  assert.equal(keptKnownBlock(node.store), undefined)
})

test('a network is not begun that has ended on L1, nor while L1 says nothing', async (t) => {
  for (const status of ['halted', 'dead'] as const) {
    const opening = begin(t, { honest }, l1Says(known(9, { status })))
    await assert.rejects(opening, { code: 'CHAIN_NETWORK_ENDED', data: { height: 9n, status } })
  }
  const pace = { statusMs: 20, offerWaitMs: 50, patienceMs: 400 }
  for (const start of ['genesis', 'snapshot'] as const) {
    const opening = begin(t, { honest }, { start, pace, ...l1Says(undefined) })
    await assert.rejects(opening, { code: 'CHAIN_L1_UNHEARD' })
  }
})
