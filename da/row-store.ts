/**
 * Where a node keeps the rows it signed for: one file an epoch, appended to, removed whole.
 *
 *     rows/<epoch>   entry, entry, …
 *     entry          head, meta, rows end to end
 *     head           zgdr ‖ size of meta (4) ‖ SHA-256 of meta (32)
 *     meta           RLP of [batch, commitment, header, [[from, leaves, siblings], …]]
 *
 * An entry is durable when `put` resolves. After a crash the last entry of a file may be torn: what
 * does not hash to its own head and leaves is cut off, for nobody was told of it. What is damaged
 * elsewhere is stepped over: the entries behind it are good, but what was signed there is not known
 * any more, so `isWhole` tells of an epoch that nothing more may be signed in it. A row is hashed
 * again before it is given away, so a medium that rots shows as a row that is missing; so does a
 * file that can be read no more, or is gone. No file keeps the others from being served.
 */

import { hashRow, pathIn, pathLength, rangeLevels } from '@zg/coding'
import type { ProvedRange, ProvedRow, RowsHeader } from '@zg/coding'
import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  concat,
  decodeRlp,
  encodeRlp,
  merkleParent,
  rlpBigint,
  rlpBytes,
  rlpList,
  sha256,
  ZgError,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import type { Disk, DiskFile } from '@zg/runtime'

import { batchKey, decodeBatchId, encodeBatchId } from './batch.ts'
import type { BatchId } from './batch.ts'
import type { DataShape } from './data-chain.ts'
import { decodeHeader, encodeHeader, pieces } from './wire.ts'

const folder = 'rows'
const epochName = /^\d{1,20}$/
const magic = new TextEncoder().encode('zgdr')
const headSize = 40
const hashSize = 32
/** Bytes that are looked through at once for an entry behind damage. */
const searchSize = 1_048_576
/** Bytes of a meta at most; z and the leaves of all rows are the most of it. */
const metaSizeMax = 1_048_576

/** Rows one after the other: their hashes, and what leads from them to the root. */
type KeptRange = {
  readonly from: number
  readonly leaves: readonly Uint8Array[]
  readonly siblings: readonly Uint8Array[]
}

type Meta = {
  readonly batch: BatchId
  readonly commitment: Uint8Array
  readonly header: RowsHeader
  readonly ranges: readonly KeptRange[]
}

/** Where an entry lies; what is in its meta is read when it is asked for. */
type Entry = {
  readonly path: string
  readonly from: number
  readonly metaSize: number
  readonly rowsSize: number
  readonly commitment: Uint8Array
}

export class RowStore {
  readonly #disk: Disk
  readonly #shape: DataShape
  readonly #entries = new Map<string, Entry>()
  readonly #files = new Map<bigint, DiskFile>()
  /** Epochs in whose files something was damaged. */
  readonly #damaged = new Set<bigint>()
  /** By path. */
  readonly #failures = new Map<string, RowFileBrokenError>()
  #sizeBytes = 0

  private constructor(disk: Disk, shape: DataShape) {
    this.#disk = disk
    this.#shape = shape
  }

  /** Reads what is there, and cuts off what a crash left torn. */
  static async open(disk: Disk, shape: DataShape): Promise<RowStore> {
    const store = new RowStore(disk, shape)
    for (const name of await disk.list(folder)) {
      if (!epochName.test(name)) continue
      try {
        await store.#recover(name)
      } catch (error) {
        store.#damaged.add(BigInt(name))
        store.#failed(`${folder}/${name}`, error)
      }
    }
    return store
  }

