/** What a row store keeps of a batch beside its rows, as it lies on the disk (row-store.ts). */

import type { RowsHeader } from '@zg/coding'
import {
  bigintToMinimalBytes,
  concat,
  decodeRlp,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpList,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import { decodeBatchId, encodeBatchId } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { decodeHeader, encodeHeader, pieces } from '../batch/wire.ts'

export const hashSize = 32

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
