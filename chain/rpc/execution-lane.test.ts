import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ExecutionLane } from './execution-lane.ts'
import { callRestFromMs, callsWaitingMax } from './limits.ts'

/** Time and timers by hand. */
class HandClock {
  ms = 0
  readonly timers: { readonly delayMs: number; readonly fire: () => void }[] = []

  nowMs(): number {
    return this.ms
  }

  setTimer(delayMs: number, fire: () => void) {
    this.timers.push({ delayMs, fire })
    return { cancel: () => undefined }
  }
}

/** Lets everything run that waits for no timer. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('ExecutionLane runs one work at a time, in order', async () => {
  const lane = new ExecutionLane(new HandClock())
  const order: string[] = []
  const work = (name: string) => async () => {
    order.push(`${name} begins`)
    await settle()
    order.push(`${name} ends`)
    return name
  }
  const results = await Promise.all([lane.run(work('a')), lane.run(work('b'))])
  assert.deepEqual(results, ['a', 'b'])
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends'])
})

test('ExecutionLane rests after a long work as long as it took', async () => {
  const clock = new HandClock()
  const lane = new ExecutionLane(clock)
  const spend = (ms: number) => () => void (clock.ms += ms)
  await lane.run(spend(callRestFromMs - 1))
  await lane.run(spend(callRestFromMs))
  assert.deepEqual(
    clock.timers.map(({ delayMs }) => delayMs),
    [callRestFromMs],
  )
  let began = false
  const next = lane.run(() => void (began = true))
  await settle()
  assert.equal(began, false)
  clock.timers[0]?.fire()
  await next
  assert.equal(began, true)
})

test('ExecutionLane goes on after a work that fails', async () => {
  const lane = new ExecutionLane(new HandClock())
  const failing = lane.run(() => Promise.reject(new Error('no')))
  const next = lane.run(() => 'yes')
  await assert.rejects(failing, /no/)
  assert.equal(await next, 'yes')
})

test('ExecutionLane refuses more waiting than its limit', async () => {
  const lane = new ExecutionLane(new HandClock())
  const waiting = Array.from({ length: callsWaitingMax }, () => lane.run(settle))
  await assert.rejects(lane.run(settle), { code: 'CHAIN_LIMIT_EXCEEDED' })
  await Promise.all(waiting)
  await lane.run(settle)
})
