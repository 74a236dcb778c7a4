/** Transactions: sending them, and finding them and their receipts again. */

import { toHex } from '@zg/primitives'

import type { NodeView, RouteReader } from '../chain-view.ts'
import { TransactionRefusedError } from '../transaction-admission.ts'
import type { RpcBulkMethod, RpcMethod, RpcParams } from './json-rpc.ts'
import { checkCount, readData, readHash } from './params.ts'
import { receiptJsonAt } from './receipt-json.ts'
import { NetworkWrongError } from './rpc-error.ts'
import { blockTransactionJson, transactionJson } from './transaction-json.ts'

/** The methods by name. */
export function transactionMethods({ chain, pool }: NodeView): readonly [string, RpcMethod][] {
  return [
    [
      'eth_getTransactionByHash',
      (params) => {
        checkCount(params, 1, 1)
        const hash = readHash(params[0], 'hash')
        const location = chain.transactionLocation(hash)
        const block = location === undefined ? undefined : chain.blockByHash(location.blockHash)
        if (location !== undefined && block !== undefined) {
          return blockTransactionJson(block, location.index)
        }
        const pooled = pool.get(hash)
        return pooled === undefined ? null : transactionJson(pooled)
      },
    ],
    [
      'eth_getRawTransactionByHash',
      (params) => {
        checkCount(params, 1, 1)
        const hash = readHash(params[0], 'hash')
        const location = chain.transactionLocation(hash)
        if (location === undefined) return toHexOrNull(pool.get(hash)?.bytes)
        const block = chain.blockByHash(location.blockHash)
        return toHexOrNull(block?.transactions[location.index]?.bytes)
      },
    ],
    [
      'eth_getTransactionReceipt',
      (params) => {
        checkCount(params, 1, 1)
        const location = chain.transactionLocation(readHash(params[0], 'hash'))
        if (location === undefined) return null
        const block = chain.blockByHash(location.blockHash)
        const receipts = chain.receiptsByHash(location.blockHash)
        if (block === undefined || receipts === undefined) return null
        return receiptJsonAt(block, receipts, { index: location.index, config: chain.config })
      },
    ],
  ]
}

/**
 * `eth_sendRawTransaction` for many at once: the pool checks and recovers them together. One that
 * is refused does not stop those after it; one for another network is told which.
 */
export function sendRawTransactions({ pool, routes }: NodeView): RpcBulkMethod {
  return async (requests) => {
    const outcomes = await Promise.allSettled(
      requests.map(async (params) => toHex(await pool.add(readRawTransaction(params)))),
    )
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : redirected(outcome.reason, routes),
    )
  }
}

function readRawTransaction(params: RpcParams): Uint8Array {
  checkCount(params, 1, 1)
  return readData(params[0], 'transaction')
}

function toHexOrNull(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : toHex(bytes)
}

/** What is answered for a transaction that the pool did not take. */
function redirected(reason: unknown, routes: RouteReader | undefined): Error {
  if (!(reason instanceof Error)) return new Error(String(reason))
  const chainId = reason instanceof TransactionRefusedError ? reason.data['chainId'] : undefined
  const network = typeof chainId === 'bigint' ? routes?.networkOf(chainId) : undefined
  return network === undefined ? reason : new NetworkWrongError(network, chainId as bigint)
}
