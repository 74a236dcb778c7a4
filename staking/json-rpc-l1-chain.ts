/**
 * Any node of L1, or of a network, as what who sends to it asks: its JSON-RPC over HTTP, read
 * strictly.
 */

import { bigintToHex, emptyBytes, toHex, toQuantity } from '@zg/primitives'

import { bytesOf, JsonRpcClient, objectOf, quantityOf, sizedBytesOf } from './json-rpc.ts'
import type { JsonRpcRefusal } from './json-rpc.ts'
import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { KeeperChain } from './keeper-ports.ts'
import type {
  L1Answer,
  L1GasAnswer,
  L1Head,
  L1Message,
  L1Receipt,
  L1Submission,
} from './l1-chain.ts'

/** What an endpoint says of a reverted call: geth's code, or the words of all of them. */
const revertedCode = 3
const revertedWords = /revert/i

/** Refusals of a transaction, as geth, reth and anvil word them. */
const knownWords = /already known|already imported|known transaction/i
const underpricedWords = /underpriced/i
const staleWords = /nonce too low|nonce is too low|nonce .* too low/i

export class JsonRpcL1Chain implements KeeperChain {
  readonly #client: JsonRpcClient

  constructor({ url }: { readonly url: string }) {
    this.#client = new JsonRpcClient({ url, fail: (problem) => new L1EndpointError(problem) })
  }

  head(): Promise<L1Head> {
    return this.#client.ask({
      method: 'eth_getBlockByNumber',
      params: ['latest', false],
      read: (found) => {
        const { number, timestamp, baseFeePerGas } = objectOf(found, 'a block')
        return {
          number: quantityOf(number),
          timestamp: quantityOf(timestamp),
          baseFeePerGas: quantityOf(baseFeePerGas),
        }
      },
    })
  }

  call(message: L1Message): Promise<L1Answer> {
    return this.#client.ask<L1Answer>({
      method: 'eth_call',
      params: [callOf(message), 'latest'],
      read: (data) => ({ kind: 'returned', data: bytesOf(data) }),
      refused: revertOf,
    })
  }

  storageAt(address: bigint, slot: bigint): Promise<bigint> {
    return this.#client.ask({
      method: 'eth_getStorageAt',
      params: [bigintToHex(address, 20), bigintToHex(slot, 32), 'latest'],
      read: quantityOf,
    })
  }

  hasCode(address: bigint): Promise<boolean> {
    return this.#client.ask({
      method: 'eth_getCode',
      params: [bigintToHex(address, 20), 'latest'],
      read: (code) => bytesOf(code).length > 0,
    })
  }

  nonceOf(address: bigint): Promise<bigint> {
    return this.#client.ask({
      method: 'eth_getTransactionCount',
      params: [bigintToHex(address, 20), 'latest'],
      read: quantityOf,
    })
  }

  estimateGas({ from, ...message }: L1Message & { readonly from: bigint }): Promise<L1GasAnswer> {
    return this.#client.ask<L1GasAnswer>({
      method: 'eth_estimateGas',
      params: [{ ...callOf(message), from: bigintToHex(from, 20) }],
      read: (gas) => ({ kind: 'estimated', gas: quantityOf(gas) }),
      refused: revertOf,
    })
  }

  tipPerGas(): Promise<bigint> {
    return this.#client.ask({
      method: 'eth_maxPriorityFeePerGas',
      params: [],
      read: quantityOf,
    })
  }

  submit(transaction: Uint8Array): Promise<L1Submission> {
    return this.#client.ask<L1Submission>({
      method: 'eth_sendRawTransaction',
      params: [toHex(transaction)],
      read: (hash) => {
        sizedBytesOf(hash, 32)
        return 'taken'
      },
      refused: ({ message }) => {
        if (knownWords.test(message)) return 'taken'
        if (underpricedWords.test(message)) return 'underpriced'
        return staleWords.test(message) ? 'stale' : undefined
      },
    })
  }

  receipt(hash: Uint8Array): Promise<L1Receipt | undefined> {
    return this.#client.ask({
      method: 'eth_getTransactionReceipt',
      params: [toHex(hash)],
      read: (found) => {
        if (found === null) return undefined
        const { blockNumber, status, gasUsed } = objectOf(found, 'a receipt')
        return {
          blockNumber: quantityOf(blockNumber),
          succeeded: quantityOf(status) === 1n,
          gasUsed: quantityOf(gasUsed),
        }
      },
    })
  }
}

function callOf({ to, data, value }: L1Message) {
  const call = { to: bigintToHex(to, 20), data: toHex(data) }
  return value === undefined ? call : { ...call, value: toQuantity(value) }
}

function revertOf({ code, message, data }: JsonRpcRefusal) {
  const isRevert = code === revertedCode || revertedWords.test(message)
  return isRevert ? ({ kind: 'reverted', data: data ?? emptyBytes } as const) : undefined
}
