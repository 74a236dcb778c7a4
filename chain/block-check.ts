/**
 * Checks a block that somebody else built: its form, its header, and, by executing it, everything
 * the header claims.
 */

import { BlockExecution, BlockInvalidError, decodeTransaction } from '@zg/evm'
import type { BlockContext, BlockResult } from '@zg/evm'
import { ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { blockSizeBytesMax, encodeBlock, withdrawalsMax } from './block-codec.ts'
import type { BlockBody } from './block-codec.ts'
import type { SignedTransaction } from './chain-view.ts'
import type { NewPayload } from './execution-engine.ts'
import { TimeSlice } from './time-slice.ts'

/** First byte of a blob transaction (EIP-4844). */
const blobTransactionType = 3

/**
 * Returns what is wrong with a payload by itself; undefined for nothing. Of a payload that passes,
 * the block hash commits to all of the body.
 */
export function formProblem(payload: NewPayload, block: BlockBody): string | undefined {
  const { executionRequests, parentBeaconBlockRoot } = payload
  if (parentBeaconBlockRoot.length !== 32) return 'The parent beacon block root is not 32 bytes'
  // A trie holds no empty values, so the root would not show an empty transaction.
  if (block.transactions.some(({ length }) => length === 0)) return 'It has an empty transaction'
  if (block.withdrawals.length > withdrawalsMax) return `It has over ${withdrawalsMax} withdrawals`
  let lastType = -1
  for (const request of executionRequests) {
    const type = request[0] ?? -1
    // MUST be ascending by type, each of one type once, none without data (EIP-7685).
    if (request.length < 2 || type <= lastType) return 'The execution requests are out of form'
    lastType = type
  }
  const sizeBytes = encodeBlock(block).length
  // EIP-7934
  if (sizeBytes > blockSizeBytesMax) {
    return `It has ${sizeBytes} bytes, over ${blockSizeBytesMax}`
  }
  return undefined
}

/** Returns what is wrong with the blobs a block names; undefined for nothing. */
export function blobsProblem(block: BlockBody, expected: readonly bigint[]): string | undefined {
  const named: bigint[] = []
  for (const bytes of block.transactions) {
    if (bytes[0] !== blobTransactionType) continue
    try {
      const transaction = decodeTransaction(bytes)
      if (transaction.type === 3) named.push(...transaction.blobVersionedHashes)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      return error.message
    }
  }
  const agree =
    named.length === expected.length && named.every((hash, index) => hash === expected[index])
  return agree ? undefined : `It names ${named.length} blobs, not the ${expected.length} expected`
}

/** Executes a whole block in slices; a sentence when a transaction may not stand where it does. */
export async function executeInSlices(
  context: BlockContext,
  {
    transactions,
    block,
    clock,
  }: { transactions: readonly SignedTransaction[]; block: BlockBody; clock: Clock },
): Promise<BlockResult | string> {
  const execution = new BlockExecution(context)
  const slice = new TimeSlice(clock)
  for (const [index, signed] of transactions.entries()) {
    const outcome = execution.tryTransaction(signed)
    if (outcome.status === 'rejected') return `Transaction ${index}: ${outcome.message}`
    await slice.yieldIfOver()
  }
  try {
    return execution.finish(block.withdrawals)
  } catch (error) {
    if (error instanceof BlockInvalidError) return error.message
    throw error
  }
}
