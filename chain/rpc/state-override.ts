/**
 * State overrides: a state in which some accounts are other than they are, for one execution
 * (`eth_call`'s third parameter, as geth has it).
 *
 * Deviation: `movePrecompileToAddress` is refused; precompiles stay where their fork has them.
 */

import { bytesToBigint, emptyKeccakWord, keccakWord, WordMap } from '@zg/primitives'
import type { Account, StateReader } from '@zg/state'

import { LayeredState } from './layered-state.ts'
import type { AccountLayer } from './layered-state.ts'
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
  if (overrides.length === 0) return base
  const accounts = new WordMap<AccountLayer>()
  const codes = new WordMap<Uint8Array>()
  for (const [address, override] of overrides) {
    const { code } = override
    if (code !== undefined) codes.set(keccakWord(code), code)
    accounts.set(address, layerOf(base.account(address), override))
  }
  return new LayeredState(base, accounts, codes)
}

function layerOf(before: Account | undefined, override: AccountOverride): AccountLayer {
  const { code, state, stateDiff } = override
  const slots = new WordMap<bigint>()
  for (const [slot, value] of state ?? stateDiff ?? []) slots.set(slot, value)
  return {
    account: {
      nonce: override.nonce ?? before?.nonce ?? 0n,
      balance: override.balance ?? before?.balance ?? 0n,
      codeHash: code === undefined ? (before?.codeHash ?? emptyKeccakWord) : keccakWord(code),
    },
    slots,
    replaced: state !== undefined,
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