  /** What is wrong with files, one for each. */
  get failures(): readonly RowFileBrokenError[] {
    return [...this.#failures.values()]
  }

  /** Bytes kept, heads and all. */
  get sizeBytes(): number {
    return this.#sizeBytes
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

  /** All batches that are here of an epoch, and the sizes of their rows. */
  async batchesOf(
    epoch: bigint,
  ): Promise<readonly { readonly batch: BatchId; readonly rowSize: number }[]> {
    const found: { readonly batch: BatchId; readonly rowSize: number }[] = []
    for (const entry of this.#entries.values()) {
      if (entry.path !== `${folder}/${epoch}`) continue
      const meta = await this.#metaOf(entry)
      if (meta !== undefined) found.push({ batch: meta.batch, rowSize: meta.header.rowSize })
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
   * @throws {RowFileBrokenError} `DA_ROW_FILE_BROKEN`; then nothing is known of the batch here.
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
    const path = `${folder}/${batch.epoch}`
    const file = await this.#fileOf(batch.epoch)
    const head = concat(magic, bigintToBytes(BigInt(meta.length), 4), sha256(meta))
    const from = file.sizeBytes
    // One append: it takes all of an entry or, where there is no room for it, nothing.
    file.append(concat(head, meta, ...rows))
    this.#sizeBytes += file.sizeBytes - from
    try {
      await file.sync()
    } catch (error) {
      // Nothing is written through this handle any more, so one that is opened anew knows where it
      // goes on: behind whatever lies there now.
      if (this.#files.get(batch.epoch) === file) this.#files.delete(batch.epoch)
      await file.close().catch(() => undefined)
      throw this.#failed(path, error)
    }
    const rowsSize = rows.length * header.rowSize
    const entry = { path, from, metaSize: meta.length, rowsSize, commitment: commitment.slice() }
    this.#entries.set(batchKey(batch), entry)
  }

  /** Whether all rows that were put are there as they were. */
  async isWhole(batch: BatchId): Promise<boolean> {
    const entry = this.#entries.get(batchKey(batch))
    const meta = entry && (await this.#metaOf(entry))
    if (entry === undefined || meta === undefined) return false
    const rowsFrom = entry.from + headSize + entry.metaSize
    const rows = await this.#read(entry.path, rowsFrom, entry.rowsSize)
    const leaves = meta.ranges.flatMap((range) => range.leaves)
    const whole = rows && pieces(rows, meta.header.rowSize)
    return whole?.every((row, at) => bytesEqual(hashRow(row), leaves[at]!)) === true
  }

  async header(batch: BatchId): Promise<RowsHeader | undefined> {
    const entry = this.#entries.get(batchKey(batch))
    return entry && (await this.#metaOf(entry))?.header
  }

  /** Those of the rows that are here and whole, with their paths. */
  async rows(batch: BatchId, indexes: readonly number[]): Promise<readonly ProvedRow[]> {
    const entry = this.#entries.get(batchKey(batch))
    const meta = entry && (await this.#metaOf(entry))
    if (entry === undefined || meta === undefined) return []
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

  /** Forgets the batches of all epochs before `epoch`. */
  async prune(epoch: bigint): Promise<void> {
    for (const name of await this.#disk.list(folder)) {
      if (!epochName.test(name) || BigInt(name) >= epoch) continue
      const path = `${folder}/${name}`
      await this.#files.get(BigInt(name))?.close()
      this.#files.delete(BigInt(name))
      for (const [key, entry] of this.#entries) {
        if (entry.path !== path) continue
        this.#entries.delete(key)
        this.#sizeBytes -= headSize + entry.metaSize + entry.rowsSize
      }
      await this.#disk.remove(path)
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
    this.#files.clear()
  }

  async #fileOf(epoch: bigint): Promise<DiskFile> {
    const known = this.#files.get(epoch)
    if (known !== undefined) return known
    const file = await this.#disk.open(`${folder}/${epoch}`)
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
    if (bytes === undefined || meta === undefined || !isHeadOf(bytes, meta)) return undefined
    return decodeMeta(meta, this.#shape)
  }

  /** Undefined where a file has fewer bytes, is gone, or does not give them. */
  async #read(path: string, from: number, size: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#disk.readAt(path, from, size)
    } catch (error) {
      this.#failed(path, error)
      return undefined
    }
  }

  #failed(path: string, cause: unknown): RowFileBrokenError {
    const failure = new RowFileBrokenError(path, cause)
    this.#failures.set(path, failure)
    return failure
  }

  /** Takes in the entries of a file, steps over what is damaged, and cuts a torn tail off. */
  async #recover(name: string): Promise<void> {
    const path = `${folder}/${name}`
    const file = await this.#disk.open(path)
    try {
      await this.#takeIn(name, path, file)
    } finally {
      await file.close()
    }
  }

  async #takeIn(name: string, path: string, file: DiskFile): Promise<void> {
    let from = 0
    let end = 0
    while (from < file.sizeBytes) {
      const entry = await this.#entryAt(path, from, file.sizeBytes)
      if (entry === undefined) {
        from = await this.#nextEntry(path, from + 1, file.sizeBytes)
        continue
      }
      if (from > end) this.#damaged.add(BigInt(name))
      this.#entries.set(entry.key, entry)
      from += headSize + entry.metaSize + entry.rowsSize
      end = from
      this.#sizeBytes += headSize + entry.metaSize + entry.rowsSize
    }
    if (end < file.sizeBytes) await file.truncate(end)
  }

  /** Where the next entry may begin, from a place on; the end of the file when there is none. */
  async #nextEntry(path: string, from: number, end: number): Promise<number> {
    for (let at = from; at < end; at += searchSize) {
      // A magic may lie across two pieces.
      const size = Math.min(searchSize + magic.length - 1, end - at)
      const bytes = await this.#disk.readAt(path, at, size)
      const found = bytes === undefined ? -1 : indexOfMagic(bytes)
      if (found >= 0) return at + found
    }
    return end
  }

  async #entryAt(
    path: string,
    from: number,
    end: number,
  ): Promise<(Entry & { readonly key: string }) | undefined> {
    const head = await this.#disk.readAt(path, from, headSize)
    if (head === undefined || !bytesEqual(head.subarray(0, 4), magic)) return undefined
    const metaSize = Number(bytesToBigint(head.subarray(4, 8)))
    if (metaSize > metaSizeMax) return undefined
    const bytes = await this.#disk.readAt(path, from + headSize, metaSize)
    if (bytes === undefined || !isHeadOf(head, bytes)) return undefined
    const meta = decodeMeta(bytes, this.#shape)
    const leaves = meta.ranges.flatMap((range) => range.leaves)
    const { rowSize } = meta.header
    const rowsFrom = from + headSize + metaSize
    const rowsSize = leaves.length * rowSize
    if (rowsFrom + rowsSize > end) return undefined
    // Only the last entry may be torn; of the others a row is hashed when it is asked for.
    if (rowsFrom + rowsSize === end) {
      const rows = await this.#disk.readAt(path, rowsFrom, rowsSize)
      const whole = rows && pieces(rows, rowSize)
      if (!whole?.every((row, at) => bytesEqual(hashRow(row), leaves[at]!))) return undefined
    }
    const { batch, commitment } = meta
    return { key: batchKey(batch), path, from, metaSize, rowsSize, commitment }
  }
}

/** Whether what begins an entry is the head of its meta. */
function isHeadOf(head: Uint8Array, meta: Uint8Array): boolean {
  if (!bytesEqual(head.subarray(0, 4), magic)) return false
  if (bytesToBigint(head.subarray(4, 8)) !== BigInt(meta.length)) return false
  return bytesEqual(sha256(meta), head.subarray(8, headSize))
}

function indexOfMagic(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(magic[0]!); at >= 0; at = bytes.indexOf(magic[0]!, at + 1)) {
    if (magic.every((byte, place) => bytes[at + place] === byte)) return at
  }
  return -1
}

function encodeMeta({ batch, commitment, header, ranges }: Meta): Uint8Array {
  return encodeRlp([
    encodeBatchId(batch),
    commitment,
    encodeHeader(header),
    ranges.map(({ from, leaves, siblings }): RlpItem => {
      return [bigintToMinimalBytes(BigInt(from)), concat(...leaves), concat(...siblings)]
    }),
  ])
}

/** Of bytes that this module wrote: they hash to their head. */
function decodeMeta(bytes: Uint8Array, shape: DataShape): Meta {
  const [batch, commitment, header, ranges] = rlpList(decodeRlp(bytes), 4)
  return {
    batch: decodeBatchId(rlpBytes(batch)),
    commitment: rlpBytes(commitment),
    header: decodeHeader(rlpBytes(header), shape),
    ranges: rlpList(ranges).map((range) => {
      const [from, leaves, siblings] = rlpList(range, 3)
      return {
        from: Number(rlpBigint(from)),
        leaves: pieces(rlpBytes(leaves), hashSize),
        siblings: pieces(rlpBytes(siblings), hashSize),
      }
    }),
  }
}

/** A file of rows can be read or written no more. */
export class RowFileBrokenError extends ZgError<'DA_ROW_FILE_BROKEN'> {
  constructor(path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('DA_ROW_FILE_BROKEN', `Cannot use "${path}": ${why}`, { path }, cause)
  }
}
