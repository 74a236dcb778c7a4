import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLogger, SimulatedClock } from '@zg/runtime'

import { DutyLoop } from './duty-loop.ts'
import type { Duty } from './duty-loop.ts'

const pollMs = 1_000

/** A duty that does as it is told, and when it was stepped, in seconds. */
function open(
  step: (count: number, end: AbortSignal) => Promise<boolean>,
  others: readonly Duty[] = [],
) {
  const clock = new SimulatedClock()
  const startMs = clock.nowMs()
  const steps: number[] = []
  const duty = {
    what: 'it',
    step: (end: AbortSignal) => {
      steps.push((clock.nowMs() - startMs) / 1_000)
      return step(steps.length, end)
    },
  }
  const duties = [...others, duty]
  const loop = new DutyLoop({ duties, clock, log: silentLogger, pollMs })
  const pass = (seconds: number) => clock.run({ untilMs: clock.nowMs() + seconds * 1_000 })
  return { loop, steps, pass }
}

test('a duty is stepped at once while there is more to do, and then now and again', async () => {
  const { steps, pass } = open(async (count) => count < 3)
  await pass(3.5)
  assert.deepEqual(steps, [1, 1, 1, 2, 3])
})

test('one that fails waits twice as long each time, a minute at most, until it does not', async () => {
  const { steps, pass } = open(async (count) => {
    if (count < 9) throw new Error('not yet')
    return false
  })
  await pass(300)
  assert.deepEqual(steps.slice(0, 10), [1, 2, 4, 8, 16, 32, 64, 124, 184, 185])
})

test('one that fails or never ends holds up no other, and once it is closed none is begun', async () => {
  const never = { what: 'never', step: () => new Promise<boolean>(() => undefined) }
  const fails = { what: 'fails', step: async () => assert.fail() }
  const { loop, steps, pass } = open(async () => false, [never, fails])
  await pass(2.5)
  assert.deepEqual(steps, [1, 2])
  void loop.close()
  await pass(10)
  assert.equal(steps.length, 2)
})

test('a step under way when it is closed is told, waited for, and followed by none', async () => {
  const slow = Promise.withResolvers<boolean>()
  let end: AbortSignal | undefined
  const { loop, steps, pass } = open((_, signal) => {
    end = signal
    return slow.promise
  })
  await pass(1.5)
  assert.equal(end?.aborted, false)
  let isClosed = false
  const closed = loop.close().then(() => (isClosed = true))
  assert.equal(end?.aborted, true)
  await pass(1)
  assert.equal(isClosed, false)
  slow.resolve(true)
  await closed
  await pass(10)
  assert.deepEqual(steps, [1])
})

test('one that never ends is waited for no longer than five seconds', async () => {
  const { loop, pass } = open(() => new Promise<boolean>(() => undefined))
  await pass(1.5)
  let isClosed = false
  const closed = loop.close().then(() => (isClosed = true))
  await pass(4.9)
  assert.equal(isClosed, false)
  await pass(0.2)
  await closed
})
