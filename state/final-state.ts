/**
 * The newest final state, in the key-value store behind bounded caches.
 *
 * Trie nodes are stored by place, not by hash: a block overwrites the nodes it changes, nothing has
 * to be collected, and the nodes of one trie lie together. What hash-keyed nodes give for free, old
 * roots, the reverse entries give within their bound (history.ts).
 */

import { bigintToBytes } from '@zg/primitives'
import type { KeyValueReader } from '@zg/runtime'

import { decodeAccountRecord, decodeSlotValue } from './account-record.ts'
import type { AccountRecord } from './account-record.ts'
import { BoundedCache } from './bounded-cache.ts'
import type { Layer } from './layer.ts'
import type { NodeWrite } from './layer-writes.ts'
import { NodeCache } from './node-cache.ts'
import type { StateView } from './state-view.ts'
import { accountKey, nodeKey, nodeTable, slotKey, tables } from './tables.ts'
import { nibblesOf } from './trie-encoding.ts'
import { decodeNode } from './trie-node.ts'
import type { TrieNode } from './trie-node.ts'

const accountsCachedMax = 65_536
const slotsCachedMax = 131_072
const codeCacheSizeBytes = 32 * 1024 * 1024

/** Memory for trie nodes unless told otherwise: those of about a million accounts. */
export const nodeCacheSizeBytesDefault = 64 * 1024 * 1024

export class FinalState implements StateView {
  readonly #store: KeyValueReader
  readonly #accounts = new BoundedCache<AccountRecord>(accountsCachedMax)
  readonly #slots = new BoundedCache<bigint>(slotsCachedMax)
  readonly #nodes: NodeCache
  readonly #codes = new BoundedCache<Uint8Array>(codeCacheSizeBytes, (code) => code.length)

  constructor(store: KeyValueReader, nodeCacheSizeBytes: number) {
    this.#store = store
    this.#nodes = new NodeCache(nodeCacheSizeBytes)
  }

  account(account: string): AccountRecord | undefined {
    const cached = this.#accounts.get(account)
    if (cached !== undefined) return cached
    const encoding = this.#store.get(tables.accounts, accountKey(account))
    if (encoding === undefined) return undefined
    const record = decodeAccountRecord(encoding)
    this.#accounts.set(account, record)
    return record
  }

  slot(account: string, slot: string): bigint {
    const name = account + slot
    const cached = this.#slots.get(name)
    if (cached !== undefined) return cached
    const value = decodeSlotValue(this.#store.get(tables.slots, slotKey(account, slot)))
    this.#slots.set(name, value)
    return value
  }

  node(account: string, path: string): TrieNode | undefined {
    const cached = this.#nodes.get(account, path)
    if (cached !== undefined) return decodeNode(cached)
    const record = this.#store.get(nodeTable(account), nodeKey(account, path))
    if (record === undefined) return undefined
    this.#nodes.set(account, path, record)
    return decodeNode(record)
  }

  code(codeHash: bigint): Uint8Array | undefined {
    const key = bigintToBytes(codeHash, 32)
    const name = nibblesOf(key)
    const cached = this.#codes.get(name)
    if (cached !== undefined) return cached
    const code = this.#store.get(tables.codes, key)
    if (code !== undefined) this.#codes.set(name, code)
    return code
  }

  /** The balances of all accounts together: reads every one. */
  sumOfBalances(): bigint {
    let sum = 0n
    for (const [, record] of this.#store.range(tables.accounts, {})) {
      sum += decodeAccountRecord(record).account.balance
    }
    return sum
  }

  /** All slots of an account that are not 0, by their hashes. */
  *slotsOf(account: string): IterableIterator<string> {
    const from = accountKey(account)
    for (const [key] of this.#store.range(tables.slots, { from, to: endOf(from) })) {
      yield nibblesOf(key.subarray(32))
    }
  }

  /** The places of all nodes of an account's storage trie. */
  *nodesOf(account: string): IterableIterator<string> {
    const from = accountKey(account)
    for (const [key] of this.#store.range(tables.storageNodes, { from, to: endOf(from) })) {
      yield nibblesOf(key.subarray(33)).slice(0, key[32])
    }
  }

  /** Takes over what a layer has changed, once its writes are in the store. */
  absorb(layer: Layer, nodes: readonly NodeWrite[]): void {
    for (const [account, record] of layer.accounts) {
      if (record === undefined) this.#accounts.delete(account)
      else this.#accounts.set(account, record)
    }
    for (const [account, { slots }] of layer.storage) {
      for (const [slot, value] of slots) this.#slots.set(account + slot, value)
    }
    for (const { account, path, record } of nodes) {
      if (record === undefined) this.#nodes.delete(account, path)
      else this.#nodes.set(account, path, record)
    }
  }
}

/** The first key of 32 bytes or more after all that begin with `prefix`. */
function endOf(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice()
  let index = end.length - 1
  while (index >= 0 && end[index] === 0xff) end[index--] = 0
  // All 0xff has no end among keys: one byte more than any.
  if (index < 0) return new Uint8Array(100).fill(0xff)
  end[index] = (end[index] as number) + 1
  return end
}
