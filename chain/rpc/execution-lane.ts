/**
 * Where simulated executions run: one at a time, on the node's own thread.
 *
 * The thread also votes and builds blocks, so an execution that took long is followed by a rest as
 * long: however many clients call, calls get at most half of it. What waits is bounded.
 */

import type { Clock } from '@zg/runtime'

import { callRestFromMs, callsWaitingMax } from './limits.ts'
import { LimitExceededError } from './rpc-error.ts'

export class ExecutionLane {
  readonly #clock: Clock
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Runs `work` in its turn and returns what it returns.
   *
   * @throws {LimitExceededError} `CHAIN_LIMIT_EXCEEDED` when too many wait; and as `work`.
   */
  async run<value>(work: () => Promise<value> | value): Promise<value> {
    if (this.#waiting >= callsWaitingMax) {
      throw new LimitExceededError('executions waiting', callsWaitingMax)
    }
    this.#waiting++
    const before = this.#last
    let end: () => void = () => undefined
    this.#last = new Promise((resolve) => {
      end = resolve
    })
    await before
    const startMs = this.#clock.nowMs()
    try {
      return await work()
    } finally {
      this.#waiting--
      const spentMs = this.#clock.nowMs() - startMs
      if (spentMs < callRestFromMs) end()
      else this.#clock.setTimer(spentMs, end)
    }
  }
}
