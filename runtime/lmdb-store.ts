/**
 * A `KeyValueStore` on disk: one LMDB environment, a named database a table.
 *
 * A batch is one LMDB transaction, or shares one with batches written in the same turn; LMDB's
 * transactions are atomic and in order, so a crash leaves a prefix of the batches. Each commit is
 * synced before it is reported (`overlappingSync: false`): `write` resolves when its batch is on
 * the disk.
 *
 * Commits run on LMDB's own thread. Until one is done, its entries stand in `#pending`, in front of
 * what LMDB shows, so a read sees every batch whose `write` was called:
 *
 *     write(b1) write(b2)  ->  #pending { b1, b2 }  -> commit -> read transaction renewed -> { }
 *
 * After a failed commit the store takes no more writes: a later batch must not stand without an
 * earlier one.
 */

import { open } from 'lmdb'
import type { Database, RangeOptions, RootDatabase } from 'lmdb'

import { ZgError } from '@zg/primitives'

import type { KeyRange, KeyValueStore, KeyValueWrite } from './key-value-store.ts'
import { keyOfString, stringOfKey } from './stored-key.ts'

/** Most tables of one store. */
const tablesMax = 64

/** Most batches that wait for the disk at once; beyond, `write` refuses. */
const pendingBatchesMax = 1024

type Table = Database<Uint8Array, Uint8Array>
type Pending = { readonly value: Uint8Array | undefined; readonly batch: number }

/** Keeps tables in a folder. Values and keys of a batch belong to the store from the call on. */
export class LmdbStore implements KeyValueStore {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #tables = new Map<string, Table>()
  readonly #pending = new Map<string, Map<string, Pending>>()
  readonly #commits = new Set<Promise<void>>()
  #batchCount = 0
  #failure: StoreWriteFailedError | undefined
  #closed = false

  private constructor(root: RootDatabase<Uint8Array, Uint8Array>) {
    this.#root = root
  }

  /**
   * Opens the store in `folder`, which is made when absent. One process at a time writes.
   *
   * @throws {StoreOpenFailedError} `RUNTIME_STORE_OPEN_FAILED`
   */
  static open(folder: string): LmdbStore {
    return new LmdbStore(openEnvironment(folder, { overlappingSync: false }))
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    const waiting = this.#pending.get(table)
    if (waiting !== undefined) {
      const entry = waiting.get(stringOfKey(key))
      if (entry !== undefined) return entry.value
    }
    // LMDB copies a value into one buffer of its own for each read; its first bytes are ours to
    // copy before the next. `get` would make a `Buffer` with memory of its own for each value.
    const shared = this.#table(table).getBinaryFast(key)
    return shared && plain(shared).slice(0, shared.length)
  }

  *range(table: string, range: KeyRange): Iterable<readonly [Uint8Array, Uint8Array]> {
    const stored = this.#table(table).getRange(lmdbRange(range))
    const waiting = this.#pendingIn(table, range)
    let left = range.limit ?? Infinity
    let next = waiting.shift()
    for (const { key, value } of stored) {
      const name = stringOfKey(key)
      const isBefore = (a: string): boolean => (range.reverse === true ? a > name : a < name)
      while (next !== undefined && isBefore(next[0])) {
        if (next[1] !== undefined && left-- > 0) yield [keyOfString(next[0]), next[1]]
        next = waiting.shift()
      }
      if (left <= 0) return
      // A waiting entry of the same key stands for the stored one.
      if (next !== undefined && next[0] === name) continue
      left--
      yield [plain(key), plain(value)]
    }
    for (; next !== undefined; next = waiting.shift()) {
      if (next[1] !== undefined && left-- > 0) yield [keyOfString(next[0]), next[1]]
    }
  }

  write(batch: readonly KeyValueWrite[]): Promise<void> {
    const commit = this.#commit(batch)
    this.#commits.add(commit)
    const forget = (): unknown => this.#commits.delete(commit)
    commit.then(forget, forget)
    return commit
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled(this.#commits)
    await this.#root.close()
  }

  async #commit(batch: readonly KeyValueWrite[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closed) throw new StoreClosedError()
    if (this.#commits.size >= pendingBatchesMax) throw new StoreBacklogFullError()
    // Everything that can refuse comes before the first put.
    const names = batch.map(({ key }) => stringOfKey(key))
    const tables = batch.map(({ table }) => this.#table(table))
    if (batch.length === 0) return

    const number = ++this.#batchCount
    for (const [index, { table, value }] of batch.entries()) {
      this.#waitingOf(table).set(names[index] as string, { value, batch: number })
    }
    try {
      await this.#root.batch(() => {
        for (const [index, { key, value }] of batch.entries()) {
          const table = tables[index] as Table
          void (value === undefined ? table.remove(key) : table.put(key, value))
        }
      })
    } catch (cause) {
      this.#failure = new StoreWriteFailedError(cause)
      throw this.#failure
    }
    // The next read must see the commit before its entries leave `#pending`.
    this.#root.resetReadTxn()
    this.#forget(batch, names, number)
  }

