import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimulatedClock } from '@zg/runtime'

import { sendingRateMin } from './door-limits.ts'
import { limitSending } from './sending-limit.ts'

/** Seconds after which a sender of these bytes a second is late; undefined when it never is. */
async function lateAfter(rate: number, { isCancelled = false } = {}): Promise<number | undefined> {
  const clock = new SimulatedClock()
  const beganMs = clock.nowMs()
  const seconds = (): number => (clock.nowMs() - beganMs) / 1_000
  let late: number | undefined
  const size = (): number => rate * seconds()
  const onLate = (): void => void (late = seconds())
  const limit = limitSending({ clock, msMax: 20_500, size, onLate })
  await clock.run({ untilMs: beganMs + 12_000 })
  if (isCancelled) limit.cancel()
  await clock.run({ untilMs: beganMs + 60_000 })
  return late
}

test('a sender is late below the least rate after ten seconds, and whoever takes too long', async () => {
  assert.equal(await lateAfter(0), 10)
  assert.equal(await lateAfter(sendingRateMin - 1), 10)
  assert.equal(await lateAfter(sendingRateMin), 20.5)
  assert.equal(await lateAfter(sendingRateMin, { isCancelled: true }), undefined)
})

test('a sender that slows down is late once its mean is below the least rate', async () => {
  const clock = new SimulatedClock()
  const beganMs = clock.nowMs()
  let lateMs = 0
  const onLate = (): void => void (lateMs = clock.nowMs() - beganMs)
  limitSending({ clock, msMax: 60_000, size: () => sendingRateMin * 12, onLate })
  await clock.run({ untilMs: beganMs + 60_000 })
  assert.equal(lateMs, 13_000)
})
