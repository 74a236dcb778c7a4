/**
 * Virtual time for code over real sockets: a test waits until enough timers are set, and moves on.
 */

import type { Clock, Timer } from '@zg/runtime'
import { SimulatedClock } from '@zg/runtime'

export class CountedClock implements Clock {
  /** Timers that may still fire. */
  armedCount = 0
  readonly #clock = new SimulatedClock()

  nowMs(): number {
    return this.#clock.nowMs()
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    this.armedCount++
    let isArmed = true
    const disarm = (): void => {
      if (isArmed) this.armedCount--
      isArmed = false
    }
    const timer = this.#clock.setTimer(delayMs, () => {
      disarm()
      fire()
    })
    return {
      cancel() {
        disarm()
        timer.cancel()
      },
    }
  }

  /** Lets so much time pass, and fires what is due. */
  pass(ms: number): Promise<void> {
    return this.#clock.run({ untilMs: this.#clock.nowMs() + ms })
  }
}
