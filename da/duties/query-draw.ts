/** Whether a batch is asked for, by whom and for which rows (docs/specs/da.md §8). */

import { bigintToBytes, bytesToBigint, concat, keccak256 } from '@zg/primitives'

import { recordKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'

/** As DataQueries has them. */
export const askersCount = 7
export const askedRowsCount = 16

const utf8 = new TextEncoder()
const queryTag = utf8.encode('zg/da/query')
const askTag = utf8.encode('zg/da/ask')
const rowTag = utf8.encode('zg/da/row')

/** Returns d, 32 bytes; `mix` is that of the block after the record's. */
export function queryDrawOf(mix: Uint8Array, batch: BatchId): Uint8Array {
  return keccak256(concat(queryTag, mix, recordKey(batch)))
}

/** Whether one batch in `every` is this one; of 0 none is. */
export function isQueried(draw: Uint8Array, every: number): boolean {
  return every > 0 && bytesToBigint(draw) % BigInt(every) === 0n
}

/** Rows of `codedRows` by whose holders the batch is asked for; some may be the same. */
export function askingRows(draw: Uint8Array, codedRows: number): readonly number[] {
  return numbersOf(askTag, draw, askersCount, codedRows)
}

/** Rows that are asked for; some may be the same. */
export function askedRows(draw: Uint8Array, codedRows: number): readonly number[] {
  return numbersOf(rowTag, draw, askedRowsCount, codedRows)
}

function numbersOf(
  tag: Uint8Array,
  draw: Uint8Array,
  count: number,
  codedRows: number,
): readonly number[] {
  return Array.from({ length: count }, (_, index) => {
    const hash = keccak256(concat(tag, draw, bigintToBytes(BigInt(index), 4)))
    return Number(bytesToBigint(hash) % BigInt(codedRows))
  })
}
