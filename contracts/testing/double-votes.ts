/** What convicts an operator of two statements that it signed, as SlashingManager takes it. */

import type { DataVote, RoundVote } from '@zg/consensus'
import type { Hex } from '@zg/primitives'

import type { L1World } from './l1-world.ts'
import type { TestOperator } from './stake-world.ts'

/** A call of SlashingManager. */
export type Report = { readonly name: string; readonly args: readonly unknown[] }

type Fault = {
  readonly id: number
  readonly culprit: TestOperator
  readonly epoch: bigint
  /** Of the view, or of the batch: no two faults of an epoch share it. */
  readonly number: number
  /** Who signs in the culprit's place. */
  readonly signer?: TestOperator
}

const words = [1, 2].map((fill) => new Uint8Array(32).fill(fill)) as readonly Uint8Array[]

/** Two blocks of a view: S1. */
export function twoBlocks(l1: L1World, { id, culprit, epoch, number, ...by }: Fault): Report {
  const votes = words.map((digest): RoundVote => {
    return { kind: 'notarize', epoch, view: number, digest }
  })
  const sum = l1.signRounds(id, votes, [by.signer ?? culprit])
  const args = [id, culprit.address, ...votes.map((vote) => l1.roundArgs(vote)), sum]
  return { name: 'reportRoundVotes', args }
}

/** Two commitments for a batch: S9. */
export function twoCommitments(l1: L1World, { id, culprit, epoch, number, ...by }: Fault): Report {
  const votes = dataVotes(epoch, number)
  return dataReport(l1, { id, operator: culprit.address, votes, signer: by.signer ?? culprit })
}

/** Votes on two commitments for a batch. */
export function dataVotes(epoch: bigint, sequence: number): readonly [DataVote, DataVote] {
  const batch = { epoch, quorum: 3, disperser: new Uint8Array(20).fill(0xda) }
  const [first, second] = words.map((commitment) => {
    return { ...batch, sequence: BigInt(sequence), commitment }
  })
  return [first, second] as [DataVote, DataVote]
}

/** Any two votes on data that somebody signed, under the name of an operator. */
export function dataReport(
  l1: L1World,
  report: {
    readonly id: number
    readonly operator: Hex
    readonly votes: readonly DataVote[]
    readonly signer: TestOperator
    /** Whose votes they are, else the network's. */
    readonly signedFor?: number
  },
): Report {
  const { id, operator, votes, signer, signedFor = id } = report
  const sum = l1.signData(signedFor, votes, [signer])
  const args = [id, operator, ...votes.map((vote) => l1.dataArgs(vote)), sum]
  return { name: 'reportDataVotes', args }
}
