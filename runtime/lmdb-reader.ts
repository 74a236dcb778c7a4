/**
 * Reads an `LmdbStore` from another thread than the one that writes it.
 *
 * What is read between two turns of the event loop is of one moment: LMDB keeps the pages of an
 * open read transaction, however much is committed meanwhile. `refresh` begins a new one. A reader
 * whose thread is ended in the middle of a read leaves nothing open.
 */

import type { Database, RootDatabase } from 'lmdb'

import type { KeyRange, KeyValueReader } from './key-value-store.ts'
import { lmdbRange, openEnvironment, plain } from './lmdb-store.ts'

type Table = Database<Uint8Array, Uint8Array>

export class LmdbReader implements KeyValueReader {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #tables = new Map<string, Table>()

  private constructor(root: RootDatabase<Uint8Array, Uint8Array>) {
    this.#root = root
  }

  /**
   * Opens the store in `folder`, which must exist.
   *
   * @throws {StoreOpenFailedError} `RUNTIME_STORE_OPEN_FAILED`
   */
  static open(folder: string): LmdbReader {
    return new LmdbReader(openEnvironment(folder, { readOnly: true }))
  }

  /** Sees from here on what is durable now. */
  refresh(): void {
    this.#root.resetReadTxn()
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    const shared = this.#table(table)?.getBinaryFast(key)
    return shared && plain(shared).slice(0, shared.length)
  }

  *range(table: string, range: KeyRange): Iterable<readonly [Uint8Array, Uint8Array]> {
    const { limit } = range
    const options = { ...lmdbRange(range), ...(limit === undefined ? {} : { limit }) }
    for (const { key, value } of this.#table(table)?.getRange(options) ?? []) {
      yield [plain(key), plain(value)]
    }
  }

  async close(): Promise<void> {
    await this.#root.close()
  }

  /** Undefined while nothing was written to the table: it is not there yet. */
  #table(name: string): Table | undefined {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const options = { name, keyEncoding: 'binary', encoding: 'binary', cache: false } as const
    const table: Table | undefined = this.#root.openDB(options)
    if (table !== undefined) this.#tables.set(name, table)
    return table
  }
}
