/**
 * What to send to SlashingManager for a piece of evidence (docs/specs/stake.md §6): calls in order,
 * as names and arguments of its ABI. Whoever sends them needs no key but its own.
 *
 *     one operator       report…Votes            verified and punished in one call
 *     two certificates   prove…Conflict          verified once
 *                        punish, punish …        a page of those that signed both each
 *
 * A certificate goes over as the addresses that did not sign, rising; both signatures as their sum,
 * from which none can be taken away. The evidence must have been verified (`verifyEvidence`): what
 * convicts nobody has no call.
 */

import { finalityFaultOf, indexesOf, roundFaultOf } from '@zg/consensus'
import type {
  Evidence,
  FinalityFault,
  FinalityVote,
  HistoryOpening,
  QuorumSignature,
  RoundFault,
  RoundVote,
  ValidatorSet,
} from '@zg/consensus'
import { signatureWords } from '@zg/contracts'
import { assert, blsAggregate, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

/** A function of SlashingManager and its arguments, as any encoder of its ABI takes them. */
export type SlashingCall = {
  readonly name:
    | 'reportRoundVotes'
    | 'reportFinalityVotes'
    | 'proveRoundConflict'
    | 'proveFinalityConflict'
    | 'punish'
  readonly args: readonly unknown[]
}

/** `SlashingManager.Conflict`: two certificates, proved before. */
export type ConflictArgs = {
  readonly id: number
  /** S1 is 1, as in `Votes.Fault`. */
  readonly fault: number
  readonly firstEpoch: bigint
  readonly secondEpoch: bigint
  readonly firstAbsent: readonly Hex[]
  readonly secondAbsent: readonly Hex[]
}

/**
 * Operators punished in one call: each may have 64 pools of stake on their way out, which is some
 * 700,000 gas, and a transaction may take 2^24.
 */
export const culpritsPerPage = 16

/** `Votes.RoundKind`. */
const roundKinds = ['notarize', 'nullify', 'finalize'] as const

const noOpening = { leaf: toHex(new Uint8Array(32)), siblings: [] }

/**
 * Returns the calls that have evidence judged and punished, in the order in which they must go.
 *
 * @param options.validatorSet - The sets of the epochs of both statements; only S8 asks for them.
 * @param options.pageSize - Operators in one call of `punish`.
 */
export function evidenceCalls(
  evidence: Evidence,
  options: {
    readonly networkId: number
    readonly validatorSet: (epoch: bigint) => ValidatorSet | undefined
    readonly pageSize?: number
  },
): readonly SlashingCall[] {
  const { networkId } = options
  const sum = sumOf(evidence)
  switch (evidence.kind) {
    case 'round-votes': {
      const votes = [evidence.first, evidence.second].map(({ vote }) => roundArgs(vote))
      const args = [networkId, toHex(evidence.operator), ...votes, sum]
      return [{ name: 'reportRoundVotes', args }]
    }
    case 'finality-votes': {
      const votes = [evidence.first, evidence.second].map(({ vote }) => finalityArgs(vote))
      const opening = openingArgs(evidence.opening)
      const args = [networkId, toHex(evidence.operator), ...votes, opening, sum]
      return [{ name: 'reportFinalityVotes', args }]
    }
    case 'certificates': {
      const { first, second } = evidence
      const fault = roundFaultOf(first.vote, second.vote)
      const { conflict, pages } = conflictOf([first, second], fault, options)
      const sides = [first.vote, second.vote].map(roundArgs)
      const args = proofArgs(conflict, sides, [sum])
      return [{ name: 'proveRoundConflict', args }, ...pages]
    }
    case 'finality-certificates': {
      const { first, second, opening } = evidence
      const fault = finalityFaultOf(first.vote, second.vote, opening)
      const { conflict, pages } = conflictOf([first, second], fault, options)
      const sides = [first.vote, second.vote].map(finalityArgs)
      const args = proofArgs(conflict, sides, [openingArgs(opening), sum])
      return [{ name: 'proveFinalityConflict', args }, ...pages]
    }
  }
}

function sumOf({ first, second }: Evidence): Hex {
  return signatureWords(blsAggregate([first.signature, second.signature]))
}

type Signed = QuorumSignature & { readonly vote: { readonly epoch: bigint } }

/** The conflict by name, and the pages of those who signed both. */
function conflictOf(
  pair: readonly [Signed, Signed],
  fault: RoundFault | FinalityFault | undefined,
  options: Parameters<typeof evidenceCalls>[1],
): { conflict: ConflictArgs; pages: readonly SlashingCall[] } {
  assert(fault !== undefined, 'evidence was verified before it is sent')
  const { networkId, validatorSet, pageSize = culpritsPerPage } = options
  const [first, second] = pair.map((certificate) => {
    const set = validatorSet(certificate.vote.epoch)
    assert(set !== undefined, 'evidence was verified with the sets of its epochs')
    const signers = new Set(indexesOf(certificate.signers, set.validators.length))
    const [signed, absent] = [true, false].map((isSigner) =>
      set.validators
        .filter((_, index) => signers.has(index) === isSigner)
        .map(({ operator }) => toHex(operator))
        .sort(),
    )
    return { signed: signed ?? [], absent: absent ?? [] }
  })
  assert(first !== undefined && second !== undefined, 'a pair is two')
  const conflict = {
    id: networkId,
    fault: Number(fault.slice(1)),
    firstEpoch: pair[0].vote.epoch,
    secondEpoch: pair[1].vote.epoch,
    firstAbsent: first.absent,
    secondAbsent: second.absent,
  }
  const culprits = first.signed.filter((address) => second.signed.includes(address))
  const pages: SlashingCall[] = []
  for (let at = 0; at < culprits.length; at += pageSize) {
    pages.push({ name: 'punish', args: [conflict, culprits.slice(at, at + pageSize)] })
  }
  return { conflict, pages }
}

function proofArgs(
  { id, firstAbsent, secondAbsent }: ConflictArgs,
  [first, second]: readonly unknown[],
  rest: readonly unknown[],
): readonly unknown[] {
  return [id, first, firstAbsent, second, secondAbsent, ...rest]
}

function roundArgs({ kind, epoch, view, digest }: RoundVote) {
  const hash = toHex(digest)
  return { kind: roundKinds.indexOf(kind), epoch, viewNumber: BigInt(view), digest: hash }
}

function finalityArgs({ blockHash, consensusRoot, histRoot, ...numbers }: FinalityVote) {
  const [block, root, history] = [blockHash, consensusRoot, histRoot].map(toHex)
  return { ...numbers, blockHash: block, consensusRoot: root, histRoot: history }
}

function openingArgs(opening: HistoryOpening | undefined) {
  if (opening === undefined) return noOpening
  return { leaf: toHex(opening.leaf), siblings: opening.proof.map(toHex) }
}
