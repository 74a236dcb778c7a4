/**
 * A digest of a run: two runs with one trace hash did the same things in the same order.
 *
 * Every message handed to the network, with its time and ends, and every milestone goes through
 * CRC-32 chained over the run; SHA-256 over the two running values and the counts is the hash. CRC
 * serves here because nobody looks for collisions: it must only tell a different run apart.
 */

import { crc32 } from 'node:zlib'

import { sha256, toHex } from '@zg/primitives'

export class Trace {
  #bytesChecksum = 0
  #eventsChecksum = 0
  #eventCount = 0

  /** Adds something that happened: a line of text, with bytes when it carried some. */
  add(line: string, bytes?: Uint8Array): void {
    this.#eventCount++
    this.#eventsChecksum = crc32(line, this.#eventsChecksum)
    if (bytes !== undefined) this.#bytesChecksum = crc32(bytes, this.#bytesChecksum)
  }

  /** The hash of all that was added, as 16 hex digits. */
  hash(): string {
    const parts = [this.#eventCount, this.#eventsChecksum, this.#bytesChecksum]
    return toHex(sha256(new TextEncoder().encode(parts.join('/')))).slice(2, 18)
  }
}
