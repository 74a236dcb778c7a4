/**
 * Finds evidence (docs/specs/votes.md §6) in what nodes hold and in what operators were heard to
 * sign, shortest proof first.
 *
 *     two chains      S5   one height, two finality certificates: they convict by themselves
 *                     S7   a closing one, and one of its epoch above
 *                     S6   a later one whose history holds another block: with 32 siblings
 *                     S1 to S4   two round certificates of one view, out of those that two
 *                                conflicting finalizations of different views leave in between
 *     one operator    the same pairs between two signed votes
 *
 * Two quorums of one epoch share more than a third of its stake. Those of two epochs may share
 * nobody, so pairs within an epoch come first, and there always is one: chains that part have the
 * same parent, hence the same epoch and set, at the height where they part.
 *
 * What is held is not trusted: certificates that do not verify are passed over. Votes are compared
 * as they are; whoever collects them has verified them, or has them verified with the evidence.
 */

import { bytesEqual, toHex } from '@zg/primitives'

import type { Certificate, FinalityCertificate } from './certificate.ts'
import { indexesOf } from './certificate.ts'
import { EvidenceInvalidError, finalityFaultOf, roundFaultOf, verifyEvidence } from './evidence.ts'
import type {
  Evidence,
  EvidenceContext,
  FinalityFault,
  HistoryOpening,
  RoundFault,
  SignedFinalityVote,
  SignedRoundVote,
} from './evidence.ts'
import type { FinalityVote } from './votes.ts'

/** Statements of a kind that are compared with each other, at most: the first ones. */
const comparedMax = 2_048

/** What one node holds, and gives to whoever asks. */
export type Testimony = {
  readonly certificates: readonly Certificate[]
  readonly finality: readonly FinalityCertificate[]
  /** The consensusRoot of its final block at a height. */
  readonly rootAt: (height: bigint) => Uint8Array | undefined
  /** The 32 siblings that prove it under the histRoot of the final block at `under`; else none. */
  readonly historyProof: (height: bigint, under: bigint) => readonly Uint8Array[]
}

/** Votes of one operator, under whichever of its keys. */
export type OperatorVotes = {
  /** 20 bytes. */
  readonly operator: Uint8Array
  readonly rounds: readonly SignedRoundVote[]
  readonly finality: readonly SignedFinalityVote[]
}

/** Evidence that verifies, and whom it convicts. */
export type FoundConflict = {
  readonly fault: RoundFault | FinalityFault
  readonly evidence: Evidence
  readonly operators: readonly Uint8Array[]
}

/** Two votes of an operator; the fault is in the later of their epochs. */
export type FoundFault = {
  readonly fault: RoundFault | FinalityFault
  readonly epoch: bigint
  readonly evidence: Evidence
}

/** Two certificates that clash; the evidence is built when it is wanted. */
type Candidate = {
  readonly fault: RoundFault | FinalityFault
  readonly evidence: () => Evidence
}
type Pair<statement> = readonly [statement, statement]

/**
 * Returns the conflicts between certificates (S8), one for each kind of pair, best first: within
 * one epoch, of finality, without an opening.
 */
export function findConflicts(
  context: EvidenceContext,
  testimonies: readonly Testimony[],
): readonly FoundConflict[] {
  const found = new Map<string, FoundConflict>()
  for (const candidate of candidates(testimonies)) {
    const { fault } = candidate
    if (found.has(fault)) continue
    const evidence = candidate.evidence()
    const operators = convictedBy(context, evidence)
    if (operators.length > 0) found.set(fault, { fault, evidence, operators })
  }
  return [...found.values()]
}

/**
 * Returns the faults of one operator among its votes: one for each epoch and kind of pair.
 *
 * @param testimonies - Chains in which openings for S6 are looked for.
 */
export function findFaults(
  { operator, rounds, finality }: OperatorVotes,
  testimonies: readonly Testimony[] = [],
): readonly FoundFault[] {
  const found = new Map<string, FoundFault>()
  const note = (fault: FoundFault['fault'], epoch: bigint, evidence: Evidence): void => {
    const name = `${epoch}/${fault}`
    if (!found.has(name)) found.set(name, { fault, epoch, evidence })
  }
  const byView = grouped(rounds, ({ vote }) => `${vote.epoch}/${vote.view}`)
  for (const [first, second] of byView.flatMap(pairsOf)) {
    const fault = roundFaultOf(first.vote, second.vote)
    if (fault === undefined) continue
    note(fault, first.vote.epoch, { kind: 'round-votes', operator, first, second })
  }
  for (const [first, second] of pairsOf(finality)) {
    const chain = chainOf(first.vote, second.vote, testimonies)
    const opening = openingIn(chain, first.vote, second.vote)
    const fault = finalityFaultOf(first.vote, second.vote, opening)
    if (fault === undefined) continue
    const { epoch } = first.vote.epoch > second.vote.epoch ? first.vote : second.vote
    const pair = { kind: 'finality-votes', operator, first, second } as const
    note(fault, epoch, fault === 'S6' && opening ? { ...pair, opening } : pair)
  }
  return [...found.values()]
}

