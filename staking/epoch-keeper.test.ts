import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { openKeeperWorld } from './testing/keeper-world.ts'
import { spoiled } from './testing/simulated-network-endpoint.ts'

const idle = { advanced: false, closed: [] }

/** A network that closes its epochs as L1 comes to the next one. */
async function openEpochs() {
  const world = await openKeeperWorld({ funds: 0n })
  const { l1, home, endpoint, follow, follower, sealTo } = world
  /** Has L1 come to an epoch, and the network follow; returns the height of the closing block. */
  const goTo = async (epoch: number): Promise<number> => {
    const before = BigInt(l1.epoch)
    l1.goToEpoch(epoch)
    await follow()
    const reference = follower.newestReference()
    assert.ok(reference !== undefined)
    const { timestamp } = home.world
    const closes = { epoch: before, nextEpoch: BigInt(epoch), mix: new Uint8Array(32).fill(epoch) }
    await endpoint.seal({ l1: reference, timestamp, ...closes })
    const closing = home.height
    await sealTo(closing + 5)
    return closing
  }
  const mixOf = (epoch: number) =>
    (home.ask('EpochInfo', 'beginningOf', epoch) as { mix: string }).mix
  return { ...world, goTo, mixOf }
}

describe('EpochKeeper', () => {
  test('brings a header an epoch, and the closes from which seeds follow, once', async () => {
    const { home, chain, open, goTo, sealTo, mixOf } = await openEpochs()
    await sealTo(6)
    const keeper = open()
    // The first epoch follows on none.
    assert.deepEqual((await keeper.step()).epochs, { advanced: true, closed: [] })
    assert.deepEqual((await keeper.step()).epochs, idle)
    const first = await goTo(13)
    assert.deepEqual((await keeper.step()).epochs, { advanced: true, closed: [BigInt(first)] })
    assert.equal(home.ask('EpochInfo', 'l1Epoch'), 13n)
    // An epoch may be left out.
    const second = await goTo(15)
    assert.deepEqual((await keeper.step()).epochs, { advanced: true, closed: [BigInt(second)] })
    assert.equal(home.ask('EpochInfo', 'seedOf', 15), mixOf(13))
    const { length } = chain.submitted
    for (const each of [keeper, open(), open({ name: 'another' })]) {
      assert.deepEqual((await each.step()).epochs, idle)
    }
    assert.equal(chain.submitted.length, length)
  })

  test('one that comes late brings the two closes that this epoch needs', async () => {
    const { home, open, goTo, sealTo, mixOf } = await openEpochs()
    await sealTo(6)
    const closings = [await goTo(13), await goTo(14), await goTo(15)].map(BigInt)
    const { epochs } = await open().step()
    assert.deepEqual(epochs, { advanced: true, closed: [closings[2], closings[1]] })
    assert.equal(home.ask('EpochInfo', 'seedOf', 15), mixOf(14))
  })

  test('a node that names another block as the last of an epoch has nothing sent', async () => {
    const { chain, endpoint, open, goTo, sealTo } = await openEpochs()
    await sealTo(6)
    const keeper = open()
    await keeper.step()
    const closing = await goTo(13)
    const { length } = chain.submitted
    endpoint.bend = {
      header: (found) =>
        found?.height === BigInt(closing) ? { ...found, mix: spoiled(found.mix) } : found,
    }
    assert.equal((await keeper.step()).epochs, undefined)
    // The header and the next set are brought all the same.
    assert.equal(chain.submitted.length, length + 2)
    endpoint.bend = {}
    assert.deepEqual((await keeper.step()).epochs?.closed, [BigInt(closing)])
  })
})
