import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FinalityCertificate } from '@zg/consensus'
import { createSeededRng, silentLogger, SimulatedClock } from '@zg/runtime'

import { parseGenesis } from '../genesis.ts'
import { openFinalChain, testScheme } from '../testing/final-chain.ts'
import { MemoryOpenWorld } from '../testing/memory-open-network.ts'
import type { MemoryOpenNetwork } from '../testing/memory-open-network.ts'
import {
  openTestChain,
  signedTransfer,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from '../testing/test-chain.ts'
import type { TestChain } from '../testing/test-chain.ts'
import { consensusGenesisOf } from '../validator-node.ts'
import { encodeNews, encodeStatus } from './open-messages.ts'
import type { OpenStatus } from './open-messages.ts'
import { OpenPeers } from './open-peers.ts'
import { relayDelayMs, relayRepeatMs, TransactionRelay } from './transaction-relay.ts'

const genesis = parseGenesis(testGenesisJson())
const validator = await openFinalChain(genesis)
await validator.extend(4)
const rng = createSeededRng('peers')

const status = (
  newest: FinalityCertificate | undefined,
  rest: Partial<OpenStatus> = {},
): OpenStatus => {
  return { finalHeight: 4n, firstHeight: 1n, oldestState: 1n, newest, snapshot: undefined, ...rest }
}

const forged = (height: number): FinalityCertificate => {
  return { ...validator.certificate(height), signature: rng.bytes(96) }
}

function openPeers(network: MemoryOpenNetwork, clock = new SimulatedClock(testTimestamp * 1_000)) {
  assert.ok(genesis.network)
  const news: string[] = []
  const peers = new OpenPeers({
    network,
    genesis: consensusGenesisOf(genesis, genesis.network),
    scheme: testScheme,
    l1View: validator.l1View,
    clock,
    logger: silentLogger,
    statusMs: 1_000,
  })
  peers.onNews(() => void news.push('news'))
  return { peers, news, clock }
}

const bannedBy = ({ bans }: MemoryOpenNetwork): string[] => bans.map(([peer]) => peer)

const settle = (clock: SimulatedClock): Promise<void> => clock.run({ untilMs: clock.nowMs() + 10 })

/** A world of one node under test and named others whose answers are given. */
async function openWorld(answers: Readonly<Record<string, Uint8Array>>) {
  const world = new MemoryOpenWorld()
  const network = world.join('node')
  const opened = openPeers(network)
  const others = new Map<string, MemoryOpenNetwork>()
  for (const [name, answer] of Object.entries(answers)) {
    const other = world.join(name)
    other.onRequest(async () => answer)
    others.set(name, other)
  }
  await settle(opened.clock)
  return { ...opened, network, others }
}

test('OpenPeers learns what peers hold from their status, proved by certificates', async () => {
  const snapshot = validator.certificate(2)
  const { peers, network, news } = await openWorld({
    ahead: encodeStatus(status(validator.certificate(4), { snapshot })),
    pruned: encodeStatus(status(validator.certificate(3), { firstHeight: 3n, oldestState: 3n })),
    young: encodeStatus(status(undefined)),
  })
  const aheadOf = (height: bigint): string[] =>
    peers
      .sources()
      .filter((source) => source.isAhead(height))
      .map(({ name }) => name)
  assert.deepEqual([0n, 2n, 3n, 4n].map(aheadOf), [['ahead'], ['ahead', 'pruned'], ['ahead'], []])
  assert.deepEqual(peers.holders(2n), ['ahead', 'young'])
  assert.deepEqual(peers.holders(5n), [])
  assert.deepEqual(peers.snapshotOffers(), [{ peer: 'ahead', certificate: snapshot }])
  assert.equal(peers.statusCount, 3)
  assert.deepEqual([bannedBy(network), news.length], [[], 2])
})

test('OpenPeers bans who shows a certificate that is forged, or garbage', async () => {
  const { peers, network } = await openWorld({
    'forged newest': encodeStatus(status(forged(4))),
    'forged snapshot': encodeStatus(status(validator.certificate(4), { snapshot: forged(2) })),
    garbage: rng.bytes(30),
  })
  assert.deepEqual(bannedBy(network).sort(), ['forged newest', 'forged snapshot', 'garbage'])
  assert.deepEqual(peers.snapshotOffers(), [])
})

test('OpenPeers passes a certificate on once, and bans who sends a forged one', async () => {
  const none = encodeStatus(status(undefined))
  const { peers, network, others, clock, news } = await openWorld({ a: none, b: none, c: none })
  const heard: string[] = []
  for (const [name, other] of others) other.onGossip((from) => heard.push(`${from} > ${name}`))
  const tell = async (name: string, certificate: FinalityCertificate): Promise<void> => {
    others.get(name)?.gossip(encodeNews({ kind: 'certificate', certificate }))
    await settle(clock)
  }
  await tell('a', validator.certificate(3))
  const fromNode = (): string[] => heard.filter((line) => line.startsWith('node')).sort()
  assert.deepEqual(fromNode(), ['node > b', 'node > c'])
  // Told again, by it or another, and of a height below: nothing new to anyone.
  await tell('a', validator.certificate(3))
  await tell('b', validator.certificate(3))
  await tell('c', validator.certificate(2))
  assert.equal(fromNode().length, 2)
  assert.equal(news.length, 2)
  assert.deepEqual(bannedBy(network), [])
  await tell('c', forged(4))
  others.get('b')?.gossip(rng.bytes(20))
  await settle(clock)
  assert.deepEqual(bannedBy(network), ['c', 'b'])
  assert.deepEqual(
    peers.sources().map(({ name }) => name),
    ['a'],
  )

  peers.announce(validator.certificate(4))
  peers.announce(validator.certificate(4))
  peers.announce(validator.certificate(3))
  await settle(clock)
  assert.equal(fromNode().length, 3)
})

/** A chain of nodes, each knowing its neighbours only, with a relay each. */
async function openRelays(clock: SimulatedClock) {
  const forwarded: number[] = []
  const worlds = [new MemoryOpenWorld(), new MemoryOpenWorld()]
  const networks = [
    [worlds[0]!.join('user')],
    [worlds[0]!.join('middle'), worlds[1]!.join('middle')],
    [worlds[1]!.join('sentry')],
  ]
  const chains: TestChain[] = []
  for (const joined of networks) {
    const chain = await openTestChain({ genesis, clock })
    chains.push(chain)
    const network = bothOf(joined)
    const relay = new TransactionRelay({
      network,
      pool: chain.pool,
      clock,
      forward: (transactions) => {
        if (network.self === 'sentry') forwarded.push(transactions.length)
      },
    })
    const { peers } = openPeers(network, clock)
    peers.onTransactions((from, transactions) => relay.receive(from, transactions))
  }
  return { chains, forwarded, networks }
}

/** One node in two worlds. */
function bothOf(networks: readonly MemoryOpenNetwork[]): MemoryOpenNetwork {
  const [first] = networks
  assert.ok(first)
  const { self, bans } = first
  return {
    self,
    bans,
    addresses: () => [],
    peers: () => networks.flatMap((network) => network.peers()),
    request: () => Promise.reject(new Error('nobody answers')),
    gossip: (message, except) => networks.forEach((network) => network.gossip(message, except)),
    onRequest: () => undefined,
    onGossip: (handler) => networks.forEach((network) => network.onGossip(handler)),
    onPeer: (handler) => networks.forEach((network) => network.onPeer(handler)),
    ban: (peer, reason) => networks.forEach((network) => network.ban(peer, reason)),
    close: () => Promise.resolve(),
  }
}

test('TransactionRelay passes a transaction from node to node, once, to the validators', async () => {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const { chains, forwarded } = await openRelays(clock)
  const [user, middle, sentry] = chains
  const hash = await user!.pool.add(signedTransfer(testKeys[0]!))
  await clock.run({ untilMs: clock.nowMs() + 4 * relayDelayMs })
  for (const chain of [middle, sentry]) assert.ok(chain!.pool.get(hash))
  assert.deepEqual(forwarded, [1])
  // The user's node repeats what waits; who has it already keeps it to itself.
  await clock.run({ untilMs: clock.nowMs() + 3 * relayRepeatMs })
  assert.deepEqual(forwarded, [1])
})

test('TransactionRelay bans who sends what no pool takes, not who sends what may wait', async () => {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const { chains, networks } = await openRelays(clock)
  const [user] = networks[0]!
  const [, middle] = chains
  const tell = async (...transactions: Uint8Array[]): Promise<void> => {
    user!.gossip(encodeNews({ kind: 'transactions', transactions }))
    await clock.run({ untilMs: clock.nowMs() + 100 })
  }
  const [toUser] = networks[1]!
  await tell(signedTransfer(testKeys[1]!, { value: 10n ** 30n }))
  assert.deepEqual(bannedBy(toUser!), [])
  await tell(signedTransfer(testKeys[1]!, { chainId: 5n }))
  assert.deepEqual(bannedBy(toUser!), ['user'])
  assert.deepEqual(middle!.pool.counts(), { pending: 0, queued: 0 })
})
