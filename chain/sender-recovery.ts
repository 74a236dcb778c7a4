/**
 * Who signed: public-key recovery, the dearest step on a transaction's way (about 55 µs), done
 * once.
 *
 * Signatures wait here for the end of the turn, then go to a worker thread as one message; while
 * one batch is out, the next fills. A few at a time are cheaper done in place than sent: a message
 * costs about as much as two recoveries. If the worker dies, the work is done in place from then
 * on.
 */

import { Worker } from 'node:worker_threads'

import type { Logger } from '@zg/runtime'

import { packRecovery, recoverPacked, unpackRecovery } from './recovery-batch.ts'
import type { RecoveryItem } from './recovery-batch.ts'

/** Fewer than this many signatures are recovered in place. */
export const workerBatchMin = 4

/** Most signatures in one message: about 0.1 s of work. */
export const workerBatchMax = 2_048

/** Recovers the addresses that signed; undefined where no key can have. */
export interface SenderRecovery {
  recover(items: readonly RecoveryItem[]): Promise<readonly (bigint | undefined)[]>
  close(): Promise<void>
}

/** Recovers in place: for tests, simulations and tools. */
export const inlineRecovery: SenderRecovery = {
  recover: (items) => Promise.resolve(recoverInline(items)),
  close: () => Promise.resolve(),
}

type Waiting = {
  readonly items: readonly RecoveryItem[]
  readonly resolve: (addresses: readonly (bigint | undefined)[]) => void
}

/** Recovers on one worker thread of its own. */
export class WorkerRecovery implements SenderRecovery {
  readonly #worker: Worker
  #logger: Logger
  #waiting: Waiting[] = []
  /** The batch at the worker. */
  #sent: readonly Waiting[] = []
  #isScheduled = false
  #hasFailed = false
  #isGone = false

  constructor(logger: Logger) {
    this.#logger = logger
    this.#worker = new Worker(new URL('recover-worker.ts', import.meta.url))
    this.#worker.unref()
    this.#worker.on('message', (answer: Uint8Array) => this.#answered(answer))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => {
      this.#isGone = true
      this.#fail(undefined)
    })
  }

  recover(items: readonly RecoveryItem[]): Promise<readonly (bigint | undefined)[]> {
    return new Promise((resolve) => {
      this.#waiting.push({ items, resolve })
      this.#schedule()
    })
  }

  /** Resolves once the thread has ended; what waits is done in place. */
  async close(): Promise<void> {
    this.#hasFailed = true
    this.#drainInline()
    if (this.#isGone) return
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#worker.ref()
    this.#worker.postMessage(null)
    await gone
  }

  #schedule(): void {
    if (this.#isScheduled || this.#sent.length > 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const batch: Waiting[] = []
    let count = 0
    while (this.#waiting.length > 0 && count < workerBatchMax) {
      const next = this.#waiting.shift() as Waiting
      batch.push(next)
      count += next.items.length
    }
    if (count < workerBatchMin || this.#hasFailed) {
      for (const { items, resolve } of batch) resolve(recoverInline(items))
      if (this.#waiting.length > 0) this.#schedule()
      return
    }
    this.#sent = batch
    const request = packRecovery(batch.flatMap(({ items }) => items))
    this.#worker.postMessage(request, [request.buffer])
  }

  #answered(answer: Uint8Array): void {
    const addresses = unpackRecovery(answer)
    let offset = 0
    for (const { items, resolve } of this.#sent) {
      resolve(addresses.slice(offset, offset + items.length))
      offset += items.length
    }
    this.#sent = []
    if (this.#waiting.length > 0) this.#flush()
  }

  #fail(error: Error | undefined): void {
    if (!this.#hasFailed) {
      this.#logger.warn('The recovery worker ended; senders are recovered in place', { error })
    }
    this.#hasFailed = true
    this.#drainInline()
  }

  #drainInline(): void {
    const left = [...this.#sent, ...this.#waiting]
    this.#sent = []
    this.#waiting = []
    for (const { items, resolve } of left) resolve(recoverInline(items))
  }
}

function recoverInline(items: readonly RecoveryItem[]): (bigint | undefined)[] {
  return unpackRecovery(recoverPacked(packRecovery(items)))
}
