/**
 * The world state as plainly as it can be said: a map of accounts with maps of slots, copied for
 * each block. What `StateDatabase` does is held against it.
 */

import { emptyKeccakWord, keccakWord } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import type { Account, AccountChange, StateChanges } from '../account.ts'
import { stateRootOf } from '../genesis.ts'

export type ModelAccount = {
  readonly account: Account
  readonly code: Uint8Array
  readonly storage: ReadonlyMap<bigint, bigint>
}

export type ModelState = ReadonlyMap<bigint, ModelAccount>

/** The words that random changes are about. Their low 64 bits are often equal. */
export type WordPool = {
  readonly addresses: readonly bigint[]
  readonly slots: readonly bigint[]
  /** About how many accounts a block changes. */
  readonly touchedCount: number
}

/** Returns pools of so many words. */
export function wordPool(addressCount: number, slotCount: number, touchedCount = 4): WordPool {
  const addresses = Array.from({ length: addressCount }, (_, index) => BigInt(index + 1) << 70n)
  const slots = Array.from({ length: slotCount }, (_, index) => BigInt(index) << 65n)
  return { addresses, slots, touchedCount }
}

/** The root from nothing. */
export function modelRoot(state: ModelState): Uint8Array {
  return stateRootOf(
    [...state].map(([address, { account, code, storage }]) => {
      return { address, nonce: account.nonce, balance: account.balance, code, storage }
    }),
  )
}

/** Draws the changes of a block, and the state that they lead to. */
export function randomChanges(
  rng: Rng,
  pool: WordPool,
  before: ModelState,
): { readonly changes: StateChanges; readonly after: ModelState } {
  const after = new Map(before)
  const accounts: AccountChange[] = []
  const codes = new Map<bigint, Uint8Array>()
  const { addresses, touchedCount } = pool
  const touched = addresses.filter(() => rng.below(addresses.length) < touchedCount)
  for (const address of touched) {
    const old = before.get(address)
    if (rng.chance(0.2)) {
      accounts.push({ address, account: undefined, storageCleared: rng.chance(0.5), storage: [] })
      after.delete(address)
      continue
    }
    const storageCleared = rng.chance(0.15)
    const slots = rng.chance(0.6) ? pool.slots.filter(() => rng.chance(0.3)) : []
    const storage = slots.map((slot): [bigint, bigint] => {
      return [slot, rng.chance(0.4) ? 0n : BigInt(1 + rng.below(300))]
    })
    const kept = storageCleared ? [] : [...(old?.storage ?? [])]
    const merged = new Map([...kept, ...storage].filter(([, value]) => value !== 0n))
    for (const [slot, value] of storage) if (value === 0n) merged.delete(slot)
    const code = old?.code ?? rng.bytes(rng.below(2) * 5)
    const codeHash = code.length === 0 ? emptyKeccakWord : keccakWord(code)
    codes.set(codeHash, code)
    const account = {
      nonce: BigInt(rng.below(3)),
      balance: BigInt(rng.below(5)) << BigInt(rng.below(100)),
      codeHash,
    }
    accounts.push({ address, account, storageCleared, storage })
    after.set(address, { account, code, storage: merged })
  }
  codes.delete(emptyKeccakWord)
  const deployed = [...codes].map(([codeHash, code]) => ({ codeHash, code }))
  return { changes: { accounts, codes: deployed }, after }
}
