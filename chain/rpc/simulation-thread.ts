/**
 * Simulated executions on a thread of their own: they cannot hold up the node, and one that does
 * not end is ended with its thread.
 *
 *     run ──► waiting, in order ──► worker: one at a time ──► answer
 *                                     │ nothing by callBudgetMs + graceMs: the thread is ended,
 *                                     ▼ the next request begins another
 *
 * The machine looks at the clock between instructions, so nearly all executions end by their own
 * budget; what it cannot interrupt (one precompile with all the gas) is what the second bound is
 * for. The thread begins with the first request and its heap is bounded.
 */

import { Worker } from 'node:worker_threads'

import type { ChainConfig } from '@zg/evm'
import { ZgError } from '@zg/primitives'
import type { ErrorData } from '@zg/primitives'
import type { Clock, Timer } from '@zg/runtime'

import { callBudgetMs, callsWaitingMax, callWaitMsMax } from './limits.ts'
import { LimitExceededError } from './rpc-error.ts'
import type { SimulationRequest } from './simulation.ts'
import type { SimulationAnswers, SimulationKind, Simulator } from './simulator.ts'

/** What a thread is given beyond the budget, for what cannot be interrupted. */
const graceMs = 3_000

/** How long a thread may take to begin, on a machine that has much else to do. */
const threadStartMsMax = 30_000

/** JavaScript heap of the thread; beyond it the thread ends, and the node goes on. */
const heapSizeMebibytesMax = 512

export type SimulationWorkerData = {
  /** Of the node's store. */
  readonly folder: string
  readonly config: ChainConfig
  readonly archive: boolean
}

export type SimulationAsked = {
  readonly kind: SimulationKind
  readonly request: SimulationRequest
}

/** The first word of a thread: it has begun, and takes requests. */
export const threadReady = 'ready'

export type SimulationTold =
  | { readonly ok: true; readonly answer: unknown }
  | {
      readonly ok: false
      readonly code: string
      readonly message: string
      readonly data: ErrorData
    }

type Waiting = SimulationAsked & {
  readonly sinceMs: number
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

export class SimulationThread implements Simulator {
  readonly #data: SimulationWorkerData
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #worker: Worker | undefined
  #isReady = false
  #running: Waiting | undefined
  #timer: Timer | undefined

  constructor(data: SimulationWorkerData, clock: Clock) {
    this.#data = data
    this.#clock = clock
  }

  run<kind extends SimulationKind>(
    kind: kind,
    request: SimulationRequest,
  ): Promise<SimulationAnswers[kind]> {
    if (this.#waiting.length >= callsWaitingMax) {
      return Promise.reject(new LimitExceededError('executions waiting', callsWaitingMax))
    }
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ kind, request, sinceMs: this.#clock.nowMs(), resolve, reject })
      this.#next()
    })
    // The one place where the thread is believed about the shape of what it tells.
    return answer as Promise<SimulationAnswers[kind]>
  }

  /** Ends the thread; what waits is refused. */
  async close(): Promise<void> {
    const refused = [...(this.#running === undefined ? [] : [this.#running]), ...this.#waiting]
    this.#waiting.length = 0
    await this.#endThread()
    for (const { reject } of refused) reject(new LimitExceededError('executions: stopping', 0))
  }

  #next(): void {
    if (this.#running !== undefined) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    if (this.#clock.nowMs() - next.sinceMs > callWaitMsMax) {
      next.reject(new LimitExceededError('ms of waiting for an execution', callWaitMsMax))
      return this.#next()
    }
    this.#running = next
    if (this.#worker === undefined) this.#begin()
    else if (this.#isReady) this.#ask(next)
  }

  #ask({ kind, request }: Waiting): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.setTimer(callBudgetMs + graceMs, () => {
      this.#fail(new LimitExceededError('ms for an execution', callBudgetMs))
    })
    this.#worker?.postMessage({ kind, request } satisfies SimulationAsked)
  }

  #begin(): void {
    this.#isReady = false
    this.#timer = this.#clock.setTimer(threadStartMsMax, () => {
      this.#fail(new LimitExceededError('ms for a thread to begin', threadStartMsMax))
    })
    const worker = new Worker(new URL('simulation-worker.ts', import.meta.url), {
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: heapSizeMebibytesMax },
    })
    worker.on('message', (told: SimulationTold | typeof threadReady) => {
      if (worker !== this.#worker) return
      if (told !== threadReady) return this.#told(told)
      this.#isReady = true
      if (this.#running !== undefined) this.#ask(this.#running)
    })
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#fail(reasonOf(error))
    })
    worker.on('exit', () => {
      if (worker === this.#worker) this.#fail(new SimulationThreadEndedError(undefined))
    })
    this.#worker = worker
  }

  #told(told: SimulationTold): void {
    const running = this.#take()
    if (told.ok) running?.resolve(told.answer)
    else running?.reject(new RelayedError(told))
    this.#next()
  }

  #fail(error: Error): void {
    const running = this.#take()
    void this.#endThread()
    running?.reject(error)
    this.#next()
  }

  #take(): Waiting | undefined {
    const running = this.#running
    this.#running = undefined
    this.#timer?.cancel()
    return running
  }

  async #endThread(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    this.#timer?.cancel()
    await worker?.terminate()
  }
}

/** An error of the thread, told here under its own code. */
class RelayedError extends ZgError {
  constructor({ code, message, data }: Extract<SimulationTold, { readonly ok: false }>) {
    super(code, message, data)
  }
}

function reasonOf(error: unknown): Error {
  const isOutOfMemory =
    error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return isOutOfMemory
    ? new LimitExceededError('MiB of memory for an execution', heapSizeMebibytesMax)
    : new SimulationThreadEndedError(error)
}

/** A bug of ours ended the thread. */
class SimulationThreadEndedError extends ZgError<'CHAIN_SIMULATION_THREAD_ENDED'> {
  constructor(cause: unknown) {
    super('CHAIN_SIMULATION_THREAD_ENDED', 'Cannot simulate: the thread ended', {}, cause)
  }
}
