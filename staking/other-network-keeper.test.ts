import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { somebody } from '@zg/contracts/testing'
import type { Deployed } from '@zg/contracts/testing'
import { transactionHash } from '@zg/evm'
import type { Hex } from '@zg/primitives'

import type { NetworkKeeper } from './network-keeper.ts'
import { budgetLog } from './testing/budget-log.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import { spoiled } from './testing/simulated-network-endpoint.ts'

const stranger: Hex = `0x${'57'.repeat(20)}`
const idle = { delivered: [], failed: [] }
const soon = 50

/** Modes of MessageTester. */
const [take, refuse, spend, lie] = [0, 1, 5, 6]

/** Network 0, which a keeper brings messages from network 1; it knows L1 already. */
async function openPair() {
  const world = await openKeeperWorld({ funds: 0n })
  const { home, other, otherEndpoint, otherNetwork, sealTo, open, follow } = world
  const receiver = home.world.deploy('MessageTester')
  await sealTo(6)
  const openKeeper = (name = 'keeper') => open({ name, others: [otherNetwork] })
  const keeper = openKeeper()
  await keeper.step()
  /** Sends a message to network 0 that lasts so many seconds. */
  const say = (data: Hex, { seconds = 1_000, to = receiver.address } = {}): number =>
    other.send('send', [home.id, to, BigInt(home.world.timestamp + seconds), data])
  /** Has headers refer to what L1 holds now. */
  const refer = async (): Promise<void> => {
    await follow()
    await sealTo(home.height + 4)
  }
  const taken = (): readonly Hex[] => {
    const found = home.world.read({ contract: receiver, name: 'taken' })
    return (found as readonly { data: Hex }[]).map(({ data }) => data)
  }
  const setMode = (contract: Deployed, mode: number | undefined) =>
    home.world.send({ contract, name: 'setMode', args: [mode, '0x'] })
  /** What a step brings from network 1. */
  const brought = async (by: NetworkKeeper = keeper) => (await by.step()).others?.get(other.id)
  return {
    ...world,
    receiver,
    keeper,
    openKeeper,
    say,
    refer,
    taken,
    setMode,
    brought,
    otherEndpoint,
  }
}

