/** Transactions as JSON-RPC prints them (execution API: `TransactionInfo`). */

import { effectiveGasPrice, legacyV, maxFeePerGasOf } from '@zg/evm'
import type { AccessListEntry, Authorization, Header, Transaction } from '@zg/evm'
import { bigintToHex, toHex, toQuantity } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { Block, SignedTransaction } from '../chain-view.ts'

type Json = Readonly<Record<string, unknown>>

/** Where a printed transaction stands; a pooled one stands nowhere. */
export type TransactionPlace = {
  readonly header: Header
  /** Undefined in a pending block. */
  readonly blockHash: Uint8Array | undefined
  readonly index: number
}

/** An address as 20 bytes of hex. */
export function addressJson(address: bigint): Hex {
  return bigintToHex(address, 20)
}

/** A word as 32 bytes of hex. */
export function wordJson(word: bigint): Hex {
  return bigintToHex(word, 32)
}

/** The transaction at `index` of a final block. */
export function blockTransactionJson(block: Block, index: number): Json | null {
  const signed = block.transactions[index]
  if (signed === undefined) return null
  return transactionJson(signed, { header: block.header, blockHash: block.hash, index })
}

/** A transaction with its place; all place fields are null without one. */
export function transactionJson(signed: SignedTransaction, place?: TransactionPlace): Json {
  const { transaction, hash, sender } = signed
  const price =
    place === undefined
      ? maxFeePerGasOf(transaction)
      : effectiveGasPrice(transaction, place.header.baseFeePerGas ?? 0n)
  return {
    blockHash: place?.blockHash === undefined ? null : toHex(place.blockHash),
    blockNumber: place === undefined ? null : toQuantity(place.header.number),
    blockTimestamp: place === undefined ? null : toQuantity(place.header.timestamp),
    from: addressJson(sender),
    gas: toQuantity(transaction.gasLimit),
    gasPrice: toQuantity(price),
    hash: toHex(hash),
    input: toHex(transaction.data),
    nonce: toQuantity(transaction.nonce),
    to: transaction.to === undefined ? null : addressJson(transaction.to),
    transactionIndex: place === undefined ? null : toQuantity(place.index),
    value: toQuantity(transaction.value),
    type: toQuantity(transaction.type),
    ...kindJson(transaction),
    r: toQuantity(transaction.r),
    s: toQuantity(transaction.s),
  }
}

export function accessListJson(list: readonly AccessListEntry[]): readonly Json[] {
  return list.map(({ address, storageKeys }) => ({
    address: addressJson(address),
    storageKeys: storageKeys.map(wordJson),
  }))
}

/** The fields that only some types of transaction have. */
function kindJson(transaction: Transaction): Json {
  if (transaction.type === 0) {
    const v = toQuantity(legacyV(transaction))
    const { chainId } = transaction
    return chainId === undefined ? { v } : { chainId: toQuantity(chainId), v }
  }
  const shared = {
    chainId: toQuantity(transaction.chainId),
    accessList: accessListJson(transaction.accessList),
    v: toQuantity(transaction.yParity),
    yParity: toQuantity(transaction.yParity),
  }
  if (transaction.type === 1) return shared
  const fees = {
    ...shared,
    maxFeePerGas: toQuantity(transaction.maxFeePerGas),
    maxPriorityFeePerGas: toQuantity(transaction.maxPriorityFeePerGas),
  }
  switch (transaction.type) {
    case 2:
      return fees
    case 3:
      return {
        ...fees,
        maxFeePerBlobGas: toQuantity(transaction.maxFeePerBlobGas),
        blobVersionedHashes: transaction.blobVersionedHashes.map(wordJson),
      }
    case 4:
      return { ...fees, authorizationList: transaction.authorizationList.map(authorizationJson) }
  }
}

function authorizationJson(authorization: Authorization): Json {
  return {
    chainId: toQuantity(authorization.chainId),
    address: addressJson(authorization.address),
    nonce: toQuantity(authorization.nonce),
    yParity: toQuantity(authorization.yParity),
    r: toQuantity(authorization.r),
    s: toQuantity(authorization.s),
  }
}
