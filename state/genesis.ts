/**
 * Allocations: whole states given as a list of accounts, as in a genesis file or a test vector.
 */

import { bigintToBytes, emptyKeccakWord, keccak256, keccakWord } from '@zg/primitives'

import type { AccountChange, StateChanges } from './account.ts'
import { accountRecord, encodeSlotValue } from './account-record.ts'
import { trieRoot } from './trie-root.ts'

/** One account of a whole state. Slots of value 0 are not there. */
export type AllocatedAccount = {
  readonly address: bigint
  readonly nonce: bigint
  readonly balance: bigint
  readonly code: Uint8Array
  readonly storage: Iterable<readonly [slot: bigint, value: bigint]>
}

/** Returns the changes that make the empty state into `alloc`: the genesis block's. */
export function allocationChanges(alloc: Iterable<AllocatedAccount>): StateChanges {
  const accounts: AccountChange[] = []
  const codes: StateChanges['codes'][number][] = []
  for (const { address, nonce, balance, code, storage } of alloc) {
    const codeHash = codeHashOf(code)
    if (code.length > 0) codes.push({ codeHash, code })
    const slots = [...storage].filter(([, value]) => value !== 0n)
    const account = { nonce, balance, codeHash }
    accounts.push({ address, account, storageCleared: false, storage: slots })
  }
  return { accounts, codes }
}

/** Returns the state root of `alloc`, 32 bytes, built whole and from nothing. */
export function stateRootOf(alloc: Iterable<AllocatedAccount>): Uint8Array {
  const leaves: [Uint8Array, Uint8Array][] = []
  for (const { address, nonce, balance, code, storage } of alloc) {
    const slots: [Uint8Array, Uint8Array][] = []
    for (const [slot, value] of storage) {
      if (value !== 0n) slots.push([keccak256(bigintToBytes(slot, 32)), encodeSlotValue(value)])
    }
    const account = { nonce, balance, codeHash: codeHashOf(code) }
    const { encoding } = accountRecord(account, trieRoot(slots))
    leaves.push([keccak256(bigintToBytes(address, 20)), encoding])
  }
  return trieRoot(leaves)
}

function codeHashOf(code: Uint8Array): bigint {
  return code.length === 0 ? emptyKeccakWord : keccakWord(code)
}
