/**
 * What 0G's entrance takes of a quorum (docs/specs/da.md §11): a bit for each row whose holder
 * signed, the sum of all signers' keys in G2, and the sum of their signatures.
 */

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { rowsOf } from '../batch/quorum.ts'
import type { Quorum } from '../batch/quorum.ts'
import { bn254Verify, PointInvalidError, sumOfG1, sumOfG2 } from './bn254.ts'
import type { G1Point, G2Point } from './bn254.ts'
import { erasureCommitmentOf, rootDigest } from './messages.ts'
import type { RootName } from './messages.ts'

/** `CommitRootSubmission` of DAEntrance. */
export type RootSubmission = {
  readonly dataRoot: Hex
  readonly epoch: bigint
  readonly quorumId: bigint
  readonly erasureCommitment: G1Point
  readonly quorumBitmap: Hex
  readonly aggPkG2: G2Point
  readonly signature: G1Point
}

/** A member's signature on a root, and the key that it is to be of. */
export type RootSignature = {
  /** Its index in the quorum. */
  readonly member: number
  readonly pkG2: G2Point
  readonly signature: G1Point
}

/** Whether signers of so many rows are two thirds of all: 0G's rule. */
export function isVerified(signedRows: number, rows: number): boolean {
  return 3 * signedRows >= 2 * rows
}

/** A bit for each row of some members: row i is bit i % 8, from the low end, of byte i / 8. */
export function rowBitmap(quorum: Quorum, members: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(quorum.slots / 8))
  for (const member of members) {
    for (const { from, count } of rowsOf(quorum, quorum.members[member]!)) {
      for (let row = from; row < from + count; row++) bitmap[row >> 3]! |= 1 << (row & 7)
    }
  }
  return bitmap
}

/**
 * Returns what the entrance takes of those who signed; undefined when they are too few. At most one
 * of each member, of none that is contested. All are verified as one sum; only when that is wrong
 * one by one, and the wrong ones left out.
 */
export function submissionOf(
  name: RootName,
  quorum: Quorum,
  signatures: readonly RootSignature[],
): RootSubmission | undefined {
  const digest = rootDigest(name)
  const all = summed(name, quorum, signatures)
  if (all !== undefined && bn254Verify(all.aggPkG2, digest, all.signature)) return all
  const good = signatures.filter(({ pkG2, signature }) => bn254Verify(pkG2, digest, signature))
  return good.length === signatures.length ? undefined : summed(name, quorum, good)
}

function summed(
  name: RootName,
  quorum: Quorum,
  signatures: readonly RootSignature[],
): RootSubmission | undefined {
  const members = signatures.map(({ member }) => member)
  const rows = members.reduce((sum, member) => sum + quorum.members[member]!.slots, 0)
  if (!isVerified(rows, quorum.slots)) return undefined
  const { dataRoot, epoch, quorumId } = name
  try {
    return {
      dataRoot: toHex(dataRoot),
      epoch,
      quorumId,
      erasureCommitment: erasureCommitmentOf(dataRoot),
      quorumBitmap: toHex(rowBitmap(quorum, members)),
      aggPkG2: sumOfG2(signatures.map(({ pkG2 }) => pkG2)),
      signature: sumOfG1(signatures.map(({ signature }) => signature)),
    }
  } catch (error) {
    // Something that is no point: it is found when they are looked at one by one.
    if (error instanceof PointInvalidError) return undefined
    throw error
  }
}
