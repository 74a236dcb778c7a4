/** A state in which some accounts are other than they are: overridden, or changed by a block. */

import { WordMap } from '@zg/primitives'
import type { Account, StateChanges, StateReader } from '@zg/state'

/** What an account is instead. */
export type AccountLayer = {
  readonly account: Account | undefined
  readonly slots: WordMap<bigint>
  /** Whether slots that are not in `slots` are 0, rather than the base's. */
  readonly replaced: boolean
}

export class LayeredState implements StateReader {
  readonly #base: StateReader
  readonly #layers: WordMap<AccountLayer>
  readonly #codes: WordMap<Uint8Array>

  constructor(base: StateReader, layers: WordMap<AccountLayer>, codes: WordMap<Uint8Array>) {
    this.#base = base
    this.#layers = layers
    this.#codes = codes
  }

  account(address: bigint): Account | undefined {
    const layer = this.#layers.get(address)
    return layer === undefined ? this.#base.account(address) : layer.account
  }

  storage(address: bigint, slot: bigint): bigint {
    const layer = this.#layers.get(address)
    const value = layer?.slots.get(slot)
    if (value !== undefined) return value
    return layer?.replaced === true ? 0n : this.#base.storage(address, slot)
  }

  hasStorage(address: bigint): boolean {
    const layer = this.#layers.get(address)
    if (layer === undefined) return this.#base.hasStorage(address)
    for (const value of layer.slots.values()) if (value !== 0n) return true
    return !layer.replaced && this.#base.hasStorage(address)
  }

  code(codeHash: bigint): Uint8Array {
    return this.#codes.get(codeHash) ?? this.#base.code(codeHash)
  }
}

/** The state after a block, from that before it and what the block does. */
export function changedState(base: StateReader, { accounts, codes }: StateChanges): StateReader {
  const layers = new WordMap<AccountLayer>()
  for (const { address, account, storageCleared, storage } of accounts) {
    const slots = new WordMap<bigint>()
    for (const [slot, value] of storage) slots.set(slot, value)
    layers.set(address, { account, slots, replaced: storageCleared || account === undefined })
  }
  const codeOf = new WordMap<Uint8Array>()
  for (const { codeHash, code } of codes) codeOf.set(codeHash, code)
  return new LayeredState(base, layers, codeOf)
}
