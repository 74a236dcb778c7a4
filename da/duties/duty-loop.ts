/** Standing duties, each stepped again and again by itself until all of them are ended. */

import type { Clock, Logger, Timer } from '@zg/runtime'

import { messageOf } from '../asking.ts'

/** How long a duty that failed waits: twice as long each time, up to a bound. */
const retryMsMax = 60_000
/** How long steps under way are waited for at the end. */
const closeMsMax = 5_000

export type Duty = {
  /** What it does, for the log. */
  readonly what: string
  /** One bounded piece of work; true when more is to be done at once. It is told when to end. */
  step(end: AbortSignal): Promise<boolean>
}

type Running = {
  readonly duty: Duty
  timer: Timer | undefined
  /** Never rejects. */
  underWay: Promise<void>
  failures: number
}

export class DutyLoop {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #pollMs: number
  readonly #running: readonly Running[]
  readonly #end = new AbortController()

  constructor(options: {
    readonly duties: readonly Duty[]
    readonly clock: Clock
    readonly log: Logger
    /** Between two steps of a duty that has nothing to do. */
    readonly pollMs: number
  }) {
    const { duties, clock, log, pollMs } = options
    this.#clock = clock
    this.#log = log
    this.#pollMs = pollMs
    this.#running = duties.map((duty) => {
      return { duty, timer: undefined, underWay: Promise.resolve(), failures: 0 }
    })
    for (const running of this.#running) this.#arm(running, pollMs)
  }

  /** Begins no more steps, and waits for those under way, though not for ever. */
  async close(): Promise<void> {
    this.#end.abort()
    for (const { timer } of this.#running) timer?.cancel()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.setTimer(closeMsMax, resolve)
    await Promise.race([Promise.all(this.#running.map(({ underWay }) => underWay)), late])
    timer.cancel()
  }

  #arm(running: Running, delayMs: number): void {
    if (this.#end.signal.aborted) return
    running.timer = this.#clock.setTimer(delayMs, () => {
      running.underWay = this.#step(running)
    })
  }

  async #step(running: Running): Promise<void> {
    const { duty } = running
    try {
      const isMore = await duty.step(this.#end.signal)
      running.failures = 0
      this.#arm(running, isMore ? 0 : this.#pollMs)
    } catch (error) {
      const delayMs = Math.min(retryMsMax, this.#pollMs * 2 ** Math.min(running.failures++, 16))
      if (this.#end.signal.aborted) return
      this.#log.warn(`${duty.what} could not be seen to`, { error: messageOf(error) })
      this.#arm(running, delayMs)
    }
  }
}