function* candidates(testimonies: readonly Testimony[]): Iterable<Candidate> {
  const finality = fullest(
    testimonies.flatMap((testimony) => testimony.finality),
    ({ vote }) => [vote.height, vote.epoch, vote.nextEpoch, ...hashesOf(vote)].join('/'),
  )
  const rounds = fullest(
    testimonies.flatMap(({ certificates }) => certificates),
    ({ vote }) => [vote.epoch, vote.view, vote.kind, toHex(vote.digest)].join('/'),
  )
  const byEpoch = grouped(finality, ({ vote }) => String(vote.epoch))
  yield* finalityCandidates(byEpoch.flatMap(pairsOf), testimonies)
  for (const [first, second] of grouped(rounds, viewOf).flatMap(pairsOf)) {
    const fault = roundFaultOf(first.vote, second.vote)
    if (fault === undefined) continue
    yield { fault, evidence: () => ({ kind: 'certificates', first, second }) }
  }
  const isAcross = ([first, second]: Pair<FinalityCertificate>): boolean =>
    first.vote.epoch !== second.vote.epoch
  yield* finalityCandidates(pairsOf(finality).filter(isAcross), testimonies)
}

function* finalityCandidates(
  pairs: readonly Pair<FinalityCertificate>[],
  testimonies: readonly Testimony[],
): Iterable<Candidate> {
  const closed: Candidate[] = []
  const opened: Candidate[] = []
  for (const [first, second] of pairs) {
    const chain = chainOf(first.vote, second.vote, testimonies)
    const fault = faultOf(first.vote, second.vote, chain)
    if (fault === undefined) continue
    const pair = { kind: 'finality-certificates', first, second } as const
    const evidence = (): Evidence => {
      const opening = fault === 'S6' && openingIn(chain, first.vote, second.vote)
      return opening ? { ...pair, opening } : pair
    }
    if (fault === 'S5') yield { fault, evidence }
    else if (fault === 'S7') closed.push({ fault, evidence })
    else opened.push({ fault, evidence })
  }
  yield* closed
  yield* opened
}

/** S5 and S7 as they are; S6 when the later vote is of a chain that is known. */
function faultOf(
  first: FinalityVote,
  second: FinalityVote,
  chain: Testimony | undefined,
): FinalityFault | undefined {
  return finalityFaultOf(first, second) ?? (chain === undefined ? undefined : 'S6')
}

/** A chain that the later of two votes is of, and that holds another block at the earlier one. */
function chainOf(
  first: FinalityVote,
  second: FinalityVote,
  testimonies: readonly Testimony[],
): Testimony | undefined {
  const [low, high] = rising(first, second)
  if (low.height === high.height) return undefined
  return testimonies.find(({ rootAt }) => {
    const leaf = rootAt(low.height)
    const isItsChain = bytesEqual(rootAt(high.height) ?? new Uint8Array(0), high.consensusRoot)
    return leaf !== undefined && isItsChain && !bytesEqual(leaf, low.consensusRoot)
  })
}

/** What that chain holds at the earlier one, proved. */
function openingIn(
  chain: Testimony | undefined,
  first: FinalityVote,
  second: FinalityVote,
): HistoryOpening | undefined {
  const [low, high] = rising(first, second)
  const leaf = chain?.rootAt(low.height)
  if (chain === undefined || leaf === undefined) return undefined
  return { leaf, proof: chain.historyProof(low.height, high.height) }
}

function rising(first: FinalityVote, second: FinalityVote): Pair<FinalityVote> {
  return first.height < second.height ? [first, second] : [second, first]
}

function convictedBy(context: EvidenceContext, evidence: Evidence): readonly Uint8Array[] {
  try {
    return verifyEvidence(context, evidence)
  } catch (error) {
    if (!(error instanceof EvidenceInvalidError)) throw error
    return []
  }
}

/** Of certificates of one statement the one with the most signers. */
function fullest<certificate extends Certificate | FinalityCertificate>(
  certificates: readonly certificate[],
  nameOf: (certificate: certificate) => string,
): readonly certificate[] {
  return grouped(certificates, nameOf).map((same) =>
    same.reduce((best, other) => (signerCountOf(other) > signerCountOf(best) ? other : best)),
  )
}

function signerCountOf({ signers }: Certificate | FinalityCertificate): number {
  return indexesOf(signers, 8 * signers.length)?.length ?? 0
}

function viewOf({ vote }: Certificate): string {
  return `${vote.epoch}/${vote.view}`
}

function hashesOf({ blockHash, consensusRoot, histRoot }: FinalityVote): readonly string[] {
  return [blockHash, consensusRoot, histRoot].map(toHex)
}

function grouped<value>(
  values: readonly value[],
  nameOf: (value: value) => string,
): readonly (readonly value[])[] {
  return [...Map.groupBy(values, nameOf).values()]
}

function pairsOf<value>(values: readonly value[]): readonly Pair<value>[] {
  const compared = values.slice(0, comparedMax)
  return compared.flatMap((first, index) =>
    compared.slice(index + 1).map((second): Pair<value> => [first, second]),
  )
}
