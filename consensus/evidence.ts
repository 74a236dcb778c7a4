/**
 * Evidence of a fault: two signed statements no honest validator makes together, S1 to S8 of
 * docs/specs/votes.md §6. Built from what a node sees, verified from signatures alone.
 *
 * Not faults, so never evidence: Notarize and Nullify of one view; a Finalize that found no quorum
 * followed by the finality of another block; any absence.
 */

import {
  bytesEqual,
  incrementalTreeDepth,
  merkleNodeSizeBytes,
  verifyMerkleProof,
  ZgError,
} from '@zg/primitives'

import type { Certificate, FinalityCertificate } from './certificate.ts'
import { indexesOf, verifyCertificate, verifyFinalityCertificate } from './certificate.ts'
import type { NetworkIdentity } from './configuration.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import type { ValidatorSet } from './validator-set.ts'
import type { FinalityVote, RoundVote } from './votes.ts'
import { finalityVoteDigest, roundVoteDigest } from './votes.ts'

/** Which pair was signed. */
export type RoundFault = 'S1' | 'S2' | 'S3' | 'S4'
export type FinalityFault = 'S5' | 'S6' | 'S7'

export type SignedRoundVote = { readonly vote: RoundVote; readonly signature: Uint8Array }
export type SignedFinalityVote = { readonly vote: FinalityVote; readonly signature: Uint8Array }

/** For S6: what the later vote's histRoot holds at the earlier vote's height. */
export type HistoryOpening = {
  /** 32 bytes: the leaf; differs from the earlier vote's consensusRoot. */
  readonly leaf: Uint8Array
  /** 32 siblings, leaf upwards. */
  readonly proof: readonly Uint8Array[]
}

/** One operator signed both. Keys may differ between epochs; the operator does not. */
export type Evidence =
  | {
      readonly kind: 'round-votes'
      /** 20 bytes. */
      readonly operator: Uint8Array
      readonly first: SignedRoundVote
      readonly second: SignedRoundVote
    }
  | {
      readonly kind: 'finality-votes'
      readonly operator: Uint8Array
      readonly first: SignedFinalityVote
      readonly second: SignedFinalityVote
      readonly opening?: HistoryOpening
    }
  /** S8: all operators in both are at fault. */
  | {
      readonly kind: 'certificates'
      readonly first: Certificate
      readonly second: Certificate
    }
  | {
      readonly kind: 'finality-certificates'
      readonly first: FinalityCertificate
      readonly second: FinalityCertificate
      readonly opening?: HistoryOpening
    }

/** What a verifier knows: the network and the set of each epoch. */
export type EvidenceContext = {
  readonly scheme: SignatureScheme
  readonly identity: NetworkIdentity
  readonly validatorSet: (epoch: bigint) => ValidatorSet | undefined
}

/** The pair two round votes make; undefined when one validator may sign both. */
export function roundFaultOf(first: RoundVote, second: RoundVote): RoundFault | undefined {
  if (first.epoch !== second.epoch || first.view !== second.view) return undefined
  const kinds = [first.kind, second.kind].sort().join('+')
  const sameDigest = bytesEqual(first.digest, second.digest)
  switch (kinds) {
    case 'notarize+notarize':
      return sameDigest ? undefined : 'S1'
    case 'finalize+finalize':
      return sameDigest ? undefined : 'S2'
    case 'finalize+nullify':
      return 'S3'
    case 'finalize+notarize':
      return sameDigest ? undefined : 'S4'
    default:
      return undefined
  }
}

/**
 * The pair two finality votes make, in either order; undefined when one validator may sign both.
 */
export function finalityFaultOf(
  first: FinalityVote,
  second: FinalityVote,
  opening?: HistoryOpening,
): FinalityFault | undefined {
  if (first.height === second.height) return sameFinalityVote(first, second) ? undefined : 'S5'
  const [low, high] = first.height < second.height ? [first, second] : [second, first]
  // Closing e at h, then a vote of e above h; or a vote of a later epoch at or below a closing h.
  if (low.nextEpoch !== 0n && high.epoch === low.epoch) return 'S7'
  if (high.nextEpoch !== 0n && low.epoch > high.epoch) return 'S7'
  if (opening === undefined || opening.leaf.length !== merkleNodeSizeBytes) return undefined
  if (bytesEqual(opening.leaf, low.consensusRoot)) return undefined
  const holds = verifyMerkleProof({
    root: high.histRoot,
    leaf: opening.leaf,
    index: Number(low.height),
    depth: incrementalTreeDepth,
    proof: opening.proof,
  })
  return holds ? 'S6' : undefined
}

