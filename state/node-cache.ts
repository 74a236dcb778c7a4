/**
 * Records of trie nodes of the head, in one ring of memory.
 *
 * Hundreds of thousands of nodes as objects would take several times their bytes, and each major
 * collection would walk them all; here the collector sees two arrays. Entries are written one after
 * another; at the end the ring starts over and the oldest are overwritten:
 *
 *     ring    … [ 2 sizes | account ‖ path | record ][ … ][ … ] …       slots   bucket -> positions
 *
 * A position counts bytes ever written, so the entry at p still stands when p >= written - ring
 * size. A name may be in one of the `ways` slots of the bucket that its hash picks; when all are
 * taken the oldest entry gives way. Names are hashed with a secret start: a chosen collision would
 * only miss.
 */

/** Slots of one bucket. */
const ways = 4

/** Bytes of the ring that a slot stands for: about those of the smallest usual entry. */
const sizeBytesPerSlot = 128

/** Bytes before a name: its size in 1, the record's size in 2. */
const headerSizeBytes = 3

const hashStart = crypto.getRandomValues(new Uint32Array(1))[0] as number

export class NodeCache {
  readonly #ring: Uint8Array
  /** Positions of entries; 0 in a free slot. */
  readonly #slots: Float64Array
  readonly #bucketMask: number
  /** Bytes written so far; starts behind a whole ring, so that position 0 stands for nothing. */
  #written: number

  /** @param sizeBytes - Size of the ring; it is taken from the system as it fills. */
  constructor(sizeBytes: number) {
    const bucketCount = 2 ** Math.ceil(Math.log2(sizeBytes / sizeBytesPerSlot / ways + 1))
    this.#ring = new Uint8Array(sizeBytes)
    this.#slots = new Float64Array(bucketCount * ways)
    this.#bucketMask = bucketCount - 1
    this.#written = sizeBytes
  }

  /** Returns a copy of the record; undefined when it was never set or has been overwritten. */
  get(account: string, path: string): Uint8Array | undefined {
    const slot = this.#find(account, path)
    if (slot < 0) return undefined
    const offset = this.#offsetOf(slot)
    const start = offset + headerSizeBytes + (this.#ring[offset] as number)
    return this.#ring.slice(start, start + this.#recordSize(offset))
  }

  set(account: string, path: string, record: Uint8Array): void {
    const found = this.#find(account, path)
    if (found >= 0 && this.#recordSize(this.#offsetOf(found)) === record.length) {
      const offset = this.#offsetOf(found)
      this.#ring.set(record, offset + headerSizeBytes + (this.#ring[offset] as number))
      return
    }
    const position = this.#append(account, path, record)
    const slot = found >= 0 ? found : this.#slotToTake(account, path)
    this.#slots[slot] = position
  }

  delete(account: string, path: string): void {
    const slot = this.#find(account, path)
    if (slot >= 0) this.#slots[slot] = 0
  }

  /** Writes an entry and returns its position; 0 when it is too large for this ring. */
  #append(account: string, path: string, record: Uint8Array): number {
    const ringSize = this.#ring.length
    const nameSize = account.length + path.length
    const size = headerSizeBytes + nameSize + record.length
    if (size > ringSize) return 0
    // An entry does not wrap: what is left at the end of the ring stays unused.
    const left = ringSize - (this.#written % ringSize)
    if (left < size) this.#written += left
    const position = this.#written
    let offset = position % ringSize
    this.#ring[offset++] = nameSize
    this.#ring[offset++] = record.length >> 8
    this.#ring[offset++] = record.length & 0xff
    for (let index = 0; index < account.length; index++) {
      this.#ring[offset++] = account.charCodeAt(index)
    }
    for (let index = 0; index < path.length; index++) this.#ring[offset++] = path.charCodeAt(index)
    this.#ring.set(record, offset)
    this.#written += size
    return position
  }

  /** The slot of a name; -1 when it has none that still stands. */
  #find(account: string, path: string): number {
    const bucket = this.#bucketOf(account, path)
    for (let slot = bucket; slot < bucket + ways; slot++) {
      if (this.#stands(slot) && this.#isNamed(this.#offsetOf(slot), account, path)) return slot
    }
    return -1
  }

  /** The slot of its bucket whose entry is gone or the oldest. */
  #slotToTake(account: string, path: string): number {
    const bucket = this.#bucketOf(account, path)
    let taken = bucket
    for (let slot = bucket + 1; slot < bucket + ways; slot++) {
      if ((this.#slots[slot] as number) < (this.#slots[taken] as number)) taken = slot
    }
    return taken
  }

  #stands(slot: number): boolean {
    const position = this.#slots[slot] as number
    return position > 0 && position >= this.#written - this.#ring.length
  }

  #offsetOf(slot: number): number {
    return (this.#slots[slot] as number) % this.#ring.length
  }

  #recordSize(offset: number): number {
    return ((this.#ring[offset + 1] as number) << 8) | (this.#ring[offset + 2] as number)
  }

  #isNamed(offset: number, account: string, path: string): boolean {
    if (this.#ring[offset] !== account.length + path.length) return false
    let index = offset + headerSizeBytes
    for (let at = 0; at < account.length; at++) {
      if (this.#ring[index++] !== account.charCodeAt(at)) return false
    }
    for (let at = 0; at < path.length; at++) {
      if (this.#ring[index++] !== path.charCodeAt(at)) return false
    }
    return true
  }

  #bucketOf(account: string, path: string): number {
    let hash = hashStart
    // 16 digits of an account tell it from others well enough for a bucket.
    for (let at = Math.max(0, account.length - 16); at < account.length; at++) {
      hash = Math.imul(hash ^ account.charCodeAt(at), 0x01000193)
    }
    for (let at = 0; at < path.length; at++) {
      hash = Math.imul(hash ^ path.charCodeAt(at), 0x01000193)
    }
    hash ^= hash >>> 15
    return (hash & this.#bucketMask) * ways
  }
}
