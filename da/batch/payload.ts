/**
 * Blobs in the data rows of a batch (docs/specs/da.md §3).
 *
 *     zgda ‖ count ‖ sizes ‖ blobs ‖ zeros up to K · rowSize
 *
 * There is one way to lay given blobs out, and a reader refuses every other: bytes behind the blobs
 * that are not zero, rows longer than they need be.
 */

import { rowSizeUnit } from '@zg/coding/browser'

import { BatchVoidError, blobSizeMax } from '../doors/dispersal.ts'

/** Bytes of a row at most. */
export const rowSizeMax = 32_768
/** Blobs in a batch at most. */
export const blobsMax = 65_535

const magic = new TextEncoder().encode('zgda')
const headSize = 8

/** Where a blob lies in the data rows, taken end to end. */
export type BlobPlace = { readonly from: number; readonly size: number }

/** Bytes of blobs of these sizes, laid out. */
export function payloadSizeOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, headSize + 4 * sizes.length)
}

/** Bytes of rows that hold blobs of these sizes. */
export function rowSizeFor(sizes: readonly number[], dataRows: number): number {
  const unit = dataRows * rowSizeUnit
  return Math.ceil(payloadSizeOf(sizes) / unit) * rowSizeUnit
}

/** Writes blobs into data rows, whatever was there before. */
export function writePayload(rows: Uint8Array, blobs: readonly Uint8Array[]): void {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length)
  rows.set(magic)
  view.setUint32(4, blobs.length)
  let at = headSize
  for (const { length } of blobs) {
    view.setUint32(at, length)
    at += 4
  }
  for (const blob of blobs) {
    rows.set(blob, at)
    at += blob.length
  }
  rows.fill(0, at)
}

/**
 * Where each blob lies. `head` holds the beginning of the data rows, or all of them.
 *
 * @throws {BatchVoidError} `DA_BATCH_VOID` · {PayloadShortError} when `head` ends too early
 */
export function readIndex(head: Uint8Array, size: number): readonly BlobPlace[] {
  if (magic.some((byte, at) => head[at] !== byte)) throw new BatchVoidError('it holds no blobs')
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const count = view.getUint32(4)
  if (count < 1 || count > blobsMax) throw new BatchVoidError(`it says to hold ${count} blobs`)
  const places: BlobPlace[] = []
  let from = headSize + 4 * count
  if (from > head.length) throw new PayloadShortError(from)
  for (let index = 0; index < count; index++) {
    const blobSize = view.getUint32(headSize + 4 * index)
    if (blobSize < 1 || blobSize > blobSizeMax) {
      throw new BatchVoidError(`blob ${index} says to have ${blobSize} bytes`)
    }
    places.push({ from, size: blobSize })
    from += blobSize
  }
  if (from > size) throw new BatchVoidError('its blobs are longer than its rows')
  return places
}

/**
 * Where each blob lies in whole data rows, which are laid out in the one way.
 *
 * @throws {BatchVoidError} `DA_BATCH_VOID`
 */
export function readPayload(rows: Uint8Array, dataRows: number): readonly BlobPlace[] {
  let places: readonly BlobPlace[]
  try {
    places = readIndex(rows, rows.length)
  } catch (error) {
    if (error instanceof PayloadShortError) throw new BatchVoidError('its index is cut off')
    throw error
  }
  const rowSize = rowSizeFor(
    places.map(({ size }) => size),
    dataRows,
  )
  if (rowSize * dataRows !== rows.length) throw new BatchVoidError('its rows are too long')
  const { from, size } = places.at(-1)!
  for (let at = from + size; at < rows.length; at++) {
    if (rows[at] !== 0) throw new BatchVoidError('bytes stand behind its blobs')
  }
  return places
}

/** The index of the blobs goes on behind the bytes that are here. */
export class PayloadShortError extends Error {
  /** Bytes that hold the whole index. */
  readonly sizeBytes: number

  constructor(sizeBytes: number) {
    super(`The index of the blobs takes ${sizeBytes} bytes`)
    this.sizeBytes = sizeBytes
  }
}
