import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { addressOfSecretKey, keccak256, toHex } from '@zg/primitives'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import { openRelayWorld, relayedNetworkId as id } from './testing/relay-world.ts'

const parts = { intervalSeconds: 0n, givesOut: true }
const addressOf = (name: string) =>
  toHex(addressOfSecretKey(keccak256(new TextEncoder().encode(name))))
const nothing = { granted: false, paid: false, earned: false, loads: [] }
const reads: readonly string[] = ['call', 'storageAt', 'tipPerGas']

/** Network 1 in epoch 12, of which a block closes for epoch 13, which has begun. */
async function openClosed() {
  const world = await openRelayWorld()
  const { l1, endpoint, follow } = world
  await endpoint.seal({ epoch: 12n, nextEpoch: 13n })
  l1.goToEpoch(13)
  await follow()
  const isGranted = (epoch: number) => l1.read(l1.emission, 'isGranted', id, epoch)
  const outstanding = () => l1.read(l1.bridge, 'outstanding', id) as bigint
  return { ...world, isGranted, outstanding }
}

describe('EmissionRelayer', () => {
  test('has a closed epoch granted to the network, and is paid for its close, once', async () => {
    const { l1, open, chain, isGranted, outstanding } = await openClosed()
    const relayer = open(parts)
    const { finality, emission } = await relayer.step()
    assert.equal(finality?.kind, 'submitted')
    const all = { granted: true, paid: true, earned: true }
    assert.deepEqual(emission, { ...nothing, ...all, epoch: 12n })
    const grant = l1.read(l1.emission, 'granted') as bigint
    assert.equal(outstanding(), grant - 2n * 10n ** 18n)
    const earned = l1.read(l1.alignment, 'paid') as bigint
    assert.equal(l1.balanceOf(addressOf('relayer')), 2n * 10n ** 18n + earned)
    assert.ok(isGranted(12))
    const { length } = chain.submitted
    for (const each of [relayer, open(parts), open({ ...parts, name: 'another' })]) {
      assert.deepEqual((await each.step()).emission, { ...nothing, epoch: 12n })
    }
    assert.equal(chain.submitted.length, length)
  })

  test('what another closed is granted too, and its reward left to it', async () => {
    const { l1, open, network, endpoint, outstanding } = await openClosed()
    network.certify({ nextEpoch: 13n, height: 1 })
    // A certificate of the next epoch hides no close.
    await endpoint.seal({ epoch: 13n })
    const { emission } = await open(parts).step()
    assert.deepEqual(emission, { ...nothing, epoch: 12n, granted: true })
    assert.ok(outstanding() > 0n)
    assert.equal(l1.balanceOf(addressOf('relayer')), 0n)
  })

  test('before any close nothing is asked for', async () => {
    const { l1, open, endpoint, chain } = await openRelayWorld()
    await endpoint.seal()
    const relayer = open(parts)
    assert.deepEqual((await relayer.step()).emission, nothing)
    assert.equal(chain.submitted.length, 1)
    assert.equal(l1.read(l1.emission, 'granted'), 0n)
  })

  test('what L1 does not give yet is asked for again later, and not before', async () => {
    const { l1, open, chain } = await openClosed()
    const left = l1.read(l1.emission, 'releasedAt', l1.world.timestamp)
    l1.send(l1.emission, 'grant', [addressOf('another'), left])
    const relayer = open(parts)
    const { emission } = await relayer.step()
    assert.deepEqual(emission, { ...nothing, epoch: 12n, earned: true })
    const { length } = chain.submitted
    assert.deepEqual((await relayer.step()).emission, { ...nothing, epoch: 12n })
    assert.equal(chain.submitted.length, length)
    l1.world.advance(601)
    const later = { ...nothing, epoch: 12n, granted: true, paid: true }
    assert.deepEqual((await relayer.step()).emission, later)
  })

  test('is paid for the load that it proved, when it proved it, once, and leaves others theirs', async () => {
    const { l1, open, endpoint, follow, chain } = await openRelayWorld()
    const proving = { ...parts, provesLoad: true }
    const relayer = open(proving)
    /** Fills an epoch, closes it for the next, and shows L1 a block of that. */
    const pass = async (epoch: number): Promise<void> => {
      const next = BigInt(epoch + 1)
      for (let block = 0; block < 9; block++) {
        const nextEpoch = block === 8 ? next : 0n
        await endpoint.seal({ epoch: BigInt(epoch), usedBps: 9_000, nextEpoch })
      }
      l1.goToEpoch(epoch + 1)
      await follow()
    }
    await pass(12)
    // L1 knows no block after the epoch: nothing can be proved of it.
    const first = await relayer.step()
    assert.deepEqual([first.load?.proved, first.emission?.loads], [[], []])
    await endpoint.seal({ epoch: 13n, usedBps: 9_000 })
    const before = l1.balanceOf(addressOf('relayer'))
    const second = await relayer.step()
    assert.deepEqual([second.load?.proved, second.emission?.loads], [[12n], [12n]])
    const piece = l1.balanceOf(addressOf('relayer')) - before
    assert.equal(l1.read(l1.alignment, 'isLoadPaid', id, 12), true)
    assert.ok(piece > 0n)
    const { length } = chain.submitted
    for (const each of [relayer, open(proving), open({ ...parts, name: 'another' })]) {
      assert.deepEqual((await each.step()).emission?.loads, [])
    }
    assert.equal(chain.submitted.length, length)
    // What another proved is the other's to ask for.
    await pass(13)
    await open({ ...parts, name: 'another' }).step()
    await endpoint.seal({ epoch: 14n, usedBps: 9_000 })
    await open({ intervalSeconds: 0n, name: 'another', provesLoad: true }).step()
    assert.deepEqual((await relayer.step()).emission?.loads, [])
    assert.equal(l1.read(l1.alignment, 'isLoadPaid', id, 13), false)
    assert.deepEqual((await open({ ...parts, name: 'another' }).step()).emission?.loads, [13n])
  })

  test('a load that is proved only when the next epoch is closed is paid for as well', async () => {
    const { l1, open, endpoint, follow, network } = await openRelayWorld()
    const proving = { ...parts, provesLoad: true }
    for (const epoch of [12, 13]) {
      for (let block = 0; block < 9; block++) {
        const nextEpoch = block === 8 ? BigInt(epoch + 1) : 0n
        await endpoint.seal({ epoch: BigInt(epoch), usedBps: 9_000, nextEpoch })
      }
      l1.goToEpoch(epoch + 1)
      await follow()
      network.certify({ nextEpoch: BigInt(epoch + 1) })
    }
    // The pool has given out all that is free: it refuses, and is asked again.
    const pool = BigInt(l1.alignment.address)
    l1.world.setSlot(pool, 0n, l1.read(l1.alignment, 'TOTAL') as bigint)
    const relayer = open(proving)
    const { load, emission } = await relayer.step()
    assert.deepEqual([load?.proved, emission?.loads], [[12n], []])
    l1.world.setSlot(pool, 0n, 0n)
    assert.deepEqual((await relayer.step()).emission?.loads, [])
    l1.world.advance(601)
    assert.deepEqual((await relayer.step()).emission?.loads, [12n])
  })

  test('raced by another, or ended, at any question, all is given once', async () => {
    for (const isRaced of [true, false]) {
      for (let asked = 0, isDone = false; !isDone; asked++) {
        const { l1, open, chain, outstanding } = await openClosed()
        await open({ intervalSeconds: 0n }).step()
        const other = open({ ...parts, name: 'another' })
        let count = 0
        chain.onAsk = async (method) => {
          if (reads.includes(method) || count++ < asked) return
          if (!isRaced) throw new L1EndpointError('it cannot be reached')
          if (count !== asked + 1) return
          chain.onAsk = () => {}
          await other.step()
        }
        await open(parts).step()
        isDone = count <= asked
        chain.onAsk = () => {}
        await open(parts).step()
        const given = l1.read(l1.emission, 'granted') as bigint
        assert.equal(given, outstanding() + 2n * 10n ** 18n, `after question ${asked}`)
        assert.equal(l1.read(l1.alignment, 'isClosePaid', id, 12), true)
      }
    }
  })
})
