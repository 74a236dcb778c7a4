import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from './seeded-rng.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { DiskStep } from './simulated-disk.ts'
import { testDisk } from './testing/index.ts'

function createWorld(seed: string | number, damageChance = 0) {
  const clock = new SimulatedClock()
  const steps: DiskStep[] = []
  const onStep = (step: DiskStep): void => {
    steps.push(step)
  }
  const platter = new SimulatedDisk({ clock, rng: createSeededRng(seed), damageChance, onStep })
  const run = async <value>(step: Promise<value>): Promise<value> => {
    let over = false
    const settled = step.finally(() => (over = true))
    settled.catch(() => undefined)
    await clock.run({ untilMs: clock.nowMs() + 1_000, done: () => over })
    return settled
  }
  return { clock, platter, run, steps }
}

testDisk('simulated disk', async () => {
  const { platter, run } = createWorld('compliance')
  return {
    disk: platter.mount(),
    run,
    reopen: async () => platter.mount(),
    end: () => Promise.resolve(),
  }
})

test('crash keeps what was synced and a prefix of the rest, cut anywhere', async () => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 200; seed++) {
    const { platter, run } = createWorld(seed)
    const file = await run(platter.mount().open('log'))
    file.append(Uint8Array.of(1, 2, 3))
    await run(file.sync())
    file.append(Uint8Array.of(4, 5, 6))
    platter.crash()
    const left = await run(platter.mount().readFile('log'))
    assert.deepEqual(left, Uint8Array.of(1, 2, 3, 4, 5, 6).subarray(0, left?.length))
    lengths.add(left?.length ?? 0)
  }
  assert.deepEqual(
    [...lengths].sort((a, b) => a - b),
    [3, 4, 5, 6],
  )
})

test('crash with damage touches the un-synced part only', async () => {
  let damagedCount = 0
  for (let seed = 0; seed < 200; seed++) {
    const { platter, run } = createWorld(seed, 1)
    const file = await run(platter.mount().open('log'))
    file.append(new Uint8Array(8).fill(1))
    await run(file.sync())
    file.append(new Uint8Array(8).fill(2))
    platter.crash()
    const left = (await run(platter.mount().readFile('log'))) as Uint8Array
    assert.deepEqual(left.subarray(0, 8), new Uint8Array(8).fill(1))
    if (left.subarray(8).some((byte) => byte !== 2)) damagedCount++
  }
  assert.ok(damagedCount > 100)
})

test('a file never opened to the end is gone after a crash', async () => {
  const { platter, run } = createWorld('new')
  void platter.mount().open('log')
  platter.crash()
  assert.equal(await run(platter.mount().readFile('log')), undefined)
})

test('a mount that crashed has no effect and never answers', async () => {
  const { platter, run, clock } = createWorld('dead')
  const dead = platter.mount()
  const file = await run(dead.open('log'))
  file.append(Uint8Array.of(1))
  let answered = false
  void file.sync().then(() => (answered = true))
  platter.crash()
  file.append(Uint8Array.of(2))
  void file.sync().then(() => (answered = true))
  void dead.writeFile('other', Uint8Array.of(3)).then(() => (answered = true))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.equal(answered, false)
  assert.equal(await run(platter.mount().readFile('other')), undefined)
})

test('a sync begun before a cut makes no later bytes durable', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const { platter, run } = createWorld(seed)
    const file = await run(platter.mount().open('log'))
    file.append(new Uint8Array(10).fill(1))
    const syncing = file.sync()
    const cutting = file.truncate(2)
    file.append(new Uint8Array(4).fill(2))
    await run(Promise.all([syncing, cutting]))
    platter.crash()
    const left = (await run(platter.mount().readFile('log'))) as Uint8Array
    assert.ok(left.length >= 2)
    assert.ok(left.subarray(2).every((byte) => byte === 2))
  }
})

test('onStep is told of appends and syncs, and may crash the disk there', async () => {
  const { platter, run, steps } = createWorld('steps')
  const file = await run(platter.mount().open('log'))
  file.append(Uint8Array.of(1))
  await run(file.sync())
  assert.deepEqual(steps, ['append', 'sync', 'synced'])
})

test('flipBit damages one bit of what is durable', async () => {
  const { platter, run } = createWorld('medium')
  const disk = platter.mount()
  await run(disk.writeFile('state', new Uint8Array(32)))
  assert.ok(platter.flipBit('state'))
  assert.equal(platter.flipBit('absent'), false)
  const bytes = (await run(disk.readFile('state'))) as Uint8Array
  const ones = [...bytes].reduce(
    (sum, byte) => sum + (byte.toString(2).match(/1/g)?.length ?? 0),
    0,
  )
  assert.equal(ones, 1)
})
