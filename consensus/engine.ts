/**
 * Simplex for one network and one epoch, as a transition: `step(state, event, now)` changes the state
 * in place and returns what to do. No clock, no I/O, no promise; one seed replays everything.
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
 * (engine-blocks.ts). Deviations from Simplex as published: votes do not name the parent view, since
 * the block commits to its parent; a notarization must be certified (executed here) before it moves
 * us on; views of silent leaders are given up at once; a closing block is proposed again unchanged.
 */

import { assert, bytesEqual } from '@zg/primitives'

import type { Certificate } from './certificate.ts'
import { indexesOf } from './certificate.ts'
import {
  attributesFor,
  draftHeader,
  dropLosers,
  insertBlock,
  judgeProposal,
  moveBase,
  parentFor,
  pathTo,
  requestValidation,
} from './engine-blocks.ts'
import type {
  BlockKey,
  BlockNode,
  EngineEffect,
  EngineEvent,
  EngineState,
  Round,
} from './engine-state.ts'
import {
  currentDeltaMs,
  isQuorumOf,
  keyOf,
  roundOf,
  unfinalBlocksMax,
  viewsAheadMax,
} from './engine-state.ts'
import { addBallot, isGoodCertificate, isGoodVote, storeCertificate } from './engine-votes.ts'
import { consensusRoot } from './header.ts'
import type { Message } from './messages.ts'
import { peerIdOf } from './validator-set.ts'
import type { RoundVote, RoundVoteKind } from './votes.ts'
import { zeroDigest } from './votes.ts'

/** What could not be judged (a time ahead, an L1 block not seen) is looked at again after this. */
const judgeAgainMs = 200

/** Earlier rounds whose own Finalize is sent again, and whose bodies are asked for again. */
const roundsRepeatedMax = 4

/** Certificates of a straggler's views that answer a vote it repeats. */
const certificatesAnsweredMax = 8

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
      insertBlock(state, event.block)
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
    if (ownNotarize !== undefined) sign('notarize', bytesOf(ownNotarize))
    if (ownFinalize !== undefined) sign('finalize', bytesOf(ownFinalize))
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
    repeat(state, nowMs)
  }
  build(state, nowMs)
}

function enterView(state: EngineState, view: number, nowMs: number): void {
  if (view <= state.view || state.isClosed) return
  state.view = view
  dropLosers(state)
  const { blockTimeIdleMs, buildBudgetMs } = state.config.parameters
  const deltaMs = currentDeltaMs(state)
  const parent = parentFor(state, view, () => true)?.node
  const proposalDueMs = parent?.isClosing
    ? nowMs
    : Math.min((parent?.header.timestampMs ?? nowMs) + blockTimeIdleMs, nowMs + blockTimeIdleMs)
  state.nullifyAtMs = Math.max(nowMs, proposalDueMs) + buildBudgetMs + 2 * deltaMs
  state.retryAtMs = state.nullifyAtMs + deltaMs
  state.buildAtMs = undefined
  state.judgeAtMs = undefined
  const round = roundOf(state, view)
  if (isSilent(state, round.leader)) state.nullifyAtMs = nowMs
  if (round.proposal !== undefined) awaitCertificate(state, nowMs)
  judge(state, nowMs)
  build(state, nowMs)
}

/** No vote seen from it in 2n views in which a quorum was active. */
function isSilent(state: EngineState, leader: number): boolean {
  if (leader === state.config.self) return false
  const since = state.view - 2 * state.config.set.validators.length
  const active = [...state.lastVoteView.entries()].filter(([, view]) => view >= since)
  const isActive = active.some(([voter]) => voter === leader)
  return (
    !isActive &&
    isQuorumOf(
      state,
      active.map(([voter]) => voter),
    )
  )
}

