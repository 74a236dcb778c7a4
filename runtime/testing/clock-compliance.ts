/** What every `Clock` does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Clock } from '../clock.ts'

/**
 * Registers the suite.
 *
 * @param create - Returns a clock, and `until`, which lets time pass until a condition holds.
 */
export function testClock(
  name: string,
  create: () => { clock: Clock; until: (condition: () => boolean) => Promise<void> },
): void {
  test(`${name}: nowMs is whole milliseconds and never goes back`, async () => {
    const { clock, until } = create()
    const before = clock.nowMs()
    let fired = false
    clock.setTimer(3, () => (fired = true))
    await until(() => fired)
    assert.ok(Number.isInteger(before))
    assert.ok(before > Date.UTC(2025, 0, 1))
    assert.ok(clock.nowMs() >= before)
  })

  test(`${name}: setTimer fires once, never inside the call, even with no delay`, async () => {
    const { clock, until } = create()
    const fired: string[] = []
    clock.setTimer(0, () => fired.push('zero'))
    clock.setTimer(-5, () => fired.push('past'))
    assert.deepEqual(fired, [])
    let over = false
    clock.setTimer(5, () => (over = true))
    await until(() => over)
    assert.deepEqual(
      fired.toSorted((a, b) => (a < b ? -1 : 1)),
      ['past', 'zero'],
    )
  })

  test(`${name}: setTimer fires in order of time`, async () => {
    const { clock, until } = create()
    const fired: number[] = []
    for (const delayMs of [20, 1, 10]) clock.setTimer(delayMs, () => fired.push(delayMs))
    await until(() => fired.length === 3)
    assert.deepEqual(fired, [1, 10, 20])
  })

  test(`${name}: cancel stops a timer, and does nothing to one that fired`, async () => {
    const { clock, until } = create()
    const fired: string[] = []
    const kept = clock.setTimer(1, () => fired.push('kept'))
    const cancelled = clock.setTimer(2, () => fired.push('cancelled'))
    cancelled.cancel()
    cancelled.cancel()
    let over = false
    clock.setTimer(10, () => (over = true))
    await until(() => over)
    kept.cancel()
    assert.deepEqual(fired, ['kept'])
  })
}
