import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  blsScheme,
  decodeEvidence,
  encodeMessage,
  peerIdOf,
  roundVoteDigest,
  verifyEvidence,
} from '@zg/consensus'
import { toHex } from '@zg/primitives'
import {
  createSeededRng,
  MemoryStore,
  silentLogger,
  silentMetrics,
  SimulatedClock,
  SimulatedDisk,
  SimulatedNetwork,
} from '@zg/runtime'

import { parseGenesis } from './genesis.ts'
import { fixedValidatorSet } from './network-parameters.ts'
import { inlineRecovery } from './sender-recovery.ts'
import {
  signedTransfer,
  testGenesisJson,
  testKeys,
  testNetworkParameters,
  testTimestamp,
  testValidatorKey,
} from './testing/test-chain.ts'
import { consensusGenesisOf, openValidatorNode } from './validator-node.ts'
import type { ValidatorNode, ValidatorNodeOptions } from './validator-node.ts'

type KeptStates = Pick<ValidatorNodeOptions, 'knownHeight' | 'retainedStates'>

const validatorCount = 4
const genesis = parseGenesis(testGenesisJson({ network: testNetworkParameters(validatorCount) }))

/** Four validators with the real engine and real BLS on virtual time, network and disks. */
async function openWorld(
  seed: string,
  { nodeCount = validatorCount, ...kept }: { nodeCount?: number } & KeptStates = {},
) {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const rng = createSeededRng(seed)
  const network = new SimulatedNetwork({ clock, rng: rng.fork('network') })
  const scheme = blsScheme()
  const machines = Array.from({ length: validatorCount }, (_, index) => {
    const secretKey = testValidatorKey(index)
    const identity = peerIdOf(scheme.publicKeyOf(secretKey))
    const disk = new SimulatedDisk({ clock, rng: rng.fork(`disk ${index}`) })
    return { secretKey, identity, disk, store: new MemoryStore(), rng: rng.fork(`node ${index}`) }
  })
  const open = (index: number): Promise<ValidatorNode> => {
    const machine = machines[index]
    assert.ok(machine !== undefined)
    const { secretKey, identity, disk, store } = machine
    return openValidatorNode(
      {
        genesis,
        ...kept,
        secretKey,
        scheme,
        store,
        disk: disk.mount(),
        network: network.join({ identity, name: `${index}` }),
        recovery: inlineRecovery,
        clock: clock.forNode(),
        rng: machine.rng,
        logger: silentLogger,
        metrics: silentMetrics,
      },
      (error) => {
        throw error
      },
    )
  }
  const nodes: ValidatorNode[] = []
  for (let index = 0; index < nodeCount; index++) {
    const opening = open(index)
    await clock.run({ untilMs: clock.nowMs() + 100, done: () => false })
    nodes.push(await opening)
  }
  return { clock, network, nodes, open, machines }
}

test('ValidatorNode: four validators execute transfers and agree on every block', async () => {
  const { clock, nodes } = await openWorld('transfers')
  const [first, second] = nodes
  assert.ok(first !== undefined && second !== undefined)
  for (const key of testKeys) {
    for (const nonce of [0n, 1n, 2n]) {
      const side = nonce === 1n ? second : first
      await side.pool.add(signedTransfer(key, { nonce }))
    }
  }
  const balanceOf = ({ chain }: ValidatorNode) =>
    chain.stateAt(chain.head().hash)?.account(0xabcdn)?.balance
  const isDone = () => nodes.every((node) => balanceOf(node) === 24n)
  await clock.run({ untilMs: clock.nowMs() + 30_000, done: isDone })
  assert.deepEqual(nodes.map(balanceOf), [24n, 24n, 24n, 24n])
  const height = Math.min(...nodes.map(({ chain }) => chain.headNumber()))
  const hashes = nodes.map(({ chain }) => toHex(chain.hashOfNumber(height) as Uint8Array))
  assert.equal(new Set(hashes).size, 1)
  assert.deepEqual(
    nodes.map(({ pool }) => pool.size),
    [0, 0, 0, 0],
  )

  await clock.run({ untilMs: clock.nowMs() + 3_000 })
  const certificate = first.view.finality?.finalityCertificate('latest')
  assert.ok(certificate !== undefined)
  const number = Number(certificate.height)
  assert.equal(toHex(certificate.blockHash), toHex(first.chain.hashOfNumber(number) as Uint8Array))
  const { header } = first.chain.blockByNumber(number) ?? {}
  assert.equal(header?.coinbase !== 0n, true)
})

test('ValidatorNode keeps the states from the block on that L1 knows, and all while that is unknown', async () => {
  let known: bigint | undefined
  const world = await openWorld('pinned', { knownHeight: () => known, retainedStates: 2 })
  const { clock, nodes } = world
  const [first] = nodes
  assert.ok(first !== undefined)
  const { chain } = first
  const grow = (count: number): Promise<void> => {
    const height = chain.headNumber() + count
    return clock.run({ untilMs: clock.nowMs() + 60_000, done: () => chain.headNumber() >= height })
  }
  await grow(12)
  assert.equal(chain.states.oldestHeight, 0)
  known = 5n
  await grow(2)
  assert.equal(chain.states.oldestHeight, 5)
  const proof = chain.prove(chain.hashOfNumber(5) as Uint8Array, 0xabcdn, [])
  assert.ok(proof !== undefined)
  known = BigInt(chain.headNumber())
  await grow(4)
  assert.equal(chain.states.oldestHeight, Number(known))
  // Of a height that is still to come no more is kept than without one.
  known = 1_000_000n
  await grow(2)
  assert.equal(chain.states.oldestHeight, chain.headNumber() - 1)
})

test('ValidatorNode: what a validator hears of a fault is given to who asks', async () => {
  const { clock, network, nodes, machines } = await openWorld('faults', { nodeCount: 3 })
  const [first] = nodes
  const culprit = machines[3]
  const parameters = genesis.network
  assert.ok(first !== undefined && culprit !== undefined && parameters !== undefined)
  const { identity: domain } = consensusGenesisOf(genesis, parameters)
  const mesh = network.join({ identity: culprit.identity, name: 'culprit' })
  await clock.run({ untilMs: clock.nowMs() + 1_000 })
  assert.deepEqual(first.view.finality?.evidence(), [])
  const { view } = first.validator.status()
  for (const fill of [1, 2]) {
    const digest = new Uint8Array(32).fill(fill)
    const vote = { kind: 'notarize', epoch: 0n, view: view + 1, digest } as const
    const signature = blsScheme().sign(culprit.secretKey, roundVoteDigest(domain, vote))
    mesh.broadcast('vote', encodeMessage({ kind: 'vote', vote, signature }))
  }
  await clock.run({ untilMs: clock.nowMs() + 1_000 })
  const [heard, ...more] = first.view.finality?.evidence() ?? []
  assert.ok(heard !== undefined)
  assert.deepEqual(more, [])
  const context = {
    scheme: blsScheme(),
    identity: domain,
    validatorSet: () => fixedValidatorSet(parameters),
  }
  const convicted = verifyEvidence(context, decodeEvidence(heard))
  assert.deepEqual(convicted, [parameters.validators[3]?.operator])
})
