/**
 * Simplex for one network and one epoch, as a transition: `step(state, event, now)` changes the
 * state in place and returns what to do. No clock, no I/O, no promise; one seed replays everything.
 *
 *     enter v ── leader: build on the newest notarised block ──► Proposal (= its Notarize)
 *        │                                                           │
 *        │                     parent rule, header, VALID from the application
 *        │                                                           ▼
 *        │  no proposal in time, or no certificate                Notarize ──quorum──► Notarization
 *        ▼                                                                               │
 *     Nullify ──quorum──► Nullification ──► enter v + 1         certify: body here and executed
 *                                                 ▲                                      │
 *                                                 └──────────── enter v + 1 ◄────────────┤
 *                                                                                        ▼
 *                             Finalization ◄──quorum── Finalize, unless we nullified v or saw
 *                                  │                   its leader equivocate
 *                                  ▼
 *                 the block and its ancestors are final
 *
 * Safety rests on what one validator never signs together (guard.ts) and on the parent rule
 * (engine-blocks.ts). Deviations from Simplex as published: votes do not name the parent view,
 * since the block commits to its parent; a notarization must be certified (executed here) before it
 * moves us on; views of silent leaders are given up at once; a closing block is proposed again
 * unchanged.
 */

import { bytesEqual } from '@zg/primitives'

import type { Certificate } from './certificate.ts'
import {
  dropBody,
  forget,
  insertBlock,
  moveBase,
  parentFor,
  requestValidation,
} from './engine-blocks.ts'
import { helpStraggler, repeat, requestCertificates, voteMessage } from './engine-repair.ts'
import type {
  BlockKey,
  BlockNode,
  EngineEffect,
  EngineEvent,
  EngineState,
  Round,
} from './engine-state.ts'
import { currentDeltaMs, digestOf, keyOf, roundOf, viewsAheadMax } from './engine-state.ts'
import {
  accept,
  awaitCertificate,
  build,
  certify,
  close,
  enterView,
  finalize,
  giveUp,
  hasVoted,
  hasten,
  judge,
  judgeAgainMs,
  notarize,
} from './engine-views.ts'
import { addBallot, isGoodCertificate, isGoodVote, storeCertificate } from './engine-votes.ts'
import { consensusRoot } from './header.ts'
import type { Message } from './messages.ts'
import { peerIdOf } from './validator-set.ts'
import type { RoundVote, RoundVoteKind } from './votes.ts'
import { zeroDigest } from './votes.ts'

/** Newest rounds whose bodies are asked for again. */
const roundsAskedMax = 8

/** Moves the state by one event at time `nowMs`; returns what to do, in order. */
export function step(
  state: EngineState,
  event: EngineEvent,
  nowMs: number,
): readonly EngineEffect[] {
  handle(state, event, nowMs)
  const { effects } = state
  state.effects = []
  return effects
}

function handle(state: EngineState, event: EngineEvent, nowMs: number): void {
  switch (event.kind) {
    case 'start':
      return start(state, nowMs)
    case 'tick':
      return tick(state, event.isBusy, nowMs)
    case 'message':
      return receive(state, event.from, event.message, nowMs)
    case 'voted':
      return castVote(state, event.vote, event.signature, nowMs)
    case 'built':
      return propose(state, event, nowMs)
    case 'build-failed':
      return giveUp(state, roundOf(state, event.view))
    case 'validated':
      return learnStatus(state, event, nowMs)
    case 'restored-certificate':
      storeCertificate(state, event.certificate)
      return
    case 'restored-block':
      insertBlock(state, event.block, undefined)
      return
    case 'restored-vote':
      return restoreVote(state, event.vote)
    case 'synced':
      return takeSynced(state, event.node, event.proof, nowMs)
  }
}

