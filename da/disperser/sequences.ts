/** The next sequence of a disperser in each epoch: none is given twice. */

import { UnavailableError } from '../doors/dispersal.ts'

export class Sequences {
  readonly #next = new Map<bigint, bigint>()

  /** Of epochs before it nothing is remembered. */
  #oldest = 0n

  /** @throws {UnavailableError} `DA_UNAVAILABLE` when the chain went back further than is known. */
  take(epoch: bigint): bigint {
    // MUST NOT begin anew: a chain may be asked at a node that is epochs behind.
    if (epoch < this.#oldest) throw new UnavailableError(`the chain is back in epoch ${epoch}`)
    const sequence = this.#next.get(epoch) ?? 0n
    this.#next.set(epoch, sequence + 1n)
    if (epoch > this.#oldest + 1n) this.#oldest = epoch - 1n
    for (const old of this.#next.keys()) if (old < this.#oldest) this.#next.delete(old)
    return sequence
  }

  /** One that was given before a restart. */
  learn(epoch: bigint, sequence: bigint): void {
    const next = this.#next.get(epoch) ?? 0n
    this.#next.set(epoch, sequence >= next ? sequence + 1n : next)
  }
}
