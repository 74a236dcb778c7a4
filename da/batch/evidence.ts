/**
 * Two commitments that one member signed for one batch (S9): what SlashingManager.reportDataVotes
 * and BondedStake.report take.
 */

import { signatureWords } from '@zg/contracts'
import type { SignatureScheme } from '@zg/consensus'
import { bytesEqual, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { batchKey } from './batch.ts'
import type { BatchId } from './batch.ts'

/** What a member said of a batch. */
export type SignedBatch = {
  readonly batch: BatchId
  /** 32 bytes. */
  readonly commitment: Uint8Array
  /** 96 bytes. */
  readonly signature: Uint8Array
}

/** Votes.DataVote. */
export type DataVoteArgs = {
  readonly epoch: bigint
  readonly quorum: number
  readonly disperser: Hex
  readonly sequence: bigint
  readonly commitment: Hex
}

export type DataEvidence = {
  readonly first: DataVoteArgs
  readonly second: DataVoteArgs
  /** 256 bytes: the sum of both. */
  readonly signature: Hex
}

/** Undefined where there is no fault: of two batches, or the same commitment twice. */
export function dataEvidence(
  first: SignedBatch,
  second: SignedBatch,
  scheme: SignatureScheme,
): DataEvidence | undefined {
  if (batchKey(first.batch) !== batchKey(second.batch)) return undefined
  if (bytesEqual(first.commitment, second.commitment)) return undefined
  const sum = scheme.aggregate([first.signature, second.signature])
  if (sum === undefined) return undefined
  return { first: argsOf(first), second: argsOf(second), signature: signatureWords(sum) }
}

function argsOf({ batch, commitment }: SignedBatch): DataVoteArgs {
  const { epoch, quorum, disperser, sequence } = batch
  return { epoch, quorum, disperser: toHex(disperser), sequence, commitment: toHex(commitment) }
}
