/**
 * What K rows of a batch say: its blobs, or ⊥, the same to everybody (docs/specs/da.md).
 *
 * The rows are known to stand under the commitment's root. They are decoded, coded again, and what
 * comes of it is committed to: if that is not the commitment, no other K rows lead to it either,
 * for then all n rows would be the code of what those hold. So the K rows are a proof of ⊥ that
 * anyone checks by judging them again.
 */

import { commitmentOf, pathLength, RowCommitter } from '@zg/coding'
import type { ProvedRow, RowsHeader } from '@zg/coding'
import { hashRow } from '@zg/coding'
import { bytesEqual, verifyMerkleProof } from '@zg/primitives'

import type { DataShape } from '../chain/data-chain.ts'
import { BatchVoidError } from '../doors/dispersal.ts'
import { readPayload, rowSizeMax } from '../batch/payload.ts'
import type { BlobPlace } from '../batch/payload.ts'

/** The data rows of a batch, and where its blobs lie in them. */
export type BatchContents = {
  readonly data: Uint8Array
  readonly blobs: readonly BlobPlace[]
}

/** The header that a commitment stands for, and K rows under its root. */
export type VoidProof = {
  readonly header: RowsHeader
  readonly rows: readonly ProvedRow[]
}

/** Judges batches of one shape, one after the other, in memory that is used again. */
export class BatchJudge {
  readonly #shape: DataShape
  #committer: RowCommitter | undefined

  constructor(shape: DataShape) {
    this.#shape = shape
  }

  /**
   * `rows` holds K rows or more, each known to be in its place under `header.rowRoot`.
   *
   * @throws {BatchVoidError} `DA_BATCH_VOID` · {RowsMissingError} `CODING_ROWS_MISSING`
   */
  contents(header: RowsHeader, rows: readonly ProvedRow[]): BatchContents {
    const { dataRows, codedRows } = this.#shape
    const committer = this.#committerFor(header.rowSize)
    const { coder } = committer
    coder.resize(header.rowSize)
    const isKnown = new Uint8Array(codedRows)
    for (const { index, row } of rows) {
      coder.row(index).set(row)
      isKnown[index] = 1
    }
    coder.reconstruct(isKnown)
    const again = committer.commit()
    if (!bytesEqual(commitmentOf(again), commitmentOf(header))) {
      throw new BatchVoidError('its rows are not those of one code')
    }
    const data = coder.data.slice()
    return { data, blobs: readPayload(data, dataRows) }
  }

  /** Whether a proof shows that a batch is void. */
  isVoid(commitment: Uint8Array, { header, rows }: VoidProof): boolean {
    const { dataRows, codedRows } = this.#shape
    if (header.dataRows !== dataRows || header.codedRows !== codedRows) return false
    if (header.rowSize > rowSizeMax || !bytesEqual(commitmentOf(header), commitment)) return false
    const places = new Set(rows.map(({ index }) => index))
    if (places.size !== dataRows || rows.length !== dataRows) return false
    if (!rows.every((row) => isUnderRoot(header, row))) return false
    try {
      this.contents(header, rows)
      return false
    } catch (error) {
      if (error instanceof BatchVoidError) return true
      throw error
    }
  }

  #committerFor(rowSize: number): RowCommitter {
    const known = this.#committer
    if (known !== undefined && known.coder.rowSizeMax >= rowSize) return known
    this.#committer = new RowCommitter({ ...this.#shape, rowSizeMax: rowSize })
    return this.#committer
  }
}

function isUnderRoot({ rowRoot, rowSize, codedRows }: RowsHeader, given: ProvedRow): boolean {
  const { index, row, path } = given
  if (!Number.isSafeInteger(index) || index < 0 || index >= codedRows) return false
  if (row.length !== rowSize) return false
  const depth = pathLength(codedRows)
  return verifyMerkleProof({ root: rowRoot, leaf: hashRow(row), index, depth, proof: path })
}