/** Enters the newest view that certificates or own votes show; signs own votes there again. */
function start(state: EngineState, nowMs: number): void {
  let view = state.finalizedView + 1
  for (const round of state.rounds.values()) {
    const { nullify, finalize } = round.certificates
    if (nullify !== undefined || finalize !== undefined) view = Math.max(view, round.view + 1)
    if (hasVoted(round)) view = Math.max(view, round.view)
  }
  enterView(state, view, nowMs)
  for (const round of [...state.rounds.values()].sort((a, b) => a.view - b.view)) {
    const { view: at, ownNotarize, ownFinalize, ownNullify } = round
    const { epoch } = state.config.set
    const sign = (kind: RoundVoteKind, digest: Uint8Array): void => {
      state.effects.push({ kind: 'vote', vote: { kind, epoch, view: at, digest } })
    }
    if (ownNotarize !== undefined) sign('notarize', digestOf(ownNotarize))
    if (ownFinalize !== undefined) sign('finalize', digestOf(ownFinalize))
    if (ownNullify) sign('nullify', zeroDigest)
    certify(state, round, nowMs)
    if (round.certificates.finalize !== undefined) finalize(state, round.certificates.finalize)
  }
}

function restoreVote(state: EngineState, vote: RoundVote): void {
  if (vote.epoch !== state.config.set.epoch || vote.view <= state.finalizedView) return
  const round = roundOf(state, vote.view)
  if (vote.kind === 'notarize') round.ownNotarize = keyOf(vote.digest)
  if (vote.kind === 'finalize') round.ownFinalize = keyOf(vote.digest)
  if (vote.kind === 'nullify') round.ownNullify = true
}

function tick(state: EngineState, isBusy: boolean, nowMs: number): void {
  state.isBusy = isBusy
  if (state.isClosed) return
  if (isBusy) hasten(state, nowMs)
  if (nowMs >= state.nullifyAtMs) {
    state.nullifyAtMs = Infinity
    giveUp(state, roundOf(state, state.view))
  }
  if (state.judgeAtMs !== undefined && nowMs >= state.judgeAtMs) {
    state.judgeAtMs = undefined
    for (const round of state.rounds.values()) certify(state, round, nowMs)
    judge(state, nowMs)
  }
  if (nowMs >= state.retryAtMs) {
    state.retryAtMs = nowMs + 2 * currentDeltaMs(state)
    repeat(state)
    askAgain(state, nowMs)
  }
  build(state, nowMs)
}

/** Asks again for what is missing: bodies, the certificates between us and a parent, blocks. */
function askAgain(state: EngineState, nowMs: number): void {
  for (const round of [...state.rounds.values()].slice(-roundsAskedMax)) {
    certify(state, round, nowMs)
  }
  if (parentFor(state, state.view, () => true) === undefined) {
    requestCertificates(state, undefined, nowMs)
  }
  if (state.pendingFinalization !== undefined) state.effects.push({ kind: 'behind' })
}

function propose(
  state: EngineState,
  { view, header, reveal, payload }: Extract<EngineEvent, { kind: 'built' }>,
  nowMs: number,
): void {
  const round = roundOf(state, view)
  const isLate = view !== state.view || !round.isBuilding || hasVoted(round) || state.isClosed
  const block = { header, reveal, payload }
  const node = isLate ? undefined : insertBlock(state, block, undefined)
  if (node === undefined) return forget(state, header.executionHash)
  node.status = 'valid'
  round.proposal = { key: node.key, block }
  awaitCertificate(state, nowMs)
  notarize(state, round, node.key)
  if (state.config.faults.doubleNotarize === true) {
    const other = { ...header, timestampMs: header.timestampMs + 1 }
    const digest = consensusRoot(other)
    const vote: RoundVote = { kind: 'notarize', epoch: header.epoch, view, digest }
    state.effects.push({ kind: 'vote', vote, body: { ...block, header: other } })
  }
}

