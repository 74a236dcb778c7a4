/** The next sequence of a disperser in each epoch: none is given twice. */

export class Sequences {
  readonly #next = new Map<bigint, bigint>()

  take(epoch: bigint): bigint {
    const sequence = this.#next.get(epoch) ?? 0n
    this.#next.set(epoch, sequence + 1n)
    for (const old of this.#next.keys()) if (old + 1n < epoch) this.#next.delete(old)
    return sequence
  }

  /** One that was given before a restart. */
  learn(epoch: bigint, sequence: bigint): void {
    const next = this.#next.get(epoch) ?? 0n
    this.#next.set(epoch, sequence >= next ? sequence + 1n : next)
  }
}
