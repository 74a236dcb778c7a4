/**
 * A state in memory, without a history: a genesis that is being made, the world of a fixture. Its
 * root is made of the whole of it each time.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  emptyBytes,
  emptyKeccakWord,
  encodeRlp,
  keccak256,
  keccakWord,
  WordMap,
} from '@zg/primitives'

import type { Account, StateChanges, StateReader } from './account.ts'
import { trieRoot } from './trie-root.ts'

/** An account with its storage and code. */
export type Allocation = {
  readonly address: bigint
  readonly nonce: bigint
  readonly balance: bigint
  readonly code: Uint8Array
  readonly storage: readonly (readonly [slot: bigint, value: bigint])[]
}

type Kept = { account: Account; storage: WordMap<bigint> }

/** Accounts, slots and code by word. */
export class MemoryState implements StateReader {
  readonly #accounts = new WordMap<Kept>()
  readonly #codes = new WordMap<Uint8Array>()

  constructor(allocations: Iterable<Allocation> = []) {
    for (const { address, nonce, balance, code, storage } of allocations) {
      const codeHash = keccakWord(code)
      if (code.length > 0) this.#codes.set(codeHash, code)
      const slots = new WordMap<bigint>()
      for (const [slot, value] of storage) if (value !== 0n) slots.set(slot, value)
      this.#accounts.set(address, { account: { nonce, balance, codeHash }, storage: slots })
    }
  }

  account(address: bigint): Account | undefined {
    return this.#accounts.get(address)?.account
  }

  storage(address: bigint, slot: bigint): bigint {
    return this.#accounts.get(address)?.storage.get(slot) ?? 0n
  }

  hasStorage(address: bigint): boolean {
    return (this.#accounts.get(address)?.storage.size ?? 0) > 0
  }

  code(codeHash: bigint): Uint8Array {
    return codeHash === emptyKeccakWord ? emptyBytes : (this.#codes.get(codeHash) ?? emptyBytes)
  }

  /** Makes the changes of a block. */
  apply({ accounts, codes }: StateChanges): void {
    for (const { codeHash, code } of codes) this.#codes.set(codeHash, code)
    for (const { address, account, storageCleared, storage } of accounts) {
      if (account === undefined) {
        this.#accounts.delete(address)
        continue
      }
      const before = storageCleared ? undefined : this.#accounts.get(address)?.storage
      const slots = before ?? new WordMap<bigint>()
      for (const [slot, value] of storage) {
        if (value === 0n) slots.delete(slot)
        else slots.set(slot, value)
      }
      this.#accounts.set(address, { account, storage: slots })
    }
  }

  /** Addresses of all accounts. */
  *addresses(): IterableIterator<bigint> {
    for (const [address] of this.#accounts) yield address
  }

  /** All slots of an account that are not 0. */
  slots(address: bigint): Iterable<readonly [slot: bigint, value: bigint]> {
    return this.#accounts.get(address)?.storage ?? []
  }

  /** The root of the state trie (Yellow Paper §4.1). */
  root(): Uint8Array {
    return trieRoot(
      Array.from(this.#accounts, ([address, { account, storage }]) => [
        keccak256(bigintToBytes(address, 20)),
        encodeRlp([
          bigintToMinimalBytes(account.nonce),
          bigintToMinimalBytes(account.balance),
          storageRoot(storage),
          bigintToBytes(account.codeHash, 32),
        ]),
      ]),
    )
  }
}

function storageRoot(storage: WordMap<bigint>): Uint8Array {
  return trieRoot(
    Array.from(storage, ([slot, value]) => [
      keccak256(bigintToBytes(slot, 32)),
      encodeRlp(bigintToMinimalBytes(value)),
    ]),
  )
}
