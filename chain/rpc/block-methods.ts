/** Blocks, what stands in them, and their receipts. */

import { toQuantity } from '@zg/primitives'

import type { Block, NodeView } from '../chain-view.ts'
import { blockJson, pendingBlockJson } from './block-json.ts'
import { blockOf, readBlockId, readBlockNumberOrTag } from './block-id.ts'
import type { BlockId } from './block-id.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { checkCount, isAbsent, readBoolean, readHash, readQuantity } from './params.ts'
import { receiptsJson } from './receipt-json.ts'
import { blockTransactionJson } from './transaction-json.ts'

/** The methods by name. */
export function blockMethods({ chain }: NodeView): readonly [string, RpcMethod][] {
  return [
    ['eth_blockNumber', (params) => (checkCount(params, 0, 0), toQuantity(chain.headNumber()))],
    [
      'eth_getBlockByNumber',
      async (params) => {
        const { id, full } = readBlockRequest(params, readNumber)
        if (id.kind === 'pending') return pendingBlockJson(await chain.pending(), full)
        const block = blockOf(chain, id)
        return block === undefined ? null : blockJson(block, full)
      },
    ],
    [
      'eth_getBlockByHash',
      (params) => {
        const { id, full } = readBlockRequest(params, readHashId)
        const block = blockOf(chain, id)
        return block === undefined ? null : blockJson(block, full)
      },
    ],
    [
      'eth_getBlockReceipts',
      (params) => {
        checkCount(params, 1, 1)
        const block = blockOf(chain, readBlockId(params[0]))
        const receipts = block === undefined ? undefined : chain.receiptsByHash(block.hash)
        if (block === undefined || receipts === undefined) return null
        return receiptsJson(block, receipts, chain.config)
      },
    ],
    ['eth_getBlockTransactionCountByHash', inBlock(readHashId, transactionCount)],
    ['eth_getBlockTransactionCountByNumber', inBlock(readNumber, transactionCount)],
    ['eth_getTransactionByBlockHashAndIndex', atIndex(readHashId, blockTransactionJson)],
    ['eth_getTransactionByBlockNumberAndIndex', atIndex(readNumber, blockTransactionJson)],
    // Blocks here have no uncles, and none is found at any index.
    ['eth_getUncleCountByBlockHash', inBlock(readHashId, () => '0x0')],
    ['eth_getUncleCountByBlockNumber', inBlock(readNumber, () => '0x0')],
    ['eth_getUncleByBlockHashAndIndex', atIndex(readHashId, () => null)],
    ['eth_getUncleByBlockNumberAndIndex', atIndex(readNumber, () => null)],
  ]

  /** A method that says something of a block; null without the block. */
  function inBlock(readId: ReadId, read: (block: Block) => unknown): RpcMethod {
    return (params) => {
      checkCount(params, 1, 1)
      const block = blockOf(chain, readId(params[0]))
      return block === undefined ? null : read(block)
    }
  }

  function atIndex(readId: ReadId, read: (block: Block, index: number) => unknown): RpcMethod {
    return (params) => {
      checkCount(params, 2, 2)
      const id = readId(params[0])
      const index = Number(readQuantity(params[1], 'index', 32))
      const block = blockOf(chain, id)
      return block === undefined ? null : read(block, index)
    }
  }
}

type ReadId = (value: unknown) => BlockId

const readNumber: ReadId = (value) => readBlockNumberOrTag(value, 'number')
const readHashId: ReadId = (value) => ({ kind: 'hash', hash: readHash(value, 'hash') })

function readBlockRequest(params: RpcParams, readId: ReadId): { id: BlockId; full: boolean } {
  checkCount(params, 1, 2)
  const id = readId(params[0])
  return { id, full: isAbsent(params[1]) ? false : readBoolean(params[1], 'full') }
}

function transactionCount({ transactions }: Block): string {
  return toQuantity(transactions.length)
}
