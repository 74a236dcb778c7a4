/**
 * Where a node keeps the rows it signed for: one file an epoch, appended to, removed whole.
 *
 *     rows/<epoch>   entry, entry, …
 *     entry          head (row-key.ts), meta, rows end to end
 *     meta           RLP of [batch, commitment, header, [[from, leaves, siblings], …]]
 *
 * An entry is durable when `put` resolves. After a crash the last entry of a file may be torn: what
 * is shorter than its own head says is cut off, for nobody was told of it. One whose head and meta
 * are whole is an entry, whatever its rows are: it may have been signed for, and if it was not, the
 * same commitment can be stored again. All else is damage. It is stepped over, and stays where it
 * is: the entries behind it are good, but what was signed there is not known any more, so
 * `isEpochWhole` tells of an epoch that nothing more may be signed in it, at each start. A row is
 * hashed again before it is given away, so a medium that rots shows as a row that is missing; so
 * does a file that can be read no more, or is gone. No file keeps the others from being served.
 *
 * When nothing more of an epoch can be recorded, what is not goes (`settle`, settled-rows.ts).
 */

import { hashRow, pathIn, pathLength, rangeLevels } from '@zg/coding'
import type { ProvedRange, ProvedRow, RowsHeader } from '@zg/coding'
import { bytesEqual, concat, merkleParent, ZgError } from '@zg/primitives'
import type { Disk, DiskFile, Rng } from '@zg/runtime'

