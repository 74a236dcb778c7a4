import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { transactionHash } from '@zg/evm'

import type { NetworkKeeper } from './network-keeper.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import type { SimulatedL1Chain } from './testing/simulated-l1-chain.ts'
import { spoiled, unreachable } from './testing/simulated-network-endpoint.ts'

const idle = {
  epochs: { advanced: false, closed: [] },
  admission: { network: false, sets: [] },
  messages: { delivered: [], failed: [] },
  rewards: { shown: [], widened: [] },
  claims: { claimed: [] },
  data: { contested: [] },
}

/** That no transaction of anybody's reverted. */
async function nothingReverted(chain: SimulatedL1Chain): Promise<void> {
  for (const transaction of chain.submitted) {
    const receipt = await chain.receipt(transactionHash(transaction))
    assert.equal(receipt?.succeeded, true)
  }
}

/** Steps until there is nothing to do; returns how many there were. */
async function settle(keeper: NetworkKeeper): Promise<number> {
  for (let steps = 0; steps < 20; steps++) {
    const step = await keeper.step()
    try {
      assert.deepEqual(step, idle)
      return steps
    } catch {
      continue
    }
  }
  throw new Error('the keeper never comes to an end')
}

describe('NetworkKeeper', () => {
  test('waits for a chain, for an L1 to refer to, then has all of it known once', async () => {
    const { home, chain, open, sealTo, endpoint } = await openKeeperWorld()
    const keeper = open()
    assert.deepEqual(await keeper.step(), { waits: 'header' })
    while (home.height < 4) await endpoint.seal({ timestamp: home.world.timestamp })
    assert.deepEqual(await keeper.step(), { waits: 'reference' })
    assert.equal(chain.submitted.length, 0)
    await sealTo(20)
    assert.deepEqual(await keeper.step(), {
      ...idle,
      epochs: { advanced: true, closed: [] },
      admission: { network: true, sets: [12n, 13n] },
      rewards: { shown: [16n], widened: [] },
    })
    const { length } = chain.submitted
    assert.equal(length, 5)
    // Whoever comes later, or begins again, finds it done.
    for (const each of [keeper, open(), open({ name: 'another' })]) {
      assert.deepEqual(await each.step(), idle)
    }
    assert.equal(chain.submitted.length, length)
    await nothingReverted(chain)
  })

  test('takes in the next set as soon as the L1 that headers refer to settles it', async () => {
    const { l1, home, open, sealTo, follow } = await openKeeperWorld({ funds: 0n })
    const keeper = open()
    await sealTo(4)
    await keeper.step()
    l1.goToEpoch(13)
    await follow()
    await sealTo(5)
    // The anchor is some blocks older, and refers to epoch 12 still.
    assert.deepEqual((await keeper.step()).admission, idle.admission)
    await sealTo(9)
    assert.deepEqual((await keeper.step()).admission, { network: false, sets: [14n] })
    const { count } = home.ask('LightClient', 'setOf', home.id, 14) as { count: number }
    assert.equal(count, 4)
  })

  test('a lying node or L1 endpoint has nothing sent, and a failing one is asked again', async () => {
    const { chain, open, sealTo, endpoint, l1Endpoint } = await openKeeperWorld()
    await sealTo(20)
    const keeper = open()
    // Other headers than the chain keeps.
    endpoint.bend = {
      header: (found) =>
        found && { ...found, l1: { ...found.l1, stateRoot: spoiled(found.l1.stateRoot) } },
    }
    assert.deepEqual(await keeper.step(), { waits: 'header' })
    endpoint.bend = {}
    // Proofs of another state.
    l1Endpoint.bend.proof = (found) => ({ ...found, account: found.account.map(spoiled) })
    const failed = await keeper.step()
    assert.deepEqual([failed.admission, failed.messages, failed.rewards], Array(3).fill(undefined))
    l1Endpoint.bend = {}
    // A history that does not hold the height.
    endpoint.bend = { historyProof: (found) => found?.map(spoiled) }
    await keeper.step()
    const { length } = chain.submitted
    assert.equal((await keeper.step()).rewards, undefined)
    assert.equal(chain.submitted.length, length)
    // Signatures of nobody.
    endpoint.bend = {
      finalityCertificate: (found) => found && { ...found, signature: spoiled(found.signature) },
    }
    assert.equal((await keeper.step()).rewards, undefined)
    assert.equal(chain.submitted.length, length)
    endpoint.bend = {}
    endpoint.onAsk = unreachable
    assert.deepEqual(await keeper.step(), { waits: 'header' })
    endpoint.onAsk = () => {}
    assert.deepEqual((await keeper.step()).rewards, { shown: [16n], widened: [] })
    await nothingReverted(chain)
  })

  test('one that is ended at any question leaves nothing that another cannot go on from', async () => {
    const world = await openKeeperWorld()
    const { home, chain, endpoint, sealTo, open, members } = world
    await sealTo(15)
    await sealTo(16, members.slice(1))
    await sealTo(22)
    for (let endsAt = 0; ; endsAt++) {
      let asked = 0
      chain.onAsk = endpoint.onAsk = () => {
        if (asked++ >= endsAt) throw new Error('ended')
      }
      await open().step()
      if (asked <= endsAt) break
    }
    chain.onAsk = endpoint.onAsk = () => {}
    await settle(open())
    const { shownAt } = home.ask('RewardHub', 'shownOf', 16) as { shownAt: bigint }
    assert.notEqual(shownAt, 0n)
    // A header, the network, two sets, one member, one height: each once.
    assert.equal(new Set(chain.submitted.map(({ nonce }) => nonce)).size, 6)
    await nothingReverted(chain)
  })

  test('two that race each other do everything once', async () => {
    const { home, chain, sealTo, open } = await openKeeperWorld()
    await sealTo(36)
    const [one, other] = [open({ name: 'one' }), open({ name: 'other' })]
    for (let round = 0; round < 3; round++) await Promise.all([one.step(), other.step()])
    assert.equal(await settle(one), 0)
    assert.equal(await settle(other), 0)
    for (const height of [16, 32]) {
      const { shownAt } = home.ask('RewardHub', 'shownOf', height) as { shownAt: bigint }
      assert.notEqual(shownAt, 0n)
    }
    const owed = home.ask('RewardHub', 'owed') as bigint
    assert.ok(owed <= 2n * 10n ** 18n && owed > 2n * 10n ** 18n - 10n)
    assert.ok(chain.submitted.length >= 6)
  })

  test('once it is started it keeps by itself, until it is stopped', async () => {
    const { home, clock, sealTo, open } = await openKeeperWorld()
    const pass = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms })
    const isShown = (height: number): boolean => {
      const { shownAt } = home.ask('RewardHub', 'shownOf', height) as { shownAt: bigint }
      return shownAt !== 0n
    }
    const keeper = open({ clock: clock.forNode(0) })
    keeper.start()
    await pass(1_000)
    await sealTo(20)
    await pass(6_000)
    assert.ok(isShown(16))
    const stopping = keeper.stop()
    await pass(1_000)
    await stopping
    await sealTo(36)
    await pass(60_000)
    assert.ok(!isShown(32))
  })
})
