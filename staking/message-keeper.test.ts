import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { somebody } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { openKeeperWorld } from './testing/keeper-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const govExecutor: Hex = '0x0000000000000000000000000000000000002004'
const nobody: Hex = toHex(new Uint8Array(20).fill(0x99))
const wei = 10n ** 18n

/** Parameter 1: `GasPriceMin`. */
const gasPriceMin = 1

const calls = [
  {
    type: 'tuple[]',
    components: [
      { name: 'to', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'data', type: 'bytes' },
    ],
  },
] as const

/** What governance says to set a number of the network, paying some value along. */
function setting(value: bigint, pays = 0n): Hex {
  const abi = artifactOf('GovExecutor').abi as Abi
  const data = encodeFunctionData({ abi, functionName: 'setParameter', args: [gasPriceMin, value] })
  const paid = pays === 0n ? [] : [{ to: nobody, value: pays, data: '0x' as Hex }]
  return encodeAbiParameters(calls, [[{ to: govExecutor, value: 0n, data }, ...paid]])
}

async function openMessages() {
  const world = await openKeeperWorld({ funds: 0n })
  const { home, l1Endpoint, follow, sealTo } = world
  const gasPrice = () => home.ask('GovExecutor', 'parameterOf', gasPriceMin)
  /** Governance is `somebody` here. */
  const say = (data: Hex, { to = govExecutor, sender = somebody } = {}) =>
    l1Endpoint.message(home.id, { sender, to, data })
  /** Has headers refer to what L1 holds now. */
  const refer = async (): Promise<void> => {
    await follow()
    await sealTo(home.height + 4)
  }
  return { ...world, gasPrice, say, refer }
}

