/**
 * Receipts, logs and the bloom filter over logs (Yellow Paper §4.3.1, EIP-658, EIP-2718).
 *
 * A receipt is `rlp([status, cumulativeGasUsed, bloom, logs])`, with the transaction's type before
 * it when that is not 0. The bloom sets three bits of 2,048 for the address and each topic of every
 * log.
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

/** Words whose bits are kept, each of addresses and topics; a prime, as addresses come in runs. */
const bloomCacheSize = 4_093

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
  addLogsToBloom(bloom, logs)
  return bloom
}

/** Sets in `bloom` the bits of the logs. */
export function addLogsToBloom(bloom: Uint8Array, logs: readonly Log[]): void {
  for (const log of logs) {
    addressBits.add(bloom, log.address)
    for (const topic of log.topics) topicBits.add(bloom, topic)
  }
}

/** Whether `bloom` may hold an address (20 bytes) or topic (32 bytes). */
export function bloomMayContain(bloom: Uint8Array, entry: Uint8Array): boolean {
  const hash = keccak256(entry)
  for (let index = 0; index < 3; index++) {
    const bit = bitOf(hash, index)
    const byte = bloom[bloomSizeBytes - 1 - (bit >> 3)] as number
    if ((byte & (1 << (bit & 7))) === 0) return false
  }
  return true
}

/** Bit 0 to 2,047 that the hash of an entry sets, one of three. */
function bitOf(hash: Uint8Array, index: number): number {
  return (((hash[2 * index] as number) << 8) | (hash[2 * index + 1] as number)) & 2047
}

/** The three bits of words, kept for those seen last: the same tokens log again and again. */
class BloomBits {
  readonly #sizeBytes: number
  readonly #words: (bigint | undefined)[] = Array.from({ length: bloomCacheSize })
  readonly #bits = new Uint16Array(3 * bloomCacheSize)

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
  }

  add(bloom: Uint8Array, word: bigint): void {
    const place = Number(BigInt.asUintN(32, word)) % bloomCacheSize
    if (this.#words[place] !== word) this.#load(place, word)
    for (let index = 3 * place; index < 3 * place + 3; index++) {
      const bit = this.#bits[index] as number
      const at = bloomSizeBytes - 1 - (bit >> 3)
      bloom[at] = (bloom[at] as number) | (1 << (bit & 7))
    }
  }

  #load(place: number, word: bigint): void {
    const hash = keccak256(bigintToBytes(word, this.#sizeBytes))
    this.#words[place] = word
    for (let index = 0; index < 3; index++) this.#bits[3 * place + index] = bitOf(hash, index)
  }
}

const addressBits = new BloomBits(20)
const topicBits = new BloomBits(32)
