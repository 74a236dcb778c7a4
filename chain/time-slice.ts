/**
 * Long work in slices: between two transactions of a block, a task that held the thread for a slice
 * lets votes, peers and RPC have their turn.
 */

import type { Clock } from '@zg/runtime'

/** How long a task holds the thread. */
export const sliceMs = 20

export class TimeSlice {
  readonly #clock: Clock
  readonly #startMs: number
  #sliceStartMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startMs = clock.nowMs()
    this.#sliceStartMs = this.#startMs
  }

  /** Since the task began, the others' turns counted. */
  get elapsedMs(): number {
    return this.#clock.nowMs() - this.#startMs
  }

  /** Waits for a turn of the others when the slice is over; else returns undefined at once. */
  yieldIfOver(): Promise<void> | undefined {
    if (this.#clock.nowMs() - this.#sliceStartMs < sliceMs) return undefined
    return new Promise((resolve) => {
      this.#clock.setTimer(0, () => {
        this.#sliceStartMs = this.#clock.nowMs()
        resolve()
      })
    })
  }
}
