/**
 * What one un-final block changed, over its parent: a node of the overlay tree.
 *
 *     layer 12a ─┐
 *     layer 12b ─┴─ layer 11 ── final state 10 (store)
 *
 * A read asks the layer, then its parents, then the final state; the tree's depth is bounded by the
 * blocks that may be staged. When a block becomes final its layer is emptied and says so: reads of
 * the layers above then pass it by and find its changes in the final state.
 */

import { WordMap } from '@zg/primitives'

import { encodeSlotValue } from './account-record.ts'
import type { AccountRecord } from './account-record.ts'
import type { StateView } from './state-view.ts'
import { encodingOf } from './state-view.ts'
import type { TrieNode } from './trie-node.ts'
import type { TrieRecords } from './trie-update.ts'

/** Bytes that an entry of a layer takes beside its references, about. */
const entrySizeBytes = 300

/** What a block did below one account. */
export type StorageLayer = {
  /** Whether nothing from before the block is left. */
  cleared: boolean
  readonly slots: Map<string, bigint>
  /** Undefined: removed. */
  readonly nodes: Map<string, TrieNode | undefined>
}

export class Layer implements StateView {
  /** Undefined: removed. */
  readonly accounts = new Map<string, AccountRecord | undefined>()
  readonly storage = new Map<string, StorageLayer>()
  readonly nodes = new Map<string, TrieNode | undefined>()
  readonly codes = new WordMap<Uint8Array>()
  readonly #final: StateView
  #parent: Layer | undefined
  #isFinal = false

  /**
   * @param final - The final state, under all layers.
   * @param parent - The layer of the parent block; undefined when that is final.
   */
  constructor(final: StateView, parent: Layer | undefined) {
    this.#final = final
    this.#parent = parent
  }

  /** The state before this block, while that is not final; else the final state. */
  get before(): StateView {
    return this.#parent === undefined || this.#parent.#isFinal ? this.#final : this.#parent
  }

  /** The layers from this one down to the oldest that is not final. */
  *lineage(): IterableIterator<Layer> {
    yield this
    if (this.before instanceof Layer) yield* this.before.lineage()
  }

  account(account: string): AccountRecord | undefined {
    const record = this.accounts.get(account)
    if (record !== undefined || this.accounts.has(account)) return record
    return this.before.account(account)
  }

  slot(account: string, slot: string): bigint {
    const storage = this.storage.get(account)
    const value = storage?.slots.get(slot)
    if (value !== undefined) return value
    return storage?.cleared === true ? 0n : this.before.slot(account, slot)
  }

  node(account: string, path: string): TrieNode | undefined {
    const storage = account === '' ? undefined : this.storage.get(account)
    const nodes = account === '' ? this.nodes : storage?.nodes
    const node = nodes?.get(path)
    if (node !== undefined) return node
    if (nodes?.has(path) === true || storage?.cleared === true) return undefined
    return this.before.node(account, path)
  }

  code(codeHash: bigint): Uint8Array | undefined {
    return this.codes.get(codeHash) ?? this.before.code(codeHash)
  }

  /** What this block did below an account, to be added to. */
  storageOf(account: string): StorageLayer {
    let storage = this.storage.get(account)
    if (storage === undefined) {
      storage = { cleared: false, slots: new Map(), nodes: new Map() }
      this.storage.set(account, storage)
    }
    return storage
  }

  /** The state trie as this block leaves it. */
  stateTrie(): TrieRecords {
    return {
      get: (path) => this.node('', path),
      set: (path, node) => void this.nodes.set(path, node),
      valueOf: (key) => encodingOf(this.account(key)),
    }
  }

  /** The storage trie of an account as this block leaves it. */
  storageTrie(account: string): TrieRecords {
    const { nodes } = this.storageOf(account)
    return {
      get: (path) => this.node(account, path),
      set: (path, node) => void nodes.set(path, node),
      valueOf: (key) => encodeSlotValue(this.slot(account, key)),
    }
  }

  /** About the memory that the layer takes. */
  sizeBytes(): number {
    let size = entrySizeBytes * (this.accounts.size + this.storage.size)
    for (const node of this.nodes.values()) size += nodeSizeBytes(node)
    for (const { slots, nodes } of this.storage.values()) {
      size += entrySizeBytes * slots.size
      for (const node of nodes.values()) size += nodeSizeBytes(node)
    }
    for (const code of this.codes.values()) size += entrySizeBytes + code.length
    return size
  }

  /** Called when the changes are in the final state: the layer holds nothing any more. */
  becomeFinal(): void {
    this.#isFinal = true
    this.#parent = undefined
    this.accounts.clear()
    this.storage.clear()
    this.nodes.clear()
    this.codes.clear()
  }
}

/** About the memory that a node takes. */
function nodeSizeBytes(node: TrieNode | undefined): number {
  return entrySizeBytes + (node?.kind === 'inner' ? node.refs.length : 0)
}
