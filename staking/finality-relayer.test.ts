import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { finalityVoteDigest } from '@zg/consensus'
import { NetworkWorld, testOperator } from '@zg/contracts/testing'
import type { TestOperator } from '@zg/contracts/testing'

import { blsAggregate, blsSign } from '@zg/primitives'

import {
  bob,
  ether,
  intervalSeconds,
  openRelayWorld,
  operators,
  relayedNetworkId,
} from './testing/relay-world.ts'
import {
  SimulatedNetworkEndpoint,
  spoiled,
  unreachable,
} from './testing/simulated-network-endpoint.ts'

const three = operators.slice(0, 3)
const always = { intervalSeconds: 0n }
const unproved = { code: 'STAKING_NETWORK_PROOF_INVALID' }

async function openWorld() {
  const world = await openRelayWorld()
  const known = () => {
    const { l1 } = world
    return l1.read(l1.oracle, 'finalOf', relayedNetworkId) as {
      readonly epoch: bigint
      readonly height: bigint
      readonly nextEpoch: bigint
    }
  }
  /** Brings L1 a certificate of the first epoch, so that none is due by age. */
  const begin = async () => {
    await world.endpoint.seal()
    assert.deepEqual(await world.open({ intervalSeconds: 0n }).finality.step(), {
      kind: 'submitted',
      height: world.endpoint.height,
      closes: false,
    })
  }
  return { ...world, known, begin }
}

