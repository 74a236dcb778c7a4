import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { governanceMessage, govExecutor, settingCall, somebody } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { budgetLog } from './testing/budget-log.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const nobody: Hex = toHex(new Uint8Array(20).fill(0x99))
const wei = 10n ** 18n

/** Modes of MessageTester. */
const [take, spend, lie] = [0, 5, 6]

/** Parameter 1: `GasPriceMin`. */
const gasPriceMin = 1

/** What governance says to set a number of the network, paying some value along. */
function setting(value: bigint, pays = 0n): Hex {
  const paid = pays === 0n ? [] : [{ to: nobody, value: pays, data: '0x' as Hex }]
  return governanceMessage([settingCall(gasPriceMin, value), ...paid])
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
  const receiver = home.world.deploy('MessageTester')
  const setMode = (mode: number | undefined) =>
    home.world.send({ contract: receiver, name: 'setMode', args: [mode, '0x'] })
  const taken = (): readonly Hex[] => {
    const found = home.world.read({ contract: receiver, name: 'taken' })
    return (found as readonly { data: Hex }[]).map(({ data }) => data)
  }
  return { ...world, gasPrice, say, refer, receiver: receiver.address, setMode, taken }
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
    assert.deepEqual((await keeper.step()).messages, { delivered: [3], failed: [1, 2, 0] })
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
    assert.deepEqual((await keeper.step()).messages, { delivered: [2], failed: [1, 0] })
    assert.equal(gasPrice(), 9n)
    // Then it waits twice as long.
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [] })
    home.world.advance(600)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [1, 0] })
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

  test('leaves what is dear to others and says so once; what governance sends comes first', async () => {
    const { home, chain, open, say, refer, receiver: to, setMode, taken } = await openMessages()
    const { lines, log } = budgetLog()
    setMode(spend)
    say('0x01', { to, sender: nobody })
    say('0x02', { to })
    await refer()
    const keeper = open({ log })
    assert.deepEqual((await keeper.step()).messages, { delivered: [1], failed: [0] })
    assert.deepEqual(taken(), ['0x02'])
    const { length } = chain.submitted
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages, { delivered: [], failed: [0] })
    assert.equal(chain.submitted.length, length)
    assert.deepEqual(lines(), ['a message is left to who wants it delivered'])
    // Who wants it delivered pays more, or has it cost less.
    assert.deepEqual((await open({ messageGasMax: 1_200_000n }).step()).messages?.delivered, [0])
    assert.deepEqual(taken(), ['0x02', '0x01'])
  })

  test('a receiver that takes more than it asked for spends the hour of L1, not of governance', async () => {
    const {
      home,
      chain,
      open,
      say,
      refer,
      receiver: to,
      setMode,
      taken,
      gasPrice,
    } = await openMessages()
    const { lines, log } = budgetLog()
    setMode(lie)
    for (let sent = 0; sent < 4; sent++) say('0x01', { to, sender: nobody })
    await refer()
    const keeper = open({ log, messageGasPerHour: 6_000_000n })
    const waiting = { delivered: [], failed: [], waits: 'budget' }
    assert.deepEqual((await keeper.step()).messages, { ...waiting, failed: [0, 1] })
    say(setting(18n))
    await refer()
    assert.deepEqual((await keeper.step()).messages, { ...waiting, delivered: [4] })
    assert.equal(gasPrice(), 18n)
    const { length } = chain.submitted
    assert.deepEqual((await keeper.step()).messages, waiting)
    assert.equal(chain.submitted.length, length)
    assert.deepEqual(lines(), ['messages wait for gas'])
    // Half an hour brings back a half of it.
    setMode(take)
    home.world.advance(1_800)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await keeper.step()).messages?.failed, [])
    assert.ok(taken().length > 0)
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
    for (let index = 0; index < 300; index++) say('0x', { to: nobody, sender: nobody })
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