/** An own vote is durable and signed: count it and send it. */
function castVote(state: EngineState, vote: RoundVote, signature: Uint8Array, nowMs: number): void {
  if (vote.epoch !== state.config.set.epoch || vote.view < state.finalizedView) return
  const round = roundOf(state, vote.view)
  state.effects.push({ kind: 'send', message: voteMessage(state, round, vote, signature) })
  const certificate = addBallot(state, state.config.self, { vote, signature })
  if (certificate !== undefined) accept(state, certificate, nowMs)
}

function receive(state: EngineState, from: string, message: Message, nowMs: number): void {
  switch (message.kind) {
    case 'proposal':
      return receiveProposal(state, from, message, nowMs)
    case 'vote':
      return receiveVote(state, from, message, nowMs)
    case 'certificate':
      return receiveCertificate(state, from, message.certificate, nowMs)
    case 'certificates':
      for (const certificate of message.certificates) {
        receiveCertificate(state, from, certificate, nowMs)
      }
      return
    case 'block':
      if (!isAwaited(state, from, keyOf(consensusRoot(message.block.header)))) return
      insertBlock(state, message.block, from)
      for (const round of state.rounds.values()) certify(state, round, nowMs)
      if (state.pendingFinalization !== undefined) finalize(state, state.pendingFinalization)
      return
    // Requests, chains, statuses and finality votes are the validator's, not the engine's.
    case 'finality-vote':
    case 'status':
    case 'certificate-request':
    case 'block-request':
    case 'chain-request':
    case 'chain':
      return
  }
}

function receiveProposal(
  state: EngineState,
  from: string,
  message: Extract<Message, { kind: 'proposal' }>,
  nowMs: number,
): void {
  const { vote, signature, block } = message
  if (vote.epoch !== state.config.set.epoch || isOutOfReach(state, from, vote, nowMs)) return
  const round = roundOf(state, vote.view)
  if (indexOfPeer(state, from) !== round.leader) return
  if (round.proposal?.key === keyOf(vote.digest) || round.isProposalRefused) return
  // One that proposes twice has lost the view; each more would cost a verification.
  if (round.leaderEquivocated && round.proposal !== undefined) return
  const isConsistent = bytesEqual(consensusRoot(block.header), vote.digest)
  if (!isConsistent || !isGoodVote(state, round.leader, { vote, signature })) {
    return reportPeer(state, from, 'a proposal that does not verify')
  }
  const certificate = addBallot(state, round.leader, { vote, signature })
  if (round.proposal === undefined && vote.view >= state.view) {
    round.proposal = { key: keyOf(vote.digest), block }
    if (vote.view === state.view && !round.ownNullify) awaitCertificate(state, nowMs)
  }
  if (isWanted(state, keyOf(vote.digest))) insertBlock(state, block, from)
  judge(state, nowMs)
  certify(state, round, nowMs)
  if (certificate !== undefined) accept(state, certificate, nowMs)
}

function receiveVote(
  state: EngineState,
  from: string,
  { vote, signature }: Extract<Message, { kind: 'vote' }>,
  nowMs: number,
): void {
  const voter = indexOfPeer(state, from)
  if (voter < 0 || vote.epoch !== state.config.set.epoch) return
  if (isOutOfReach(state, from, vote, nowMs)) return
  const round = roundOf(state, vote.view)
  const isRepeated = round.ballots[vote.kind].has(voter)
  const certificate = addBallot(state, voter, { vote, signature })
  if (certificate !== undefined) accept(state, certificate, nowMs)
  // The leader itself gives the view up: no proposal will come.
  if (vote.kind === 'nullify' && voter === round.leader) giveUp(state, round)
  if (isRepeated && vote.view < state.view) {
    helpStraggler(state, { index: voter, peer: from, view: vote.view }, nowMs)
  }
}

function receiveCertificate(
  state: EngineState,
  from: string,
  certificate: Certificate,
  nowMs: number,
): void {
  const { vote } = certificate
  if (vote.epoch !== state.config.set.epoch || vote.view === 0) return
  if (vote.view < state.finalizedView || state.isClosed) return
  const known = state.rounds.get(vote.view)?.certificates[vote.kind]
  if (known !== undefined && bytesEqual(known.vote.digest, vote.digest)) return
  if (!isGoodCertificate(state, certificate)) {
    return reportPeer(state, from, 'a certificate that does not verify')
  }
  accept(state, certificate, nowMs)
}

