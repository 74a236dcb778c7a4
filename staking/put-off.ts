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

  forget(key: key): void {
    this.#until.delete(key)
  }
}

/** The same of what fails: it waits twice as long each time. */
export class Backoff<key> {
  readonly #later: PutOff<key>
  readonly #waits = new Map<key, bigint>()
  readonly #options: { readonly first: bigint; readonly most: bigint; readonly max: number }

  /** Waits are counted in whatever time is counted in. */
  constructor(options: { readonly first: bigint; readonly most: bigint; readonly max: number }) {
    this.#options = options
    this.#later = new PutOff(options.max)
  }

  isOff(key: key, now: bigint): boolean {
    return this.#later.isOff(key, now)
  }

  /** It failed; says whether for the first time since it did not. */
  fail(key: key, now: bigint): boolean {
    const { first, most, max } = this.#options
    const last = this.#waits.get(key)
    const doubled = last === undefined ? first : 2n * last
    const wait = doubled < most ? doubled : most
    this.#waits.delete(key)
    this.#waits.set(key, wait)
    const [oldest] = this.#waits.keys()
    if (this.#waits.size > max && oldest !== undefined) this.#waits.delete(oldest)
    this.#later.putOff(key, now + wait)
    return last === undefined
  }

  /** It did not fail: the next failure waits as the first. */
  succeed(key: key): void {
    this.#waits.delete(key)
    this.#later.forget(key)
  }
}
