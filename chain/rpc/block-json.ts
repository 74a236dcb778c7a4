/** Blocks and headers as JSON-RPC prints them (execution API: `Block`). */

import type { Header, Withdrawal } from '@zg/evm'
import { toHex, toQuantity } from '@zg/primitives'

import type { Block, HeaderRecord, PendingBlock } from '../chain-view.ts'
import { addressJson, blockTransactionJson, transactionJson } from './transaction-json.ts'

type Json = Readonly<Record<string, unknown>>

/** A final block, with whole transactions or only their hashes. */
export function blockJson(block: Block, withTransactions: boolean): Json {
  const transactions = block.transactions.map((signed, index) =>
    withTransactions ? blockTransactionJson(block, index) : toHex(signed.hash),
  )
  return {
    ...headerJson(block),
    size: toQuantity(block.sizeBytes),
    transactions,
    uncles: [],
    ...withdrawalsJson(block.header, block.withdrawals),
  }
}

/** The block this node would build next: what only its seal would fix is null. */
export function pendingBlockJson(pending: PendingBlock, withTransactions: boolean): Json {
  const { header } = pending
  const transactions = pending.transactions.map((signed, index) =>
    withTransactions
      ? transactionJson(signed, { header, blockHash: undefined, index })
      : toHex(signed.hash),
  )
  return {
    ...headerFieldsJson(header),
    hash: null,
    nonce: null,
    miner: null,
    transactions,
    uncles: [],
    ...withdrawalsJson(header, []),
  }
}

/** A header with its hash, as `newHeads` sends it. */
export function headerJson({ header, hash }: HeaderRecord): Json {
  return { ...headerFieldsJson(header), hash: toHex(hash) }
}

function headerFieldsJson(header: Header): Json {
  return {
    number: toQuantity(header.number),
    parentHash: toHex(header.parentHash),
    sha3Uncles: toHex(header.ommersHash),
    miner: addressJson(header.coinbase),
    stateRoot: toHex(header.stateRoot),
    transactionsRoot: toHex(header.transactionsRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    logsBloom: toHex(header.logsBloom),
    difficulty: toQuantity(header.difficulty),
    gasLimit: toQuantity(header.gasLimit),
    gasUsed: toQuantity(header.gasUsed),
    timestamp: toQuantity(header.timestamp),
    extraData: toHex(header.extraData),
    mixHash: toHex(header.prevRandao),
    nonce: toHex(header.nonce),
    ...forkFieldsJson(header),
  }
}

/** Fields that came by forks; those a header does not have are left out. */
function forkFieldsJson(header: Header): Json {
  const { withdrawalsRoot, parentBeaconBlockRoot, requestsHash } = header
  const fields: Record<string, unknown> = {}
  if (header.baseFeePerGas !== undefined) fields['baseFeePerGas'] = toQuantity(header.baseFeePerGas)
  if (header.blobGasUsed !== undefined) fields['blobGasUsed'] = toQuantity(header.blobGasUsed)
  if (header.excessBlobGas !== undefined) fields['excessBlobGas'] = toQuantity(header.excessBlobGas)
  if (withdrawalsRoot !== undefined) fields['withdrawalsRoot'] = toHex(withdrawalsRoot)
  if (parentBeaconBlockRoot !== undefined) {
    fields['parentBeaconBlockRoot'] = toHex(parentBeaconBlockRoot)
  }
  if (requestsHash !== undefined) fields['requestsHash'] = toHex(requestsHash)
  return fields
}

function withdrawalsJson(header: Header, withdrawals: readonly Withdrawal[]): Json {
  if (header.withdrawalsRoot === undefined) return {}
  return {
    withdrawals: withdrawals.map((withdrawal) => ({
      index: toQuantity(withdrawal.index),
      validatorIndex: toQuantity(withdrawal.validatorIndex),
      address: addressJson(withdrawal.address),
      amount: toQuantity(withdrawal.amountGwei),
    })),
  }
}
