import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from './seeded-rng.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { testClock } from './testing/index.ts'

testClock('simulated clock', () => {
  const clock = new SimulatedClock()
  return { clock, until: (done) => clock.run({ untilMs: clock.nowMs() + 1_000, done }) }
})

test('SimulatedClock runs every continuation of an event before the next one', async () => {
  const clock = new SimulatedClock(0)
  const seen: string[] = []
  const chain = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    seen.push('continuations')
    await new Promise<void>((resolve) => process.nextTick(resolve))
    seen.push('ticks')
  }
  clock.setTimer(1, () => void chain())
  clock.setTimer(1, () => seen.push('next event'))
  await clock.run({ untilMs: 1 })
  assert.deepEqual(seen, ['continuations', 'ticks', 'next event'])
})

test('SimulatedClock fires events of one time in the order they were set', async () => {
  const clock = new SimulatedClock(0)
  const rng = createSeededRng('order')
  const expected: number[] = []
  const fired: number[] = []
  const events = Array.from({ length: 1_000 }, (_, index) => ({ index, atMs: rng.below(20) }))
  for (const { index, atMs } of events) clock.setTimer(atMs, () => fired.push(index))
  events.sort((a, b) => a.atMs - b.atMs || a.index - b.index)
  for (const { index } of events) expected.push(index)
  await clock.run({ untilMs: 20 })
  assert.deepEqual(fired, expected)
})

test('run stops at its time, or as soon as it is done', async () => {
  const clock = new SimulatedClock(0)
  let count = 0
  const tick = (): void => {
    count++
    clock.setTimer(10, tick)
  }
  tick()
  await clock.run({ untilMs: 95 })
  assert.deepEqual([count, clock.nowMs()], [10, 95])
  await clock.run({ untilMs: 1_000, done: () => count === 20 })
  assert.deepEqual([count, clock.nowMs()], [20, 190])
})

test('run rejects with what an event throws', async () => {
  const clock = new SimulatedClock(0)
  clock.setTimer(1, () => {
    throw new Error('broken')
  })
  await assert.rejects(clock.run({ untilMs: 5 }), /broken/)
})

test('forNode shifts what is told, and stop silences its timers only', async () => {
  const clock = new SimulatedClock(1_000)
  const node = clock.forNode(-300)
  const fired: string[] = []
  node.setTimer(1, () => fired.push('node'))
  clock.setTimer(1, () => fired.push('world'))
  assert.equal(node.nowMs(), 700)
  node.stop()
  node.setTimer(1, () => fired.push('late'))
  await clock.run({ untilMs: 1_010 })
  assert.deepEqual(fired, ['world'])
})
