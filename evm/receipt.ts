/**
 * Receipts, logs and the bloom filter over logs (Yellow Paper §4.3.1, EIP-658, EIP-2718).
 *
 * A receipt is `rlp([status, cumulativeGasUsed, bloom, logs])`, with the transaction's type before it
 * when that is not 0. The bloom sets three bits of 2,048 for the address and each topic of every log.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  concat,
  emptyBytes,
  encodeRlp,
  keccak256,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import { orderedTrieRoot } from '@zg/state'

/** What a contract announced. */
export type Log = {
  readonly address: bigint
  /** At most four words. */
  readonly topics: readonly bigint[]
  readonly data: Uint8Array
}

/** What a transaction did, as the receipts root commits to it. */
export type Receipt = {
  readonly type: 0 | 1 | 2 | 3 | 4
  readonly succeeded: boolean
  /** Gas used in the block up to and with this transaction. */
  readonly cumulativeGasUsed: bigint
  /** 256 bytes. */
  readonly logsBloom: Uint8Array
  readonly logs: readonly Log[]
}

/** Size of a bloom filter, in bytes. */
export const bloomSizeBytes = 256

/** Returns the consensus bytes of a receipt. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const body = encodeRlp([
    receipt.succeeded ? Uint8Array.of(1) : emptyBytes,
    bigintToMinimalBytes(receipt.cumulativeGasUsed),
    receipt.logsBloom,
    receipt.logs.map(logItem),
  ])
  return receipt.type === 0 ? body : concat(Uint8Array.of(receipt.type), body)
}

/** Returns a log as an RLP list. */
export function logItem(log: Log): RlpItem {
  const topics = log.topics.map((topic) => bigintToBytes(topic, 32))
  return [bigintToBytes(log.address, 20), topics, log.data]
}

/** Root of the trie index -> receipt. */
export function receiptsRoot(receipts: readonly Receipt[]): Uint8Array {
  return orderedTrieRoot(receipts.map(encodeReceipt))
}

/** Returns the bloom filter of the logs, 256 bytes. */
export function bloomOfLogs(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(bloomSizeBytes)
  for (const log of logs) {
    addToBloom(bloom, bigintToBytes(log.address, 20))
    for (const topic of log.topics) addToBloom(bloom, bigintToBytes(topic, 32))
  }
  return bloom
}

/** Sets in `bloom` all bits of `other`. */
export function mergeBloom(bloom: Uint8Array, other: Uint8Array): void {
  for (let index = 0; index < bloomSizeBytes; index++) {
    bloom[index] = (bloom[index] as number) | (other[index] as number)
  }
}

/** Whether `bloom` may hold an address (20 bytes) or topic (32 bytes). */
export function bloomMayContain(bloom: Uint8Array, entry: Uint8Array): boolean {
  const single = new Uint8Array(bloomSizeBytes)
  addToBloom(single, entry)
  return single.every((byte, index) => ((bloom[index] as number) & byte) === byte)
}

function addToBloom(bloom: Uint8Array, entry: Uint8Array): void {
  const hash = keccak256(entry)
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = (((hash[pair] as number) << 8) | (hash[pair + 1] as number)) & 2047
    const at = bloomSizeBytes - 1 - (bit >> 3)
    bloom[at] = (bloom[at] as number) | (1 << (bit & 7))
  }
}