describe('FinalityRelayer', () => {
  test('brings a certificate when the last is old, and names the absent', async () => {
    const { l1, endpoint, open, known, chain, begin } = await openWorld()
    const { finality } = open()
    assert.deepEqual(await finality.step(), { kind: 'nothing' })
    await begin()
    await endpoint.seal()
    await endpoint.seal({ signers: three })
    l1.world.advance(Number(intervalSeconds) - 1)
    assert.deepEqual(await finality.step(), { kind: 'nothing' })
    l1.world.advance(1)
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 3n, closes: false })
    assert.equal(known().height, 3n)
    for (let block = 0; block < 3; block++) await endpoint.seal({ signers: operators.slice(1) })
    assert.deepEqual(await finality.step(), { kind: 'nothing' })
    // Epoch 12 has ended, but not too long ago.
    l1.world.advance(Number(intervalSeconds))
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 6n, closes: false })
    assert.equal(chain.submitted.length, 3)
  })

  test('brings one at once when the Outbox has an entry that L1 pays out', async () => {
    const { l1, network, endpoint, open, begin } = await openWorld()
    await begin()
    l1.send(l1.bridge, 'deposit', [relayedNetworkId, bob, 50n * ether])
    const { finality } = open()
    network.send('send', [0, bob, 2n ** 40n, '0x12'])
    await endpoint.seal()
    assert.deepEqual(await finality.step(), { kind: 'nothing' }, 'a message is not for L1')
    network.send('withdraw', [bob], { value: ether })
    await endpoint.seal()
    await endpoint.seal()
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 4n, closes: false })
    await endpoint.seal()
    assert.deepEqual(await finality.step(), { kind: 'nothing' }, 'L1 can be shown it now')
  })

  test('for the Outbox it brings one only so often, and none for what is too little', async () => {
    const { l1, network, endpoint, open, begin } = await openWorld()
    await begin()
    l1.send(l1.bridge, 'deposit', [relayedNetworkId, bob, 50n * ether])
    network.send('withdraw', [bob], { value: ether - 1n })
    await endpoint.seal()
    const { finality } = open({ outboxSeconds: 20n, amountMinWei: ether })
    l1.world.advance(20)
    assert.deepEqual(await finality.step(), { kind: 'nothing' })
    network.send('withdraw', [bob], { value: ether })
    await endpoint.seal()
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 3n, closes: false })
    network.send('withdraw', [bob], { value: ether })
    await endpoint.seal()
    l1.world.advance(18)
    assert.deepEqual(await finality.step(), { kind: 'nothing' })
    l1.world.advance(2)
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 4n, closes: false })
  })

  test('brings every close in order, over skipped epochs and a changed set', async () => {
    const { l1, endpoint, open, known, follow, begin } = await openWorld()
    const newcomer = testOperator(9)
    l1.register(newcomer)
    l1.fund(newcomer.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [newcomer.address, 100n * ether], newcomer.address)
    l1.send(l1.networks, 'optIn', [relayedNetworkId, 10_000], newcomer.address)
    await begin()
    for (let block = 0; block < 3; block++) await endpoint.seal({ epoch: 12n })
    const closes: bigint[] = [await endpoint.seal({ epoch: 12n, nextEpoch: 14n })]
    const later = [...operators, newcomer] as readonly TestOperator[]
    l1.goToEpoch(14)
    await follow()
    for (let block = 0; block < 6; block++) {
      const nextEpoch = block === 5 ? 17n : 0n
      // Without the first: now the newcomer counts.
      await endpoint.seal({ epoch: 14n, nextEpoch, signers: later.slice(1) })
    }
    closes.push(endpoint.height)
    l1.goToEpoch(17)
    await follow()
    for (let block = 0; block < 3; block++) await endpoint.seal({ epoch: 17n, signers: later })
    const steps = []
    for (let step = 0; step < 6; step++) {
      // Begun anew for each step; a set that was not known yet is there by the next poll.
      steps.push(await open().finality.step())
      await follow()
    }
    const submitted = steps.filter(({ kind }) => kind === 'submitted')
    assert.deepEqual(
      submitted,
      closes.map((height) => ({ kind: 'submitted', height, closes: true })),
    )
    assert.deepEqual(steps.at(-1), { kind: 'nothing' })
    assert.deepEqual([known().epoch, known().nextEpoch], [14n, 17n])
    assert.deepEqual(await open({ intervalSeconds: 0n }).finality.step(), {
      kind: 'submitted',
      height: endpoint.height,
      closes: false,
    })
  })

  test('sends no certificate of an epoch that ended too long ago, but its close', async () => {
    const { l1, endpoint, open, begin, follow, chain } = await openWorld()
    await begin()
    await endpoint.seal({ epoch: 12n })
    // An epoch is its age at most here.
    l1.goToEpoch(14)
    l1.world.advance(1)
    await follow()
    const { finality } = open()
    const sent = chain.submitted.length
    assert.deepEqual(await finality.step(), { kind: 'waiting', for: 'close' })
    await endpoint.seal({ epoch: 12n, nextEpoch: 15n })
    assert.deepEqual(await finality.step(), { kind: 'waiting', for: 'epoch' })
    assert.equal(chain.submitted.length, sent)
    l1.goToEpoch(15)
    await follow()
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 3n, closes: true })
  })

  test('waits while the closing certificate, or the set that signed, is not here', async () => {
    const { l1, endpoint, open, begin, follow } = await openWorld()
    await begin()
    await endpoint.sealBare({ epoch: 12n })
    l1.goToEpoch(15)
    await endpoint.seal({ epoch: 15n })
    const { finality } = open()
    assert.deepEqual(await finality.step(), { kind: 'waiting', for: 'set' })
    await follow()
    assert.deepEqual(await finality.step(), { kind: 'waiting', for: 'certificate' })
  })

  test('a node that is late has nothing to bring', async () => {
    const { network, endpoint, open, begin, chain } = await openWorld()
    await begin()
    const late = await endpoint.finalityCertificate('latest')
    await endpoint.seal()
    await endpoint.seal()
    network.certify()
    const sent = chain.submitted.length
    for (const found of [late, undefined]) {
      endpoint.bend = { finalityCertificate: () => found }
      assert.deepEqual(await open(always).finality.step(), { kind: 'nothing' })
    }
    assert.equal(chain.submitted.length, sent)
  })

  test('refuses what a lying node gives, and sends nothing', async () => {
    const { network, endpoint, open, begin, chain, l1, follow } = await openWorld()
    await begin()
    await endpoint.seal({ epoch: 12n })
    const certificate = (change: object) => () => {
      const right = network.finalityCertificate()
      return { ...right, vote: { ...right.vote, ...change } }
    }
    const sent = chain.submitted.length
    const { finality } = open({ intervalSeconds: 0n })
    const refuses = async (bend: typeof endpoint.bend, why: string) => {
      endpoint.bend = bend
      await assert.rejects(finality.step(), unproved, why)
      endpoint.bend = {}
    }
    const wrongHash = new Uint8Array(32).fill(9)
    await refuses({ finalityCertificate: certificate({ height: 3n }) }, 'another height')
    await refuses({ finalityCertificate: certificate({ histRoot: wrongHash }) }, 'another history')
    await refuses({ finalityCertificate: certificate({ nextEpoch: 13n }) }, 'a close')
    await refuses(
      { finalityCertificate: () => network.finalityCertificate({ signers: operators.slice(2) }) },
      'half of the stake',
    )
    await refuses(
      { finalityCertificate: (found) => found && { ...found, signers: Uint8Array.of(7) } },
      'other signers',
    )
    await refuses({ historyProof: () => undefined }, 'no history')
    await refuses({ historyProof: (found) => found?.with(3, wrongHash) }, 'a spoiled history')
    // Of another epoch: headers are proved too.
    l1.goToEpoch(13)
    await endpoint.seal({ epoch: 12n, nextEpoch: 13n })
    await endpoint.seal({ epoch: 13n })
    await endpoint.seal({ epoch: 13n })
    await follow()
    await refuses({ header: (found) => found && { ...found, epoch: 12n } }, 'another header')
    await refuses({ header: () => undefined }, 'no header')
    await refuses(
      { header: (found) => found && { ...found, mix: spoiled(found.mix) } },
      'a spoiled header',
    )
    assert.equal(chain.submitted.length, sent)
    assert.deepEqual(await finality.step(), { kind: 'submitted', height: 3n, closes: true })
  })

  test('a node of a fork: what contradicts the block that L1 knows is not sent', async () => {
    const { network, endpoint, open, begin, chain, l1 } = await openWorld()
    await begin()
    await network.seal()
    // All keys sign, but another history lies below.
    const right = network.finalityCertificate()
    const vote = { ...right.vote, histRoot: new Uint8Array(32).fill(5) }
    const digest = finalityVoteDigest(l1.identityOf(relayedNetworkId), vote)
    const signature = blsAggregate(operators.map(({ secretKey }) => blsSign(secretKey, digest)))
    endpoint.bend = { finalityCertificate: () => ({ ...right, vote, signature }) }
    const sent = chain.submitted.length
    await assert.rejects(open({ intervalSeconds: 0n }).finality.step(), {
      ...unproved,
      message: /history does not hold the block that L1 knows/,
    })
    assert.equal(chain.submitted.length, sent)
  })

  test('a close that no honest network makes is not sent', async () => {
    const { l1, network, endpoint, open, begin, follow, chain } = await openWorld()
    await begin()
    const last = await endpoint.seal({ epoch: 12n })
    l1.goToEpoch(13)
    await endpoint.seal({ epoch: 13n })
    await follow()
    const sent = chain.submitted.length
    // The last block of epoch 12, which its set did not close.
    await assert.rejects(open().finality.step(), { ...unproved, message: /does not close it/ })
    const closing = network.finalityCertificate({ height: Number(last), nextEpoch: 14n })
    endpoint.bend = {
      finalityCertificate: (found) => (found?.vote.height === last ? closing : found),
    }
    assert.deepEqual(await open().finality.step(), { kind: 'waiting', for: 'epoch' })
    assert.equal(chain.submitted.length, sent)
  })

  test('an epoch that begins on a block that closed none is not sent', async () => {
    const { l1, endpoint, open, begin, follow, chain } = await openWorld()
    await begin()
    l1.goToEpoch(13)
    for (let block = 0; block < 3; block++) await endpoint.seal({ epoch: 13n })
    await follow()
    const sent = chain.submitted.length
    const refused = { ...unproved, message: /another epoch follows/ }
    await assert.rejects(open(always).finality.step(), refused)
    assert.equal(chain.submitted.length, sent)
  })

  test('a fork that a quorum signed halts the network: by its history, or at one height', async () => {
    for (const forkHeight of [1, 2]) {
      const { l1, open, begin, chain } = await openWorld()
      await begin()
      // Its blocks tell another time, so they are others.
      l1.world.advance(1)
      const world = new NetworkWorld(l1, relayedNetworkId, operators)
      const fork = new SimulatedNetworkEndpoint(world)
      for (let height = 1; height < forkHeight; height++) await fork.sealBare()
      await fork.seal({ signers: operators.slice(2) })
      const { finality } = open({ endpoint: fork })
      const sent = chain.submitted.length
      await assert.rejects(finality.step(), unproved, 'half of the stake is no quorum')
      assert.equal(chain.submitted.length, sent)
      const certificate = world.finalityCertificate({ signers: three })
      fork.bend = { finalityCertificate: () => certificate }
      const height = BigInt(forkHeight)
      assert.deepEqual(await finality.step(), { kind: 'halted', height })
      const { isHalted } = l1.read(l1.oracle, 'finalOf', relayedNetworkId) as {
        readonly isHalted: boolean
      }
      assert.equal(isHalted, true)
      assert.deepEqual(await finality.step(), { kind: 'ended', as: 'halted' })
    }
  })

  test('others bring the same, or more, between any two of its questions', async () => {
    const asks = ['head', 'call', 'estimateGas', 'nonceOf', 'submit'] as const
    for (const ask of asks) {
      const { network, endpoint, open, begin, chain, known } = await openWorld()
      await begin()
      await endpoint.seal()
      const { finality } = open({ intervalSeconds: 0n })
      let isRaced = false
      chain.onAsk = (method) => {
        if (method !== ask || isRaced) return
        isRaced = true
        network.certify()
      }
      const step = await finality.step()
      const overtaken = ask === 'call' ? { kind: 'nothing' } : { kind: 'overtaken' }
      assert.deepEqual(step, overtaken, ask)
      assert.equal(known().height, 2n)
      chain.onAsk = () => {}
      assert.deepEqual(await finality.step(), { kind: 'nothing' })
    }
  })

  test('a node or an L1 that fails at any question harms nothing; the next step goes on', async () => {
    const { endpoint, open, begin, chain, known } = await openWorld()
    await begin()
    for (let asked = 0; ; asked++) {
      await endpoint.seal()
      const height = endpoint.height
      const { relayer, failed } = failingAt(asked)
      await relayer.step()
      if (!failed()) break
      chain.onAsk = endpoint.onAsk = () => {}
      await open({ intervalSeconds: 0n }).step()
      assert.equal(known().height, height, `after question ${asked} failed`)
    }
    function failingAt(number: number) {
      let count = 0
      chain.onAsk = endpoint.onAsk = () => {
        if (count++ === number) unreachable()
      }
      const relayer = open({ intervalSeconds: 0n })
      return { relayer, failed: () => count > number }
    }
  })

  test('ends with its network', async () => {
    const { l1, network, endpoint, open, begin } = await openWorld()
    await begin()
    await endpoint.seal()
    const { vote } = network.finalityCertificate({ height: 1 })
    const other = { ...vote, blockHash: new Uint8Array(32).fill(8) }
    const signature = l1.signFinalities(relayedNetworkId, [other], operators)
    const certificate = { vote: l1.finalityArgs(other), absent: [], signature }
    l1.send(l1.oracle, 'haltByConflict', [relayedNetworkId, certificate])
    const step = await open({ intervalSeconds: 0n }).finality.step()
    assert.deepEqual(step, { kind: 'ended', as: 'halted' })
  })

  test('a network that died is left alone', async () => {
    const { l1, endpoint, open, begin } = await openWorld()
    await begin()
    await endpoint.seal()
    l1.outlive(relayedNetworkId)
    l1.send(l1.oracle, 'declareDead', [relayedNetworkId])
    const step = await open({ intervalSeconds: 0n }).finality.step()
    assert.deepEqual(step, { kind: 'ended', as: 'dead' })
  })
})
