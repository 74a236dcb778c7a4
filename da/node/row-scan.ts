/** What lies in a file of rows when a store begins: its entries, and whether more was there. */

import type { Disk } from '@zg/runtime'

import { batchKey } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { decodeMeta } from './row-entry.ts'
import type { Entry, Meta } from './row-entry.ts'
import { headSize } from './row-key.ts'
import type { RowKey } from './row-key.ts'

/** Bytes that are looked through at once for an entry behind damage. */
const searchSize = 1_048_576
/** Bytes of a meta at most; z and the leaves of all rows are the most of it. */
const metaSizeMax = 1_048_576

export type RowScan = {
  readonly disk: Pick<Disk, 'readAt'>
  readonly key: RowKey
  readonly shape: DataShape
  readonly path: string
  readonly sizeBytes: number
}

export type FoundEntry = Entry & { readonly key: string }

/** Where the next entry lies, when nothing is damaged. */
export function endOf({
  from,
  metaSize,
  rowsSize,
}: Pick<Entry, 'from' | 'metaSize' | 'rowsSize'>): number {
  return from + headSize + metaSize + rowsSize
}

/** The entries of a file in their order; what is damaged is stepped over. */
export async function* entriesIn(scan: RowScan): AsyncGenerator<FoundEntry> {
  let from = 0
  while (from < scan.sizeBytes) {
    const entry = await entryAt(scan, from)
    if (entry !== undefined) yield entry
    from = entry === undefined ? await nextHead(scan, from + 1) : endOf(entry)
  }
}

/** Where the next entry may begin, from a place on; the end of the file when there is none. */
async function nextHead({ disk, key, path, sizeBytes }: RowScan, from: number): Promise<number> {
  for (let at = from; at < sizeBytes; at += searchSize) {
    // A head may lie across two pieces.
    const size = Math.min(searchSize + headSize, sizeBytes - at)
    const bytes = await disk.readAt(path, at, size)
    const found = bytes === undefined ? -1 : key.indexOfHead(bytes)
    if (found >= 0) return at + found
  }
  return sizeBytes
}

/** Whether it is whole but for its rows, which are hashed when they are asked for. */
async function entryAt(
  { disk, key, shape, path, sizeBytes }: RowScan,
  from: number,
): Promise<FoundEntry | undefined> {
  const head = await disk.readAt(path, from, headSize)
  const sizes = head && key.sizesOf(head)
  if (head === undefined || sizes === undefined || sizes.metaSize > metaSizeMax) return undefined
  const bytes = await disk.readAt(path, from + headSize, sizes.metaSize)
  const meta = bytes && key.isHeadOf(head, bytes) ? metaIn(bytes, shape) : undefined
  if (meta === undefined || endOf({ from, ...sizes }) > sizeBytes) return undefined
  const rows = meta.ranges.reduce((sum, { leaves }) => sum + leaves.length, 0)
  if (rows * meta.header.rowSize !== sizes.rowsSize) return undefined
  return { key: batchKey(meta.batch), path, from, ...sizes, commitment: meta.commitment }
}

/** Undefined of what another shape, or a bug, wrote: no reason to miss what follows. */
function metaIn(bytes: Uint8Array, shape: DataShape): Meta | undefined {
  try {
    return decodeMeta(bytes, shape)
  } catch {
    return undefined
  }
}

/**
 * Whether what lies behind the last entry is one that a crash cut short, of which nobody was told:
 * it is shorter than any, or than its own head says. All else may be one that was signed for.
 */
export async function isTornFrom(
  { disk, key, path, sizeBytes }: RowScan,
  from: number,
): Promise<boolean> {
  if (sizeBytes - from < headSize) return true
  const head = await disk.readAt(path, from, headSize)
  const sizes = head && key.sizesOf(head)
  return sizes !== undefined && endOf({ from, ...sizes }) > sizeBytes
}
