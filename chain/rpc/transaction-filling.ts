/**
 * Fills in what a transaction object leaves out: nonce, gas, price, type and chain id.
 *
 * The type follows from the fields, as wallets do it: a `gasPrice` means legacy (or an access list
 * transaction), an authorization list EIP-7702, everything else EIP-1559. Room for the base fee to
 * double is left in `maxFeePerGas`.
 */

import { encodeTransaction, transactionHash } from '@zg/evm'
import type { Transaction, UnsignedTransaction } from '@zg/evm'
import { toHex } from '@zg/primitives'

import type { NodeView } from '../chain-view.ts'
import type { CallRequest } from './call-request.ts'
import { nextBaseFeeOf } from './fee-methods.ts'
import { ParamsInvalidError } from './rpc-error.ts'
import { transactionJson } from './transaction-json.ts'

export type FillingSource = {
  readonly estimate: (request: CallRequest) => Promise<bigint>
  /** A tip that recent blocks took, in wei. */
  readonly suggestTip: () => bigint
}

export type FilledTransaction = {
  readonly transaction: UnsignedTransaction
  readonly sender: bigint
}

/**
 * Fills a transaction.
 *
 * @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` without a sender, for a foreign chain or
 *   blobs; and as `estimateGas`.
 */
export async function fillTransaction(
  { chain, pool }: NodeView,
  request: CallRequest,
  { estimate, suggestTip }: FillingSource,
): Promise<FilledTransaction> {
  const { chainId } = chain.config
  const sender = request.from
  if (sender === undefined) throw new ParamsInvalidError('from', 'it is missing')
  if (request.chainId !== undefined && request.chainId !== chainId) {
    throw new ParamsInvalidError('chainId', `this chain has ${chainId}`)
  }
  const type = typeOf(request)
  const shared = {
    chainId,
    nonce: request.nonce ?? pool.nextNonce(sender),
    gasLimit: request.gas ?? (await estimate(request)),
    value: request.value,
    data: request.data,
  }
  const baseFee = nextBaseFeeOf(chain.head().header)
  const accessList = request.accessList ?? []
  if (type === 0 || type === 1) {
    const gasPrice = request.gasPrice ?? baseFee + suggestTip()
    const priced = { ...shared, gasPrice, to: request.to }
    return {
      sender,
      transaction: type === 0 ? { ...priced, type } : { ...priced, type, accessList },
    }
  }
  const fees = { ...shared, ...feesOf(request, { baseFee, suggestTip }), accessList }
  if (type === 2) return { sender, transaction: { ...fees, type, to: request.to } }
  const { to, authorizationList = [] } = request
  if (to === undefined) throw new ParamsInvalidError('to', 'it is missing')
  return { sender, transaction: { ...fees, type, to, authorizationList } }
}

/** The answer of `eth_fillTransaction`: bytes and fields with a signature of zeros. */
export function unsignedTransactionJson(
  unsigned: UnsignedTransaction,
  sender: bigint,
): { readonly raw: string; readonly tx: unknown } {
  const transaction: Transaction = { ...unsigned, yParity: 0, r: 0n, s: 0n }
  const bytes = encodeTransaction(transaction)
  const hash = transactionHash(transaction)
  return { raw: toHex(bytes), tx: transactionJson({ transaction, hash, sender, bytes }) }
}

function typeOf(request: CallRequest): 0 | 1 | 2 | 4 {
  if (request.type === 3 || request.blobVersionedHashes !== undefined) {
    throw new ParamsInvalidError('type', 'blob transactions (type 3) are not taken here')
  }
  if (request.type !== undefined) return request.type
  if (request.authorizationList !== undefined) return 4
  if (request.gasPrice === undefined) return 2
  return request.accessList === undefined ? 0 : 1
}

function feesOf(
  request: CallRequest,
  { baseFee, suggestTip }: { readonly baseFee: bigint; readonly suggestTip: () => bigint },
): { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint } {
  const { maxFeePerGas } = request
  const suggested = request.maxPriorityFeePerGas ?? suggestTip()
  if (maxFeePerGas === undefined) {
    return { maxFeePerGas: 2n * baseFee + suggested, maxPriorityFeePerGas: suggested }
  }
  const maxPriorityFeePerGas = suggested < maxFeePerGas ? suggested : maxFeePerGas
  return { maxFeePerGas, maxPriorityFeePerGas }
}
