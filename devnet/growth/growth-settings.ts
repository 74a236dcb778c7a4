/**
 * What every run of bench `growth` shares, so that its figures compare: pace and size of blocks,
 * load, quota.
 */

import { toHex } from '@zg/primitives'

import { startLeanWorld } from './lean-world.ts'
import type { LeanWorld } from './lean-world.ts'

/** Validators of a network, and operators of all. */
export const operatorCount = 4

/**
 * A slow pace: of small blocks often, the votes would cost more than a machine has that thirty-two
 * validators share.
 */
export const blockTimeMs = 2_000

/** Gas of a transfer. */
const transferGas = 21_000n

/** Transfers in a block that a network takes for ever, its base fee level. */
export const blockTransactionsTarget = 100

/** A full block holds twice the target (EIP-1559). */
export const blockTransactionsMax = 2 * blockTransactionsTarget

/** Offered to each network, a second: nine tenths of what it takes for ever. */
export const ratePerSecond = (0.9 * blockTransactionsTarget * 1_000) / blockTimeMs

/**
 * What a validator process may use of a processor where machines grow, so that nothing of what the
 * load alone takes is held back.
 */
export const quotaCores = 0.1

/** What all processes of one operator may use together where its machine stays as it is. */
export const machineCores = 0.2

/** Unheld and under more load than what is measured: what runs often is compiled while it runs. */
export const warmUpRatePerSecond = 1.5 * ratePerSecond

/** Of the account whose senders the genesis funds. */
export const privateKey = toHex(new Uint8Array(32).fill(0x11))

/** Starts a world of the shared settings. */
export function startWorld(
  networkCount: number,
  own: { readonly operatorCount?: number; readonly blockTimeMs?: number } = {},
): Promise<LeanWorld> {
  const paceMs = own.blockTimeMs ?? blockTimeMs
  return startLeanWorld({
    networkCount,
    operatorCount: own.operatorCount ?? operatorCount,
    blockTimeMs: paceMs,
    gasTarget: BigInt(blockTransactionsTarget) * transferGas,
    privateKey,
  })
}