describe('MessageKeeper', () => {
  test('brings what governance says to its executor, in order, each once', async () => {
    const { chain, open, say, refer, gasPrice } = await openMessages()
    await refer()
    const keeper = open()
    await keeper.step()
    say(setting(5n))
    say(setting(6n))
    // No header refers to it yet.
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    await refer()
    assert.deepEqual((await keeper.step()).messages, { delivered: [0, 1], failed: [] })
    assert.equal(gasPrice(), 6n)
    const { length } = chain.submitted
    for (const each of [keeper, open(), open({ name: 'another' })]) {
      assert.deepEqual((await each.step()).messages, { delivered: [], failed: [] })
    }
    assert.equal(chain.submitted.length, length)
    say(setting(7n))
    await refer()
    assert.deepEqual((await keeper.step()).messages, { delivered: [2], failed: [] })
    assert.equal(gasPrice(), 7n)
  })

  test('a receiver that refuses costs nothing, holds up nobody, and is asked again', async () => {
    const { home, chain, open, say, refer, gasPrice } = await openMessages()
    say(setting(8n), { sender: nobody })
    say('0x', { to: nobody })
    say(setting(9n, wei))
    say(setting(10n))
    await refer()
    const keeper = open()
    assert.deepEqual((await keeper.step()).messages, { delivered: [3], failed: [0, 1, 2] })
    assert.equal(gasPrice(), 10n)
    // A header, the network, two sets and one delivery.
    assert.equal(chain.submitted.length, 5)
    // What it lacked comes; it is found so after a while.
    home.world.pay(govExecutor, wei)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    home.world.advance(500)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    home.world.advance(200)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [2], failed: [0, 1] })
    assert.equal(gasPrice(), 9n)
    // Then it waits twice as long.
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    home.world.advance(600)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [0, 1] })
    assert.equal(chain.submitted.length, 6)
  })

  test('one that a node cannot run, or a chain cannot take, holds up no other', async () => {
    const { chain, open, say, refer, gasPrice } = await openMessages()
    await refer()
    const keeper = open()
    await keeper.step()
    for (const value of [1n, 2n, 3n]) say(setting(value))
    await refer()
    // The receiver's estimate is the first of a message, that of its delivery the second.
    const failAt = (wanted: number): void => {
      let estimates = 0
      chain.onAsk = (method) => {
        if (method === 'estimateGas' && ++estimates === wanted) unreachable()
      }
    }
    failAt(1)
    assert.deepEqual((await keeper.step()).messages, { delivered: [1, 2], failed: [0] })
    assert.equal(gasPrice(), 3n)
    chain.onAsk = () => {}
    for (const value of [4n, 5n]) say(setting(value))
    await refer()
    failAt(2)
    assert.equal((await keeper.step()).messages, undefined)
    assert.deepEqual((await keeper.step()).messages, { delivered: [4], failed: [] })
    assert.equal(gasPrice(), 5n)
  })

  test('what another delivered is not sent', async () => {
    const { home, chain, open, say, refer, gasPrice } = await openMessages()
    say(setting(11n))
    await refer()
    const [keeper, another] = [open(), open({ name: 'another' })]
    // It comes in between: after the marks were read, before the call is tried.
    let isFirst = true
    chain.onAsk = async (method) => {
      if (method !== 'hasCode' || !isFirst) return
      isFirst = false
      assert.deepEqual((await another.step()).messages, { delivered: [0], failed: [] })
    }
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    assert.equal(gasPrice(), 11n)
    assert.equal(home.ask('NetworkInbox', 'isL1Delivered', 0), true)
    // A header, the network, two sets and one delivery.
    assert.equal(chain.submitted.length, 5)
  })

  test('an endpoint that changes, leaves out or invents messages is not believed', async () => {
    const { chain, open, say, refer, gasPrice, l1Endpoint } = await openMessages()
    say(setting(12n))
    say(setting(13n))
    await refer()
    const keeper = open()
    await keeper.step()
    say(setting(14n))
    await refer()
    const { length } = chain.submitted
    const lies: NonNullable<typeof l1Endpoint.bend.messages>[] = [
      () => [],
      (found) => found.map((each) => ({ ...each, sender: 7n })),
      (found) => [...found, ...found],
      (found) => found.map((each) => ({ ...each, index: each.index + 1n })),
      (found) => found.map((each) => ({ ...each, blockNumber: 10_000n })),
    ]
    for (const lie of lies) {
      l1Endpoint.bend = { messages: lie }
      assert.equal((await keeper.step()).messages, undefined)
    }
    assert.equal(chain.submitted.length, length)
    l1Endpoint.bend = {}
    assert.deepEqual((await keeper.step()).messages, { delivered: [2], failed: [] })
    assert.equal(gasPrice(), 14n)

    // One that tells another message when it is read again.
    const late = open({ name: 'late' })
    say(setting(15n))
    await refer()
    let told = 0
    l1Endpoint.bend = {
      messages: (found) => (told++ === 0 ? found : found.map((each) => ({ ...each, to: 8n }))),
    }
    assert.equal((await late.step()).messages, undefined)
    l1Endpoint.bend = {}
    assert.deepEqual((await late.step()).messages, { delivered: [3], failed: [] })
  })

  test('messages of another network are left to its keepers', async () => {
    const { open, refer, l1Endpoint } = await openMessages()
    l1Endpoint.message(1, { sender: somebody, to: govExecutor, data: setting(16n) })
    await refer()
    assert.deepEqual((await open().step()).messages, { delivered: [], failed: [] })
  })

  test('hundreds are found by words of marks', async () => {
    const { open, say, refer } = await openMessages()
    for (let index = 0; index < 300; index++) say('0x', { to: nobody })
    say(setting(17n))
    await refer()
    const keeper = open()
    const failed: number[] = []
    const delivered: number[] = []
    for (let step = 0; step < 5; step++) {
      const { messages } = await keeper.step()
      failed.push(...(messages?.failed ?? []))
      delivered.push(...(messages?.delivered ?? []))
    }
    assert.deepEqual(
      failed,
      Array.from({ length: 300 }, (_, index) => index),
    )
    assert.deepEqual(delivered, [300])
  })
})
