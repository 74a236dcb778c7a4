/** A kept trie whose records and values stand in maps: for tests of the trie alone. */

import { decodeNode, encodeNode } from '../trie-node.ts'
import type { TrieRecords } from '../trie-update.ts'
import { updateTrie } from '../trie-update.ts'

export class RecordMap implements TrieRecords {
  /** Encoded, so that each record goes through the codec. */
  readonly records = new Map<string, Uint8Array>()
  readonly values = new Map<string, Uint8Array>()

  get(path: string): ReturnType<TrieRecords['get']> {
    const record = this.records.get(path)
    return record && decodeNode(record)
  }

  set(path: string, node: ReturnType<TrieRecords['get']>): void {
    if (node === undefined) this.records.delete(path)
    else this.records.set(path, encodeNode(node))
  }

  valueOf(key: string): Uint8Array {
    const value = this.values.get(key)
    if (value === undefined) throw new Error(`a leaf without value: ${key}`)
    return value
  }

  /** Sets, or for undefined removes, each key; returns the root. */
  update(values: ReadonlyMap<string, Uint8Array | undefined>): Uint8Array {
    const updates = [...values]
      .map(([key, value]) => ({ key, value, existed: this.values.has(key) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const [key, value] of values) {
      if (value === undefined) this.values.delete(key)
      else this.values.set(key, value)
    }
    return updateTrie(this, updates)
  }
}
