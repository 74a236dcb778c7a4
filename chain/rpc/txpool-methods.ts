/** The pool, in geth's `txpool` namespace. */

import { maxFeePerGasOf } from '@zg/evm'
import { bigintToBytes, checksumAddress, toQuantity } from '@zg/primitives'

import type {
  NodeView,
  SenderTransactions,
  SignedTransaction,
  TransactionPool,
} from '../chain-view.ts'
import type { RpcMethod } from './json-rpc.ts'
import { poolContentMax } from './limits.ts'
import { checkCount, readAddress } from './params.ts'
import { LimitExceededError } from './rpc-error.ts'
import { addressJson, transactionJson } from './transaction-json.ts'

type ByNonce = Readonly<Record<string, unknown>>

/** The methods by name. */
export function txpoolMethods({ pool }: NodeView): readonly [string, RpcMethod][] {
  return [
    [
      'txpool_status',
      (params) => {
        checkCount(params, 0, 0)
        const { pending, queued } = pool.counts()
        return { pending: toQuantity(pending), queued: toQuantity(queued) }
      },
    ],
    [
      'txpool_content',
      (params) => {
        checkCount(params, 0, 0)
        return bySender(wholeContent(pool), (signed) => transactionJson(signed))
      },
    ],
    [
      'txpool_contentFrom',
      (params) => {
        checkCount(params, 1, 1)
        const { pending, queued } = pool.contentFrom(readAddress(params[0], 'address'))
        const print = (signed: SignedTransaction) => transactionJson(signed)
        return { pending: byNonce(pending, print), queued: byNonce(queued, print) }
      },
    ],
    [
      'txpool_inspect',
      (params) => {
        checkCount(params, 0, 0)
        return bySender(wholeContent(pool), summary)
      },
    ],
  ]
}

function wholeContent(pool: TransactionPool): readonly SenderTransactions[] {
  const { pending, queued } = pool.counts()
  if (pending + queued > poolContentMax) {
    const hint = 'ask for one sender with txpool_contentFrom'
    throw new LimitExceededError('pooled transactions in one answer', poolContentMax, hint)
  }
  return pool.content()
}

function bySender(
  content: readonly SenderTransactions[],
  print: (signed: SignedTransaction) => unknown,
): { readonly pending: ByNonce; readonly queued: ByNonce } {
  const pending: Record<string, ByNonce> = {}
  const queued: Record<string, ByNonce> = {}
  for (const entry of content) {
    const sender = checksumAddress(bigintToBytes(entry.sender, 20))
    if (entry.pending.length > 0) pending[sender] = byNonce(entry.pending, print)
    if (entry.queued.length > 0) queued[sender] = byNonce(entry.queued, print)
  }
  return { pending, queued }
}

function byNonce(
  transactions: readonly SignedTransaction[],
  print: (signed: SignedTransaction) => unknown,
): ByNonce {
  return Object.fromEntries(
    transactions.map((signed) => [signed.transaction.nonce.toString(), print(signed)]),
  )
}

/** `0x…: 5 wei + 21000 gas × 7 wei`, as geth puts it. */
function summary({ transaction }: SignedTransaction): string {
  const to = transaction.to === undefined ? 'contract creation' : addressJson(transaction.to)
  const { value, gasLimit } = transaction
  return `${to}: ${value} wei + ${gasLimit} gas × ${maxFeePerGasOf(transaction)} wei`
}
