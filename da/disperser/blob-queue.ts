/** Blobs that wait for a batch, in order, and which of them the next one holds. */

import { blobsMax, payloadSizeOf, rowSizeMax } from '../batch/payload.ts'

/** A blob that waits for a certificate. */
export type Pending = {
  readonly id: Uint8Array
  readonly blob: Uint8Array
  readonly isAlone: boolean
  readonly atMs: number
  attempts: number
}

export class BlobQueue {
  readonly #dataRows: number
  #waiting: Pending[] = []

  constructor(dataRows: number) {
    this.#dataRows = dataRows
  }

  get first(): Pending | undefined {
    return this.#waiting[0]
  }

  add(pending: Pending): void {
    this.#waiting.push(pending)
  }

  /** Puts blobs before all others. */
  putBack(blobs: readonly Pending[]): void {
    this.#waiting = [...blobs, ...this.#waiting]
  }

  /** How many of the first go into one batch, and whether there is no room for another. */
  next(): { readonly count: number; readonly isFull: boolean } {
    const empty = payloadSizeOf([])
    let sizeBytes = empty
    for (const [count, { blob, isAlone }] of this.#waiting.entries()) {
      sizeBytes += payloadSizeOf([blob.length]) - empty
      const isFull = (isAlone && count > 0) || count === blobsMax
      if (isFull || sizeBytes > this.#dataRows * rowSizeMax) return { count, isFull: true }
      if (isAlone) return { count: 1, isFull: true }
    }
    return { count: this.#waiting.length, isFull: false }
  }

  take(count: number): readonly Pending[] {
    return this.#waiting.splice(0, count)
  }
}
