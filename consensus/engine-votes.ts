/**
 * Ballots, certificates and equivocation of one epoch.
 *
 * A ballot counts unverified until its side would be a quorum; then all are verified as one
 * aggregate, and only when that fails by halves, down to the culprit: the peer on whose
 * authenticated connection the ballot came. Certificates are verified at once and stored once.
 */

import { fromHex } from '@zg/primitives'

import { bitmapOf, verifyQuorumSignature } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import type { Ballot, EngineState, Round } from './engine-state.ts'
import { isQuorumOf, isQuorumStake, keyOf, roundOf } from './engine-state.ts'
import { roundFaultOf } from './evidence.ts'
import type { SignedRoundVote } from './evidence.ts'
import { peerIdOf } from './validator-set.ts'
import type { RoundVote } from './votes.ts'
import { roundVoteDigest } from './votes.ts'

/** Adds a ballot; returns the certificate it completes, if it does. */
export function addBallot(
  state: EngineState,
  voter: number,
  { vote, signature }: SignedRoundVote,
): Certificate | undefined {
  const round = roundOf(state, vote.view)
  const seen = state.lastVoteView[voter] ?? 0
  if (vote.view > seen) state.lastVoteView[voter] = vote.view
  const ballots = round.ballots[vote.kind]
  const known = ballots.get(voter)
  const digest = keyOf(vote.digest)
  detectEquivocation(state, round, voter, { vote, signature })
  if (known !== undefined) return undefined
  ballots.set(voter, { digest, signature, verified: voter === state.config.self })
  if (round.certificates[vote.kind] !== undefined) return undefined
  return certificateFrom(state, round, vote)
}

/**
 * Whether a certificate is good and new; stores it. A second certificate of one kind and view with
 * another digest, or one that contradicts another kind, is evidence (S8).
 */
export function storeCertificate(state: EngineState, certificate: Certificate): boolean {
  const { vote } = certificate
  const round = roundOf(state, vote.view)
  const known = round.certificates[vote.kind]
  if (known !== undefined) {
    if (keyOf(known.vote.digest) === keyOf(vote.digest)) return false
    reportCertificates(state, known, certificate)
    return false
  }
  round.certificates[vote.kind] = certificate
  const { notarize, nullify, finalize } = round.certificates
  if (finalize !== undefined) {
    if (nullify !== undefined) reportCertificates(state, finalize, nullify)
    if (notarize !== undefined && keyOf(notarize.vote.digest) !== keyOf(finalize.vote.digest)) {
      reportCertificates(state, finalize, notarize)
    }
  }
  state.effects.push({ kind: 'certificate', certificate })
  return true
}

/** Whether a certificate from a peer proves itself. */
export function isGoodCertificate(state: EngineState, certificate: Certificate): boolean {
  const { scheme, identity, set, faults } = state.config
  if (faults.acceptUnverifiedCertificate === true) return true
  if (certificate.vote.epoch !== set.epoch) return false
  const digest = roundVoteDigest(identity, certificate.vote)
  const isEnough = (stake: bigint): boolean => isQuorumStake(state, stake)
  return verifyQuorumSignature(scheme, set, digest, certificate, isEnough)
}

/** Whether one validator's signature on one vote is good. */
export function isGoodVote(
  state: EngineState,
  voter: number,
  { vote, signature }: SignedRoundVote,
): boolean {
  const { scheme, identity, set } = state.config
  const publicKey = set.validators[voter]?.publicKey
  if (publicKey === undefined) return false
  return scheme.verify(publicKey, roundVoteDigest(identity, vote), signature)
}

function certificateFrom(
  state: EngineState,
  round: Round,
  vote: RoundVote,
): Certificate | undefined {
  const ballots = round.ballots[vote.kind]
  const digest = keyOf(vote.digest)
  const side = [...ballots].filter(([, ballot]) => ballot.digest === digest)
  if (!isQuorumOf(state, votersOf(side))) return undefined
  const message = roundVoteDigest(state.config.identity, vote)
  const good = goodBallots(state, message, side)
  for (const [voter] of side) {
    if (good.some(([other]) => other === voter)) continue
    ballots.delete(voter)
    reportForgery(state, voter)
  }
  if (!isQuorumOf(state, votersOf(good))) return undefined
  const aggregate = state.config.scheme.aggregate(good.map(([, ballot]) => ballot.signature))
  if (aggregate === undefined) return undefined
  const signers = bitmapOf(votersOf(good), state.config.set.validators.length)
  return { vote, signers, signature: aggregate }
}

type Side = readonly (readonly [voter: number, ballot: Ballot])[]

/** The ballots of `side` whose signatures verify: one check when all do, halves when not. */
function goodBallots(state: EngineState, message: Uint8Array, side: Side): Side {
  const open = side.filter(([, ballot]) => !ballot.verified)
  if (open.length === 0) return side
  const { scheme, set } = state.config
  const aggregate = scheme.aggregate(open.map(([, ballot]) => ballot.signature))
  const keys = open.map(([voter]) => set.validators[voter]?.publicKey ?? new Uint8Array(0))
  if (aggregate !== undefined && scheme.verifyAggregate(keys, message, aggregate)) {
    for (const [, ballot] of open) ballot.verified = true
    return side
  }
  const verified = side.filter(([, ballot]) => ballot.verified)
  if (open.length === 1) return verified
  // Depth is at most log2 of the set's size.
  const middle = open.length >> 1
  return [
    ...verified,
    ...goodBallots(state, message, open.slice(0, middle)),
    ...goodBallots(state, message, open.slice(middle)),
  ]
}

function votersOf(side: Side): readonly number[] {
  return side.map(([voter]) => voter)
}

/** Compares a ballot with those the voter cast before in the view; two that clash are evidence. */
function detectEquivocation(
  state: EngineState,
  round: Round,
  voter: number,
  second: SignedRoundVote,
): void {
  if (round.accused.has(voter)) return
  for (const kind of ['notarize', 'nullify', 'finalize'] as const) {
    const ballot = round.ballots[kind].get(voter)
    if (ballot === undefined) continue
    const vote = { ...second.vote, kind, digest: fromHex(ballot.digest) }
    const first = { vote, signature: ballot.signature }
    if (roundFaultOf(vote, second.vote) === undefined) continue
    // Only what verifies convicts; what does not came on the voter's own connection.
    if (!isGoodVote(state, voter, first) || !isGoodVote(state, voter, second)) {
      return reportForgery(state, voter)
    }
    if (voter === round.leader) round.leaderEquivocated = true
    round.accused.add(voter)
    const operator = state.config.set.validators[voter]?.operator
    if (operator === undefined) return
    state.effects.push({
      kind: 'evidence',
      evidence: { kind: 'round-votes', operator, first, second },
    })
    return
  }
}

function reportCertificates(state: EngineState, first: Certificate, second: Certificate): void {
  state.effects.push({ kind: 'evidence', evidence: { kind: 'certificates', first, second } })
}

function reportForgery(state: EngineState, voter: number): void {
  const publicKey = state.config.set.validators[voter]?.publicKey
  if (publicKey === undefined) return
  const reason = 'a vote whose signature does not verify'
  state.effects.push({ kind: 'misbehaviour', peer: peerIdOf(publicKey), reason })
}
