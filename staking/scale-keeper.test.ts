import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { createLogger } from '@zg/runtime'

import { openLoadWorld } from './testing/load-world.ts'
import type { Usage } from './testing/load-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

const nothing = { spawned: [], drained: [], ended: [], closed: [] }
/** LoadEpochs of the world. */
const loadEpochs = 2
const [opening, active, draining, closed] = [0, 1, 2, 3]

/** Networks of which keepers prove each epoch that passes. */
function openWorld(ids: readonly number[] = [0, 1]) {
  const world = openLoadWorld(ids)
  /** Lets epochs pass under the same load; all are proved. */
  const passProved = async (usage: Usage, epochs = 1): Promise<void> => {
    for (let epoch = 0; epoch < epochs; epoch++) {
      await world.pass(usage)
      for (const id of Object.keys(usage).map(Number)) await world.prove(id).step()
    }
  }
  return { ...world, passProved }
}

/** Two networks, both busy for long enough. */
async function openBusyWorld() {
  const world = openWorld()
  world.prepare(2, 3)
  await world.passProved({ 0: 9_000, 1: 9_000 }, loadEpochs)
  return world
}

describe('ScaleKeeper', () => {
  test('load opens another network and, gone, has it drain and close: by keepers alone', async () => {
    const { l1, passProved, prepare, join, begin, scale, statusOf, chain } = openWorld()
    prepare(2, 3)
    await passProved({ 0: 9_000, 1: 9_000 })
    assert.deepEqual(await scale().step(), nothing, 'one epoch is not enough')
    await passProved({ 0: 9_000, 1: 9_000 })
    assert.deepEqual(await scale().step(), { ...nothing, spawned: [2] })
    assert.equal(statusOf(2), opening)
    const sent = chain.submitted.length
    assert.deepEqual(await scale().step(), nothing, 'it cools down')
    assert.equal(chain.submitted.length, sent)

    join(2)
    assert.equal(statusOf(2), active)
    await passProved({ 0: 100, 1: 100 }, 2)
    begin(2)
    await passProved({ 0: 100, 1: 100, 2: 100 }, 4 * loadEpochs - 1)
    assert.deepEqual(await scale().step(), nothing, 'the newest was idle for one epoch less')
    await passProved({ 0: 100, 1: 100, 2: 100 })
    assert.deepEqual(await scale().step(), { ...nothing, drained: [2] })
    assert.equal(statusOf(2), draining)
    const { drainedEpoch } = l1.read(l1.networks, 'networkOf', 2) as { drainedEpoch: bigint }
    l1.goToEpoch(Number(drainedEpoch) - 1)
    assert.deepEqual(await scale().step(), nothing)
    l1.goToEpoch(Number(drainedEpoch))
    assert.deepEqual(await scale().step(), { ...nothing, closed: [2] })
    assert.equal(statusOf(2), closed)
    assert.deepEqual(await scale().step(), nothing)
  })

  test('goes by the newest epochs that are proved, up to four back', async () => {
    const { l1, scale, statusOf } = await openBusyWorld()
    l1.goToEpoch(17)
    assert.deepEqual(await scale().step(), { ...nothing, spawned: [2] })
    assert.equal(statusOf(2), opening)
    const late = await openBusyWorld()
    late.l1.goToEpoch(18)
    assert.deepEqual(await late.scale().step(), nothing)
  })

  test('opens nothing that governance did not prepare, and says so once', async () => {
    const { passProved, scale, prepare, chain } = openWorld()
    const lines: string[] = []
    const log = createLogger({ part: 'scale', level: 'warn', write: (line) => lines.push(line) })
    const keeper = scale({ log })
    assert.deepEqual(await keeper.step(), nothing)
    await passProved({ 0: 9_000, 1: 9_000 }, loadEpochs)
    const sent = chain.submitted.length
    for (let step = 0; step < 2; step++) assert.deepEqual(await keeper.step(), nothing)
    assert.equal(chain.submitted.length, sent)
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { problem: string }).problem),
      ['NothingPrepared'],
    )
    prepare(8)
    assert.deepEqual(await keeper.step(), { ...nothing, spawned: [8] })
  })

  test('drains none that it is told to spare', async () => {
    const { passProved, scale, chain, statusOf } = openWorld()
    await passProved({ 0: 100, 1: 100 }, 4 * loadEpochs)
    const sent = chain.submitted.length
    assert.deepEqual(await scale({ spared: [0, 1] }).step(), nothing)
    assert.equal(chain.submitted.length, sent)
    assert.deepEqual(await scale({ spared: [0] }).step(), { ...nothing, drained: [1] })
    assert.deepEqual([statusOf(0), statusOf(1)], [active, draining])
  })

  test('ends what is dead, once', async () => {
    const { l1, networkOf, fill, scale, statusOf } = openWorld()
    while (l1.epoch < 33) {
      const { epoch } = l1
      await fill(0, { count: 1, epoch, usedBps: 0 })
      l1.goToEpoch(epoch + 1)
      networkOf(0).certify({ nextEpoch: BigInt(epoch + 1) })
    }
    l1.world.advance(1)
    assert.deepEqual(await scale().step(), nothing, 'nobody declared it dead')
    l1.send(l1.oracle, 'declareDead', [1])
    assert.deepEqual(await scale().step(), { ...nothing, ended: [1] })
    assert.deepEqual([statusOf(0), statusOf(1)], [active, closed])
    assert.deepEqual(await scale().step(), nothing)
  })

  test('another decides the same between any two of its questions', async () => {
    for (const ask of ['head', 'call', 'estimateGas'] as const) {
      const { scale, chain, statusOf, l1 } = await openBusyWorld()
      let isRaced = false
      const before = chain.submitted.length
      chain.onAsk = (method) => {
        if (method !== ask || isRaced) return
        isRaced = true
        l1.send(l1.autoscaler, 'spawn', [l1.epoch - 1])
      }
      assert.deepEqual(await scale().step(), nothing, ask)
      assert.equal(chain.submitted.length, before, ask)
      assert.equal(statusOf(2), opening)
    }
  })

  test('an L1 that fails at any question harms nothing; a keeper begun anew goes on', async () => {
    const { scale, chain, l1, statusOf } = await openBusyWorld()
    const isOpen = (): boolean => (l1.read(l1.networks, 'networkIds') as number[]).includes(2)
    for (let asked = 0; !isOpen(); asked++) {
      let count = 0
      chain.onAsk = () => {
        if (count++ === asked) unreachable()
      }
      const step = await scale().step()
      // A sender waits for its receipt, whatever fails.
      if (!isOpen()) assert.equal(step, undefined, `question ${asked} failed`)
    }
    chain.onAsk = () => {}
    assert.deepEqual(await scale().step(), nothing)
    assert.equal(statusOf(2), opening)
  })
})
