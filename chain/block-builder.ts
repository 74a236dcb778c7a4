/**
 * Fills a block from the pool.
 *
 * It takes the best-paying transaction that still fits, until the gas, the bytes or the time budget
 * is used up, or a run of candidates did not fit. A transaction that cannot stand at its place
 * holds back the later ones of its sender; one that can never stand is named, so that the pool
 * drops it.
 */

import {
  BlockExecution,
  effectiveGasPrice,
  emptyOmmersHash,
  receiptsRoot,
  withdrawalsRoot,
} from '@zg/evm'
import type {
  BlockContext,
  BlockResult,
  Header,
  RejectionReason,
  TransactionRejection,
  Withdrawal,
} from '@zg/evm'
import type { Clock } from '@zg/runtime'
import { orderedTrieRoot } from '@zg/state'

import { blockSizeBytesMax } from './block-codec.ts'
import type { SignedTransaction } from './chain-view.ts'
import { TimeSlice } from './time-slice.ts'
import type { TransactionSelection } from './transaction-selection.ts'

/** Candidates in a row that may not fit before the block counts as full. */
const misfitsMax = 32

/** Gas of the cheapest transaction. */
const transactionGasMin = 21_000n

/** Bytes kept free for the header and the withdrawals. */
const reservedSizeBytes = 4_096

/** Bytes that the prefix of a transaction in a list takes at most. */
const prefixSizeBytesMax = 5

/** These pass with the state of the branch; every other reason is for ever. */
const passingReasons: ReadonlySet<RejectionReason> = new Set<RejectionReason>([
  'nonce-too-low',
  'nonce-too-high',
  'block-gas-exhausted',
  'fee-below-base-fee',
  'aborted',
])

/** A block executed in part or whole. */
export type FilledBlock = {
  readonly execution: BlockExecution
  readonly transactions: readonly SignedTransaction[]
  /** What the fee recipient earns, in wei. */
  readonly valueWei: bigint
  /** Pooled transactions that can never be included. */
  readonly hopeless: readonly SignedTransaction[]
}

/** Opens a block and puts transactions in. */
export async function fillBlock(
  context: BlockContext,
  {
    selection,
    clock,
    budgetMs,
    gasPriceMin,
  }: {
    selection: TransactionSelection
    clock: Clock
    budgetMs: number
    /** What every transaction pays for a unit of gas at least, in wei. */
    gasPriceMin: bigint
  },
): Promise<FilledBlock> {
  const execution = new BlockExecution(context)
  const slice = new TimeSlice(clock)
  const transactions: SignedTransaction[] = []
  const hopeless: SignedTransaction[] = []
  const { baseFeePerGas } = execution.environment
  let valueWei = 0n
  let sizeBytes = reservedSizeBytes
  let misfits = 0
  while (misfits < misfitsMax && execution.gasLeft >= transactionGasMin) {
    const next = selection.peek()
    if (next === undefined || slice.elapsedMs >= budgetMs) break
    // They come by tip, the best first: all later ones pay less.
    if (effectiveGasPrice(next.transaction, baseFeePerGas) < gasPriceMin) break
    const nextSizeBytes = next.bytes.length + prefixSizeBytesMax
    const fits =
      next.transaction.gasLimit <= execution.gasLeft &&
      sizeBytes + nextSizeBytes <= blockSizeBytesMax
    if (!fits) {
      misfits++
      selection.skipSender()
      continue
    }
    const outcome = execution.tryTransaction(next)
    if (outcome.status === 'included') {
      transactions.push(next)
      sizeBytes += nextSizeBytes
      misfits = 0
      valueWei += (outcome.effectiveGasPrice - baseFeePerGas) * outcome.gasUsed
      selection.advance()
    } else {
      if (!passingReasons.has(outcome.reason)) hopeless.push(next)
      moveOn(selection, outcome)
    }
    await slice.yieldIfOver()
  }
  return { execution, transactions, valueWei, hopeless }
}

/** Returns the header of a finished block. */
export function sealHeader(
  context: BlockContext,
  result: BlockResult,
  parts: {
    readonly transactions: readonly SignedTransaction[]
    readonly withdrawals: readonly Withdrawal[]
    readonly stateRoot: Uint8Array
  },
): Header {
  const { parent, attributes } = context
  return {
    parentHash: parent.hash,
    ommersHash: emptyOmmersHash,
    coinbase: attributes.coinbase,
    stateRoot: parts.stateRoot,
    transactionsRoot: orderedTrieRoot(parts.transactions.map(({ bytes }) => bytes)),
    receiptsRoot: receiptsRoot(result.receipts),
    logsBloom: result.logsBloom,
    difficulty: 0n,
    number: parent.number + 1,
    gasLimit: attributes.gasLimit,
    gasUsed: result.gasUsed,
    timestamp: attributes.timestamp,
    extraData: new Uint8Array(0),
    prevRandao: attributes.prevRandao,
    nonce: new Uint8Array(8),
    baseFeePerGas: result.baseFeePerGas,
    withdrawalsRoot: withdrawalsRoot(parts.withdrawals),
    blobGasUsed: result.blobGasUsed,
    excessBlobGas: result.excessBlobGas,
    parentBeaconBlockRoot: attributes.parentBeaconBlockRoot,
    requestsHash: result.requestsHash,
  }
}

function moveOn(selection: TransactionSelection, { reason }: TransactionRejection): void {
  // Another transaction of this nonce is in the branch: the sender's next one may fit.
  if (reason === 'nonce-too-low') selection.advance()
  else selection.skipSender()
}
