/** What a development chain does to accounts outside blocks: cheats of state, borrowed senders. */

import {
  addressOfSecretKey,
  bytesToBigint,
  emptyKeccakWord,
  keccakWord,
  WordMap,
  WordSet,
} from '@zg/primitives'
import type { Account, AccountChange, StateChanges, StateReader } from '@zg/state'

const noAccount: Account = { nonce: 0n, balance: 0n, codeHash: emptyKeccakWord }

export class DevAccounts {
  readonly #impersonated = new WordSet()
  readonly #keys = new WordMap<Uint8Array>()
  /** Whether every account may be impersonated. */
  isAuto = false

  /** @param secretKeys - Keys the chain may sign with for its clients, 32 bytes each. */
  constructor(secretKeys: readonly Uint8Array[]) {
    for (const key of secretKeys) this.#keys.set(bytesToBigint(addressOfSecretKey(key)), key)
  }

  owned(): readonly bigint[] {
    return [...this.#keys].map(([address]) => address)
  }

  secretKeyOf(address: bigint): Uint8Array | undefined {
    return this.#keys.get(address)
  }

  impersonate(address: bigint): void {
    this.#impersonated.add(address)
  }

  stopImpersonating(address: bigint): void {
    this.#impersonated.delete(address)
  }

  isImpersonated(address: bigint): boolean {
    return this.isAuto || this.#impersonated.has(address)
  }

  hashOf(code: Uint8Array): bigint {
    return code.length === 0 ? emptyKeccakWord : keccakWord(code)
  }

  /** Returns the change of one account. An account left empty is gone, as by EIP-161. */
  change(
    state: StateReader,
    address: bigint,
    edit: (account: Account) => Account,
    {
      storage = [],
      codes = [],
    }: { storage?: AccountChange['storage']; codes?: StateChanges['codes'] },
  ): StateChanges {
    const edited = edit(state.account(address) ?? noAccount)
    const isEmpty =
      edited.nonce === 0n && edited.balance === 0n && edited.codeHash === emptyKeccakWord
    // A slot needs an account to stand in: one that has none gets the nonce of a contract.
    const kept = isEmpty && storage.length > 0 ? { ...edited, nonce: 1n } : edited
    const account = isEmpty && storage.length === 0 ? undefined : kept
    return { accounts: [{ address, account, storageCleared: false, storage }], codes }
  }
}
