/**
 * What a layer writes to the store when its block becomes final, and what takes it back.
 */

import { bigintToBytes, emptyBytes } from '@zg/primitives'
import type { KeyValueWrite } from '@zg/runtime'

import { encodeSlotValue } from './account-record.ts'
import type { ReverseEntry } from './history.ts'
import type { Layer, StorageLayer } from './layer.ts'
import { accountKey, entryKey, entryKinds, nodeKey, nodeKind } from './tables.ts'
import { nodeTable, slotKey, tables } from './tables.ts'
import type { EntryKind } from './tables.ts'
import { encodeNode, encodeReverse } from './trie-node.ts'
import type { TrieNode } from './trie-node.ts'

/** A trie node's new record, by its names; undefined when it is gone. */
export type NodeWrite = {
  readonly account: string
  readonly path: string
  readonly record: Uint8Array | undefined
}

/** The writes of one block, those of its nodes once more by name, and what takes them back. */
export type LayerWrites = {
  readonly writes: readonly KeyValueWrite[]
  readonly nodes: readonly NodeWrite[]
  readonly reverse: readonly ReverseEntry[]
}

/** What stands below an account, by hashed slot and by place. */
export type StorageNames = { readonly slots: Set<string>; readonly nodes: Set<string> }

/**
 * Returns what a layer writes to the store and what takes it back. A storage that was cleared is
 * written out slot by slot and node by node; `clearing` lists those that stood before.
 *
 * Both lists come table by table in the order of keys: LMDB then copies a page once for all entries
 * on it, and the history finds its entries sorted.
 */
export function writesOf(
  layer: Layer,
  wholeNodes: boolean,
  clearing: (account: string) => StorageNames,
): LayerWrites {
  const writes: KeyValueWrite[] = []
  const nodes: NodeWrite[] = []
  const reverse: ReverseEntry[] = []
  const { before } = layer
  const put = (
    table: string,
    kind: EntryKind,
    key: Uint8Array,
    values: { readonly value: Uint8Array | undefined; readonly before: Uint8Array | undefined },
  ): void => {
    if (values.value === undefined && values.before === undefined) return
    writes.push({ table, key, value: values.value })
    reverse.push({ key: entryKey(kind, key), before: values.before ?? emptyBytes })
  }
  const putNode = (account: string, path: string, node: TrieNode | undefined): void => {
    const old = before.node(account, path)
    const value = node && encodeNode(node)
    nodes.push({ account, path, record: value })
    const whole = old === undefined || wholeNodes
    const taken = whole ? old && encodeNode(old) : encodeReverse(old, node)
    const key = nodeKey(account, path)
    put(nodeTable(account), nodeKind(account), key, { value, before: taken })
  }
  const putSlot = (account: string, slot: string, value: bigint): void => {
    const values = { value: slotRecord(value), before: slotRecord(before.slot(account, slot)) }
    put(tables.slots, entryKinds.slot, slotKey(account, slot), values)
  }

  for (const [account, storage] of layer.storage) {
    if (storage.cleared) fillCleared(storage, clearing(account))
  }
  for (const [account, record] of sorted(layer.accounts)) {
    const values = { value: record?.encoding, before: before.account(account)?.encoding }
    put(tables.accounts, entryKinds.account, accountKey(account), values)
  }
  const storages = sorted(layer.storage)
  for (const [account, { slots }] of storages) {
    for (const [slot, value] of sorted(slots)) putSlot(account, slot, value)
  }
  for (const [path, node] of sorted(layer.nodes)) putNode('', path, node)
  for (const [account, storage] of storages) {
    for (const [path, node] of sorted(storage.nodes)) putNode(account, path, node)
  }
  for (const [codeHash, code] of layer.codes) {
    writes.push({ table: tables.codes, key: bigintToBytes(codeHash, 32), value: code })
  }
  return { writes, nodes, reverse }
}

/** Entries in the order of their keys in the store: names of one length are sorted as digits. */
function sorted<value>(entries: ReadonlyMap<string, value>): [string, value][] {
  return [...entries].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
}

/** Says of all that stood before, and that the block did not set anew, that it is gone. */
function fillCleared(storage: StorageLayer, stood: StorageNames): void {
  for (const slot of stood.slots) if (!storage.slots.has(slot)) storage.slots.set(slot, 0n)
  for (const path of stood.nodes) if (!storage.nodes.has(path)) storage.nodes.set(path, undefined)
}

function slotRecord(value: bigint): Uint8Array | undefined {
  return value === 0n ? undefined : encodeSlotValue(value)
}
