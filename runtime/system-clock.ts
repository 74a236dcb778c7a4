/**
 * The machine's clock, made monotone.
 *
 * The wall clock may be set back by hand or by NTP; a protocol's time must not. `nowMs` follows the
 * wall clock and stands still while that is behind what was already told.
 */

import type { Clock, Timer } from './clock.ts'

/** Longest delay `setTimeout` keeps; a longer one is waited for in parts. */
const delayMsMax = 2 ** 31 - 1

/** Returns a clock over the machine's wall clock that never goes back. */
export function createSystemClock(): Clock {
  let latestMs = 0
  const nowMs = (): number => {
    latestMs = Math.max(latestMs, Date.now())
    return latestMs
  }
  return { nowMs, setTimer }
}

function setTimer(delayMs: number, fire: () => void): Timer {
  let handle: NodeJS.Timeout
  const wait = (restMs: number): void => {
    const partMs = Math.min(restMs, delayMsMax)
    handle = setTimeout(() => (restMs > partMs ? wait(restMs - partMs) : fire()), partMs)
  }
  wait(Math.max(0, delayMs))
  return { cancel: () => clearTimeout(handle) }
}
