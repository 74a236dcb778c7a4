/** How slowly a request may be sent: who holds a turn with it holds others up. */

import type { Clock, Timer } from '@zg/runtime'

import { sendingFreeMs, sendingRateMin } from './door-limits.ts'

const lookEveryMs = 1_000

type Sending = {
  readonly clock: Clock
  /** By then it is all here. */
  readonly msMax: number
  /** Bytes that came so far. */
  readonly size: () => number
  readonly onLate: () => void
}

/** Calls `onLate`, once, when it is not here in time or comes at less than the least rate. */
export function limitSending({ clock, msMax, size, onLate }: Sending): Timer {
  const beganMs = clock.nowMs()
  const look = (): void => {
    const ms = clock.nowMs() - beganMs
    if (ms >= msMax || size() * 1_000 < sendingRateMin * ms) return onLate()
    timer = clock.setTimer(Math.min(lookEveryMs, msMax - ms), look)
  }
  let timer = clock.setTimer(Math.min(sendingFreeMs, msMax), look)
  return { cancel: () => timer.cancel() }
}
