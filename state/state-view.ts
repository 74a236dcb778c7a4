/**
 * One state under its hashed keys: what readers, proofs and the next block's transition stand on.
 *
 * Accounts and slots are named by the hex digits of their hashes, storage tries by their account,
 * the state trie by ''.
 */

import { assert, emptyBytes, emptyKeccakWord } from '@zg/primitives'

import { encodeSlotValue, hasSlots } from './account-record.ts'
import type { AccountRecord } from './account-record.ts'
import type { Account, StateReader } from './account.ts'
import type { HashedKeys } from './hashed-keys.ts'
import type { StateProof } from './state-proof.ts'
import type { TrieNode } from './trie-node.ts'
import { proveKey } from './trie-proof.ts'
import { emptyTrieRoot } from './trie-root.ts'

export interface StateView {
  account(account: string): AccountRecord | undefined
  /** 0 when absent. */
  slot(account: string, slot: string): bigint
  node(account: string, path: string): TrieNode | undefined
  code(codeHash: bigint): Uint8Array | undefined
}

/**
 * Reads a view by addresses and slots.
 *
 * @param view - Called at each read: the view may move as blocks become final, the state may not.
 */
export function readerOf(view: () => StateView, keys: HashedKeys): StateReader {
  return {
    account: (address: bigint): Account | undefined =>
      view().account(keys.address(address))?.account,
    storage: (address: bigint, slot: bigint): bigint =>
      view().slot(keys.address(address), keys.slot(slot)),
    hasStorage: (address: bigint): boolean => hasSlots(view().account(keys.address(address))),
    code: (codeHash: bigint): Uint8Array => {
      if (codeHash === emptyKeccakWord) return emptyBytes
      const code = view().code(codeHash)
      assert(code !== undefined, 'code that an account names is stored')
      return code
    },
  }
}

/** Proves an account and slots of it in a view. */
export function proveIn(
  view: StateView,
  keys: HashedKeys,
  address: bigint,
  slots: readonly bigint[],
): StateProof {
  const account = keys.address(address)
  const record = view.account(account)
  const stateTrie = {
    get: (path: string) => view.node('', path),
    valueOf: (key: string) => encodingOf(view.account(key)),
  }
  const storageTrie = {
    get: (path: string) => view.node(account, path),
    valueOf: (key: string) => encodeSlotValue(view.slot(account, key)),
  }
  return {
    address,
    account: record?.account,
    storageHash: record?.storageRoot ?? emptyTrieRoot,
    accountProof: proveKey(stateTrie, account),
    storageProof: slots.map((slot) => {
      const key = keys.slot(slot)
      return { slot, value: view.slot(account, key), proof: proveKey(storageTrie, key) }
    }),
  }
}

/** The leaf value of an account that its trie holds. */
export function encodingOf(record: AccountRecord | undefined): Uint8Array {
  assert(record !== undefined, 'an account with a leaf has a record')
  return record.encoding
}
