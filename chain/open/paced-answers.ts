/**
 * Answers strangers one at a time, and rests after each for as long as it took: whatever they ask,
 * half of the thread stays for the chain and its users.
 */

import type { Clock } from '@zg/runtime'

import { SerialTurn } from '../serial-turn.ts'

export class PacedAnswers {
  readonly #clock: Clock
  readonly #turn = new SerialTurn()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes an answer when its turn comes. The network bounds how many wait. */
  answer<result>(make: () => result): Promise<result> {
    return new Promise((resolve, reject) => {
      void this.#turn.run(async () => {
        const startMs = this.#clock.nowMs()
        try {
          resolve(make())
        } catch (error) {
          reject(error)
        }
        await this.#rest(this.#clock.nowMs() - startMs)
      })
    })
  }

  #rest(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(durationMs, resolve)
    })
  }
}
