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
 * What nodes hold is not trusted: of each statement that clashes the fullest certificate that
 * verifies counts, so no forged one hides another, and of each node so many are read and no more.
 * Votes are compared as they are: whoever collects them has verified them.
 */

import { bytesEqual, toHex } from '@zg/primitives'

import type { Certificate, FinalityCertificate } from './certificate.ts'
import { indexesOf, verifyCertificate, verifyFinalityCertificate } from './certificate.ts'
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

/** Certificates of each kind that are read of one node, at most: the first ones. */
const certificatesReadMax = 2_048

/** Votes of one operator that are compared with each other, at most: the first ones. */
const votesComparedMax = 2_048

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

/** What is said, and the certificates that say it: at most one of each node. */
type Statement<certificate extends Certificate | FinalityCertificate> = {
  readonly vote: certificate['vote']
  readonly certificates: readonly certificate[]
}

/** Two statements that clash; for S6 with the chain that the later one is of. */
type Clash =
  | {
      readonly kind: 'rounds'
      readonly fault: RoundFault
      readonly pair: Pair<Statement<Certificate>>
    }
  | {
      readonly kind: 'finality'
      readonly fault: FinalityFault
      readonly pair: Pair<Statement<FinalityCertificate>>
      readonly chain?: Testimony
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
  const good = new Map<unknown, Certificate | FinalityCertificate | undefined>()
  const goodOf = <certificate extends Certificate | FinalityCertificate>(
    statement: Statement<certificate>,
  ): certificate | undefined => {
    if (!good.has(statement)) good.set(statement, fullestGood(context, statement.certificates))
    return good.get(statement) as certificate | undefined
  }
  for (const clash of clashes(testimonies)) {
    if (found.has(clash.fault)) continue
    const evidence = evidenceOf(clash, goodOf)
    const operators = evidence === undefined ? [] : convictedBy(context, evidence)
    if (evidence === undefined || operators.length === 0) continue
    found.set(clash.fault, { fault: clash.fault, evidence, operators })
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
  const byView = grouped(
    rounds.slice(0, votesComparedMax),
    ({ vote }) => `${vote.epoch}/${vote.view}`,
  )
  for (const [first, second] of byView.flatMap(pairsOf)) {
    const fault = roundFaultOf(first.vote, second.vote)
    if (fault === undefined) continue
    note(fault, first.vote.epoch, { kind: 'round-votes', operator, first, second })
  }
  for (const [first, second] of pairsOf(finality.slice(0, votesComparedMax))) {
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

/** All pairs that clash, the best first. */
function* clashes(testimonies: readonly Testimony[]): Iterable<Clash> {
  const finality = statementsOf(
    testimonies.map((testimony) => testimony.finality),
    ({ vote }) => [vote.height, vote.epoch, vote.nextEpoch, ...hashesOf(vote)].join('/'),
  )
  const rounds = statementsOf(
    testimonies.map(({ certificates }) => certificates),
    ({ vote }) => [vote.epoch, vote.view, vote.kind, toHex(vote.digest)].join('/'),
  )
  const isWithin = ({ pair: [first, second] }: Clash): boolean =>
    first.vote.epoch === second.vote.epoch
  for (const clash of finalityClashes(finality, testimonies)) if (isWithin(clash)) yield clash
  for (const pair of grouped(rounds, viewOf).flatMap(pairsOf)) {
    const fault = roundFaultOf(pair[0].vote, pair[1].vote)
    if (fault !== undefined) yield { kind: 'rounds', fault, pair }
  }
  for (const clash of finalityClashes(finality, testimonies)) if (!isWithin(clash)) yield clash
}

/** S5, then S7, then S6. Where all nodes hold one chain this goes through them once. */
function* finalityClashes(
  statements: readonly Statement<FinalityCertificate>[],
  testimonies: readonly Testimony[],
): Iterable<Clash> {
  for (const pair of grouped(statements, heightOf).flatMap(pairsOf)) {
    // Of one height, and not the same.
    yield { kind: 'finality', fault: 'S5', pair }
  }
  for (const closing of statements.filter(({ vote }) => vote.nextEpoch !== 0n)) {
    for (const other of statements) {
      if (finalityFaultOf(closing.vote, other.vote) !== 'S7') continue
      yield { kind: 'finality', fault: 'S7', pair: [closing, other] }
    }
  }
  for (const low of statements) {
    for (const chain of testimonies.filter((testimony) => isOther(testimony, low.vote))) {
      for (const high of statements) {
        if (high.vote.height <= low.vote.height || !isOf(chain, high.vote)) continue
        if (finalityFaultOf(low.vote, high.vote) !== undefined) continue
        yield { kind: 'finality', fault: 'S6', pair: [low, high], chain }
      }
    }
  }
}

function evidenceOf(
  clash: Clash,
  goodOf: <certificate extends Certificate | FinalityCertificate>(
    statement: Statement<certificate>,
  ) => certificate | undefined,
): Evidence | undefined {
  if (clash.kind === 'rounds') {
    const [first, second] = [goodOf(clash.pair[0]), goodOf(clash.pair[1])]
    return first && second && { kind: 'certificates', first, second }
  }
  const [first, second] = [goodOf(clash.pair[0]), goodOf(clash.pair[1])]
  if (first === undefined || second === undefined) return undefined
  const opening = openingIn(clash.chain, first.vote, second.vote)
  return { kind: 'finality-certificates', first, second, ...(opening && { opening }) }
}

/** The certificate with the most signers of those that verify. */
function fullestGood<certificate extends Certificate | FinalityCertificate>(
  { scheme, identity, validatorSet }: EvidenceContext,
  certificates: readonly certificate[],
): certificate | undefined {
  const fullestFirst = certificates.toSorted((a, b) => signerCountOf(b) - signerCountOf(a))
  return fullestFirst.find((certificate) => {
    const set = validatorSet(certificate.vote.epoch)
    if (set === undefined) return false
    return 'view' in certificate.vote
      ? verifyCertificate(scheme, identity, set, certificate as Certificate)
      : verifyFinalityCertificate(scheme, identity, set, certificate as FinalityCertificate)
  })
}

/** The statements of nodes, of each node the first certificate that says it. */
function statementsOf<certificate extends Certificate | FinalityCertificate>(
  byNode: readonly (readonly certificate[])[],
  nameOf: (certificate: certificate) => string,
): readonly Statement<certificate>[] {
  const read = byNode.flatMap((certificates) => {
    const own = new Map<string, certificate>()
    for (const each of certificates.slice(0, certificatesReadMax)) {
      const name = nameOf(each)
      if (!own.has(name)) own.set(name, each)
    }
    return [...own]
  })
  return grouped(read, ([name]) => name).map((same) => {
    const certificates = same.map(([, certificate]) => certificate)
    const [{ vote }] = certificates as [certificate, ...certificate[]]
    return { vote, certificates }
  })
}

/** A chain that the later of two votes is of, and that holds another block at the earlier one. */
function chainOf(
  first: FinalityVote,
  second: FinalityVote,
  testimonies: readonly Testimony[],
): Testimony | undefined {
  const [low, high] = rising(first, second)
  if (low.height === high.height) return undefined
  return testimonies.find((testimony) => isOther(testimony, low) && isOf(testimony, high))
}

/** Whether a node holds another block at the height of a vote. */
function isOther({ rootAt }: Testimony, vote: FinalityVote): boolean {
  const root = rootAt(vote.height)
  return root !== undefined && !bytesEqual(root, vote.consensusRoot)
}

/** Whether it holds the block of a vote. */
function isOf({ rootAt }: Testimony, vote: FinalityVote): boolean {
  const root = rootAt(vote.height)
  return root !== undefined && bytesEqual(root, vote.consensusRoot)
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

function signerCountOf({ signers }: Certificate | FinalityCertificate): number {
  return indexesOf(signers, 8 * signers.length)?.length ?? 0
}

function viewOf({ vote }: Statement<Certificate>): string {
  return `${vote.epoch}/${vote.view}`
}

function heightOf({ vote }: Statement<FinalityCertificate>): string {
  return String(vote.height)
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
  return values.flatMap((first, index) =>
    values.slice(index + 1).map((second): Pair<value> => [first, second]),
  )
}
