/** Steps of work one after another, with a pause between, until it is stopped. */

import type { Clock, Timer } from '@zg/runtime'

export class StepLoop {
  readonly #options: {
    readonly clock: Clock
    readonly pollMs: number
    /** Never throws. */
    readonly step: () => Promise<unknown>
  }
  #isRunning = false
  #timer: Timer | undefined
  #stepping: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly clock: Clock
    readonly pollMs: number
    readonly step: () => Promise<unknown>
  }) {
    this.#options = options
  }

  /** Begins to step. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#arm(0)
  }

  /** Resolves when the step under way is done. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#timer?.cancel()
    await this.#stepping
  }

  #arm(delayMs: number): void {
    const { clock, pollMs, step } = this.#options
    this.#timer = clock.setTimer(delayMs, () => {
      this.#stepping = this.#stepping.then(async () => {
        if (!this.#isRunning) return
        await step()
        if (this.#isRunning) this.#arm(pollMs)
      })
    })
  }
}
