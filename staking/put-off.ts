/** What is not tried again before a time: in memory, bounded, lost without harm. */

export class PutOff<key> {
  readonly #until = new Map<key, bigint>()
  readonly #max: number

  /** @param max - Beyond so many, the oldest is forgotten, and so tried again. */
  constructor(max: number) {
    this.#max = max
  }

  isOff(key: key, now: bigint): boolean {
    return (this.#until.get(key) ?? now) > now
  }

  putOff(key: key, until: bigint): void {
    this.#until.delete(key)
    this.#until.set(key, until)
    const [oldest] = this.#until.keys()
    if (this.#until.size > this.#max && oldest !== undefined) this.#until.delete(oldest)
  }
}
