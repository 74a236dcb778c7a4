import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { somebody } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import { L1EndpointError } from './json-rpc-endpoint.ts'

import {
  alice,
  bob,
  ether,
  openRelayWorld,
  operators,
  relayedNetworkId,
  rewardHub,
} from './testing/relay-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const idle = { synced: false, claimed: [], announced: [] }
const always = { intervalSeconds: 0n }

/**
 * Questions at which no relayer is raced or ended: what comes in between two of them is found by
 * the next of another kind.
 */
const reads: readonly string[] = ['call', 'storageAt', 'tipPerGas']

/** As long as a test: no epoch ends in it. */
const oneEpoch = { epochSeconds: 100_000 }

/** A network that 900 tokens went to, with a certificate on L1. */
async function openWorld(options = {}) {
  const world = await openRelayWorld(options)
  const { l1, endpoint, network } = world
  const id = relayedNetworkId
  l1.send(l1.bridge, 'deposit', [id, alice, 900n * ether])
  await endpoint.seal()
  await world.open(always).step()
  const outstanding = (network = id) => l1.read(l1.bridge, 'outstanding', network) as bigint
  const isClaimed = (index: number) => l1.read(l1.bridge, 'isClaimed', id, index)
  const withdraw = (value: bigint, to = bob) =>
    network.send('withdraw', [to], { from: somebody, value })
  return { ...world, outstanding, isClaimed, withdraw }
}

