import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { somebody } from '@zg/contracts/testing'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import {
  alice,
  bob,
  ether,
  openRelayWorld,
  operators,
  relayedNetworkId as id,
} from './testing/relay-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const always = { intervalSeconds: 0n }
const reads: readonly string[] = ['call', 'storageAt', 'tipPerGas']

/**
 * A network that four credits went to, of which its last block paid out two, and which 3 tokens
 * left for Bob; it is silent from then on.
 */
async function openSilent({ credits = [900n, 40n, 7n, 5n] } = {}) {
  const world = await openRelayWorld({ epochSeconds: 100_000 })
  const { l1, network, endpoint, follow } = world
  for (const amount of credits) l1.send(l1.bridge, 'deposit', [id, alice, amount * ether])
  network.send('withdraw', [bob], { from: somebody, value: 3n * ether })
  await endpoint.seal({ creditNext: 2n })
  await world.open(always).finality.step()
  await follow()
  const outstanding = () => l1.read(l1.bridge, 'outstanding', id) as bigint
  const isDead = () => (l1.read(l1.oracle, 'statusOf', id) as readonly boolean[])[1]
  /** Has so long pass without a certificate that it may be buried. */
  const fallSilent = () => l1.outlive(id)
  return { ...world, outstanding, isDead, fallSilent }
}

