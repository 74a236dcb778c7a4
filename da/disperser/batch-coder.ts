/**
 * Blobs to coded rows that are committed to, as an argument: here, or on worker threads.
 */

import { commitmentOf, RowCommitter } from '@zg/coding'
import type { ProvedRange, RowsHeader } from '@zg/coding'
import { CodingPool } from '@zg/coding/node'

import type { DataShape } from '../chain/data-chain.ts'
import { payloadSizeOf, rowSizeFor, rowSizeMax, writePayload } from '../batch/payload.ts'

/** The rows of one batch, until they are let go. */
export type CodedBatch = {
  readonly header: RowsHeader
  /** 32 bytes. */
  readonly commitment: Uint8Array
  /** Rows with one proof; views that are good until `release`. */
  range(from: number, count: number): ProvedRange
  release(): void
}

export interface BatchCoder {
  /** Blobs that fit into one batch. */
  code(blobs: readonly Uint8Array[]): Promise<CodedBatch>
  close(): Promise<void>
}

/** Codes on this thread. Every batch that is not let go has memory of its own. */
export function localBatchCoder(shape: DataShape): BatchCoder {
  const idle: RowCommitter[] = []
  return {
    async code(blobs) {
      const sizes = blobs.map(({ length }) => length)
      const rowSize = rowSizeFor(sizes, shape.dataRows)
      const committer = takeFor(idle, shape, rowSize)
      committer.coder.resize(rowSize)
      writePayload(committer.coder.data, blobs)
      const header = committer.commit()
      return {
        header,
        commitment: commitmentOf(header),
        range: (from, count) => committer.proveRange(from, count),
        release: () => {
          if (idle.length < idleMax) idle.push(committer)
        },
      }
    },
    close: async () => void idle.splice(0),
  }
}

/** Committers that are kept for the next batch. */
const idleMax = 2

/** One with room for such rows; of the sizes 4 KiB and the largest, so that they are used again. */
function takeFor(idle: RowCommitter[], shape: DataShape, rowSize: number): RowCommitter {
  const at = idle.findIndex(({ coder }) => coder.rowSizeMax >= rowSize)
  const [known] = at < 0 ? [] : idle.splice(at, 1)
  if (known !== undefined) return known
  const room = rowSize <= smallRowSize ? smallRowSize : rowSizeMax
  return new RowCommitter({ ...shape, rowSizeMax: room })
}

const smallRowSize = 4_096

/** Codes on threads, in memory that they share with this one; `batches` are in it at once. */
export function pooledBatchCoder(
  shape: DataShape,
  { threads, batches }: { readonly threads: number; readonly batches: number },
): BatchCoder {
  const waitingMax = batches
  const pool = new CodingPool({ ...shape, rowSizeMax, threads, batches, waitingMax })
  return {
    async code(blobs) {
      const sizeBytes = payloadSizeOf(blobs.map(({ length }) => length))
      const write = (into: Uint8Array): void => writePayload(into, blobs)
      const rows = await pool.commit({ sizeBytes, write })
      const { header, proveRange, release } = rows
      return { header, commitment: commitmentOf(header), range: proveRange, release }
    },
    close: () => pool.close(),
  }
}