describe('OutboxRelayer', () => {
  test('brings over what left a network: withdrawals, rewards, transfers, but no messages', async () => {
    const { l1, network, endpoint, open, outstanding, withdraw, isClaimed } = await openWorld()
    const [first] = operators
    assert.ok(first !== undefined)
    network.world.pay(rewardHub, 10n * ether)
    withdraw(3n * ether)
    network.send('send', [0, bob, 2n ** 40n, '0x1234'])
    network.send('reward', [first.address], { from: rewardHub, value: 4n * ether })
    await endpoint.seal()
    network.send('transfer', [0, alice], { value: 5n * ether })
    await endpoint.seal()
    const { finality, outbox } = await open().step()
    assert.deepEqual(finality, { kind: 'submitted', height: 3n, closes: false })
    assert.deepEqual(outbox, { synced: true, claimed: [0, 2, 3], announced: [] })
    assert.equal(l1.balanceOf(bob), 3n * ether)
    const [coming] = l1.read(l1.stakes, 'flowOf', first.address) as readonly [bigint, bigint]
    const earned = l1.read(l1.stakes, 'earnedOf', first.address, first.address) as bigint
    assert.equal(earned + coming, 4n * ether)
    assert.deepEqual([outstanding(), outstanding(0)], [888n * ether, 5n * ether])
    assert.equal(isClaimed(1), false)
    assert.deepEqual((await open().step()).outbox, idle)
  })

  test('nothing is done for a network that nothing has left', async () => {
    const { endpoint, open, chain } = await openWorld()
    await endpoint.seal()
    const sent = chain.submitted.length
    assert.deepEqual((await open().step()).outbox, idle)
    assert.equal(chain.submitted.length, sent)
  })

  test('what is too little is left to those it is for', async () => {
    const { l1, endpoint, open, withdraw } = await openWorld()
    withdraw(ether - 1n)
    withdraw(ether)
    await endpoint.seal()
    const { outbox } = await open({ amountMinWei: ether }).step()
    assert.deepEqual(outbox, { synced: true, claimed: [1], announced: [] })
    assert.equal(l1.balanceOf(bob), ether)
  })

  test('a large entry is announced, and claimed after its delay', async () => {
    const { l1, endpoint, open, withdraw } = await openWorld()
    withdraw(500n * ether)
    withdraw(ether)
    await endpoint.seal()
    const relayer = open()
    const { outbox } = await relayer.step()
    assert.deepEqual(outbox, { synced: true, claimed: [1], announced: [0] })
    assert.deepEqual(await relayer.outbox.step(), idle)
    const ready = Number(l1.read(l1.bridge, 'readyAt', relayedNetworkId, 0))
    l1.world.advance(ready - 10 - l1.world.timestamp)
    assert.deepEqual(await relayer.outbox.step(), idle)
    // One that begins anew reads from L1 that it was announced, and when.
    assert.deepEqual(await open().outbox.step(), idle)
    l1.world.advance(11)
    assert.deepEqual((await relayer.outbox.step()).claimed, [0])
    assert.equal(l1.balanceOf(bob), 501n * ether)
  })

  test('an entry that must wait for the rate holds up none behind it, and nothing is sent meanwhile', async () => {
    const { l1, endpoint, open, withdraw, chain } = await openWorld()
    l1.send(l1.bridge, 'deposit', [relayedNetworkId, alice, 900n * ether])
    for (let index = 0; index < 3; index++) withdraw(390n * ether)
    withdraw(500n * ether)
    withdraw(ether)
    await endpoint.seal()
    const relayer = open()
    const { outbox } = await relayer.step()
    assert.deepEqual(outbox, { synced: true, claimed: [0, 1, 4], announced: [3], waits: 'rate' })
    const sent = chain.submitted.length
    for (let step = 0; step < 5; step++) {
      assert.deepEqual(await relayer.outbox.step(), { ...idle, waits: 'rate' })
    }
    assert.equal(chain.submitted.length, sent)
    l1.world.advance(200)
    assert.deepEqual((await open().outbox.step()).claimed, [2])
    const ready = Number(l1.read(l1.bridge, 'readyAt', relayedNetworkId, 3))
    l1.world.advance(ready - l1.world.timestamp)
    assert.deepEqual((await relayer.outbox.step()).claimed, [3])
  })

  test('a pause and a halt are waited out', async () => {
    const { l1, endpoint, open, withdraw, network } = await openWorld()
    withdraw(ether)
    await endpoint.seal()
    l1.send(l1.bridge, 'pause', [relayedNetworkId, 100])
    const { outbox } = await open().step()
    assert.deepEqual(outbox, { ...idle, synced: true, waits: 'paused' })
    l1.world.advance(101)
    const { vote } = network.finalityCertificate({ height: 2 })
    const other = { ...vote, blockHash: new Uint8Array(32).fill(8) }
    const signature = l1.signFinalities(relayedNetworkId, [other], operators)
    const certificate = { vote: l1.finalityArgs(other), absent: [], signature }
    l1.send(l1.oracle, 'haltByConflict', [relayedNetworkId, certificate])
    assert.deepEqual(await open().outbox.step(), { ...idle, waits: 'halted' })
    // What a dead network owes is paid, halted or not.
    l1.outlive(relayedNetworkId)
    l1.send(l1.oracle, 'declareDead', [relayedNetworkId])
    assert.deepEqual((await open().outbox.step()).claimed, [0])
  })

  test('what L1 does not pay out yet is passed over, and asked for again later', async () => {
    const { l1, endpoint, open, withdraw, chain, outstanding } = await openWorld()
    // For nobody, which no token is made for; more than lives there.
    withdraw(2n * ether, toHex(new Uint8Array(20)))
    for (let index = 0; index < 3; index++) withdraw(350n * ether)
    withdraw(ether)
    await endpoint.seal()
    const relayer = open()
    assert.deepEqual((await relayer.step()).outbox, {
      synced: true,
      claimed: [1, 2, 4],
      announced: [],
    })
    assert.equal(outstanding(), 199n * ether)
    const sent = chain.submitted.length
    let asked = 0
    chain.onAsk = (method) => {
      if (method === 'estimateGas') asked++
    }
    assert.deepEqual(await relayer.outbox.step(), idle)
    assert.deepEqual([chain.submitted.length, asked], [sent, 0])
    l1.send(l1.bridge, 'deposit', [relayedNetworkId, alice, 200n * ether])
    l1.goToEpoch(l1.epoch + 7)
    assert.deepEqual((await relayer.outbox.step()).claimed, [3])
    assert.equal(asked, 2, 'what is refused for ever, too')
  })

  test('a state that the node forgot is no end: a newer certificate shows the same', async () => {
    const { endpoint, open, withdraw, network } = await openWorld()
    withdraw(ether)
    await endpoint.seal()
    // Someone brings the certificate and nothing more.
    network.certify()
    endpoint.statesKept = 3
    for (let block = 0; block < 4; block++) await endpoint.seal()
    const relayer = open()
    assert.deepEqual(await relayer.outbox.step(), { ...idle, waits: 'certificate' })
    const { finality, outbox } = await relayer.step()
    assert.deepEqual(finality, { kind: 'submitted', height: 6n, closes: false })
    assert.deepEqual(outbox, { synced: true, claimed: [0], announced: [] })
  })

  test('a proof is taken before its certificate is sent, and outlives the state', async () => {
    const { endpoint, open, withdraw, chain } = await openWorld()
    withdraw(ether)
    await endpoint.seal()
    endpoint.statesKept = 3
    const relayer = open()
    // L1 takes its time with the certificate.
    chain.onAsk = async (method) => {
      if (method !== 'submit') return
      chain.onAsk = () => {}
      for (let block = 0; block < 10; block++) await endpoint.seal()
    }
    const { outbox } = await relayer.step()
    assert.deepEqual(outbox, { synced: true, claimed: [0], announced: [] })
  })

  test('a node that lies about the Outbox is found out, and nothing is sent for it', async () => {
    const { endpoint, open, withdraw, chain, network } = await openWorld()
    withdraw(ether)
    withdraw(2n * ether)
    await endpoint.seal()
    network.certify()
    const sent = chain.submitted.length
    const wrong = new Uint8Array(32).fill(9)
    const lies: readonly (typeof endpoint.bend)[] = [
      { header: (found) => found && { ...found, executionHash: wrong } },
      { executionHeader: (found) => found?.with(40, 1) },
      { proof: (found) => found && { ...found, account: found.account.slice(1) } },
      { proof: (found) => found && { ...found, slots: found.slots.toReversed() } },
      { proof: (found) => found && { ...found, slots: [] } },
      { outboxLogs: ({ logs, toHeight }) => ({ logs: logs.slice(1), toHeight }) },
      { outboxLogs: ({ logs, toHeight }) => ({ logs: logs.slice(0, 1), toHeight }) },
      { outboxLogs: ({ logs, toHeight }) => ({ logs: logs.toReversed(), toHeight }) },
      { outboxLogs: ({ logs, toHeight }) => ({ logs: [...logs, ...logs], toHeight }) },
      { outboxLogs: ({ logs }) => ({ logs, toHeight: -1n }) },
      {
        outboxLogs: ({ logs, toHeight }) => ({
          logs: logs.map((log) => ({ ...log, entry: { ...log.entry, amountWei: 9n * ether } })),
          toHeight,
        }),
      },
    ]
    const relayer = open()
    for (const [index, lie] of lies.entries()) {
      endpoint.bend = lie
      await assert.rejects(relayer.outbox.step(), (error: { code?: string }) => {
        const codes = ['STAKING_NETWORK_PROOF_INVALID', 'STAKING_OUTBOX_UNPROVED']
        assert.ok(codes.includes(error.code ?? ''), `lie ${index}: ${error.code}`)
        return true
      })
    }
    assert.equal(chain.submitted.length, sent)
    // The same relayer, once the node tells the truth.
    endpoint.bend = {}
    assert.deepEqual(await relayer.outbox.step(), { ...idle, synced: true, claimed: [0, 1] })
  })

  test('another relayer races it at each question, and nothing is paid twice', async () => {
    const { l1, endpoint, open, withdraw, chain, outstanding } = await openWorld(oneEpoch)
    let paid = 0n
    const before = outstanding()
    for (let asked = 0, isDone = false; !isDone; asked++) {
      withdraw(ether)
      withdraw(2n * ether)
      paid += 3n * ether
      await endpoint.seal()
      const relayer = open()
      const other = open({ name: 'another' })
      let count = 0
      chain.onAsk = async (method) => {
        if (reads.includes(method) || count++ !== asked) return
        chain.onAsk = () => {}
        await other.step()
      }
      await relayer.step()
      isDone = count <= asked
      chain.onAsk = () => {}
      assert.deepEqual((await open().step()).outbox, idle)
      assert.equal(l1.balanceOf(bob), paid, `after question ${asked}`)
      assert.equal(before - outstanding(), paid)
      l1.world.advance(1)
    }
  })

  test('it may be ended at any question and begun anew', async () => {
    const { l1, endpoint, open, withdraw, chain } = await openWorld(oneEpoch)
    let paid = 0n
    for (let asked = 0, isDone = false; !isDone; asked++) {
      withdraw(ether)
      paid += ether
      await endpoint.seal()
      let count = 0
      chain.onAsk = (method) => {
        if (!reads.includes(method) && count++ >= asked)
          throw new L1EndpointError('it cannot be reached')
      }
      endpoint.onAsk = () => {
        if (count++ >= asked) unreachable()
      }
      await open().step()
      isDone = count <= asked
      chain.onAsk = endpoint.onAsk = () => {}
      await open().step()
      assert.equal(l1.balanceOf(bob), paid, `after question ${asked}`)
    }
  })
})
