/**
 * Where the state stands in the key-value store. Words are hashed, integers 8 bytes big-endian.
 *
 *     state.accounts       account                            -> account record
 *     state.slots          account ‖ slot                     -> rlp(value)
 *     state.nodes          size ‖ path                        -> node record of the state trie
 *     state.storage-nodes  account ‖ size ‖ path              -> node record of a storage trie
 *     state.codes          code hash                          -> code
 *     state.blocks         height                             -> block hash ‖ state root
 *     state.heights        block hash                         -> height
 *     state.history        height ‖ first key                 -> a chunk of reverse entries
 *     state.archive        key ‖ height                       -> a reverse entry (archive only)
 *     state.meta           'head', 'oldest', 'format'
 *
 * and while a snapshot is being taken in (snapshot-writer.ts):
 *
 *     state.sync           'root', segment                    -> state root, first key not here yet
 *     state.sync-slots     account                            -> first slot not here yet
 *     state.sync-codes     code hash                          -> nothing
 *
 * A path is its count of nibbles, then the nibbles two a byte: no such key is the beginning of
 * another. The key of a reverse entry is one byte for the table, then the key in it.
 */

import { pack, packedSize } from './trie-node.ts'

/** Names of the tables; all begin with `state.`. */
export const tables = {
  accounts: 'state.accounts',
  slots: 'state.slots',
  nodes: 'state.nodes',
  storageNodes: 'state.storage-nodes',
  codes: 'state.codes',
  blocks: 'state.blocks',
  heights: 'state.heights',
  history: 'state.history',
  archive: 'state.archive',
  meta: 'state.meta',
  sync: 'state.sync',
  syncSlots: 'state.sync-slots',
  syncCodes: 'state.sync-codes',
} as const

/** First bytes of the keys of reverse entries. */
export const entryKinds = { account: 1, slot: 2, node: 3, storageNode: 4 } as const

/** Key of an account: its 64 hex digits as bytes. */
export function accountKey(account: string): Uint8Array {
  return packedWith(account, '', 0)
}

/** Key of a slot. */
export function slotKey(account: string, slot: string): Uint8Array {
  return packedWith(account, slot, 0)
}

/** Key of a node: in the state trie for '', else in the storage trie of that account. */
export function nodeKey(account: string, path: string): Uint8Array {
  const key = packedWith(account, path, 1)
  key[packedSize(account)] = path.length
  return key
}

export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

/** The table with the nodes of the state trie for '', else of that account's storage trie. */
export function nodeTable(account: string): string {
  return account === '' ? tables.nodes : tables.storageNodes
}

/** The kind of reverse entries of that table. */
export function nodeKind(account: string): EntryKind {
  return account === '' ? entryKinds.node : entryKinds.storageNode
}

/** Key of a reverse entry. */
export function entryKey(kind: EntryKind, key: Uint8Array): Uint8Array {
  const entry = new Uint8Array(1 + key.length)
  entry[0] = kind
  entry.set(key, 1)
  return entry
}

/** A height as 8 bytes. */
export function heightKey(height: number): Uint8Array {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, BigInt(height))
  return key
}

/** Reads a height back. */
export function readHeight(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
}

function packedWith(first: string, second: string, gap: number): Uint8Array {
  const start = packedSize(first)
  const key = new Uint8Array(start + gap + packedSize(second))
  pack(first, key, 0)
  pack(second, key, start + gap)
  return key
}
