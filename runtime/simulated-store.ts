/**
 * A `KeyValueStore` in memory that loses what a crash may lose: a suffix of the batches whose
 * `write` has not resolved. What is left is a prefix of the batches, each whole, as the interface
 * promises.
 *
 * As with the simulated disk, a node reaches the store through a mount, and a crash kills the
 * mount: what the dead node's code still writes has no effect and never resolves.
 */

import { MemoryStore } from './memory-store.ts'
import type { KeyValueStore, KeyValueWrite } from './key-value-store.ts'
import type { Rng } from './rng.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export type SimulatedStoreOptions = {
  readonly clock: SimulatedClock
  readonly rng: Rng
  /** Time until a batch is durable: uniform between the two, never before an earlier batch. */
  readonly writeMsMin?: number
  readonly writeMsMax?: number
  /** Told when a batch was applied, and when it is durable. */
  readonly onStep?: (step: 'write' | 'written') => void
}

/** A batch that is not durable yet: what stood where it wrote. */
type Pending = { readonly undo: readonly KeyValueWrite[] }

export class SimulatedStore {
  readonly #options: Required<SimulatedStoreOptions>
  readonly #memory = new MemoryStore()
  #pending: Pending[] = []
  #mount = 0
  #latestMs = 0

  constructor(options: SimulatedStoreOptions) {
    const defaults = { writeMsMin: 0.5, writeMsMax: 2, onStep: () => undefined }
    this.#options = { ...defaults, ...options }
  }

  /** A node's way to this store; a mount made earlier stops working. */
  mount(): KeyValueStore {
    const mount = ++this.#mount
    const isAlive = (): boolean => mount === this.#mount
    return {
      get: (table, key) => this.#memory.get(table, key),
      range: (table, range) => this.#memory.range(table, range),
      write: (batch) => this.#write(batch, isAlive),
      close: () => Promise.resolve(),
    }
  }

  /** Power is lost: mounts die, and some of the last batches were never written. */
  crash(): void {
    this.#mount++
    const pending = this.#pending
    this.#pending = []
    const keptCount = this.#options.rng.below(pending.length + 1)
    // The memory store applies a batch inside the call.
    for (const { undo } of pending.slice(keptCount).reverse()) void this.#memory.write(undo)
  }

  async #write(batch: readonly KeyValueWrite[], isAlive: () => boolean): Promise<void> {
    if (!isAlive()) return never()
    const undo = batch
      .map(({ table, key }) => ({ table, key, value: this.#memory.get(table, key) }))
      .reverse()
    const pending: Pending = { undo }
    this.#pending.push(pending)
    // Applied inside the call. A batch with a bad key is refused, and `get` above has thrown for
    // it.
    await this.#memory.write(batch)
    if (!isAlive()) return never()
    this.#options.onStep('write')
    await this.#durable(pending, isAlive)
    this.#options.onStep('written')
    if (!isAlive()) return never()
  }

  #durable(pending: Pending, isAlive: () => boolean): Promise<void> {
    const { clock, rng, writeMsMin, writeMsMax } = this.#options
    const delayMs = writeMsMin + ((writeMsMax - writeMsMin) * rng.below(1_024)) / 1_024
    this.#latestMs = Math.max(this.#latestMs, clock.exactMs + delayMs)
    return new Promise((resolve) => {
      clock.setTimer(this.#latestMs - clock.exactMs, () => {
        if (!isAlive()) return
        this.#pending = this.#pending.slice(this.#pending.indexOf(pending) + 1)
        resolve()
      })
    })
  }
}

function never(): Promise<void> {
  return new Promise(() => undefined)
}
