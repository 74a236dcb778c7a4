import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { openLibp2pNetwork } from '@zg/p2p/open'
import { keccak256, toHex } from '@zg/primitives'
import {
  createSystemClock,
  createSystemRng,
  MemoryStore,
  silentLogger,
  silentMetrics,
} from '@zg/runtime'
import type { KeyValueStore } from '@zg/runtime'

import { inlineRecovery } from '../sender-recovery.ts'
import { heldWei } from '../supply.ts'
import { crowdedGenesis, openFinalChain, testScheme } from '../testing/final-chain.ts'
import type { FinalChain } from '../testing/final-chain.ts'
import { signedTransfer, testAddresses, testKeys } from '../testing/test-chain.ts'
import { openOpenNode } from './open-node.ts'
import type { OpenNode, OpenNodeOptions } from './open-node.ts'
import { checkpointOf } from './start-bundle.ts'

const genesis = crowdedGenesis(300)

type Opened = OpenNode & { readonly addresses: readonly string[]; readonly store: KeyValueStore }

async function openNode(
  context: TestContext,
  seed: number,
  options: Partial<OpenNodeOptions> & { readonly bootstrap?: readonly string[] },
  validator: FinalChain,
): Promise<Opened> {
  const clock = createSystemClock()
  const network = await openLibp2pNetwork({
    genesisHash: genesis.hash,
    seed: new Uint8Array(32).fill(seed),
    host: '127.0.0.1',
    port: 0,
    bootstrap: options.bootstrap ?? [],
    clock,
    rng: createSystemRng(),
    limits: { connectionsPerHostSecondMax: 1_000, discoveryMs: 50, redialMs: 100 },
  })
  context.after(() => network.close())
  const store = options.store ?? new MemoryStore()
  const node = await openOpenNode(
    {
      genesis,
      l1View: validator.l1View,
      scheme: testScheme,
      network,
      upstreams: [],
      start: 'genesis',
      snapshotIntervalBlocks: 8,
      recovery: inlineRecovery,
      clock,
      logger: silentLogger,
      metrics: silentMetrics,
      archive: false,
      pace: { statusMs: 100, offerWaitMs: 300, patienceMs: 10_000 },
      ...options,
      store,
    },
    (error) => assert.fail(error as Error),
  )
  context.after(() => node.stop())
  return { ...node, addresses: network.addresses(), store }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const reaches = (node: OpenNode, height: number): Promise<void> =>
  until(() => node.chain.headNumber() >= height)

test('open nodes follow from the genesis and from a snapshot, and pass transactions on', async (t) => {
  const validator = await openFinalChain(genesis)
  await validator.pool.add(signedTransfer(testKeys[0]!))
  await validator.extend(19)
  const upstream = validator.upstream()
  const sentry = await openNode(t, 1, { upstreams: [upstream] }, validator)
  await reaches(sentry, 19)

  // From the genesis, by one peer; then with a state, by a peer that has no validator behind it.
  const full = await openNode(t, 2, { bootstrap: sentry.addresses }, validator)
  await reaches(full, 19)
  const late = await openNode(t, 3, { bootstrap: full.addresses, start: 'snapshot' }, validator)
  const nodes = [sentry, full, late]
  assert.equal(late.chain.headerByNumber(15)?.header.number, 15)
  assert.equal(late.chain.blockByNumber(15), undefined)
  assert.equal(toHex(late.chain.hashOfNumber(0)!), toHex(genesis.hash))
  await reaches(late, 19)

  // What it did not take in, it asks for and proves.
  for (const height of [1n, 7n, 16n, 19n]) {
    assert.deepEqual(await late.provedHeader(height), validator.ledger.block(height)?.header)
  }
  assert.equal(await late.provedHeader(20n), undefined)

  // A user of the last node: through both others to the validator, and back in a block.
  const hash = await late.pool.add(signedTransfer(testKeys[1]!))
  await until(() => validator.pool.get(hash) !== undefined)
  assert.ok(upstream.forwarded.includes(toHex(hash)))
  await validator.extend(1)
  for (const node of nodes) {
    await reaches(node, 20)
    assert.equal(toHex(node.chain.head().hash), toHex(validator.chain.head().hash))
    const state = node.chain.stateAt(node.chain.head().hash)
    assert.equal(state?.account(testAddresses[1]!)?.nonce, 1n)
    assert.equal(node.chain.transactionLocation(hash)?.blockNumber, 20)
    assert.equal(node.view.finality?.finalityCertificate('latest')?.height, 20n)
  }
})

test('a node that is opened again goes on where it was, from either beginning', async (t) => {
  const validator = await openFinalChain(genesis)
  await validator.extend(10)
  const sentry = await openNode(t, 1, { upstreams: [validator.upstream()] }, validator)
  await reaches(sentry, 10)
  for (const start of ['genesis', 'snapshot'] as const) {
    const begin = { bootstrap: sentry.addresses, start }
    const seed = start === 'genesis' ? 2 : 4
    const first = await openNode(t, seed, begin, validator)
    await reaches(first, 10)
    await first.stop()
    await validator.extend(5)
    const { store } = first
    const again = await openNode(t, seed + 1, { ...begin, store }, validator)
    assert.ok(again.chain.headNumber() >= 10)
    await reaches(again, validator.chain.headNumber())
  }
})

test('a node keeps the states from the block on that L1 knows', async (t) => {
  const validator = await openFinalChain(genesis)
  let known = 5n
  const options = { upstreams: [validator.upstream()], knownHeight: () => known }
  const node = await openNode(t, 1, options, validator)
  await validator.extend(140)
  await reaches(node, 140)
  assert.equal(node.chain.states.oldestHeight, 5)
  // Of what it has no need to keep, it keeps as much as without L1.
  known = 139n
  for (const height of [141, 142]) {
    await validator.extend(1)
    await reaches(node, height)
  }
  assert.equal(node.chain.states.oldestHeight, 142 - 127)
})

test('a node begins at the checkpoint it is given, and refuses any other state', async (t) => {
  const validator = await openFinalChain(genesis)
  await validator.extend(12)
  const sentry = await openNode(t, 1, { upstreams: [validator.upstream()] }, validator)
  await reaches(sentry, 12)
  const checkpoint = checkpointOf(validator.certificate(9))
  const begin = { bootstrap: sentry.addresses, start: checkpoint }
  const node = await openNode(t, 2, begin, validator)
  assert.equal(node.chain.states.oldestHeight, 9)
  await reaches(node, 12)
  // It counted the state it took in, and came to what the others kept from the genesis on.
  const [counted, kept] = [node, validator].map(({ chain }) => chain.supplyAt(12))
  assert.ok(counted !== undefined && kept !== undefined)
  assert.deepEqual([counted.fromNumber, kept.fromNumber], [9, 0])
  assert.equal(heldWei(counted), heldWei(kept))

  const forged = { ...checkpoint, consensusRoot: keccak256(checkpoint.consensusRoot) }
  const pace = { statusMs: 100, offerWaitMs: 300, patienceMs: 500 }
  const opening = openNode(t, 3, { ...begin, start: forged, pace }, validator)
  await assert.rejects(opening, { code: 'CHAIN_SNAPSHOT_UNAVAILABLE' })
})
