/**
 * State overrides: a state in which some accounts are other than they are, for one execution
 * (`eth_call`'s third parameter, as geth has it).
 *
 * Deviation: `movePrecompileToAddress` is refused; precompiles stay where their fork has them.
 */

import { bytesToBigint, emptyKeccakWord, keccakWord, WordMap } from '@zg/primitives'
import type { Account, StateReader } from '@zg/state'

import { callInputSizeMax, overrideEntriesMax } from './limits.ts'
import {
  isAbsent,
  readAddress,
  readData,
  readObject,
  readOptional,
  readQuantity,
  readWord,
} from './params.ts'
import { ParamsInvalidError } from './rpc-error.ts'

export type AccountOverride = {
  readonly balance: bigint | undefined
  readonly nonce: bigint | undefined
  readonly code: Uint8Array | undefined
  /** Instead of all the account's storage. */
  readonly state: Slots | undefined
  /** Over the account's storage. */
  readonly stateDiff: Slots | undefined
}

type Slots = readonly (readonly [slot: bigint, value: bigint])[]

export type StateOverride = readonly (readonly [address: bigint, override: AccountOverride])[]

/** Reads state overrides; none when absent. @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` */
export function readStateOverride(value: unknown): StateOverride {
  if (isAbsent(value)) return []
  const object = readObject(value, 'stateOverride')
  const overrides = Object.entries(object).map(([key, entry]) => {
    return [readAddress(key, 'stateOverride'), readAccountOverride(entry)] as const
  })
  let entries = 0
  for (const [, { state, stateDiff }] of overrides) {
    entries += 1 + (state?.length ?? 0) + (stateDiff?.length ?? 0)
  }
  if (entries > overrideEntriesMax) {
    throw new ParamsInvalidError('stateOverride', `more than ${overrideEntriesMax} entries`)
  }
  return overrides
}

/** Returns `base` with the overrides over it; `base` itself without any. */
export function overrideState(base: StateReader, overrides: StateOverride): StateReader {
  return overrides.length === 0 ? base : new OverriddenState(base, overrides)
}

type Layer = {
  readonly account: Account
  readonly slots: WordMap<bigint>
  /** Whether slots that are not in `slots` are 0, rather than the base's. */
  readonly replaced: boolean
}

class OverriddenState implements StateReader {
  readonly #base: StateReader
  readonly #layers = new WordMap<Layer>()
  readonly #codes = new WordMap<Uint8Array>()

  constructor(base: StateReader, overrides: StateOverride) {
    this.#base = base
    for (const [address, override] of overrides) this.#override(address, override)
  }

  account(address: bigint): Account | undefined {
    return this.#layers.get(address)?.account ?? this.#base.account(address)
  }

  storage(address: bigint, slot: bigint): bigint {
    const layer = this.#layers.get(address)
    const overridden = layer?.slots.get(slot)
    if (overridden !== undefined) return overridden
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

  #override(address: bigint, override: AccountOverride): void {
    const before = this.#base.account(address)
    const { code, state, stateDiff } = override
    if (code !== undefined) this.#codes.set(keccakWord(code), code)
    const slots = new WordMap<bigint>()
    for (const [slot, value] of state ?? stateDiff ?? []) slots.set(slot, value)
    this.#layers.set(address, {
      account: {
        nonce: override.nonce ?? before?.nonce ?? 0n,
        balance: override.balance ?? before?.balance ?? 0n,
        codeHash: code === undefined ? (before?.codeHash ?? emptyKeccakWord) : keccakWord(code),
      },
      slots,
      replaced: state !== undefined,
    })
  }
}

function readAccountOverride(value: unknown): AccountOverride {
  const known = ['balance', 'nonce', 'code', 'state', 'stateDiff', 'movePrecompileToAddress']
  const object = readObject(value, 'stateOverride', known)
  if (!isAbsent(object['movePrecompileToAddress'])) {
    throw new ParamsInvalidError('movePrecompileToAddress', 'precompiles are not moved here')
  }
  const state = readOptional(object, 'state', readSlots)
  const stateDiff = readOptional(object, 'stateDiff', readSlots)
  if (state !== undefined && stateDiff !== undefined) {
    throw new ParamsInvalidError('state', 'it stands beside "stateDiff"')
  }
  return {
    balance: readOptional(object, 'balance', readQuantity),
    nonce: readOptional(object, 'nonce', (nonce, name) => readQuantity(nonce, name, 64)),
    code: readOptional(object, 'code', (code, name) => readData(code, name, callInputSizeMax)),
    state,
    stateDiff,
  }
}

function readSlots(value: unknown, name: string): Slots {
  return Object.entries(readObject(value, name)).map(([slot, word]) => {
    return [readWord(slot, name), bytesToBigint(readData(word, name, 32))] as const
  })
}
