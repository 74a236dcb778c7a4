/**
 * Which epoch is believed to be reached, when what has expired is to be forgotten: one wrong answer
 * of an endpoint destroys nothing. A jump forward is believed when it is seen again a while later,
 * and no answer between the two said otherwise.
 */

/** Epochs beyond what is known that are believed at once. */
const epochsAtOnceMax = 8n
/** How long a jump is seen before it is believed. */
export const jumpBelievedAfterMs = 600_000

export class EpochWatch {
  #known: bigint | undefined
  #jump: { readonly epoch: bigint; readonly sinceMs: number } | undefined

  /** The epoch to go by; undefined while an answer is not believed. `newest` is what is kept. */
  see(epoch: bigint, newest: bigint, nowMs: number): bigint | undefined {
    const known = this.#known === undefined || newest > this.#known ? newest : this.#known
    if (epoch <= known + epochsAtOnceMax) return this.#believe(epoch)
    const { epoch: seen, sinceMs } = this.#jump ?? { epoch, sinceMs: nowMs }
    // The least of all answers: none of them goes unheard.
    const least = epoch < seen ? epoch : seen
    this.#jump = { epoch: least, sinceMs }
    return nowMs - sinceMs >= jumpBelievedAfterMs ? this.#believe(least) : undefined
  }

  #believe(epoch: bigint): bigint {
    this.#known = epoch
    this.#jump = undefined
    return epoch
  }
}