/** A body has arrived: leave time for executing it before the view is given up. */
function awaitCertificate(state: EngineState, nowMs: number): void {
  const { buildBudgetMs } = state.config.parameters
  const patienceMs = Math.max(3 * currentDeltaMs(state), 6 * buildBudgetMs)
  state.nullifyAtMs = Math.max(state.nullifyAtMs, nowMs + patienceMs)
}

/** Looks at the current view's proposal and votes for it when all holds. */
function judge(state: EngineState, nowMs: number): void {
  const round = roundOf(state, state.view)
  const { proposal } = round
  if (proposal === undefined || round.ownNotarize !== undefined || round.ownNullify) return
  if (state.isClosed) return
  switch (judgeProposal(state, round, nowMs)) {
    case 'vote':
      notarize(state, round, proposal.key)
      return
    case 'wait':
      state.judgeAtMs = nowMs + judgeAgainMs
      return
    case 'executing':
      return
    case 'missing-parent':
      requestCertificates(state, round.leader, nowMs)
      return
    case 'invalid':
      giveUp(state, round)
      return
  }
}

function notarize(state: EngineState, round: Round, key: BlockKey): void {
  if (state.config.self < 0 || round.ownFinalize !== undefined) return
  round.ownNotarize = key
  const vote: RoundVote = {
    kind: 'notarize',
    epoch: state.config.set.epoch,
    view: round.view,
    digest: bytesOf(key),
  }
  const body = round.proposal?.block
  state.effects.push({ kind: 'vote', vote, ...(body === undefined ? {} : { body }) })
}

/** Nullify: unless we finalized in this view. Its counterpart is in `finalizeVote`. */
function giveUp(state: EngineState, round: Round): void {
  const { self, faults, set } = state.config
  if (self < 0 || state.isClosed || round.view !== state.view) return
  if (round.ownNullify || round.ownFinalize !== undefined || faults.neverNullify === true) return
  round.ownNullify = true
  const vote: RoundVote = {
    kind: 'nullify',
    epoch: set.epoch,
    view: round.view,
    digest: zeroDigest,
  }
  state.effects.push({ kind: 'vote', vote })
}

function finalizeVote(state: EngineState, round: Round, digest: Uint8Array): void {
  const { self, faults, set } = state.config
  if (self < 0 || round.ownFinalize !== undefined || round.view <= state.finalizedView) return
  if (round.ownNullify && faults.voteAfterNullify !== true) return
  if (round.leaderEquivocated) return
  if (round.ownNotarize !== undefined && round.ownNotarize !== keyOf(digest)) return
  round.ownFinalize = keyOf(digest)
  const vote: RoundVote = { kind: 'finalize', epoch: set.epoch, view: round.view, digest }
  state.effects.push({ kind: 'vote', vote })
}

/** As the leader: builds, or proposes a closing block again, once the pace allows. */
function build(state: EngineState, nowMs: number): void {
  const { self, faults, parameters } = state.config
  const round = roundOf(state, state.view)
  if (round.leader !== self || round.isBuilding || state.isClosed || hasVoted(round)) return
  const choice =
    faults.wrongParentSelection === true
      ? { node: state.base, view: state.finalizedView }
      : parentFor(state, state.view, () => true)
  if (choice === undefined) return requestCertificates(state, undefined, nowMs)
  const { node } = choice
  if (node.isClosing && node.block !== undefined) {
    const { key, block } = node
    round.proposal = { key, block }
    return notarize(state, round, key)
  }
  const busyAtMs = node.header.timestampMs + parameters.blockTimeBusyMs
  const idleAtMs = node.header.timestampMs + parameters.blockTimeIdleMs
  const dueMs = state.isBusy ? busyAtMs : idleAtMs
  if (nowMs < dueMs) {
    state.buildAtMs = nowMs < busyAtMs ? busyAtMs : idleAtMs
    return
  }
  state.buildAtMs = undefined
  if (state.nodes.size > unfinalBlocksMax) return
  round.isBuilding = true
  const draft = draftHeader(state, node, nowMs)
  state.effects.push({
    kind: 'build',
    view: state.view,
    draft,
    parentMix: node.header.mix,
    attributes: attributesFor(draft, node),
  })
}

