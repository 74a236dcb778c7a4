/** Keys of the local world that sign on its L1: its operators', and its deployer's. */

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { readKeptWorld } from './kept-world.ts'
import { accountKeyOf } from './world.ts'

/** Who deploys on the local L1; its key is as public as those of the ten accounts. */
export const deployerKey = sha256(new TextEncoder().encode('zg/devnet/deployer'))

/** The same in hex: who deployed owns what is free of the token. */
export const devDeployerKey: Hex = toHex(deployerKey)

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
