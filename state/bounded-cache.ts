/**
 * A cache of bounded weight that forgets what was not asked for lately.
 *
 * Two generations: what is set or found goes to the young one; when that has half the weight, it
 * becomes the old one and the former old one is dropped. So an entry lives while it is asked for at
 * least once a generation, at the cost of one map lookup, without lists. The young one is asked
 * first, so a value that it replaces in the old one is never seen again.
 */

/** Maps strings to values within a weight; an entry may be gone at any time. */
export class BoundedCache<value> {
  readonly #weightMax: number
  #young = new Map<string, value>()
  #old = new Map<string, value>()
  #youngWeight = 0
  readonly #weigh: (value: value) => number

  /** @param weightMax - The most that both generations weigh together. */
  constructor(weightMax: number, weigh: (value: value) => number = () => 1) {
    this.#weightMax = weightMax
    this.#weigh = weigh
  }

  get(key: string): value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: value): void {
    const replaced = this.#young.get(key)
    if (replaced !== undefined) this.#youngWeight -= this.#weigh(replaced)
    this.#young.set(key, value)
    this.#youngWeight += this.#weigh(value)
    if (this.#youngWeight > this.#weightMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngWeight = 0
    }
  }

  delete(key: string): void {
    const young = this.#young.get(key)
    if (young !== undefined) this.#youngWeight -= this.#weigh(young)
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