export function sameFinalityVote(a: FinalityVote, b: FinalityVote): boolean {
  return (
    a.epoch === b.epoch &&
    a.height === b.height &&
    a.nextEpoch === b.nextEpoch &&
    bytesEqual(a.blockHash, b.blockHash) &&
    bytesEqual(a.consensusRoot, b.consensusRoot) &&
    bytesEqual(a.histRoot, b.histRoot)
  )
}

/**
 * Returns the operators that evidence convicts, each 20 bytes; at least one.
 *
 * @throws {EvidenceInvalidError} `CONSENSUS_EVIDENCE_INVALID` when it convicts nobody: the pair is
 *   no fault, a signature does not verify, or the set of its epoch is unknown here.
 */
export function verifyEvidence(
  context: EvidenceContext,
  evidence: Evidence,
): readonly Uint8Array[] {
  switch (evidence.kind) {
    case 'round-votes': {
      const { operator, first, second } = evidence
      if (roundFaultOf(first.vote, second.vote) === undefined) throw notAFault()
      const digests = [first, second].map(({ vote }) => roundVoteDigest(context.identity, vote))
      checkSigned(context, { operator, signed: first, digest: digests[0] })
      checkSigned(context, { operator, signed: second, digest: digests[1] })
      return [operator]
    }
    case 'finality-votes': {
      const { operator, first, second, opening } = evidence
      if (finalityFaultOf(first.vote, second.vote, opening) === undefined) throw notAFault()
      const digests = [first, second].map(({ vote }) => finalityVoteDigest(context.identity, vote))
      checkSigned(context, { operator, signed: first, digest: digests[0] })
      checkSigned(context, { operator, signed: second, digest: digests[1] })
      return [operator]
    }
    case 'certificates': {
      const { first, second } = evidence
      if (roundFaultOf(first.vote, second.vote) === undefined) throw notAFault()
      return operatorsInBoth(context, [first, second], (set, certificate) =>
        verifyCertificate(context.scheme, context.identity, set, certificate as Certificate),
      )
    }
    case 'finality-certificates': {
      const { first, second, opening } = evidence
      if (finalityFaultOf(first.vote, second.vote, opening) === undefined) throw notAFault()
      return operatorsInBoth(context, [first, second], (set, certificate) =>
        verifyFinalityCertificate(
          context.scheme,
          context.identity,
          set,
          certificate as FinalityCertificate,
        ),
      )
    }
  }
}

function checkSigned(
  context: EvidenceContext,
  statement: {
    readonly operator: Uint8Array
    readonly signed: SignedRoundVote | SignedFinalityVote
    readonly digest: Uint8Array | undefined
  },
): void {
  const { operator, signed, digest } = statement
  const set = context.validatorSet(signed.vote.epoch)
  if (set === undefined || digest === undefined) throw new EvidenceInvalidError('unknown epoch')
  const signer = set.validators.find((validator) => bytesEqual(validator.operator, operator))
  if (signer === undefined) throw new EvidenceInvalidError('the operator is not in the set')
  if (!context.scheme.verify(signer.publicKey, digest, signed.signature)) {
    throw new EvidenceInvalidError('a signature does not verify')
  }
}

function operatorsInBoth(
  context: EvidenceContext,
  pair: readonly [Certificate | FinalityCertificate, Certificate | FinalityCertificate],
  verify: (set: ValidatorSet, certificate: Certificate | FinalityCertificate) => boolean,
): readonly Uint8Array[] {
  const operators = pair.map((certificate) => {
    const set = context.validatorSet(certificate.vote.epoch)
    if (set === undefined) throw new EvidenceInvalidError('unknown epoch')
    if (!verify(set, certificate)) throw new EvidenceInvalidError('a certificate does not verify')
    const indexes = indexesOf(certificate.signers, set.validators.length) ?? []
    return indexes.flatMap((index) => set.validators[index]?.operator ?? [])
  })
  const [first = [], second = []] = operators
  const both = first.filter((one) => second.some((other) => bytesEqual(one, other)))
  if (both.length === 0) throw new EvidenceInvalidError('no operator signed both')
  return both
}

function notAFault(): EvidenceInvalidError {
  return new EvidenceInvalidError('one honest validator may sign both')
}

export class EvidenceInvalidError extends ZgError<'CONSENSUS_EVIDENCE_INVALID'> {
  constructor(problem: string) {
    super('CONSENSUS_EVIDENCE_INVALID', `Cannot accept the evidence: ${problem}`, { problem })
  }
}
