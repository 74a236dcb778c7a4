/** What a row store keeps of a batch beside its rows, as it lies on the disk (row-store.ts). */

import type { RowsHeader } from '@zg/coding'
import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesEqual,
  concat,
  decodeRlp,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpList,
  sha256,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import { decodeBatchId, encodeBatchId } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { decodeHeader, encodeHeader, pieces } from '../batch/wire.ts'

export const hashSize = 32

/** An entry begins with its head: magic ‖ size of meta (4) ‖ SHA-256 of meta (32). */
const magic = new TextEncoder().encode('zgdr')
export const headSize = 40

export function headOf(meta: Uint8Array): Uint8Array {
  return concat(magic, bigintToBytes(BigInt(meta.length), 4), sha256(meta))
}

/** Whether what begins an entry is the head of its meta. */
export function isHeadOf(head: Uint8Array, meta: Uint8Array): boolean {
  return bytesEqual(head.subarray(0, headSize), headOf(meta))
}

/** Where an entry lies; what is in its meta is read when it is asked for. */
export type Entry = {
  readonly path: string
  readonly from: number
  readonly metaSize: number
  readonly rowsSize: number
  readonly commitment: Uint8Array
}

/** Rows one after the other: their hashes, and what leads from them to the root. */
export type KeptRange = {
  readonly from: number
  readonly leaves: readonly Uint8Array[]
  readonly siblings: readonly Uint8Array[]
}

export type Meta = {
  readonly batch: BatchId
  readonly commitment: Uint8Array
  readonly header: RowsHeader
  readonly ranges: readonly KeptRange[]
}

/** Where the first head in some bytes may begin; -1 where none does. */
export function indexOfMagic(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(magic[0]!); at >= 0; at = bytes.indexOf(magic[0]!, at + 1)) {
    if (magic.every((byte, place) => bytes[at + place] === byte)) return at
  }
  return -1
}

export function encodeMeta({ batch, commitment, header, ranges }: Meta): Uint8Array {
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
export function decodeMeta(bytes: Uint8Array, shape: DataShape): Meta {
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
