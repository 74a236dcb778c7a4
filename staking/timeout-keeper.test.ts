import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { admit, follow as followOther, somebody } from '@zg/contracts/testing'
import { transactionHash } from '@zg/evm'
import type { Hex } from '@zg/primitives'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { NetworkKeeper } from './network-keeper.ts'
import { budgetLog } from './testing/budget-log.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const idle = { timedOut: [], failed: [] }
const soon = 50

/** Who is sent messages on network 1. */
const receiver: Hex = `0x${'7e'.repeat(20)}`

/** Modes of MessageTester. */
const [take, refuse, spend, lie] = [0, 1, 5, 6]
const reads: readonly string[] = ['call', 'storageAt', 'tipPerGas', 'head', 'nonceOf', 'receipt']

/** Network 0 with a contract that sends to network 1, and a keeper that knows L1 already. */
async function openPair() {
  const world = await openKeeperWorld({ funds: 0n })
  const { home, other, chain, entries, otherEndpoint, otherNetwork, sealTo, open, follow } = world
  const sender = home.world.deploy('MessageTester')
  await sealTo(6)
  const openKeeper = (name = 'keeper') => open({ name, others: [otherNetwork] })
  const keeper = openKeeper()
  await keeper.step()
  /** Sends a message to network 1 that lasts so many seconds; returns its index. */
  const say = (seconds = soon, from: Hex = sender.address): number => {
    const expiry = BigInt(home.world.timestamp + seconds)
    const args = [other.id, receiver, expiry, '0x01']
    home.world.send({ contract: home.outbox, name: 'send', args, from })
    return entries.length - 1
  }
  const expiryOf = (index: number) => Number(entries[index]?.expiry)
  /** Blocks of both networks at or after the expiry of a message. */
  const expire = async (index: number): Promise<void> => {
    home.world.advance(Math.max(1, expiryOf(index) - home.world.timestamp))
    await sealTo(home.height + 2)
    await otherEndpoint.seal({ timestamp: expiryOf(index) })
  }
  const lost = () => home.world.read({ contract: sender, name: 'lost' })
  const isTimedOut = (index: number) => home.ask('NetworkInbox', 'isTimedOut', index)
  const setMode = (mode: number | undefined) =>
    home.world.send({ contract: sender, name: 'setMode', args: [mode, '0x'] })
  /** What a step tells of network 1. */
  const told = async (by: NetworkKeeper = keeper) => (await by.step()).timeouts?.get(other.id)
  /** Has headers refer to what L1 holds now. */
  const refer = async (): Promise<void> => {
    await follow()
    await sealTo(home.height + 4)
  }
  const count = () => chain.submitted.length
  const helpers = { sender, keeper, openKeeper, say, expiryOf, expire, lost, isTimedOut, setMode }
  return { ...world, ...helpers, told, refer, count }
}