describe('DeathRelayer', () => {
  test('buries a silent network by the clock of L1, then brings back credits and entries, once', async () => {
    const { l1, open, chain, outstanding, isDead, fallSilent } = await openSilent()
    const relayer = open()
    await relayer.step()
    assert.equal(l1.balanceOf(bob), 3n * ether)
    const { length } = chain.submitted
    l1.world.advance(Number(l1.read(l1.oracle, 'livesUntil', id)) - 10 - l1.world.timestamp)
    assert.deepEqual((await relayer.step()).death, { kind: 'alive' })
    assert.equal(chain.submitted.length, length)
    fallSilent()
    const { death } = await relayer.step()
    assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [2, 3], isMore: false })
    assert.equal(isDead(), true)
    assert.equal(l1.balanceOf(alice), 12n * ether)
    assert.equal(outstanding(), 937n * ether)
    for (const each of [relayer, open({ name: 'another' })]) {
      const later = await each.step()
      const done = { kind: 'dead', declared: false, refunded: [], isMore: false }
      assert.deepEqual(later.death, done)
      assert.deepEqual(later.outbox?.claimed, [])
    }
    assert.equal(chain.submitted.length, length + 3)
  })

  test('what left before the death comes after the credits', async () => {
    const { l1, open, chain, fallSilent } = await openSilent()
    fallSilent()
    const order: string[] = []
    chain.onAsk = (method) => {
      if (method === 'submit') order.push(`${l1.balanceOf(alice)} ${l1.balanceOf(bob)}`)
    }
    const { outbox } = await open().step()
    assert.deepEqual(outbox?.claimed, [0])
    // The burial, two credits, the root, the entry.
    const [six, twelve] = [7n * ether, 12n * ether]
    assert.deepEqual(order, ['0 0', '0 0', `${six} 0`, `${twelve} 0`, `${twelve} 0`])
    assert.equal(l1.balanceOf(bob), 3n * ether)
  })

  test('what its node shows after the time of a network is too late: it is dead by the clock of L1', async () => {
    const { open, endpoint, fallSilent, isDead, l1, chain } = await openSilent()
    fallSilent()
    await endpoint.seal()
    const { length } = chain.submitted
    const { finality, death } = await open().step()
    // L1 would refuse the certificate, so it is not sent.
    assert.deepEqual(finality, { kind: 'ended', as: 'dead' })
    assert.equal(death?.kind === 'dead' && death.declared, true)
    assert.equal(isDead(), true)
    assert.equal((l1.read(l1.oracle, 'finalOf', id) as { height: bigint }).height, 1n)
    assert.equal(chain.submitted.length, length + 5)
  })

  test('a certificate that nobody brought before its network stopped spares nobody', async () => {
    const { l1, open, endpoint, fallSilent, isDead } = await openSilent()
    await endpoint.seal({ creditNext: 3n })
    fallSilent()
    const { death } = open()
    // As L1 knows the first block, what the second one paid out is paid again.
    const expected = { kind: 'dead', declared: true, refunded: [2, 3], isMore: false }
    assert.deepEqual(await death.step(), expected)
    assert.equal(isDead(), true)
    assert.equal(l1.balanceOf(alice), 12n * ether)
  })

  test('a node that is gone, or shows what nobody signed, spares nobody', async () => {
    for (const isGone of [true, false]) {
      const { open, endpoint, fallSilent, isDead, l1 } = await openSilent()
      fallSilent()
      await endpoint.seal({ signers: operators.slice(2) })
      if (isGone) endpoint.onAsk = unreachable
      const { finality, death } = await open().step()
      assert.deepEqual(finality, { kind: 'ended', as: 'dead' })
      assert.equal(isDead(), true)
      // Whoever has the last block brings back what it did not pay out.
      endpoint.onAsk = () => {}
      if (isGone) assert.equal(death, undefined)
      else assert.equal(death?.kind, 'dead')
      await open({ name: 'another' }).step()
      assert.equal(l1.balanceOf(alice), 12n * ether)
    }
  })

  test('a halted network is buried as well', async () => {
    const { l1, network, open, endpoint, fallSilent, isDead } = await openSilent()
    const { vote } = network.finalityCertificate({ height: 1 })
    const other = { ...vote, blockHash: new Uint8Array(32).fill(8) }
    const signature = l1.signFinalities(id, [other], operators)
    const certificate = { vote: l1.finalityArgs(other), absent: [], signature }
    l1.send(l1.oracle, 'haltByConflict', [id, certificate])
    fallSilent()
    await endpoint.seal()
    const { death } = await open().step()
    assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [2, 3], isMore: false })
    assert.equal(isDead(), true)
  })

  test('nothing beyond outstanding: what is not covered is not sent', async () => {
    const { l1, network, endpoint, open, chain, outstanding, fallSilent } = await openSilent({
      credits: [20n, 4n, 9n, 5n],
    })
    // Corrupt validators write more than went there, and it is claimed before the death.
    network.send('withdraw', [bob], { from: somebody, value: 29n * ether })
    await endpoint.seal({ creditNext: 2n })
    await open(always).step()
    assert.deepEqual([l1.balanceOf(bob), outstanding()], [32n * ether, 6n * ether])
    fallSilent()
    const { length } = chain.submitted
    const { death } = await open().step()
    assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [3], isMore: false })
    assert.deepEqual([l1.balanceOf(alice), outstanding()], [5n * ether, ether])
    assert.equal(chain.submitted.length, length + 2)
  })

  test('more than one step refunds go on in the next, and the Outbox waits for them', async () => {
    const credits = [900n, 40n, ...Array.from({ length: 40 }, () => 1n)]
    const { l1, open, fallSilent } = await openSilent({ credits })
    fallSilent()
    const relayer = open()
    const first = await relayer.step()
    assert.equal(first.death?.kind === 'dead' && first.death.refunded.length, 32)
    assert.equal(first.outbox?.waits, 'credits')
    assert.equal(l1.balanceOf(bob), 0n)
    const second = await relayer.step()
    const rest = Array.from({ length: 8 }, (_, place) => 34 + place)
    assert.deepEqual(second.death, { kind: 'dead', declared: false, refunded: rest, isMore: false })
    assert.deepEqual(second.outbox?.claimed, [0])
    assert.equal(l1.balanceOf(alice), 40n * ether)
  })

  test('what is too little is left to those it is for', async () => {
    const { l1, open, fallSilent } = await openSilent()
    fallSilent()
    const { death } = await open({ amountMinWei: 6n * ether }).step()
    assert.deepEqual(death, { kind: 'dead', declared: true, refunded: [2], isMore: false })
    assert.equal(l1.balanceOf(alice), 7n * ether)
  })

  test('who lies about the last block or the credits is found out, and nothing is sent', async () => {
    const { l1, open, endpoint, l1Endpoint, chain, fallSilent } = await openSilent()
    fallSilent()
    l1.send(l1.oracle, 'declareDead', [id])
    const { length } = chain.submitted
    const relayer = open()
    const fails = (code: string) => assert.rejects(relayer.death.step(), { code })
    endpoint.bend = { header: (found) => found && { ...found, creditNext: 0n } }
    await fails('STAKING_NETWORK_PROOF_INVALID')
    endpoint.bend = { header: () => undefined }
    const waiting = { kind: 'dead', declared: false, refunded: [], isMore: false, waits: 'header' }
    assert.deepEqual(await relayer.death.step(), waiting)
    endpoint.bend = {}
    const lies: readonly (typeof l1Endpoint.bend.credits)[] = [
      (found) => found.slice(1),
      (found) => found.slice(0, -1),
      (found) => [...found, ...found],
      (found) => found.toReversed(),
      (found) => found.map((credit) => ({ ...credit, address: 7n })),
      (found) => found.map((credit) => ({ ...credit, amountGwei: credit.amountGwei + 1n })),
    ]
    for (const credits of lies) {
      l1Endpoint.bend = { ...(credits && { credits }) }
      await fails('STAKING_CREDITS_UNPROVED')
    }
    assert.equal(chain.submitted.length, length)
    l1Endpoint.bend = {}
    const { death } = await relayer.step()
    assert.equal(death?.kind === 'dead' && death.refunded.length, 2)
  })

  test('raced by another at each question, it buries and refunds once', async () => {
    for (let asked = 0, isDone = false; !isDone; asked++) {
      const { l1, open, chain, fallSilent, outstanding } = await openSilent()
      fallSilent()
      const [relayer, other] = [open(), open({ name: 'another' })]
      let count = 0
      chain.onAsk = async (method) => {
        if (reads.includes(method) || count++ !== asked) return
        chain.onAsk = () => {}
        await other.step()
      }
      await relayer.step()
      isDone = count <= asked
      chain.onAsk = () => {}
      await open().step()
      const paid = [l1.balanceOf(alice), l1.balanceOf(bob), outstanding()]
      assert.deepEqual(paid, [12n * ether, 3n * ether, 937n * ether], `after question ${asked}`)
    }
  })

  test('it may be ended at any question and begun anew', async () => {
    for (let asked = 0, isDone = false; !isDone; asked++) {
      const { l1, open, chain, endpoint, fallSilent, outstanding } = await openSilent()
      fallSilent()
      let count = 0
      chain.onAsk = (method) => {
        if (!reads.includes(method) && count++ >= asked) {
          throw new L1EndpointError('it cannot be reached')
        }
      }
      endpoint.onAsk = () => {
        if (count++ >= asked) unreachable()
      }
      await open().step()
      isDone = count <= asked
      chain.onAsk = endpoint.onAsk = () => {}
      await open().step()
      const paid = [l1.balanceOf(alice), l1.balanceOf(bob), outstanding()]
      assert.deepEqual(paid, [12n * ether, 3n * ether, 937n * ether], `after question ${asked}`)
    }
  })
})
