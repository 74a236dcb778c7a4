/**
 * From the net changes of a block to its layer and state root.
 *
 * Per changed account, first its storage trie, then its leaf in the state trie, which holds the
 * storage root; then the state trie in one pass. What does not differ from the parent's state is
 * left out, so equal states have equal layers.
 */

import { bytesEqual } from '@zg/primitives'

import type { AccountChange, StateChanges } from './account.ts'
import { accountRecord, encodeSlotValue, hasSlots } from './account-record.ts'
import type { AccountRecord } from './account-record.ts'
import type { HashedKeys } from './hashed-keys.ts'
import type { Layer } from './layer.ts'
import { emptyTrieRoot } from './trie-root.ts'
import { updateTrie } from './trie-update.ts'
import type { LeafUpdate } from './trie-update.ts'

/**
 * Fills an empty layer with `changes` and returns the new state root.
 *
 * @param parentRoot - The root of the state before.
 */
export function applyChanges(
  layer: Layer,
  changes: StateChanges,
  options: { readonly keys: HashedKeys; readonly parentRoot: Uint8Array },
): Uint8Array {
  const updates: LeafUpdate[] = []
  for (const change of changes.accounts) {
    const update = applyAccount(layer, change, options.keys)
    if (update !== undefined) updates.push(update)
  }
  for (const { codeHash, code } of changes.codes) layer.codes.set(codeHash, code)
  if (updates.length === 0) return options.parentRoot
  return updateTrie(layer.stateTrie(), sortByKey(updates))
}

/** Changes one account in the layer; undefined when nothing differs. */
function applyAccount(
  layer: Layer,
  change: AccountChange,
  keys: HashedKeys,
): LeafUpdate | undefined {
  const key = keys.address(change.address)
  const before = layer.account(key)
  const isGone = change.account === undefined
  const isCleared = isGone || change.storageCleared
  if (isCleared && hasSlots(before)) layer.storageOf(key).cleared = true

  if (change.account === undefined) {
    if (before === undefined) return undefined
    layer.accounts.set(key, undefined)
    return { key, value: undefined, existed: true }
  }
  const storageRootBefore = isCleared ? undefined : before?.storageRoot
  const storageRoot = applyStorage(layer, change, { key, keys, storageRootBefore })
  const record = accountRecord(change.account, storageRoot)
  if (before !== undefined && bytesEqual(before.encoding, record.encoding)) return undefined
  layer.accounts.set(key, record)
  return { key, value: record.encoding, existed: before !== undefined }
}

/** Changes an account's slots in the layer and returns its new storage root. */
function applyStorage(
  layer: Layer,
  change: AccountChange,
  options: {
    readonly key: string
    readonly keys: HashedKeys
    readonly storageRootBefore: AccountRecord['storageRoot'] | undefined
  },
): Uint8Array {
  const { key, keys, storageRootBefore = emptyTrieRoot } = options
  const updates: LeafUpdate[] = []
  for (const [slot, value] of change.storage) {
    const slotKey = keys.slot(slot)
    const before = layer.slot(key, slotKey)
    if (value === before) continue
    layer.storageOf(key).slots.set(slotKey, value)
    const encoding = value === 0n ? undefined : encodeSlotValue(value)
    updates.push({ key: slotKey, value: encoding, existed: before !== 0n })
  }
  if (updates.length === 0) return storageRootBefore
  return updateTrie(layer.storageTrie(key), sortByKey(updates))
}

function sortByKey(updates: LeafUpdate[]): LeafUpdate[] {
  return updates.sort((a, b) => (a.key < b.key ? -1 : 1))
}