describe('OtherNetworkKeeper', () => {
  test('NetworkKeeper.meet brings messages of a network that came later, from the next step on', async () => {
    const { other, otherNetwork, otherEndpoint, say, taken, brought, open } = await openPair()
    const keeper = open({ name: 'later' })
    const index = say('0x01')
    await otherEndpoint.seal()
    assert.equal((await keeper.step()).others, undefined)
    assert.deepEqual(taken(), [])

    keeper.meet(otherNetwork)
    assert.deepEqual(await brought(keeper), {
      final: 'submitted',
      delivered: [index],
      failed: [],
    })
    assert.deepEqual([...((await keeper.step()).timeouts?.keys() ?? [])], [other.id])
    assert.deepEqual(taken(), ['0x01'])
    assert.throws(() => keeper.meet(otherNetwork), /a network is met once/)
  })

  test('delivers what is for its network, once, and sends nothing without it', async () => {
    const { chain, other, otherEndpoint, say, taken, brought, openKeeper } = await openPair()
    const before = chain.submitted.length
    other.send('withdraw', [somebody], { value: 1n })
    other.send('send', [1, somebody, 2n ** 40n, '0x'])
    await otherEndpoint.seal()
    assert.deepEqual(await brought(), idle)
    assert.equal(chain.submitted.length, before)

    const indexes = [say('0x01'), say('0x0202')]
    await otherEndpoint.seal()
    assert.deepEqual(await brought(), { final: 'submitted', delivered: indexes, failed: [] })
    assert.deepEqual(taken(), ['0x01', '0x0202'])
    // The network, its set, the certificate, the root, two messages.
    assert.equal(chain.submitted.length, before + 6)
    const another = openKeeper('another')
    for (const each of [undefined, another]) assert.deepEqual(await brought(each), idle)

    // Others go on from there; under a root that is known nothing else is sent.
    const later = say('0x03')
    await otherEndpoint.seal()
    assert.deepEqual(await brought(another), { final: 'submitted', delivered: [later], failed: [] })
    assert.equal(chain.submitted.length, before + 9)
    for (const transaction of chain.submitted) {
      assert.equal((await chain.receipt(transactionHash(transaction)))?.succeeded, true)
    }
  })

  test('names the absent of a certificate by what L1 says of them', async () => {
    const { members, home, other, otherEndpoint, say, taken, brought } = await openPair()
    say('0x01')
    await otherEndpoint.seal({ signers: members.slice(1) })
    assert.deepEqual(await brought(), { final: 'submitted', delivered: [0], failed: [] })
    const absent = members[0]?.address
    assert.notEqual(home.ask('LightClient', 'weightOf', other.id, 12, absent), 0n)
    assert.deepEqual(taken(), ['0x01'])
  })

  test('a receiver that refuses is asked again, one that expires is given up', async () => {
    const { home, chain, receiver, otherEndpoint, say, taken, setMode, brought } = await openPair()
    setMode(receiver, refuse)
    say('0x01')
    say('0x02', { seconds: 20 })
    say('0x03', { seconds: soon })
    await otherEndpoint.seal()
    const { length } = chain.submitted
    assert.deepEqual(await brought(), { final: 'submitted', delivered: [], failed: [0, 2] })
    // The network, its set, the certificate, the root; nothing for the receiver.
    assert.equal(chain.submitted.length, length + 4)
    setMode(receiver, take)
    assert.deepEqual(await brought(), idle)
    home.world.advance(700)
    home.world.pay(somebody, 0n)
    assert.deepEqual(await brought(), { delivered: [0], failed: [] })
    assert.deepEqual(taken(), ['0x01'])
  })

  test('leaves what is dear to others, and says so once', async () => {
    const {
      home,
      chain,
      receiver,
      otherNetwork,
      otherEndpoint,
      say,
      taken,
      setMode,
      brought,
      open,
    } = await openPair()
    const { lines, log } = budgetLog()
    const keeper = open({ others: [otherNetwork], log })
    setMode(receiver, spend)
    const index = say('0x01', { seconds: 10_000 })
    await otherEndpoint.seal()
    assert.deepEqual(await brought(keeper), { final: 'submitted', delivered: [], failed: [index] })
    const { length } = chain.submitted
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    assert.deepEqual(await brought(keeper), { delivered: [], failed: [index] })
    assert.equal(chain.submitted.length, length)
    assert.deepEqual(lines(), ['a message is left to who wants it delivered'])
    setMode(receiver, take)
    home.world.advance(1_201)
    home.world.pay(somebody, 0n)
    assert.deepEqual(await brought(keeper), { delivered: [index], failed: [] })
    assert.deepEqual(taken(), ['0x01'])
  })

  test('a receiver that takes more than it asked for spends the hour of its network alone', async () => {
    const { home, chain, receiver, l1Endpoint, refer, ...pair } = await openPair()
    const { otherNetwork, otherEndpoint, say, taken, setMode, brought, open } = pair
    const { lines, log } = budgetLog()
    const keeper = open({ others: [otherNetwork], log, messageGasPerHour: 8_000_000n })
    setMode(receiver, lie)
    const indexes = [0, 1, 2, 3].map(() => say('0x01', { seconds: 10_000 }))
    await otherEndpoint.seal()
    const [first, second, third, last] = indexes
    const step = await brought(keeper)
    assert.deepEqual(step?.failed, [first, second])
    assert.equal(step?.waits, 'budget')
    // Not even a certificate is brought for them.
    say('0x02')
    await otherEndpoint.seal()
    const { length } = chain.submitted
    assert.deepEqual(await brought(keeper), { ...idle, waits: 'budget' })
    assert.equal(chain.submitted.length, length)
    assert.deepEqual(lines(), ['messages wait for gas'])
    setMode(receiver, take)
    l1Endpoint.message(home.id, { sender: stranger, to: receiver.address, data: '0x03' })
    await refer()
    assert.deepEqual((await keeper.step()).messages, { delivered: [0], failed: [] })
    assert.deepEqual(taken(), ['0x03'])
    home.world.advance(3_600)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await brought(keeper))?.delivered, [first, second, third, last])
  })

  test("across epochs it waits for L1 to know the close, and takes L1's word", async () => {
    const { l1, other, otherEndpoint, say, taken, brought, refer } = await openPair()
    await otherEndpoint.seal({ epoch: 12n, nextEpoch: 13n })
    l1.goToEpoch(13)
    other.certify({ nextEpoch: 13n, height: 1 })
    await refer()
    say('0x01')
    await otherEndpoint.seal({ epoch: 13n })
    // It knows the genesis of epoch 12, and L1 the close; both come, one after the other.
    assert.deepEqual(await brought(), { ...idle, final: 'adopted', waits: 'certificate' })
    assert.deepEqual(await brought(), { final: 'submitted', delivered: [0], failed: [] })
    assert.deepEqual(taken(), ['0x01'])

    // A close that L1 does not know yet.
    await otherEndpoint.seal({ epoch: 13n, nextEpoch: 14n })
    l1.goToEpoch(14)
    await refer()
    say('0x02')
    await otherEndpoint.seal({ epoch: 14n })
    assert.deepEqual((await brought())?.delivered, [])
    other.certify({ nextEpoch: 14n, height: 3 })
    await refer()
    assert.equal((await brought())?.final, 'adopted')
    assert.deepEqual((await brought())?.delivered, [1])
  })

  test('takes nothing more of a network that L1 halted', async () => {
    const { l1, other, otherEndpoint, chain, say, brought, refer } = await openPair()
    await otherEndpoint.seal()
    other.certify({ height: 1 })
    say('0x01')
    await otherEndpoint.seal()
    assert.deepEqual((await brought())?.delivered, [0])
    const forged = other.certificate({
      height: 1,
      bent: { blockHash: new Uint8Array(32).fill(9), consensusRoot: new Uint8Array(32).fill(9) },
    })
    l1.send(l1.oracle, 'haltByConflict', [other.id, forged])
    await refer()
    // It is of the epoch that is expected, so its certificates still come first.
    say('0x02')
    await otherEndpoint.seal({ epoch: 13n })
    assert.equal((await brought())?.final, 'adopted')
    const { length } = chain.submitted
    assert.deepEqual(await brought(), { ...idle, waits: 'halted' })
    assert.equal(chain.submitted.length, length)
  })

  test('what its node invents is not sent', async () => {
    const { chain, otherEndpoint, say, taken, brought } = await openPair()
    say('0x01')
    await otherEndpoint.seal()
    const { length } = chain.submitted
    otherEndpoint.bend = {
      finalityCertificate: (found) => found && { ...found, signature: spoiled(found.signature) },
    }
    assert.equal(await brought(), undefined)
    otherEndpoint.bend = {
      outboxLogs: ({ logs, toHeight }) => ({
        logs: logs.map((log) => ({ ...log, entry: { ...log.entry, sender: 7n } })),
        toHeight,
      }),
    }
    assert.equal(await brought(), undefined)
    otherEndpoint.bend = { outboxLogs: ({ toHeight }) => ({ logs: [], toHeight }) }
    assert.equal(await brought(), undefined)
    assert.equal(chain.submitted.length, length)
    otherEndpoint.bend = { messageData: () => Uint8Array.of(9) }
    assert.equal(await brought(), undefined)
    otherEndpoint.bend = {}
    assert.deepEqual(await brought(), { delivered: [0], failed: [] })
    assert.deepEqual(taken(), ['0x01'])
  })
})
