/** Keys of a world that sign on its L1: its operators', and its deployer's. */

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { readKeptWorld } from './kept-world.ts'
import { accountKeyOf } from './seed-keys.ts'
import type { KeptWorld } from './world.ts'

/** Who deploys on the local L1; its key is as public as those of the ten accounts. */
export const localDeployerKey = sha256(new TextEncoder().encode('zg/devnet/deployer'))

/**
 * Returns the key of who deployed on a world's L1 and owns what is free of the token. On an outside
 * one it is of the world's seed: no two worlds have the same transactions there.
 */
export function deployerKeyOf({ seed, outsideL1 }: KeptWorld): Uint8Array {
  return outsideL1 === undefined
    ? localDeployerKey
    : accountKeyOf(Buffer.from(seed, 'hex'), 'deployer')
}

/**
 * Returns the deployer's key of the world in a data directory.
 *
 * @throws {KeptWorldMalformedError} `DEVNET_KEPT_WORLD_MALFORMED`
 */
export function readDeployerKey(home: string): Hex {
  const kept = readKeptWorld(home)
  return toHex(kept === undefined ? localDeployerKey : deployerKeyOf(kept))
}

/**
 * Returns the execution key of an operator of the world in a data directory, or undefined when
 * there is no such operator.
 *
 * @throws {KeptWorldMalformedError} `DEVNET_KEPT_WORLD_MALFORMED`
 */
export function readOperatorKey(home: string, index: number): Hex | undefined {
  const kept = readKeptWorld(home)
  if (kept === undefined || index >= kept.validatorCount) return undefined
  return toHex(accountKeyOf(Buffer.from(kept.seed, 'hex'), `operator/${index}`))
}