  #forget(batch: readonly KeyValueWrite[], names: readonly string[], number: number): void {
    for (const [index, { table }] of batch.entries()) {
      const waiting = this.#pending.get(table)
      const name = names[index] as string
      // A later batch may have put its own entry in front.
      if (waiting?.get(name)?.batch === number) waiting.delete(name)
      if (waiting?.size === 0) this.#pending.delete(table)
    }
  }

  #pendingIn(table: string, range: KeyRange): [string, Uint8Array | undefined][] {
    const from = range.from === undefined ? '' : keyText(range.from)
    const to = range.to === undefined ? undefined : keyText(range.to)
    const entries: [string, Uint8Array | undefined][] = []
    for (const [name, { value }] of this.#pending.get(table) ?? []) {
      if (name >= from && (to === undefined || name < to)) entries.push([name, value])
    }
    const direction = range.reverse === true ? -1 : 1
    return entries.sort((a, b) => (a[0] < b[0] ? -direction : direction))
  }

  #waitingOf(table: string): Map<string, Pending> {
    let waiting = this.#pending.get(table)
    if (waiting === undefined) {
      waiting = new Map()
      this.#pending.set(table, waiting)
    }
    return waiting
  }

  #table(name: string): Table {
    let table = this.#tables.get(name)
    if (table === undefined) {
      if (this.#closed) throw new StoreClosedError()
      table = this.#root.openDB({ name, keyEncoding: 'binary', encoding: 'binary', cache: false })
      this.#tables.set(name, table)
    }
    return table
  }
}

function keyText(bound: Uint8Array): string {
  return bound.length === 0 ? '' : stringOfKey(bound)
}

/** Our range, from inclusive, to exclusive, as LMDB's, whose `start` is where iteration begins. */
export function lmdbRange(range: KeyRange): RangeOptions {
  const from = range.from === undefined || range.from.length === 0 ? undefined : range.from
  const { to } = range
  if (range.reverse !== true) {
    return { ...(from && { start: from }), ...(to && { end: to }) }
  }
  return {
    reverse: true,
    ...(to && { start: to, exclusiveStart: true }),
    ...(from && { end: from, inclusiveEnd: true }),
  }
}

/** LMDB answers Node's `Buffer`s; a store answers plain arrays. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

export class StoreOpenFailedError extends ZgError<'RUNTIME_STORE_OPEN_FAILED'> {
  constructor(folder: string, cause: unknown) {
    const message = `Cannot open the store in "${folder}": LMDB refused`
    super('RUNTIME_STORE_OPEN_FAILED', message, { folder }, cause)
  }
}

export class StoreWriteFailedError extends ZgError<'RUNTIME_STORE_WRITE_FAILED'> {
  constructor(cause: unknown) {
    const message = 'Cannot write to the store: a commit failed; reopen it to go on'
    super('RUNTIME_STORE_WRITE_FAILED', message, {}, cause)
  }
}

export class StoreBacklogFullError extends ZgError<'RUNTIME_STORE_BACKLOG_FULL'> {
  constructor() {
    const message = `Cannot write to the store: ${pendingBatchesMax} batches wait for the disk`
    super('RUNTIME_STORE_BACKLOG_FULL', message, { pendingBatchesMax })
  }
}

export class StoreClosedError extends ZgError<'RUNTIME_STORE_CLOSED'> {
  constructor() {
    super('RUNTIME_STORE_CLOSED', 'Cannot use the store: it is closed')
  }
}

/**
 * Opens the LMDB environment in `folder`: binary keys and values, no cache of lmdb's own.
 *
 * @throws {StoreOpenFailedError} `RUNTIME_STORE_OPEN_FAILED`
 */
export function openEnvironment(
  folder: string,
  mode: { readonly overlappingSync: false } | { readonly readOnly: true },
): RootDatabase<Uint8Array, Uint8Array> {
  try {
    return open<Uint8Array, Uint8Array>({
      path: folder,
      noSubdir: false,
      maxDbs: tablesMax,
      keyEncoding: 'binary',
      encoding: 'binary',
      cache: false,
      ...mode,
    })
  } catch (cause) {
    throw new StoreOpenFailedError(folder, cause)
  }
}
