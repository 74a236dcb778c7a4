/** What lies in a file of rows when a store begins: its entries, and whether more was there. */

import { hashRow } from '@zg/coding'
import { bytesEqual, bytesToBigint } from '@zg/primitives'
import type { Disk } from '@zg/runtime'

import { batchKey } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { decodeMeta, headSize, indexOfMagic, isHeadOf } from './row-entry.ts'
import type { Entry } from './row-entry.ts'
import { pieces } from '../batch/wire.ts'

/** Bytes that are looked through at once for an entry behind damage. */
const searchSize = 1_048_576
/** Bytes of a meta at most; z and the leaves of all rows are the most of it. */
const metaSizeMax = 1_048_576

export type RowScan = {
  readonly disk: Pick<Disk, 'readAt'>
  readonly shape: DataShape
  readonly path: string
  readonly sizeBytes: number
}

export type FoundEntry = Entry & { readonly key: string }

/** Where the next entry lies, when nothing is damaged. */
export function endOf({ from, metaSize, rowsSize }: Entry): number {
  return from + headSize + metaSize + rowsSize
}

/** The entries of a file in their order; what is damaged is stepped over, and a torn tail. */
export async function* entriesIn(scan: RowScan): AsyncGenerator<FoundEntry> {
  let from = 0
  while (from < scan.sizeBytes) {
    const entry = await entryAt(scan, from)
    if (entry !== undefined) yield entry
    from = entry === undefined ? await nextHead(scan, from + 1) : endOf(entry)
  }
}

/** Where the next entry may begin, from a place on; the end of the file when there is none. */
async function nextHead({ disk, path, sizeBytes }: RowScan, from: number): Promise<number> {
  for (let at = from; at < sizeBytes; at += searchSize) {
    // A head may lie across two pieces.
    const size = Math.min(searchSize + headSize, sizeBytes - at)
    const bytes = await disk.readAt(path, at, size)
    const found = bytes === undefined ? -1 : indexOfMagic(bytes)
    if (found >= 0) return at + found
  }
  return sizeBytes
}

async function entryAt(
  { disk, shape, path, sizeBytes }: RowScan,
  from: number,
): Promise<FoundEntry | undefined> {
  const head = await disk.readAt(path, from, headSize)
  if (head === undefined) return undefined
  const metaSize = Number(bytesToBigint(head.subarray(4, 8)))
  if (metaSize > metaSizeMax) return undefined
  const bytes = await disk.readAt(path, from + headSize, metaSize)
  if (bytes === undefined || !isHeadOf(head, bytes)) return undefined
  const { batch, commitment, header, ranges } = decodeMeta(bytes, shape)
  const leaves = ranges.flatMap((range) => range.leaves)
  const { rowSize } = header
  const rowsFrom = from + headSize + metaSize
  const rowsSize = leaves.length * rowSize
  if (rowsFrom + rowsSize > sizeBytes) return undefined
  // Only the last entry may be torn; of the others a row is hashed when it is asked for.
  if (rowsFrom + rowsSize === sizeBytes) {
    const rows = await disk.readAt(path, rowsFrom, rowsSize)
    const whole = rows && pieces(rows, rowSize)
    if (!whole?.every((row, at) => bytesEqual(hashRow(row), leaves[at]!))) return undefined
  }
  return { key: batchKey(batch), path, from, metaSize, rowsSize, commitment }
}
