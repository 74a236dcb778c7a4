/** Receipts and logs as JSON-RPC prints them (execution API: `ReceiptInfo`, `Log`). */

import {
  blobBaseFee,
  blobGasOf,
  blobParametersAt,
  createdAddress,
  effectiveGasPrice,
} from '@zg/evm'
import type { ChainConfig, Log, Receipt } from '@zg/evm'
import { toHex, toQuantity } from '@zg/primitives'

import type { Block, LogRecord } from '../chain-view.ts'
import { addressJson, wordJson } from './transaction-json.ts'

type Json = Readonly<Record<string, unknown>>

/** All receipts of a final block. */
export function receiptsJson(
  block: Block,
  receipts: readonly Receipt[],
  config: ChainConfig,
): readonly Json[] {
  const printed: Json[] = []
  let firstLogIndex = 0
  for (const [index, receipt] of receipts.entries()) {
    printed.push(receiptJson(block, receipts, { index, firstLogIndex, config }))
    firstLogIndex += receipt.logs.length
  }
  return printed
}

/** The receipt at `index` of a final block; null when it has none there. */
export function receiptJsonAt(
  block: Block,
  receipts: readonly Receipt[],
  at: { readonly index: number; readonly config: ChainConfig },
): Json | null {
  if (receipts[at.index] === undefined) return null
  let firstLogIndex = 0
  for (const earlier of receipts.slice(0, at.index)) firstLogIndex += earlier.logs.length
  return receiptJson(block, receipts, { ...at, firstLogIndex })
}

/** A log with its place. Final blocks never leave the chain, so it is never removed. */
export function logJson(record: LogRecord): Json {
  return {
    address: addressJson(record.log.address),
    topics: record.log.topics.map(wordJson),
    data: toHex(record.log.data),
    blockNumber: toQuantity(record.blockNumber),
    transactionHash: toHex(record.transactionHash),
    transactionIndex: toQuantity(record.transactionIndex),
    blockHash: toHex(record.blockHash),
    blockTimestamp: toQuantity(record.timestamp),
    logIndex: toQuantity(record.logIndex),
    removed: false,
  }
}

/** All logs of a block with their places, in order. */
export function logsOfBlock(block: Block, receipts: readonly Receipt[]): readonly LogRecord[] {
  const records: LogRecord[] = []
  for (const [transactionIndex, receipt] of receipts.entries()) {
    for (const log of receipt.logs) {
      records.push(logRecord(block, log, { transactionIndex, logIndex: records.length }))
    }
  }
  return records
}

function receiptJson(
  block: Block,
  receipts: readonly Receipt[],
  at: { readonly index: number; readonly firstLogIndex: number; readonly config: ChainConfig },
): Json {
  const { index, firstLogIndex, config } = at
  const receipt = receipts[index] as Receipt
  const signed = block.transactions[index] as Block['transactions'][number]
  const { transaction, sender } = signed
  const gasBefore = index === 0 ? 0n : (receipts[index - 1] as Receipt).cumulativeGasUsed
  const created =
    transaction.to === undefined ? createdAddress(sender, transaction.nonce) : undefined
  const logs = receipt.logs.map((log, offset) =>
    logJson(logRecord(block, log, { transactionIndex: index, logIndex: firstLogIndex + offset })),
  )
  return {
    blockHash: toHex(block.hash),
    blockNumber: toQuantity(block.header.number),
    transactionHash: toHex(signed.hash),
    transactionIndex: toQuantity(index),
    type: toQuantity(receipt.type),
    from: addressJson(sender),
    to: transaction.to === undefined ? null : addressJson(transaction.to),
    contractAddress: created === undefined ? null : addressJson(created),
    status: receipt.succeeded ? '0x1' : '0x0',
    gasUsed: toQuantity(receipt.cumulativeGasUsed - gasBefore),
    cumulativeGasUsed: toQuantity(receipt.cumulativeGasUsed),
    effectiveGasPrice: toQuantity(effectiveGasPrice(transaction, block.header.baseFeePerGas ?? 0n)),
    logs,
    logsBloom: toHex(receipt.logsBloom),
    ...blobJson(block, index, config),
  }
}

function blobJson({ header, transactions }: Block, index: number, config: ChainConfig): Json {
  const transaction = transactions[index]?.transaction
  if (transaction?.type !== 3 || header.excessBlobGas === undefined) return {}
  const { baseFeeUpdateFraction } = blobParametersAt(config, header.timestamp)
  return {
    blobGasUsed: toQuantity(blobGasOf(transaction)),
    blobGasPrice: toQuantity(blobBaseFee(header.excessBlobGas, baseFeeUpdateFraction)),
  }
}

function logRecord(
  block: Block,
  log: Log,
  { transactionIndex, logIndex }: { transactionIndex: number; logIndex: number },
): LogRecord {
  const transaction = block.transactions[transactionIndex] as Block['transactions'][number]
  return {
    log,
    blockNumber: block.header.number,
    blockHash: block.hash,
    timestamp: block.header.timestamp,
    transactionHash: transaction.hash,
    transactionIndex,
    logIndex,
  }
}