describe('TimeoutKeeper', () => {
  test('tells a sender once, by a block at the expiry or after it, and sends nothing before', async () => {
    const { home, chain, otherEndpoint, sealTo, say, expiryOf, lost, told, openKeeper, count } =
      await openPair()
    const index = say()
    await sealTo(home.height + 2)
    await otherEndpoint.seal({ timestamp: expiryOf(index) - 1 })
    const before = count()
    assert.deepEqual(await told(), idle)
    home.world.advance(soon)
    await sealTo(home.height + 2)
    const started = count()
    // The network is taken in; its block is too old to say anything.
    assert.deepEqual(await told(), { ...idle, waits: 'certificate' })
    const waiting = count()
    assert.ok(waiting - before <= 4, `${waiting - before} of ${started}`)
    assert.deepEqual(await told(), { ...idle, waits: 'certificate' })
    assert.equal(count(), waiting)

    await otherEndpoint.seal({ timestamp: expiryOf(index) })
    assert.deepEqual(await told(), { final: 'submitted', timedOut: [index], failed: [] })
    assert.deepEqual(lost(), [BigInt(index)])
    const { length } = chain.submitted
    for (const each of [undefined, openKeeper('another')]) {
      assert.deepEqual(await told(each), idle)
    }
    assert.equal(count(), length)
    for (const transaction of chain.submitted) {
      assert.equal((await chain.receipt(transactionHash(transaction)))?.succeeded, true)
    }
  })

  test('never what was delivered, nor what goes elsewhere; an account without code has the event', async () => {
    const { home, other, sealTo, say, expire, told, isTimedOut, entries, chain, openKeeper } =
      await openPair()
    const [delivered, left] = [say(), say(soon, somebody)]
    home.world.send({
      contract: home.outbox,
      name: 'send',
      args: [7, somebody, BigInt(home.world.timestamp + soon), '0x01'],
    })
    home.world.send({ contract: home.outbox, name: 'withdraw', args: [somebody], value: 1n })
    await sealTo(home.height + 2)
    // Somebody delivers the first one on network 1.
    const { reference, proofs } = await other.refer()
    await other.seal({ l1: reference })
    await admit(other, { reference, proofs }, { id: home.id, epoch: 12 })
    followOther(other, home)
    other.call('NetworkInbox', 'proveOutbox', await home.syncArgs())
    const { entry, place } = home.entryProof(delivered)
    const { address } = other.world.deploy('MessageTester')
    const code = other.world.codeOf(BigInt(address))
    other.world.place({ address: BigInt(receiver), code })
    other.call('NetworkInbox', 'deliver', [home.id, entry, '0x01', place])
    assert.equal(other.ask('NetworkInbox', 'isDelivered', home.id, delivered), true)
    await expire(left)
    assert.equal(entries.length, 4)
    assert.deepEqual(await told(), { final: 'submitted', timedOut: [left], failed: [] })
    assert.deepEqual([delivered, left, 2].map(isTimedOut), [false, true, false])
    const { length } = chain.submitted
    for (const each of [undefined, openKeeper('another')]) {
      assert.deepEqual(await told(each), idle)
    }
    assert.equal(chain.submitted.length, length)
  })

  test('a sender that refuses is asked again later, and holds up nobody', async () => {
    const { home, say, expire, told, setMode, lost, count } = await openPair()
    setMode(refuse)
    const [first, second] = [say(), say(soon, somebody)]
    await expire(second)
    assert.deepEqual(await told(), { final: 'submitted', timedOut: [second], failed: [first] })
    const before = count()
    setMode(take)
    assert.deepEqual(await told(), idle)
    assert.equal(count(), before)
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    assert.deepEqual(await told(), { timedOut: [first], failed: [] })
    assert.deepEqual(lost(), [BigInt(first)])
  })

  test('leaves a sender that asks for much to others, and waits when one takes more', async () => {
    const { home, chain, otherNetwork, open, say, expire, told, setMode, lost } = await openPair()
    const { lines, log } = budgetLog()
    const keeper = open({ others: [otherNetwork], log, messageGasPerHour: 6_000_000n })
    const indexes = [say(), say(), say()]
    setMode(spend)
    await expire(2)
    assert.deepEqual((await told(keeper))?.failed, indexes)
    assert.deepEqual(lines().length, 3)
    setMode(lie)
    home.world.advance(601)
    home.world.pay(somebody, 0n)
    const step = await told(keeper)
    assert.deepEqual(step, { timedOut: [], failed: [0, 1], waits: 'budget' })
    const { length } = chain.submitted
    assert.deepEqual(await told(keeper), { ...idle, waits: 'budget' })
    assert.equal(chain.submitted.length, length)
    assert.deepEqual(lines().slice(3), ['messages wait for gas'])
    setMode(take)
    home.world.advance(3_600)
    home.world.pay(somebody, 0n)
    assert.deepEqual((await told(keeper))?.timedOut, indexes)
    assert.deepEqual(lost(), indexes.map(BigInt))
  })

  test('of a dead network its last block counts, once the expiry is over here', async () => {
    const { l1, home, other, otherEndpoint, sealTo, say, told, refer, lost, count } =
      await openPair()
    await otherEndpoint.seal()
    other.certify({ height: 1 })
    const index = say(l1.deadAfterSeconds + 500)
    await sealTo(home.height + 2)
    l1.outlive(other.id)
    l1.send(l1.oracle, 'declareDead', [other.id])
    await refer()
    assert.deepEqual(await told(), idle)
    const before = count()
    home.world.advance(l1.deadAfterSeconds + 600)
    await sealTo(home.height + 2)
    const { final, timedOut } = (await told()) ?? {}
    assert.deepEqual([final, timedOut], ['adopted', [index]])
    assert.deepEqual(lost(), [BigInt(index)])
    assert.ok(count() > before)
  })

  test('of a halted network nothing is ever told', async () => {
    const { l1, other, otherEndpoint, say, expire, told, refer, count } = await openPair()
    await otherEndpoint.seal()
    other.certify({ height: 1 })
    const forged = other.certificate({
      height: 1,
      bent: { blockHash: new Uint8Array(32).fill(9), consensusRoot: new Uint8Array(32).fill(9) },
    })
    l1.send(l1.oracle, 'haltByConflict', [other.id, forged])
    await refer()
    const index = say()
    await expire(index)
    otherEndpoint.bend = { finalityCertificate: () => undefined }
    assert.deepEqual(await told(), { ...idle, final: 'adopted', waits: 'halted' })
    const before = count()
    assert.deepEqual(await told(), { ...idle, waits: 'halted' })
    assert.equal(count(), before)
  })

  test('entries that come while a root is kept hold up nothing', async () => {
    const { chain, home, say, sealTo, expire, told, lost } = await openPair()
    const index = say()
    await expire(index)
    let isKept = false
    const before = chain.submitted.length
    chain.onAsk = (method) => {
      // The network, its set, the certificate; then the root.
      if (method !== 'submit' || isKept || chain.submitted.length - before < 3) return
      isKept = true
      say(5_000)
    }
    assert.deepEqual(await told(), { ...idle, final: 'submitted', waits: 'root' })
    say(5_000)
    await sealTo(home.height + 2)
    assert.equal(isKept, true)
    const { length } = chain.submitted
    assert.deepEqual(await told(), { timedOut: [index], failed: [] })
    assert.equal(chain.submitted.length, length + 1)
    assert.deepEqual(lost(), [BigInt(index)])
  })

  test('what nodes invent is not sent', async () => {
    const { home, otherEndpoint, endpoint, say, expire, told, lost, count } = await openPair()
    const index = say()
    await expire(index)
    const before = count()
    const wrong = new Uint8Array(32).fill(9)
    const own: readonly (typeof endpoint.bend)[] = [
      { proof: (found) => found && { ...found, slots: [] } },
      { outboxLogs: ({ toHeight }) => ({ logs: [], toHeight }) },
      {
        outboxLogs: ({ logs, toHeight }) => ({
          logs: logs.map((log) => ({ ...log, entry: { ...log.entry, expiry: 1n } })),
          toHeight,
        }),
      },
    ]
    for (const lie of own) {
      endpoint.bend = lie
      assert.equal(await told(), undefined)
    }
    endpoint.bend = {}
    otherEndpoint.bend = { header: (found) => found && { ...found, timestampMs: 10 ** 15 } }
    assert.equal(await told(), undefined)
    otherEndpoint.bend = { executionHeader: (found) => found?.with(40, 1) }
    assert.equal(await told(), undefined)
    const admitted = count()
    assert.ok(admitted - before <= 3)
    const lies: readonly (typeof otherEndpoint.bend)[] = [
      { proof: (found) => found && { ...found, account: found.account.slice(1) } },
      { proof: (found) => found && { ...found, slots: [[wrong]] } },
    ]
    for (const lie of lies) {
      otherEndpoint.bend = lie
      assert.equal(await told(), undefined)
      // It is put off: it may be this message that cannot be told.
      assert.deepEqual(await told(), idle)
      home.world.advance(100_000)
      home.world.pay(somebody, 0n)
    }
    assert.equal(count(), admitted)
    otherEndpoint.bend = {}
    assert.deepEqual(lost(), [])
    assert.deepEqual((await told())?.timedOut, [index])
  })

  test('raced by another at each question, each is told once', async () => {
    for (let asked = 0, isDone = false; !isDone; asked++) {
      const { chain, say, expire, told, lost, openKeeper } = await openPair()
      const indexes = [say(), say()]
      await expire(1)
      const other = openKeeper('another')
      let count = 0
      chain.onAsk = async (method) => {
        if (reads.includes(method) || count++ !== asked) return
        chain.onAsk = () => {}
        await other.step()
      }
      await told()
      isDone = count <= asked
      chain.onAsk = () => {}
      await told(openKeeper('third'))
      assert.deepEqual(lost(), indexes.map(BigInt), `after question ${asked}`)
    }
  })

  test('it may be ended at any question and begun anew', async () => {
    for (let asked = 0, isDone = false; !isDone; asked++) {
      const { chain, otherEndpoint, say, expire, told, lost, openKeeper } = await openPair()
      const index = say()
      await expire(index)
      let count = 0
      chain.onAsk = (method) => {
        if (!reads.includes(method) && count++ >= asked) {
          throw new L1EndpointError('it cannot be reached')
        }
      }
      otherEndpoint.onAsk = () => {
        if (count++ >= asked) unreachable()
      }
      await told()
      isDone = count <= asked
      chain.onAsk = otherEndpoint.onAsk = () => {}
      await told(openKeeper('another'))
      assert.deepEqual(lost(), [BigInt(index)], `after question ${asked}`)
    }
  })
})
