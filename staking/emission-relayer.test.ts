import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { addressOfSecretKey, keccak256, toHex } from '@zg/primitives'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import { openRelayWorld, relayedNetworkId as id } from './testing/relay-world.ts'

const parts = { intervalSeconds: 0n, givesOut: true }
const addressOf = (name: string) =>
  toHex(addressOfSecretKey(keccak256(new TextEncoder().encode(name))))
const nothing = { granted: false, paid: false, earned: false }
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
    assert.deepEqual(emission, { epoch: 12n, granted: true, paid: true, earned: true })
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
    assert.deepEqual(emission, { epoch: 12n, granted: false, paid: false, earned: true })
    const { length } = chain.submitted
    assert.deepEqual((await relayer.step()).emission, { ...nothing, epoch: 12n })
    assert.equal(chain.submitted.length, length)
    l1.world.advance(601)
    const later = { epoch: 12n, granted: true, paid: true, earned: false }
    assert.deepEqual((await relayer.step()).emission, later)
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
