/**
 * How an operator whose vote log is lost or damaged comes back with the same key: a file in the
 * node's folder says from which epoch on it may vote, two after the present one. Nothing can have
 * been signed there before the loss; until then the node only follows.
 *
 * A log that is whole takes no notice of the file, and an epoch that has begun is refused, so it
 * may stay where it is.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ZgError } from '@zg/primitives'

import type { L1Config } from './node-config.ts'

/** In a node's folder. */
export const mendVotesFileName = 'mend-votes'

/** The present epoch is the last it may have signed in; one more is for clocks that differ. */
const noticeEpochs = 2n

/** Digits of an epoch. */
const digitsMax = 18

/** Returns the epoch from which on a node may vote that lost its log now. */
export function mendedEpoch({ epochStart, epochSeconds }: L1Config, nowMs: number): bigint {
  const seconds = BigInt(Math.floor(nowMs / 1_000))
  const present = seconds < epochStart ? 0n : (seconds - epochStart) / epochSeconds
  return present + noticeEpochs
}

export function writeMendedVotes(folder: string, voteFromEpoch: bigint): void {
  writeFileSync(join(folder, mendVotesFileName), `${voteFromEpoch}\n`, { mode: 0o600 })
}

/**
 * Returns what the file says; undefined when there is none.
 *
 * @throws {MendedVotesMalformedError} `CHAIN_MENDED_VOTES_MALFORMED`
 */
export function readMendedVotes(folder: string): bigint | undefined {
  const path = join(folder, mendVotesFileName)
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8').trimEnd()
  if (text.length > digitsMax || !/^\d+$/.test(text)) throw new MendedVotesMalformedError(path)
  return BigInt(text)
}

export class MendedVotesMalformedError extends ZgError<'CHAIN_MENDED_VOTES_MALFORMED'> {
  constructor(path: string) {
    super('CHAIN_MENDED_VOTES_MALFORMED', `Cannot read "${path}": it names no epoch`, { path })
  }
}

/** The node may have signed what it does not know of any more. */
export class VotesLostError extends ZgError<'CHAIN_VOTES_LOST'> {
  constructor(folder: string, cause: Error & { readonly data?: unknown }) {
    const { problem = '' } = (cause.data ?? {}) as { readonly problem?: string }
    const message =
      `Cannot vote: the vote log lost statements (${problem}); ` +
      `"zg mend-votes ${folder}" lets it vote again two epochs later, or use a new key`
    super('CHAIN_VOTES_LOST', message, { folder, problem }, cause)
  }
}
