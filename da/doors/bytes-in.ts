/** Bytes as they come in, up to a bound: copied once where their number was said before. */

export class BytesIn {
  readonly #sizeMax: number
  #bytes: Uint8Array<ArrayBuffer>
  #size = 0

  /** @param declared - How many they are by whoever sends them; less or more may come. */
  constructor(sizeMax: number, declared = 0) {
    this.#sizeMax = sizeMax
    this.#bytes = new Uint8Array(Math.min(declared, sizeMax))
  }

  get size(): number {
    return this.#size
  }

  /** False when it is more than may be: nothing is kept of it then. */
  take(piece: Uint8Array): boolean {
    const size = this.#size + piece.length
    if (size > this.#sizeMax) return false
    if (size > this.#bytes.length) this.#grow(size)
    this.#bytes.set(piece, this.#size)
    this.#size = size
    return true
  }

  /** All that came. */
  whole(): Uint8Array<ArrayBuffer> {
    return this.#size === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#size)
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.min(this.#sizeMax, Math.max(size, 2 * this.#bytes.length)))
    grown.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = grown
  }
}
