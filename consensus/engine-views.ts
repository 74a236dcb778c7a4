/**
 * The life of a view: entering it, building or judging its block, voting, and what its certificates
 * bring about. Every rule here is one line of the picture in engine.ts.
 */

import type { Certificate } from './certificate.ts'
import {
  attributesFor,
  draftHeader,
  dropLosers,
  judgeProposal,
  moveBase,
  parentFor,
  pathTo,
  requestValidation,
} from './engine-blocks.ts'
import { requestBody, requestCertificates } from './engine-repair.ts'
import type { BlockKey, EngineState, Round } from './engine-state.ts'
import {
  currentDeltaMs,
  digestOf,
  fullBlocksMax,
  isQuorumOf,
  keyOf,
  roundOf,
  unfinalBlocksMax,
} from './engine-state.ts'
import { storeCertificate } from './engine-votes.ts'
import type { RoundVote } from './votes.ts'
import { zeroDigest } from './votes.ts'

/** What could not be judged (a time ahead, an L1 block not seen) is looked at again after this. */
export const judgeAgainMs = 200

export function enterView(state: EngineState, view: number, nowMs: number): void {
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
  askForMissing(state, nowMs)
  judge(state, nowMs)
  build(state, nowMs)
}

/**
 * Asks for notarised and final blocks that are not here or not executed. At every entry of a view,
 * not only on a retry: while views are given up one after the other no retry ever comes, and
 * without the block this node gives up all of them.
 */
function askForMissing(state: EngineState, nowMs: number): void {
  if (state.pendingFinalization !== undefined) state.effects.push({ kind: 'behind' })
  for (const round of state.rounds.values()) {
    const { notarize: notarization, finalize: finalization } = round.certificates
    const certificate = notarization ?? finalization
    if (certificate === undefined || round.isCertified) continue
    const node = state.nodes.get(keyOf(certificate.vote.digest))
    if (node === undefined) requestBody(state, round, certificate, nowMs)
    else if (node.status === 'pending') requestValidation(state, node)
  }
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

/**
 * Transactions wait here, so they wait at the leader a delay later, and its block is due by the
 * busy pace: an honest one needs no longer, and a dead one costs the network half a second less.
 */
export function hasten(state: EngineState, nowMs: number): void {
  const round = roundOf(state, state.view)
  if (round.proposal !== undefined || round.ownNullify) return
  const { blockTimeBusyMs, buildBudgetMs } = state.config.parameters
  const parent = parentFor(state, state.view, () => true)?.node
  const dueMs = Math.max(nowMs, (parent?.header.timestampMs ?? nowMs) + blockTimeBusyMs)
  const giveUpAtMs = dueMs + buildBudgetMs + 2 * currentDeltaMs(state)
  state.nullifyAtMs = Math.min(state.nullifyAtMs, giveUpAtMs)
}

/** A body has arrived: leave time for executing it before the view is given up. */
export function awaitCertificate(state: EngineState, nowMs: number): void {
  const { buildBudgetMs } = state.config.parameters
  const patienceMs = Math.max(3 * currentDeltaMs(state), 6 * buildBudgetMs)
  state.nullifyAtMs = Math.max(state.nullifyAtMs, nowMs + patienceMs)
}

/** Looks at the current view's proposal and votes for it when all holds. */
export function judge(state: EngineState, nowMs: number): void {
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

export function notarize(state: EngineState, round: Round, key: BlockKey): void {
  if (state.config.self < 0 || round.ownFinalize !== undefined) return
  round.ownNotarize = key
  const vote: RoundVote = {
    kind: 'notarize',
    epoch: state.config.set.epoch,
    view: round.view,
    digest: digestOf(key),
  }
  const body = round.proposal?.block
  state.effects.push({ kind: 'vote', vote, ...(body === undefined ? {} : { body }) })
}

/** Nullify: unless we finalized in this view. Its counterpart is in `finalizeVote`. */
export function giveUp(state: EngineState, round: Round): void {
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
export function build(state: EngineState, nowMs: number): void {
  const { self, faults, parameters } = state.config
  // Whatever comes of it: what was due must not wake the engine again and again.
  state.buildAtMs = undefined
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
  if (state.nodes.size > unfinalBlocksMax) return
  const draft = draftHeader(state, node, nowMs)
  const attributes = attributesFor(state.config.l1View, draft, node)
  if (attributes === undefined) {
    // The credits due are not known here: maybe soon.
    state.buildAtMs = nowMs + judgeAgainMs
    return
  }
  round.isBuilding = true
  state.effects.push({
    kind: 'build',
    view: state.view,
    draft,
    parentMix: node.header.mix,
    attributes,
    mayFill: state.nodes.size <= fullBlocksMax,
  })
}

/** Takes in a certificate that is proved: from a peer, or made of ballots here. */
export function accept(state: EngineState, certificate: Certificate, nowMs: number): void {
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
export function certify(state: EngineState, round: Round, nowMs: number): void {
  const { notarize: notarization, finalize: finalization } = round.certificates
  const certificate = notarization ?? finalization
  if (certificate === undefined || round.isCertified || state.isClosed) return
  const { digest } = certificate.vote
  const node = state.nodes.get(keyOf(digest))
  if (state.config.faults.finalizeWithoutCertify !== true) {
    if (node === undefined) return requestBody(state, round, certificate, nowMs)
    if (node.status === 'pending') requestValidation(state, node)
    if (node.status === 'invalid') giveUp(state, round)
    if (node.status !== 'valid') return
  }
  round.isCertified = true
  finalizeVote(state, round, digest)
  enterView(state, round.view + 1, nowMs)
}

/** Makes a finalized block and its ancestors final, when all are here and executed. */
export function finalize(state: EngineState, certificate: Certificate): void {
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
  // The last in the view that proves it: a closing block may be notarised again in later ones.
  const views = path.map((node) => (node === last ? view : viewOf(state, node.key)))
  state.effects.push({ kind: 'finalize', nodes: path, views })
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
export function close(state: EngineState): void {
  state.isClosed = true
  state.nullifyAtMs = Infinity
  state.retryAtMs = Infinity
  state.buildAtMs = undefined
  state.judgeAtMs = undefined
}

export function hasVoted(round: Round): boolean {
  return round.ownNotarize !== undefined || round.ownNullify || round.ownFinalize !== undefined
}
