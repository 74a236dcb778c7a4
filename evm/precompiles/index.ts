/**
 * The precompiled contracts, by address and rule set: 0x01-0x0a from Cancun on, 0x0b-0x11 from
 * Prague on, 0x100 from Osaka on. Names are those of EIP-7910.
 *
 * Under Osaka's prices the worst input of each should run at 20 Mgas/s or more on a slow core, so
 * that a block of 60 Mgas takes 3 s at most. `npm run bench -- precompiles` tells which does not:
 * BLS12_PAIRING_CHECK of two pairs is just below, bound by field multiplications in WebAssembly,
 * which has no wide ones; so the default gas limit of our networks is 57 Mgas. For the first
 * seconds after its first use KZG_POINT_EVALUATION runs at half of that (kzg-thread.ts).
 */

import type { Fork } from '../fork.ts'
import { blake2f } from './blake2f.ts'
import {
  blsG1Add,
  blsG1Msm,
  blsG2Add,
  blsG2Msm,
  blsMapFp2ToG2,
  blsMapFpToG1,
  blsPairingCheck,
} from './bls12-381.ts'
import { bn254Add, bn254Mul, bn254Pairing } from './bn254.ts'
import { ecrecover } from './ecrecover.ts'
import { ripemd160, sha256 } from './hashes.ts'
import { identity } from './identity.ts'
import { kzgPointEvaluation } from './kzg.ts'
import { modexpEip2565, modexpEip7883 } from './modexp.ts'
import { p256Verify } from './p256.ts'
import type { Precompile } from './precompile.ts'

export type { Precompile } from './precompile.ts'

const addressMax = 0x100n

const cancun: ReadonlyMap<bigint, Precompile> = new Map([
  [0x01n, ecrecover],
  [0x02n, sha256],
  [0x03n, ripemd160],
  [0x04n, identity],
  [0x05n, modexpEip2565],
  [0x06n, bn254Add],
  [0x07n, bn254Mul],
  [0x08n, bn254Pairing],
  [0x09n, blake2f],
  [0x0an, kzgPointEvaluation],
])

const prague: ReadonlyMap<bigint, Precompile> = new Map([
  ...cancun,
  [0x0bn, blsG1Add],
  [0x0cn, blsG1Msm],
  [0x0dn, blsG2Add],
  [0x0en, blsG2Msm],
  [0x0fn, blsPairingCheck],
  [0x10n, blsMapFpToG1],
  [0x11n, blsMapFp2ToG2],
])

const osaka: ReadonlyMap<bigint, Precompile> = new Map([
  ...prague,
  [0x05n, modexpEip7883],
  [0x100n, p256Verify],
])

const byFork: Readonly<Record<Fork, ReadonlyMap<bigint, Precompile>>> = { cancun, prague, osaka }

const addressesByFork: Readonly<Record<Fork, readonly bigint[]>> = {
  cancun: [...cancun.keys()],
  prague: [...prague.keys()],
  osaka: [...osaka.keys()],
}

/** Returns the precompile at `address` under the rules of `fork`, if there is one. */
export function precompileAt(address: bigint, fork: Fork): Precompile | undefined {
  // Every call asks, and nearly every address is greater than any of these.
  return address > addressMax ? undefined : byFork[fork].get(address)
}

/** Addresses of all precompiles under `fork`, ascending; warm from the start (EIP-2929). */
export function precompileAddresses(fork: Fork): readonly bigint[] {
  return addressesByFork[fork]
}
