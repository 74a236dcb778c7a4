/**
 * The precompiled contracts: 0x01-0x11, and 0x100 from Osaka on.
 */

import type { Fork } from '../fork.ts'
import type { Precompile } from './precompile.ts'

export type { Precompile } from './precompile.ts'

/** Returns the precompile at `address` under the rules of `fork`, if there is one. */
export function precompileAt(address: bigint, fork: Fork): Precompile | undefined {
  // Every call asks: keep it off the map for all ordinary addresses.
  if (address > 0x100n) return undefined
  return tables[fork].get(address)
}

/** Addresses of all precompiles under `fork`, ascending; warm from the start (EIP-2929). */
export function precompileAddresses(fork: Fork): readonly bigint[] {
  return [...tables[fork].keys()]
}

const tables: Readonly<Record<Fork, ReadonlyMap<bigint, Precompile>>> = {
  cancun: new Map(),
  prague: new Map(),
  osaka: new Map(),
}