function learnStatus(
  state: EngineState,
  { key, status }: Extract<EngineEvent, { kind: 'validated' }>,
  nowMs: number,
): void {
  const node = state.nodes.get(key)
  if (node === undefined || node.status !== 'validating') return
  if (status === 'SYNCING') {
    node.status = 'pending'
    state.judgeAtMs = nowMs + judgeAgainMs
    return
  }
  if (status === 'MISMATCH' && state.config.faults.keepMismatch !== true) {
    dropBody(state, node)
    if (roundOf(state, state.view).isProposalRefused) giveUp(state, roundOf(state, state.view))
    for (const round of state.rounds.values()) certify(state, round, nowMs)
    return
  }
  node.status = status === 'VALID' ? 'valid' : 'invalid'
  for (const child of state.nodes.values()) {
    if (child.parent === key && child.status === 'pending') requestValidation(state, child)
  }
  for (const round of state.rounds.values()) certify(state, round, nowMs)
  if (state.pendingFinalization !== undefined) finalize(state, state.pendingFinalization)
  judge(state, nowMs)
  build(state, nowMs)
}

function takeSynced(
  state: EngineState,
  node: BlockNode,
  proof: Certificate | undefined,
  nowMs: number,
): void {
  if (node.header.height <= state.base.header.height) return
  const held = [...state.rounds.values()].find(({ certificates }) =>
    [certificates.notarize, certificates.finalize].some(
      (certificate) => certificate !== undefined && keyOf(certificate.vote.digest) === node.key,
    ),
  )
  moveBase(state, node, proof?.vote.view ?? held?.view)
  if (node.isClosing) return close(state)
  if (proof !== undefined) {
    storeCertificate(state, proof)
    enterView(state, proof.vote.view + 1, nowMs)
  }
  for (const round of state.rounds.values()) certify(state, round, nowMs)
  if (state.pendingFinalization !== undefined) finalize(state, state.pendingFinalization)
  requestCertificates(state, undefined, nowMs)
  judge(state, nowMs)
  build(state, nowMs)
}

/** Whether a vote is settled already, or too far ahead; then asks the voter how it got there. */
function isOutOfReach(state: EngineState, from: string, vote: RoundVote, nowMs: number): boolean {
  if (state.isClosed || vote.view <= state.finalizedView) return true
  if (vote.view <= state.view + viewsAheadMax) return false
  requestCertificates(state, indexOfPeer(state, from), nowMs)
  return true
}

/** Whether a block has a certificate, and its body is not here. */
function isWanted(state: EngineState, key: BlockKey): boolean {
  if (state.nodes.has(key) || state.orphans.has(key)) return false
  return [...state.rounds.values()].some((round) => isCertifiedIn(round, key))
}

/** Whether `peer` was asked for that body; its answer counts once. */
function isAwaited(state: EngineState, peer: string, key: BlockKey): boolean {
  if (!isWanted(state, key)) return false
  let wasAsked = false
  for (const round of state.rounds.values()) {
    if (isCertifiedIn(round, key) && round.bodyAskedOf.delete(peer)) wasAsked = true
  }
  return wasAsked
}

function isCertifiedIn({ certificates }: Round, key: BlockKey): boolean {
  return [certificates.notarize, certificates.finalize].some(
    (certificate) => certificate !== undefined && keyOf(certificate.vote.digest) === key,
  )
}

function indexOfPeer(state: EngineState, peer: string): number {
  return state.config.set.validators.findIndex(({ publicKey }) => peerIdOf(publicKey) === peer)
}

function reportPeer(state: EngineState, peer: string, reason: string): void {
  state.effects.push({ kind: 'misbehaviour', peer, reason })
}