function propose(
  state: EngineState,
  { view, header, reveal, payload }: Extract<EngineEvent, { kind: 'built' }>,
  nowMs: number,
): void {
  const round = roundOf(state, view)
  if (view !== state.view || !round.isBuilding || hasVoted(round) || state.isClosed) return
  const block = { header, reveal, payload }
  const node = insertBlock(state, block)
  if (node === undefined) return
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

/** The leader's Notarize travels with its block, all other votes alone. */
function voteMessage(
  state: EngineState,
  round: Round,
  vote: RoundVote,
  signature: Uint8Array,
): Message {
  const key = keyOf(vote.digest)
  const block = round.proposal?.key === key ? round.proposal.block : state.nodes.get(key)?.block
  if (vote.kind !== 'notarize' || round.leader !== state.config.self || block === undefined) {
    return { kind: 'vote', vote, signature }
  }
  return { kind: 'proposal', vote, signature, block }
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
      if (!isWanted(state, keyOf(consensusRoot(message.block.header)))) return
      insertBlock(state, message.block)
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
  if (round.proposal?.key === keyOf(vote.digest)) return
  const isConsistent = bytesEqual(consensusRoot(block.header), vote.digest)
  if (!isConsistent || !isGoodVote(state, round.leader, { vote, signature })) {
    return reportPeer(state, from, 'a proposal that does not verify')
  }
  const certificate = addBallot(state, round.leader, { vote, signature })
  if (round.proposal === undefined && vote.view >= state.view) {
    round.proposal = { key: keyOf(vote.digest), block }
    if (vote.view === state.view && !round.ownNullify) awaitCertificate(state, nowMs)
  }
  if (isWanted(state, keyOf(vote.digest))) insertBlock(state, block)
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
  if (isRepeated && vote.view < state.view) helpStraggler(state, from, vote.view)
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

/** Takes in a certificate that is proved: from a peer, or made of ballots here. */
function accept(state: EngineState, certificate: Certificate, nowMs: number): void {
  if (!storeCertificate(state, certificate)) return
  state.effects.push({ kind: 'send', message: { kind: 'certificate', certificate } })
  const { kind, view, digest } = certificate.vote
  const round = roundOf(state, view)
  if (kind === 'nullify') {
    if (view >= state.view) {
      state.failures++
      state.effects.push({ kind: 'nullified', view })
    }
    enterView(state, view + 1, nowMs)
  } else {
    if (keyOf(digest) === state.base.key) placeBase(state, view)
    certify(state, round, nowMs)
    if (kind === 'finalize') {
      finalize(state, certificate)
      enterView(state, view + 1, nowMs)
    }
  }
  judge(state, nowMs)
  build(state, nowMs)
}

/** After a catch-up: a certificate shows a view the last final block was notarised in. */
function placeBase(state: EngineState, view: number): void {
  if (state.baseView !== undefined && state.baseView >= view) return
  state.baseView = view
  state.finalizedView = Math.max(state.finalizedView, view)
}

/** Moves on past a notarised block once its body is here and executed. */
function certify(state: EngineState, round: Round, nowMs: number): void {
  const { notarize: notarization, finalize: finalization } = round.certificates
  const certificate = notarization ?? finalization
  if (certificate === undefined || round.isCertified || state.isClosed) return
  const { digest } = certificate.vote
  const node = state.nodes.get(keyOf(digest))
  if (state.config.faults.finalizeWithoutCertify !== true) {
    if (node === undefined) return requestBody(state, certificate)
    if (node.status === 'pending') requestValidation(state, node)
    if (node.status === 'invalid') giveUp(state, round)
    if (node.status !== 'valid') return
  }
  round.isCertified = true
  finalizeVote(state, round, digest)
  enterView(state, round.view + 1, nowMs)
}

/** Makes a finalized block and its ancestors final, when all are here and executed. */
function finalize(state: EngineState, certificate: Certificate): void {
  const { view, digest } = certificate.vote
  const key = keyOf(digest)
  if (key === state.base.key) return placeBase(state, view)
  const path = pathTo(state, key)
  const last = path?.at(-1)
  if (path === undefined || last === undefined) {
    const known = state.pendingFinalization
    if (known === undefined || known.vote.view <= view) state.pendingFinalization = certificate
    const node = state.nodes.get(key)
    if (node !== undefined && node.status !== 'invalid') requestValidation(state, node)
    else state.effects.push({ kind: 'behind' })
    return
  }
  const views = path.map((node) => viewOf(state, node.key))
  state.effects.push({ kind: 'finalize', nodes: path, views })
  if ((state.pendingFinalization?.vote.view ?? 0) <= view) state.pendingFinalization = undefined
  state.failures = 0
  moveBase(state, last, view)
  if (last.isClosing) close(state)
}

/** The newest view a block was notarised in; 0 when no certificate here tells. */
function viewOf(state: EngineState, key: BlockKey): number {
  let newest = 0
  for (const { view, certificates } of state.rounds.values()) {
    const { notarize: notarization, finalize: finalization } = certificates
    for (const certificate of [notarization, finalization]) {
      if (certificate !== undefined && keyOf(certificate.vote.digest) === key) {
        newest = Math.max(newest, view)
      }
    }
  }
  return newest
}

/** The closing block is final: set e signs nothing more in e. */
function close(state: EngineState): void {
  state.isClosed = true
  state.nullifyAtMs = Infinity
  state.retryAtMs = Infinity
  state.buildAtMs = undefined
  state.judgeAtMs = undefined
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
  if (state.pendingFinalization !== undefined) finalize(state, state.pendingFinalization)
  requestCertificates(state, undefined, nowMs)
  judge(state, nowMs)
  build(state, nowMs)
}

/** Sends again what may have been lost, and asks again for what is missing. */
function repeat(state: EngineState, nowMs: number): void {
  const { self, set } = state.config
  for (let view = state.view; view > state.view - roundsRepeatedMax; view--) {
    const round = state.rounds.get(view)
    if (round === undefined) continue
    for (const kind of ['notarize', 'finalize', 'nullify'] as const) {
      const ballot = round.ballots[kind].get(self)
      // Of earlier rounds only Finalize still matters: the others' certificates moved us on.
      if (ballot === undefined || (view < state.view && kind !== 'finalize')) continue
      const digest = kind === 'nullify' ? zeroDigest : bytesOf(ballot.digest)
      const vote = { kind, epoch: set.epoch, view, digest }
      state.effects.push({
        kind: 'send',
        message: voteMessage(state, round, vote, ballot.signature),
      })
    }
    certify(state, round, nowMs)
  }
  const entered = state.rounds.get(state.view - 1)?.certificates
  const newest = state.rounds.get(state.finalizedView)?.certificates.finalize
  for (const certificate of [entered?.notarize, entered?.nullify, newest]) {
    if (certificate === undefined) continue
    state.effects.push({ kind: 'send', message: { kind: 'certificate', certificate } })
  }
  if (parentFor(state, state.view, () => true) === undefined) {
    requestCertificates(state, undefined, nowMs)
  }
  if (state.pendingFinalization !== undefined) state.effects.push({ kind: 'behind' })
}

/** Gives a peer that repeats an old vote the certificates it seems to lack. */
function helpStraggler(state: EngineState, peer: string, fromView: number): void {
  const certificates: Certificate[] = []
  for (let view = fromView; view < state.view; view++) {
    const {
      notarize: notarization,
      nullify,
      finalize: final,
    } = {
      ...state.rounds.get(view)?.certificates,
    }
    certificates.push(...[notarization, nullify, final].filter((one) => one !== undefined))
    if (certificates.length >= certificatesAnsweredMax) break
  }
  if (certificates.length === 0) return
  state.effects.push({ kind: 'send', to: peer, message: { kind: 'certificates', certificates } })
}

/** Whether a vote is settled already, or too far ahead; then asks the voter how it got there. */
function isOutOfReach(state: EngineState, from: string, vote: RoundVote, nowMs: number): boolean {
  if (state.isClosed || vote.view <= state.finalizedView) return true
  if (vote.view <= state.view + viewsAheadMax) return false
  requestCertificates(state, indexOfPeer(state, from), nowMs)
  return true
}

/** Asks one peer for the certificates since the last settled view; not more than once a delta. */
function requestCertificates(
  state: EngineState,
  preferred: number | undefined,
  nowMs: number,
): void {
  if (nowMs < state.requestAtMs) return
  state.requestAtMs = nowMs + currentDeltaMs(state)
  const { set, self } = state.config
  const count = set.validators.length
  let index = preferred ?? state.requestTurn++ % count
  if (index === self) index = (index + 1) % count
  const publicKey = set.validators[index]?.publicKey
  if (publicKey === undefined || index === self) return
  const fromView = firstGap(state)
  const message = {
    kind: 'certificate-request',
    epoch: set.epoch,
    fromView,
    toView: Number.MAX_SAFE_INTEGER,
  } as const
  state.effects.push({ kind: 'send', to: peerIdOf(publicKey), message })
}

/** The first view from the last settled one on about which no certificate is held. */
function firstGap(state: EngineState): number {
  let view = Math.max(1, state.finalizedView)
  while (view < state.view) {
    const certificates = state.rounds.get(view)?.certificates
    const isKnown = certificates?.nullify ?? certificates?.finalize
    if (isKnown === undefined && view !== state.baseView) break
    view++
  }
  return view
}

/** Asks one signer of a certificate for the block. */
function requestBody(state: EngineState, certificate: Certificate): void {
  const { set, self } = state.config
  const { digest } = certificate.vote
  if (state.orphans.has(keyOf(digest))) {
    state.effects.push({ kind: 'behind' })
    return
  }
  const signers = (indexesOf(certificate.signers, set.validators.length) ?? []).filter(
    (index) => index !== self,
  )
  const signer = signers[state.requestTurn++ % Math.max(1, signers.length)]
  const publicKey = signer === undefined ? undefined : set.validators[signer]?.publicKey
  if (publicKey === undefined) return
  const message = { kind: 'block-request', consensusRoot: digest } as const
  state.effects.push({ kind: 'send', to: peerIdOf(publicKey), message })
}

function isWanted(state: EngineState, key: BlockKey): boolean {
  if (state.nodes.has(key) || state.orphans.has(key)) return false
  for (const { certificates } of state.rounds.values()) {
    for (const certificate of [certificates.notarize, certificates.finalize]) {
      if (certificate !== undefined && keyOf(certificate.vote.digest) === key) return true
    }
  }
  return false
}

function hasVoted(round: Round): boolean {
  return round.ownNotarize !== undefined || round.ownNullify || round.ownFinalize !== undefined
}

function indexOfPeer(state: EngineState, peer: string): number {
  return state.config.set.validators.findIndex(({ publicKey }) => peerIdOf(publicKey) === peer)
}

function reportPeer(state: EngineState, peer: string, reason: string): void {
  state.effects.push({ kind: 'misbehaviour', peer, reason })
}

function bytesOf(key: BlockKey): Uint8Array {
  assert(key.length === 66, 'a block key is 32 bytes of hex')
  return Uint8Array.from({ length: 32 }, (_, index) =>
    Number.parseInt(key.slice(2 + 2 * index, 4 + 2 * index), 16),
  )
}
