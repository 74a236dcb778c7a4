import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { keccak256 } from '@zg/primitives'

import { LoadProver, loadSampleHeights } from './load-prover.ts'
import { NetworkProver } from './network-prover.ts'
import { OracleContract } from './oracle-contract.ts'
import { blocksPerEpoch, openLoadWorld } from './testing/load-world.ts'
import { spoiled, unreachable } from './testing/simulated-network-endpoint.ts'

const id = 1
const unproved = { code: 'STAKING_NETWORK_PROOF_INVALID' }

/** One network, and what a node of it makes a keeper send. */
function openWorld() {
  const world = openLoadWorld([id])
  const { l1, endpointOf, chain } = world
  const endpoint = endpointOf(id)
  const known = () =>
    new OracleContract({ chain, address: BigInt(l1.oracle.address), networkId: id }).final()
  const prover = new NetworkProver({ endpoint, identity: l1.identityOf(id) })
  const load = new LoadProver({ endpoint, prover })
  return {
    ...world,
    endpoint,
    proofOf: async (epoch: bigint) => load.proofOf(epoch, await known()),
  }
}

describe('LoadKeeper', () => {
  test('proves each epoch once L1 knows a block after it, the first one too', async () => {
    const { l1, pass, fill, prove, loadOf, networkOf, chain, endpoint } = openWorld()
    endpoint.onAsk = unreachable
    assert.deepEqual(await prove(id).step(), { proved: [] }, 'of the genesis nothing is asked')
    endpoint.onAsk = () => {}
    await fill(id, { count: blocksPerEpoch, epoch: 12, usedBps: 9_000 })
    l1.goToEpoch(13)
    networkOf(id).certify({ nextEpoch: 13n })
    assert.deepEqual(await prove(id).step(), { proved: [] }, 'no block after it is known')
    await fill(id, { count: 1, epoch: 13, usedBps: 100 })
    networkOf(id).certify()
    assert.deepEqual(await prove(id).step(), { proved: [12n] })
    assert.equal(loadOf(id, 12), 'busy')
    const keeper = prove(id)
    await pass({ [id]: 100 })
    await pass({ [id]: 5_000 })
    assert.deepEqual(await keeper.step(), { proved: [14n, 13n] })
    assert.deepEqual(
      [13, 14, 15].map((epoch) => loadOf(id, epoch)),
      ['idle', 'between', 'unknown'],
    )
    const sent = chain.submitted.length
    for (const each of [keeper, prove(id), prove(id, { name: 'another' })]) {
      assert.deepEqual(await each.step(), { proved: [] })
    }
    assert.equal(chain.submitted.length, sent)
  })

  test('looks back as far as anything is decided by it, some epochs a step', async () => {
    const { l1, pass, prove, loadOf } = openWorld()
    for (let epoch = 12; epoch < 27; epoch++) await pass({ [id]: 100 })
    assert.equal(l1.epoch, 27)
    const keeper = prove(id)
    const steps = []
    for (let step = 0; step < 7; step++) steps.push((await keeper.step())?.proved)
    // LoadEpochs is 2: eight epochs of idleness, of which the last is four old at most.
    const pairs = [26n, 24n, 22n, 20n, 18n].map((epoch) => [epoch, epoch - 1n])
    assert.deepEqual(steps, [...pairs, [16n], []])
    assert.equal(loadOf(id, 15), 'unknown')
  })

  test('passes over epochs of too few blocks, and of none', async () => {
    const { pass, prove, chain, loadOf, proofOf } = openWorld()
    await pass({ [id]: 9_000 }, { count: 7 })
    await pass({ [id]: 9_000 }, { to: 16 })
    await pass({ [id]: 9_000 }, { count: 8 })
    const keeper = prove(id)
    assert.deepEqual(await keeper.step(), { proved: [16n, 13n] })
    assert.deepEqual(await keeper.step(), { proved: [] })
    assert.equal(chain.submitted.length, 2)
    for (const epoch of [11n, 12n, 14n, 15n]) {
      assert.equal(await proofOf(epoch), 'too few blocks', `${epoch}`)
      assert.equal(loadOf(id, Number(epoch)), 'unknown')
    }
  })

  test('a network that drains, halted or died is left alone', async () => {
    const { l1, pass, prove, networkOf, chain } = openWorld()
    await pass({ [id]: 9_000 })
    const sent = chain.submitted.length
    l1.send(l1.networks, 'drain', [id])
    assert.deepEqual(await prove(id).step(), { proved: [], idle: 'not active' })
    const dead = openWorld()
    await dead.pass({ [id]: 9_000 })
    dead.l1.outlive(id)
    dead.l1.send(dead.l1.oracle, 'declareDead', [id])
    assert.deepEqual(await dead.prove(id).step(), { proved: [], idle: 'dead' })
    const halted = openWorld()
    await halted.pass({ [id]: 9_000 })
    const bent = { blockHash: new Uint8Array(32).fill(8) }
    const conflict = halted.networkOf(id).certificate({ bent })
    halted.l1.send(halted.l1.oracle, 'haltByConflict', [id, conflict])
    assert.deepEqual(await halted.prove(id).step(), { proved: [], idle: 'halted' })
    assert.equal(networkOf(id).height, blocksPerEpoch + 1)
    assert.equal(chain.submitted.length, sent)
  })

  test('a lying node costs no gas, and makes no epoch look empty', async () => {
    const { pass, endpoint, proofOf, prove, chain } = openWorld()
    await pass({ [id]: 100 })
    await pass({ [id]: 9_000 })
    const refuses = async (bend: typeof endpoint.bend, why: string): Promise<void> => {
      endpoint.bend = bend
      await assert.rejects(proofOf(13n), unproved, why)
      assert.equal(await prove(id).step(), undefined, why)
      endpoint.bend = {}
    }
    await refuses({ header: () => undefined }, 'no header')
    await refuses({ header: (found) => found && { ...found, height: 3n } }, 'another height')
    await refuses(
      { header: (found) => found && { ...found, epoch: found.epoch === 13n ? 14n : found.epoch } },
      'an epoch that is not there',
    )
    await refuses(
      { header: (found) => found && (found.height === 12n ? { ...found, epoch: 14n } : found) },
      'an epoch that is shorter',
    )
    await refuses({ header: (found) => found && { ...found, mix: spoiled(found.mix) } }, 'a mix')
    await refuses({ historyProof: () => undefined }, 'no history')
    await refuses({ historyProof: (found) => found?.with(3, new Uint8Array(32)) }, 'a history')
    await refuses({ executionHeader: () => undefined }, 'no execution header')
    await refuses({ executionHeader: (found) => found && spoiled(found) }, 'what blocks used')
    assert.equal(chain.submitted.length, 0)
    assert.deepEqual(await prove(id).step(), { proved: [13n, 12n] })
  })

  test('what L1 learns meanwhile spoils no proof', async () => {
    const { pass, fill, networkOf, prove, chain, loadOf } = openWorld()
    await pass({ [id]: 9_000 })
    const keeper = prove(id)
    let races = 0
    chain.onAsk = async (method) => {
      if (method !== 'estimateGas') return
      races++
      await fill(id, { count: 1, epoch: 13, usedBps: 0 })
      networkOf(id).certify()
    }
    assert.deepEqual(await keeper.step(), { proved: [12n] })
    assert.ok(races > 0)
    assert.equal(loadOf(id, 12), 'busy')
    assert.equal(chain.submitted.length, 1)
  })

  test('another proves the same between any two of its questions', async () => {
    for (const ask of ['call', 'head', 'estimateGas', 'nonceOf', 'submit'] as const) {
      const { pass, prove, chain, loadOf } = openWorld()
      await pass({ [id]: 9_000 })
      let isRaced = false
      chain.onAsk = async (method) => {
        if (method !== ask || isRaced) return
        isRaced = true
        assert.deepEqual(await prove(id, { name: 'another' }).step(), { proved: [12n] })
      }
      const keeper = prove(id)
      assert.deepEqual((await keeper.step())?.proved, [], ask)
      assert.equal(loadOf(id, 12), 'busy')
      // What was on its way already is the only one that may fail.
      const own = ask === 'nonceOf' || ask === 'submit' ? 2 : 1
      assert.equal(chain.submitted.length, own, ask)
      assert.deepEqual(await keeper.step(), { proved: [] })
    }
  })

  test('a node that fails at any question has nothing sent; the next step goes on', async () => {
    const { pass, prove, chain, endpoint, loadOf } = openWorld()
    await pass({ [id]: 9_000 })
    for (let asked = 0; loadOf(id, 12) === 'unknown'; asked++) {
      let count = 0
      endpoint.onAsk = () => {
        if (count++ === asked) unreachable()
      }
      const step = await prove(id).step()
      if (count > asked) assert.equal(step, undefined, `question ${asked} failed`)
      assert.equal(chain.submitted.length, loadOf(id, 12) === 'unknown' ? 0 : 1)
    }
    assert.equal(loadOf(id, 12), 'busy')
  })

  test('an L1 that fails at any question harms nothing; a keeper begun anew goes on', async () => {
    const { pass, prove, chain, l1, loadOf } = openWorld()
    for (let asked = 0; ; asked++) {
      await pass({ [id]: 9_000 })
      let count = 0
      chain.onAsk = () => {
        if (count++ === asked) unreachable()
      }
      await prove(id).step()
      chain.onAsk = () => {}
      await prove(id).step()
      assert.equal(loadOf(id, l1.epoch - 1), 'busy', `after question ${asked} failed`)
      if (count <= asked) break
    }
  })
})

test('loadSampleHeights draws one height of each eighth, by the mix', () => {
  for (const [first, count] of [
    [1n, 8n],
    [7n, 9n],
    [100n, 61n],
  ] as const) {
    const mix = keccak256(Uint8Array.of(Number(count)))
    const heights = loadSampleHeights({ first, last: first + count - 1n, mix })
    assert.equal(heights.length, 8)
    for (const [index, height] of heights.entries()) {
      const begin = first + (count * BigInt(index)) / 8n
      const end = first + (count * BigInt(index + 1)) / 8n
      assert.ok(begin <= height && height < end)
    }
  }
})