import { batchKey, batchOfKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { decodeMeta, encodeMeta, hashSize } from './row-entry.ts'
import type { Entry, Meta } from './row-entry.ts'
import { headSize, RowKey } from './row-key.ts'
import { endOf, entriesIn, isTornFrom } from './row-scan.ts'
import type { FoundEntry } from './row-scan.ts'
import { isEpochName, settledFolder, SettledRows } from './settled-rows.ts'
import { pieces } from '../batch/wire.ts'

const folder = 'rows'

/** A file, and which batches lie in it. */
type Segment = { readonly epoch: bigint; readonly keys: Set<string>; sizeBytes: number }

/** A batch that is kept, and the commitment that was taken for it. */
export type HeldBatch = { readonly batch: BatchId; readonly commitment: Uint8Array }

export type RowStoreOptions = {
  readonly disk: Disk
  readonly shape: DataShape
  /** For the key of a store that is new. */
  readonly rng: Rng
}

/** The copying of what is recorded of an epoch. */
type Settling = {
  readonly epoch: bigint
  readonly left: string[]
  readonly copied: Map<string, Entry>
}

export class RowStore {
  readonly #disk: Disk
  readonly #shape: DataShape
  readonly #key: RowKey
  readonly #settled: SettledRows
  readonly #entries = new Map<string, Entry>()
  readonly #files = new Map<bigint, DiskFile>()
  /** By path. */
  readonly #segments = new Map<string, Segment>()
  /** Puts under way, by epoch. */
  readonly #writing = new Map<bigint, number>()
  /** Epochs in whose files something was damaged. */
  readonly #damaged = new Set<bigint>()
  readonly #failures = new Map<string, RowFileBrokenError>()
  /** Those of `#failures` whose file may be read again: no more than a read failed. */
  readonly #unread = new Set<string>()
  /** The last epoch that takes no more entries. */
  #closedThrough: bigint
  #settling: Settling | undefined

  private constructor(disk: Disk, shape: DataShape, key: RowKey, settled: SettledRows) {
    this.#disk = disk
    this.#shape = shape
    this.#key = key
    this.#settled = settled
    this.#closedThrough = settled.through
  }

  /**
   * Reads what is there, and cuts off what a crash left torn.
   *
   * @throws {RowKeyLostError} `DA_ROW_KEY_LOST`
   */
  static async open({ disk, shape, rng }: RowStoreOptions): Promise<RowStore> {
    const names = await disk.list(folder)
    const isEmpty = names.length === 0 && (await disk.list(settledFolder)).length === 0
    const key = await RowKey.open(disk, rng, isEmpty)
    const settled = await SettledRows.open(disk, folder)
    const store = new RowStore(disk, shape, key, settled)
    for (const name of await disk.list(folder)) {
      if (isEpochName(name)) await store.#recover(`${folder}/${name}`, BigInt(name))
    }
    for (const epoch of await settled.epochs()) {
      await store.#recover(SettledRows.pathOf(epoch), epoch)
    }
    return store
  }

  /** What is wrong with files, one for each. */
  get failures(): readonly RowFileBrokenError[] {
    return [...this.#failures.values()]
  }

  /** Bytes kept, heads and all. */
  get sizeBytes(): number {
    let sum = 0
    for (const { sizeBytes } of this.#segments.values()) sum += sizeBytes
    return sum
  }

  /** The last epoch of which something is or was here; -1 of none. */
  get newestEpoch(): bigint {
    let newest = this.#settled.through
    for (const { epoch } of this.#segments.values()) if (epoch > newest) newest = epoch
    return newest
  }

  get batchCount(): number {
    return this.#entries.size
  }

  /** The commitment that was taken for a batch. */
  commitmentOf(batch: BatchId): Uint8Array | undefined {
    return this.#entries.get(batchKey(batch))?.commitment
  }

  /** Whether nothing is lost of what was signed in an epoch. */
  isEpochWhole(epoch: bigint): boolean {
    return !this.#damaged.has(epoch)
  }

  /** All batches that are here of an epoch, without a look at the disk. */
  heldOf(epoch: bigint): readonly HeldBatch[] {
    return [pathOf(epoch), SettledRows.pathOf(epoch)].flatMap((path) => {
      return [...(this.#segments.get(path)?.keys ?? [])].map((key): HeldBatch => {
        return { batch: batchOfKey(key), commitment: this.#entries.get(key)!.commitment }
      })
    })
  }

  /** The oldest epoch before one that is here and not settled; a broken file stays as it is. */
  unsettledBefore(end: bigint): bigint | undefined {
    let oldest: bigint | undefined
    for (const [path, { epoch }] of this.#segments) {
      const isOpen = epoch > this.#settled.through && epoch < end && path === pathOf(epoch)
      if (isOpen && !this.#failures.has(path) && (oldest === undefined || epoch < oldest))
        oldest = epoch
    }
    return oldest
  }

  /** Has no epoch up to one take entries any more; false while one is still being written. */
  closeThrough(epoch: bigint): boolean {
    if (epoch > this.#closedThrough) this.#closedThrough = epoch
    return ![...this.#writing.keys()].some((written) => written <= epoch)
  }

  /**
   * Forgets all of an epoch but what is recorded, durably; copies `bytesMax` and an entry at most,
   * and is to be called again until it answers true. The epoch is closed, and the oldest that is
   * not settled. Until then, and when it throws, all is as it was.
   *
   * @throws {EntryUnreadableError} `DA_ENTRY_UNREADABLE`; what the disk throws.
   */
  async settle(
    epoch: bigint,
    isRecorded: (batch: BatchId) => boolean,
    bytesMax: number,
  ): Promise<boolean> {
    const path = pathOf(epoch)
    try {
      if (this.#settling?.epoch !== epoch) {
        const keys = [...(this.#segments.get(path)?.keys ?? [])]
        const left = keys.filter((key) => isRecorded(batchOfKey(key)))
        if (left.length === keys.length) {
          await this.#settled.end(epoch)
          return true
        }
        this.#settling = { epoch, left, copied: new Map() }
        await this.#settled.begin(epoch)
      }
      const { left, copied } = this.#settling
      await this.#copy(this.#settling, bytesMax)
      if (left.length > 0) return false
      const sizeBytes = await this.#settled.end(epoch)
      this.#settling = undefined
      const forgotten = this.#forget(path)
      this.#segmentAt(SettledRows.pathOf(epoch), epoch).sizeBytes = sizeBytes
      for (const [key, entry] of copied) this.#enter(key, epoch, entry)
      await forgotten
      return true
    } catch (error) {
      this.#settling = undefined
      await this.#settled.abandon()
      throw error
    }
  }

  /** Leaves an epoch as it is for good, recorded or not. */
  async leave(epoch: bigint): Promise<void> {
    await this.#settled.end(epoch)
  }

  /** All batches that are here of an epoch, and the sizes of their rows. */
  async batchesOf(
    epoch: bigint,
  ): Promise<readonly { readonly batch: BatchId; readonly rowSize: number }[]> {
    const found: { readonly batch: BatchId; readonly rowSize: number }[] = []
    for (const { batch } of this.heldOf(epoch)) {
      const header = await this.header(batch)
      if (header !== undefined) found.push({ batch, rowSize: header.rowSize })
    }
    return found
  }

  /** Bytes that `put` would take. */
  static sizeOf(header: RowsHeader, ranges: readonly ProvedRange[]): number {
    const rows = ranges.reduce((sum, range) => sum + range.rows.length, 0)
    const siblings = ranges.reduce((sum, range) => sum + range.siblings.length, 0)
    const hashes = (rows + siblings) * hashSize
    return headSize + 256 + header.combination.length + hashes + rows * header.rowSize
  }

  /**
   * Resolves when all of it is durable. What was there of the batch is not looked at any more.
   *
   * @throws {EpochClosedError} `DA_EPOCH_CLOSED` · {RowFileBrokenError} `DA_ROW_FILE_BROKEN`; then
   *   nothing is known of the batch here.
   */
  async put(
    batch: BatchId,
    commitment: Uint8Array,
    header: RowsHeader,
    ranges: readonly ProvedRange[],
  ): Promise<void> {
    const rows = ranges.flatMap((range) => range.rows)
    const kept = ranges.map(({ from, siblings, rows: own }) => {
      return { from, leaves: own.map(hashRow), siblings }
    })
    const meta = encodeMeta({ batch, commitment, header, ranges: kept })
    const rowsSize = rows.reduce((sum, row) => sum + row.length, 0)
    const { epoch } = batch
    // MUST NOT: what was taken of a closed epoch may be forgotten already.
    if (epoch <= this.#closedThrough) throw new EpochClosedError(epoch)
    this.#writing.set(epoch, (this.#writing.get(epoch) ?? 0) + 1)
    try {
      const from = await this.#append(
        epoch,
        concat(this.#key.headOf(meta, rowsSize), meta, ...rows),
      )
      const sizes = { metaSize: meta.length, rowsSize }
      const place = { path: pathOf(epoch), from, ...sizes }
      this.#enter(batchKey(batch), epoch, { ...place, commitment: commitment.slice() })
    } finally {
      const others = this.#writing.get(epoch)! - 1
      if (others > 0) this.#writing.set(epoch, others)
      else this.#writing.delete(epoch)
    }
  }

  /** Whether all rows that were put are there as they were. */
  async isWhole(batch: BatchId): Promise<boolean> {
    return (await this.#reading(batch, (entry) => this.#isEntryWhole(entry))) === true
  }

  async #isEntryWhole(entry: Entry): Promise<boolean> {
    const meta = await this.#metaOf(entry)
    if (meta === undefined) return false
    const rowsFrom = entry.from + headSize + entry.metaSize
    const rows = await this.#read(entry.path, rowsFrom, entry.rowsSize)
    const leaves = meta.ranges.flatMap((range) => range.leaves)
    const whole = rows && pieces(rows, meta.header.rowSize)
    return whole?.every((row, at) => bytesEqual(hashRow(row), leaves[at]!)) === true
  }

  async header(batch: BatchId): Promise<RowsHeader | undefined> {
    return (await this.#reading(batch, (entry) => this.#metaOf(entry)))?.header
  }

  /** Those of the rows that are here and whole, with their paths. */
  async rows(batch: BatchId, indexes: readonly number[]): Promise<readonly ProvedRow[]> {
    return (await this.#reading(batch, (entry) => this.#rowsOf(entry, indexes))) ?? []
  }

  async #rowsOf(entry: Entry, indexes: readonly number[]): Promise<readonly ProvedRow[]> {
    const meta = await this.#metaOf(entry)
    if (meta === undefined) return []
    const { rowSize } = meta.header
    const found: ProvedRow[] = []
    let place = entry.from + headSize + entry.metaSize
    for (const { from, leaves, siblings } of meta.ranges) {
      const depth = pathLength(this.#shape.codedRows)
      const levels = rangeLevels({ from, depth }, leaves, siblings, merkleParent)
      for (const index of indexes) {
        const leaf = leaves[index - from]
        if (leaf === undefined || levels === undefined) continue
        const at = place + (index - from) * rowSize
        const row = await this.#read(entry.path, at, rowSize)
        if (row === undefined || !bytesEqual(hashRow(row), leaf)) continue
        found.push({ index, row, path: pathIn(levels, index) })
      }
      place += leaves.length * rowSize
    }
    return found
  }

  /** Forgets the batches of all epochs before `epoch`; of what is being written, another time. */
  async prune(epoch: bigint): Promise<void> {
    const isOver = (segment: Segment | undefined): boolean =>
      segment !== undefined && segment.epoch < epoch && segment.epoch !== this.#settling?.epoch
    const over = [...this.#segments].filter(([, segment]) => isOver(segment))
    const last = over.reduce((most, [, own]) => (own.epoch > most ? own.epoch : most), -1n)
    // MUST be closed before, durably: of what is forgotten nothing may be signed again (S9).
    if (last < 0n || !this.closeThrough(last)) return
    await this.#settled.raise(last)
    for (const [path] of over) if (isOver(this.#segments.get(path))) await this.#forget(path)
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
    this.#files.clear()
    this.#settling = undefined
    await this.#settled.abandon()
  }

  /** Reads of an entry; once more, where it was moved or written anew meanwhile. */
  async #reading<T>(batch: BatchId, read: (entry: Entry) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const entry = this.#entries.get(batchKey(batch))
      const found = entry && (await read(entry))
      if (this.#entries.get(batchKey(batch)) === entry) return found
    }
  }

  /** Removes a file and all that is in it. */
  async #forget(path: string): Promise<void> {
    const { epoch, keys } = this.#segments.get(path)!
    this.#segments.delete(path)
    for (const key of keys) this.#entries.delete(key)
    await this.#files.get(epoch)?.close()
    this.#files.delete(epoch)
    await this.#disk.remove(path)
  }

  async #copy({ epoch, left, copied }: Settling, bytesMax: number): Promise<void> {
    for (let bytes = 0; left.length > 0 && bytes < bytesMax;) {
      const key = left[0]!
      const entry = this.#entries.get(key)!
      const size = headSize + entry.metaSize + entry.rowsSize
      const from = await this.#settled.copy({ path: entry.path, from: entry.from, size })
      copied.set(key, { ...entry, path: SettledRows.pathOf(epoch), from })
      left.shift()
      bytes += size
    }
  }

  /** Appends an entry; returns where it lies when it is durable. */
  async #append(epoch: bigint, bytes: Uint8Array): Promise<number> {
    const file = await this.#fileOf(epoch)
    const from = file.sizeBytes
    // One append: it takes all of an entry or, where there is no room for it, nothing.
    file.append(bytes)
    this.#segmentAt(pathOf(epoch), epoch).sizeBytes = file.sizeBytes
    try {
      await file.sync()
    } catch (error) {
      // Nothing is written through this handle any more, so one that is opened anew knows where it
      // goes on: behind whatever lies there now.
      if (this.#files.get(epoch) === file) this.#files.delete(epoch)
      await file.close().catch(() => undefined)
      this.#unread.delete(pathOf(epoch))
      throw this.#failed(pathOf(epoch), error)
    }
    return from
  }

  #enter(key: string, epoch: bigint, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#segmentAt(entry.path, epoch).keys.add(key)
  }

  /** Behind damage nothing takes the place of what is known, but the same where rows are lost. */
  async #enterFound(entry: FoundEntry, epoch: bigint): Promise<void> {
    const known = this.#entries.get(entry.key)
    if (known !== undefined && this.#damaged.has(epoch)) {
      const isSame = bytesEqual(known.commitment, entry.commitment)
      if (!isSame || (await this.#isEntryWhole(known))) return
    }
    this.#enter(entry.key, epoch, entry)
  }

  #segmentAt(path: string, epoch: bigint): Segment {
    const known = this.#segments.get(path)
    const segment = known ?? { epoch, keys: new Set(), sizeBytes: 0 }
    this.#segments.set(path, segment)
    return segment
  }

  async #fileOf(epoch: bigint): Promise<DiskFile> {
    const known = this.#files.get(epoch)
    if (known !== undefined) return known
    const file = await this.#disk.open(pathOf(epoch))
    await this.#closeBefore(epoch - 1n)
    const other = this.#files.get(epoch)
    if (other === undefined) this.#files.set(epoch, file)
    else await file.close()
    return other ?? file
  }

  /** Nothing is written to an epoch that is over; its rows are read by path. */
  async #closeBefore(epoch: bigint): Promise<void> {
    for (const [older, file] of this.#files) {
      if (older >= epoch) continue
      this.#files.delete(older)
      await file.close()
    }
  }

  async #metaOf({ path, from, metaSize }: Entry): Promise<Meta | undefined> {
    const bytes = await this.#read(path, from, headSize + metaSize)
    const meta = bytes?.subarray(headSize)
    if (bytes === undefined || meta === undefined || !this.#key.isHeadOf(bytes, meta))
      return undefined
    return decodeMeta(meta, this.#shape)
  }

  /** Undefined where a file has fewer bytes, is gone, or does not give them. */
  async #read(path: string, from: number, size: number): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#disk.readAt(path, from, size)
      if (this.#unread.delete(path)) this.#failures.delete(path)
      return bytes
    } catch (error) {
      if (!this.#failures.has(path)) this.#unread.add(path)
      this.#failed(path, error)
      return undefined
    }
  }

  #failed(path: string, cause: unknown): RowFileBrokenError {
    const failure = new RowFileBrokenError(path, cause)
    this.#failures.set(path, failure)
    return failure
  }

  /** Takes in a file; of one that is broken what can be read: nothing more is signed there. */
  async #recover(path: string, epoch: bigint): Promise<void> {
    this.#segmentAt(path, epoch)
    try {
      const file = await this.#disk.open(path)
      try {
        const { sizeBytes } = file
        const scan = { disk: this.#disk, key: this.#key, shape: this.#shape, path, sizeBytes }
        let end = 0
        for await (const entry of entriesIn(scan)) {
          if (entry.from > end) this.#damaged.add(epoch)
          await this.#enterFound(entry, epoch)
          end = endOf(entry)
        }
        if (end < sizeBytes && (await isTornFrom(scan, end))) await file.truncate(end)
        // It stays: else the next start would not know of it.
        else if (end < sizeBytes) this.#damaged.add(epoch)
        this.#segmentAt(path, epoch).sizeBytes = file.sizeBytes
      } finally {
        await file.close()
      }
    } catch (error) {
      this.#damaged.add(epoch)
      this.#failed(path, error)
    }
  }
}

function pathOf(epoch: bigint): string {
  return `${folder}/${epoch}`
}

/** Nothing more of that epoch can be recorded: rows of it are not taken any more. */
export class EpochClosedError extends ZgError<'DA_EPOCH_CLOSED'> {
  constructor(epoch: bigint) {
    const message = `Cannot keep rows of epoch ${epoch}: nothing more of it can be recorded`
    super('DA_EPOCH_CLOSED', message, { epoch: String(epoch) })
  }
}

/** A file of rows can be read or written no more. */
export class RowFileBrokenError extends ZgError<'DA_ROW_FILE_BROKEN'> {
  constructor(path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('DA_ROW_FILE_BROKEN', `Cannot use "${path}": ${why}`, { path }, cause)
  }
}
