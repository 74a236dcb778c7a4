/**
 * The few records about the state as a whole: its head, the final blocks whose states are readable,
 * and the format of the store.
 */

import { toHex, ZgError } from '@zg/primitives'
import type { KeyValueReader, KeyValueWrite } from '@zg/runtime'

import { heightKey, readHeight, tables } from './tables.ts'

/** Version of the layout in tables.ts. */
const formatVersion = 1

const hashSizeBytes = 32
const headKey = new TextEncoder().encode('head')
const oldestKey = new TextEncoder().encode('oldest')
const formatKey = new TextEncoder().encode('format')

/** A block whose state is kept. */
export type StateHead = {
  /** 32 bytes. */
  readonly blockHash: Uint8Array
  readonly height: number
  /** 32 bytes. */
  readonly stateRoot: Uint8Array
}

export class StateRecords {
  readonly #store: KeyValueReader
  readonly #format: Uint8Array

  /** @throws {StateFormatMismatchError} `STATE_FORMAT_MISMATCH` */
  constructor(store: KeyValueReader, archive: boolean) {
    this.#store = store
    this.#format = Uint8Array.of(formatVersion, archive ? 1 : 0)
    const stored = store.get(tables.meta, formatKey)
    if (stored !== undefined && toHex(stored) !== toHex(this.#format)) {
      throw new StateFormatMismatchError(stored, this.#format)
    }
  }

  head(): StateHead | undefined {
    const height = this.#store.get(tables.meta, headKey)
    return height && this.block(readHeight(height))
  }

  oldestHeight(): number | undefined {
    const height = this.#store.get(tables.meta, oldestKey)
    return height && readHeight(height)
  }

  /** The final block of a height, while its state is readable. */
  block(height: number): StateHead | undefined {
    const record = this.#store.get(tables.blocks, heightKey(height))
    if (record === undefined) return undefined
    return {
      blockHash: record.subarray(0, hashSizeBytes),
      height,
      stateRoot: record.subarray(hashSizeBytes),
    }
  }

  /** The height of a final block, while its state is readable. */
  heightOf(blockHash: Uint8Array): number | undefined {
    const height = this.#store.get(tables.heights, blockHash)
    return height && readHeight(height)
  }

  blockWrites({ blockHash, height, stateRoot }: StateHead): KeyValueWrite[] {
    const record = new Uint8Array(2 * hashSizeBytes)
    record.set(blockHash)
    record.set(stateRoot, hashSizeBytes)
    return [
      { table: tables.blocks, key: heightKey(height), value: record },
      { table: tables.heights, key: blockHash, value: heightKey(height) },
    ]
  }

  forgetWrites(height: number): KeyValueWrite[] {
    const block = this.block(height)
    if (block === undefined) return []
    return [
      { table: tables.blocks, key: heightKey(height), value: undefined },
      { table: tables.heights, key: block.blockHash, value: undefined },
    ]
  }

  headWrites(head: StateHead, oldestHeight: number): KeyValueWrite[] {
    return [
      { table: tables.meta, key: headKey, value: heightKey(head.height) },
      { table: tables.meta, key: oldestKey, value: heightKey(oldestHeight) },
      { table: tables.meta, key: formatKey, value: this.#format },
    ]
  }
}

export class StateFormatMismatchError extends ZgError<'STATE_FORMAT_MISMATCH'> {
  constructor(stored: Uint8Array, wanted: Uint8Array) {
    const message = 'Cannot open the state: the store was written in another format or archive mode'
    super('STATE_FORMAT_MISMATCH', message, { stored: toHex(stored), wanted: toHex(wanted) })
  }
}
