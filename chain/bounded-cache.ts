/** A cache that forgets what was not asked for the longest. */

export class BoundedCache<key, value> {
  readonly #entries = new Map<key, value>()
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get(key: key): value | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    // A Map iterates in the order of insertion: the first key is the one idle the longest.
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: key, value: value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#countMax) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  delete(key: key): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
