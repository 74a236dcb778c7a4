/** Has a validator whose vote log is lost vote again two epochs later, by its folder. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { mendedEpoch, nodeConfigFileName, parseNodeConfig, writeMendedVotes } from '@zg/chain'
import { ZgError } from '@zg/primitives'

export type MendedVotes = {
  readonly voteFromEpoch: bigint
  /** Until that epoch begins, from now. */
  readonly waitSeconds: number
}

/**
 * Says so in the folder; it holds from the node's next start on.
 *
 * @throws {NodeFolderUnfitError} `DEVNET_NODE_FOLDER_UNFIT` · `CHAIN_NODE_CONFIG_INVALID`
 */
export function mendVotes(folder: string, nowMs: number): MendedVotes {
  const path = join(folder, nodeConfigFileName)
  if (!existsSync(path)) throw new NodeFolderUnfitError(folder, `it has no ${nodeConfigFileName}`)
  const { mode, l1 } = parseNodeConfig(readFileSync(path, 'utf8'), folder)
  if (mode !== 'validator') throw new NodeFolderUnfitError(folder, 'its node has no vote')
  // Its one epoch never ends: there is none of which nothing can have been signed.
  if (l1 === undefined) throw new NodeFolderUnfitError(folder, 'its network has no epochs')
  const voteFromEpoch = mendedEpoch(l1, nowMs)
  writeMendedVotes(folder, voteFromEpoch)
  const beginsAt = l1.epochStart + voteFromEpoch * l1.epochSeconds
  return { voteFromEpoch, waitSeconds: Math.ceil(Number(beginsAt) - nowMs / 1_000) }
}

export class NodeFolderUnfitError extends ZgError<'DEVNET_NODE_FOLDER_UNFIT'> {
  constructor(folder: string, problem: string) {
    const message = `Cannot mend the votes of "${folder}": ${problem}`
    super('DEVNET_NODE_FOLDER_UNFIT', message, { folder, problem })
  }
}
