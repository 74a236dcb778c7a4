/**
 * The world state as the machine sees it: accounts by address, slots by (address, slot).
 *
 * Addresses (160 bits), slots, values and code hashes are words (`bigint`); an absent account is
 * `undefined`, an absent slot 0. An empty account (no nonce, balance or code: EIP-161) is never
 * stored.
 */

export type Account = {
  readonly nonce: bigint
  readonly balance: bigint
  /** Keccak-256 of the code; `emptyKeccakWord` without code. */
  readonly codeHash: bigint
}

/** Reads one state, which does not change under the reader. */
export interface StateReader {
  account(address: bigint): Account | undefined
  /** The slot's value, 0 when absent. */
  storage(address: bigint, slot: bigint): bigint
  /** Whether the account has any slot that is not 0 (EIP-7610). */
  hasStorage(address: bigint): boolean
  /** The code with that hash; no bytes for `emptyKeccakWord`. */
  code(codeHash: bigint): Uint8Array
}

/** What one block did to one account: the net result only. */
export type AccountChange = {
  readonly address: bigint
  /** The account afterwards; undefined when it is gone, its slots with it. */
  readonly account: Account | undefined
  /** Whether all earlier slots are gone before `storage` is applied. */
  readonly storageCleared: boolean
  /** Slots that changed and their values afterwards, 0 for removed; each slot once. */
  readonly storage: readonly (readonly [slot: bigint, value: bigint])[]
}

/** What one block did to the state. Each address stands once. */
export type StateChanges = {
  readonly accounts: readonly AccountChange[]
  /** Code deployed in the block. */
  readonly codes: readonly { readonly codeHash: bigint; readonly code: Uint8Array }[]
}
