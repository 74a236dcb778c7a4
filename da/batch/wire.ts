/**
 * What goes between a disperser, nodes and readers, in canonical RLP (docs/specs/da.md §4).
 *
 *     store    [batch, header, signature, [range, …]]      a disperser to a node
 *     header   [rowSize, rowRoot, z]
 *     range    [from, rows end to end, siblings end to end]
 *     rows     [[index, row, path end to end], …]          a node to whoever asks
 *
 * K and n are the network's and not sent. Decoders are strict: what they take has one encoding, and
 * lengths that the shape does not allow are refused before anything is copied.
 */

import { pathLength, rowSizeUnit } from '@zg/coding/browser'
import type { ProvedRange, ProvedRow, RowsHeader } from '@zg/coding/browser'
import { bigintToMinimalBytes, concat } from '@zg/primitives/bytes'
import { ZgError } from '@zg/primitives/errors'
import {
  decodeRlp,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpList,
  RlpMalformedError,
} from '@zg/primitives/rlp'
import type { RlpItem } from '@zg/primitives/rlp'

import { decodeBatchId, encodeBatchId } from './batch.ts'
import type { BatchId } from './batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { rowSizeMax } from './payload.ts'
import { rowBytesMax } from './row-list.ts'

const hashSize = 32
const elementSize = 16
const signatureSize = 65

/** A member's rows are at most two spans: one to the end, one from the beginning. */
const rangesMax = 2

export type StoreRequest = {
  readonly batch: BatchId
  readonly header: RowsHeader
  /** 65 bytes: the disperser's. */
  readonly signature: Uint8Array
  readonly ranges: readonly ProvedRange[]
}

/** Bytes of a request to store all rows of a batch, at most, and some more. */
export function storeSizeMax({ dataRows, codedRows }: DataShape): number {
  return dataRows * elementSize + codedRows * rowSizeMax + 4_096
}

/** Bytes of the header of a batch's rows, at most. */
export function headerSizeMax({ dataRows }: DataShape): number {
  return dataRows * elementSize + 256
}

/** Bytes of an answer with so many rows, at most. */
export function rowsSizeMax(count: number, { codedRows }: DataShape): number {
  const perRow = pathLength(codedRows) * hashSize + 32
  return Math.min(count * rowSizeMax, rowBytesMax) + count * perRow + 16
}

export function encodeStore({ batch, header, signature, ranges }: StoreRequest): Uint8Array {
  return encodeRlp([
    encodeBatchId(batch),
    headerItem(header),
    signature,
    ranges.map(({ from, rows, siblings }) => [
      bigintToMinimalBytes(BigInt(from)),
      joined(rows),
      concat(...siblings),
    ]),
  ])
}

/** @throws {WireMalformedError} `DA_MALFORMED` */
export function decodeStore(bytes: Uint8Array, shape: DataShape): StoreRequest {
  return strict(() => {
    const [id, headerOf, signature, rangeItems] = rlpList(decodeRlp(bytes), 4)
    const header = readHeader(headerOf, shape)
    const ranges = rlpList(rangeItems)
    if (ranges.length > rangesMax) throw new WireMalformedError(`${ranges.length} ranges of rows`)
    return {
      batch: decodeBatchId(rlpBytes(id)),
      header,
      signature: rlpBytes(signature, signatureSize),
      ranges: ranges.map((range) => readRange(range, header.rowSize, shape)),
    }
  })
}

export function encodeHeader(header: RowsHeader): Uint8Array {
  return encodeRlp(headerItem(header))
}

/** @throws {WireMalformedError} `DA_MALFORMED` */
export function decodeHeader(bytes: Uint8Array, shape: DataShape): RowsHeader {
  return strict(() => readHeader(decodeRlp(bytes), shape))
}

export function encodeRows(rows: readonly ProvedRow[]): Uint8Array {
  return encodeRlp(
    rows.map(({ index, row, path }) => [bigintToMinimalBytes(BigInt(index)), row, concat(...path)]),
  )
}

/** @throws {WireMalformedError} `DA_MALFORMED` */
export function decodeRows(
  bytes: Uint8Array,
  rowSize: number,
  shape: DataShape,
): readonly ProvedRow[] {
  const depth = pathLength(shape.codedRows)
  return strict(() =>
    rlpList(decodeRlp(bytes)).map((item) => {
      const [index, row, path] = rlpList(item, 3)
      return {
        index: smallOf(index, shape.codedRows - 1),
        row: rlpBytes(row, rowSize),
        path: pieces(rlpBytes(path, depth * hashSize), hashSize),
      }
    }),
  )
}

/** Rows end to end: where they lie so already, a view of them. */
function joined(rows: readonly Uint8Array[]): Uint8Array {
  const [first] = rows
  if (first === undefined) return new Uint8Array(0)
  const { buffer, byteOffset, length } = first
  const isOnePiece = rows.every((row, at) => {
    return row.buffer === buffer && row.byteOffset === byteOffset + at * length
  })
  return isOnePiece ? new Uint8Array(buffer, byteOffset, rows.length * length) : concat(...rows)
}

function headerItem({ rowSize, rowRoot, combination }: RowsHeader): RlpItem {
  return [bigintToMinimalBytes(BigInt(rowSize)), rowRoot, combination]
}

function readHeader(item: RlpItem | undefined, { dataRows, codedRows }: DataShape): RowsHeader {
  const [size, root, combination] = rlpList(item, 3)
  const rowSize = smallOf(size, rowSizeMax)
  if (rowSize === 0 || rowSize % rowSizeUnit !== 0) {
    throw new WireMalformedError(`rows of ${rowSize} bytes`)
  }
  return {
    dataRows,
    codedRows,
    rowSize,
    rowRoot: rlpBytes(root, hashSize),
    combination: rlpBytes(combination, dataRows * elementSize),
  }
}

function readRange(item: RlpItem, rowSize: number, { codedRows }: DataShape): ProvedRange {
  const [from, rows, siblings] = rlpList(item, 3)
  const bytes = rlpBytes(rows)
  const hashes = rlpBytes(siblings)
  if (bytes.length === 0 || bytes.length % rowSize !== 0 || bytes.length > codedRows * rowSize) {
    throw new WireMalformedError(`${bytes.length} bytes of rows`)
  }
  if (hashes.length % hashSize !== 0 || hashes.length > 2 * pathLength(codedRows) * hashSize) {
    throw new WireMalformedError(`${hashes.length} bytes of siblings`)
  }
  return {
    from: smallOf(from, codedRows - 1),
    rows: pieces(bytes, rowSize),
    siblings: pieces(hashes, hashSize),
  }
}

function smallOf(item: RlpItem | undefined, most: number): number {
  const number = Number(rlpBigint(item, 4))
  if (number > most) throw new WireMalformedError(`${number} where ${most} is the most`)
  return number
}

/** Views of equal size. */
export function pieces(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )
}

/** Whatever is wrong with the bytes, it is said in one way. */
export function strict<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof RlpMalformedError) throw new WireMalformedError(error.message)
    throw error
  }
}

/** Bytes that no honest party sends. */
export class WireMalformedError extends ZgError<'DA_MALFORMED'> {
  constructor(problem: string) {
    super('DA_MALFORMED', `The message is malformed: ${problem}`, { problem })
  }
}
