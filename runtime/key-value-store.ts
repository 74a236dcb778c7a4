/**
 * An ordered store of byte strings in named tables, with atomic batches.
 *
 * Reads are synchronous and see the last batch whose `write` was called, durable or not; `write`
 * resolves when its batch is durable. After a crash the store holds exactly a prefix of the
 * batches.
 */

export type KeyValueWrite = {
  readonly table: string
  readonly key: Uint8Array
  /** Undefined removes the key. */
  readonly value: Uint8Array | undefined
}

export type KeyRange = {
  /** First key, inclusive; the table's start when absent. */
  readonly from?: Uint8Array
  /** Last key, exclusive; the table's end when absent. */
  readonly to?: Uint8Array
  /** From the end to the start. */
  readonly reverse?: boolean
  /** At most so many entries. */
  readonly limit?: number
}

/** What stands in a store. */
export interface KeyValueReader {
  /** Returns the value; the caller may keep it and must not write to it. */
  get(table: string, key: Uint8Array): Uint8Array | undefined
  /** Entries in key order (unsigned bytes, shorter first). Keys are at most 500 bytes. */
  range(table: string, range: KeyRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
}

export interface KeyValueStore extends KeyValueReader {
  /** Applies all or nothing. */
  write(batch: readonly KeyValueWrite[]): Promise<void>
  close(): Promise<void>
}
