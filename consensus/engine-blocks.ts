/**
 * The tree of un-final blocks: which parent a view builds on, which blocks may be voted for, and
 * what becomes final (docs/specs/blocks.md §4).
 */

import { appendLeaf, bytesEqual, compareBytes } from '@zg/primitives'

import type { PayloadAttributes } from './application.ts'
import type { BlockKey, BlockNode, EngineState, HeaderDraft, Round } from './engine-state.ts'
import {
  clockDriftMaxMs,
  executedLosersMax,
  keyOf,
  losersKeptViews,
  nodeOf,
  orphansMax,
} from './engine-state.ts'
import type { ConsensusHeader } from './header.ts'
import {
  checkHeader,
  consensusRoot,
  HeaderInvalidError,
  isClosing,
  nextCredit,
  nextMix,
} from './header.ts'
import type { L1Reference } from './l1-reference.ts'
import { sameL1Reference, zeroL1Reference } from './l1-reference.ts'
import type { L1View, ReferenceStatus } from './l1-view.ts'
import type { Block } from './messages.ts'
import { peerIdOf } from './validator-set.ts'
import { beaconDigest } from './votes.ts'

/** Views given up in a row after which leaders repeat the parent's L1 reference. */
const failuresRepeatReference = 3

/** What a leader builds on: the newest notarised block that only nullified views separate from. */
export type ParentChoice = { readonly node: BlockNode; readonly view: number }

/**
 * The parent for a block in `view`, or undefined while certificates or bodies are missing.
 *
 * @param fits - Which candidates will do; a leader takes the first, a voter the proposal's own.
 */
export function parentFor(
  state: EngineState,
  view: number,
  fits: (node: BlockNode) => boolean,
): ParentChoice | undefined {
  const { faults } = state.config
  for (let earlier = view - 1; earlier >= state.finalizedView; earlier--) {
    const round = state.rounds.get(earlier)
    const node = notarisedIn(state, earlier)
    if (node?.status === 'valid' && fits(node)) return { node, view: earlier }
    const isSkipped = round?.certificates.nullify !== undefined
    if (!isSkipped && faults.staleParent !== true) return undefined
  }
  return undefined
}

/** The block notarised (or final) in a view, when it is here. */
function notarisedIn(state: EngineState, view: number): BlockNode | undefined {
  if (view === state.baseView) return state.base
  const { notarize, finalize } = state.rounds.get(view)?.certificates ?? {}
  const certificate = notarize ?? finalize
  return certificate === undefined ? undefined : state.nodes.get(keyOf(certificate.vote.digest))
}

/** What a voter finds about a proposal in the current view. */
export type Judgement = 'vote' | 'wait' | 'executing' | 'missing-parent' | 'invalid'

/**
 * Judges a proposal. Inserts its block into the tree on the way; asks the application when all else
 * holds.
 */
export function judgeProposal(state: EngineState, round: Round, nowMs: number): Judgement {
  const { proposal } = round
  if (proposal === undefined) return 'wait'
  const { header } = proposal.block
  const isRepeat = (node: BlockNode): boolean => node.key === proposal.key && node.isClosing
  const isParent = (node: BlockNode): boolean =>
    !node.isClosing && header.height === node.header.height + 1n && commitsTo(header, node)
  const choice = parentFor(state, round.view, (node) => isRepeat(node) || isParent(node))
  if (choice === undefined) return 'missing-parent'
  if (isRepeat(choice.node)) return 'vote'
  if (header.timestampMs > nowMs + clockDriftMaxMs) return 'wait'
  const verdict = judgeHeader(state, round, header, choice.node)
  if (verdict !== 'vote') return verdict
  const node = insertBlock(state, proposal.block, senderOf(state, round))
  if (node === undefined || node.status === 'invalid') return 'invalid'
  if (node.status === 'valid' || state.config.faults.voteWithoutValidation === true) return 'vote'
  requestValidation(state, node)
  // What cannot be executed yet (its parent is not, its credits are not known) is judged again.
  return node.status === 'pending' ? 'wait' : 'executing'
}

function judgeHeader(
  state: EngineState,
  round: Round,
  header: ConsensusHeader,
  parent: BlockNode,
): Judgement {
  const { set } = state.config
  const leader = set.validators[round.leader]
  if (leader === undefined || header.epoch !== set.epoch) return 'invalid'
  if (!bytesEqual(header.proposer, leader.operator)) return 'invalid'
  if (!isGoodHeader(state, header, parent, round)) return 'invalid'
  switch (judgeReference(state, header.l1, parent.header.l1)) {
    case 'VALID':
      return 'vote'
    case 'UNKNOWN':
      return 'wait'
    case 'INVALID':
      return 'invalid'
  }
}

/**
 * A reference repeats the parent's, for which a quorum has vouched; or it is a higher one (which
 * `checkHeader` holds it to), and L1 holds both here.
 */
function judgeReference(
  { config: { l1View, faults } }: EngineState,
  reference: L1Reference,
  parent: L1Reference,
): ReferenceStatus {
  if (sameL1Reference(reference, parent) || faults.takeAnyReference === true) return 'VALID'
  const status = l1View.checkReference(reference)
  // A genesis refers to nothing.
  if (status !== 'VALID' || sameL1Reference(parent, zeroL1Reference)) return status
  return l1View.checkReference(parent)
}

function isGoodHeader(
  state: EngineState,
  header: ConsensusHeader,
  parent: BlockNode,
  round: Round,
): boolean {
  try {
    checkHeader(header, parent.header)
  } catch (error) {
    if (error instanceof HeaderInvalidError) return false
    throw error
  }
  const { scheme, identity, set } = state.config
  const reveal = round.proposal?.block.reveal ?? new Uint8Array(0)
  if (!bytesEqual(header.mix, nextMix(parent.header.mix, reveal))) return false
  // The mix just checked binds the reveal to the block, so one verification a block is enough.
  if (round.revealedIn !== undefined && round.revealedIn === round.proposal?.key) return true
  const message = beaconDigest(identity, header.epoch, header.height)
  const publicKey = set.validators[round.leader]?.publicKey ?? new Uint8Array(0)
  if (!scheme.verify(publicKey, message, reveal)) return false
  round.revealedIn = round.proposal?.key
  return true
}

/** Asks the application about a block, once its parent is known to be valid. */
export function requestValidation(state: EngineState, node: BlockNode): void {
  if (node.status !== 'pending' || node.block === undefined) return
  const parent = node.parent === undefined ? undefined : state.nodes.get(node.parent)
  if (parent === undefined) return
  if (parent.status !== 'valid') {
    // Ancestors first; the answer about each asks for its children.
    requestValidation(state, parent)
    return
  }
  const attributes = attributesFor(state.config.l1View, node.header, parent)
  // Its credits are not known here yet: asked again whenever the block is.
  if (attributes === undefined) return
  node.status = 'validating'
  state.effects.push({ kind: 'validate', key: node.key, attributes, block: node.block })
}

/**
 * What the execution block of `header` must be built with; undefined while the credits it pays out
 * are not known here.
 */
export function attributesFor(
  l1View: L1View,
  header: Pick<ConsensusHeader, 'height' | 'timestampMs' | 'proposer' | 'creditNext'>,
  parent: { readonly header: ConsensusHeader; readonly consensusRoot: Uint8Array },
): PayloadAttributes | undefined {
  const { creditNext } = parent.header
  const credits =
    creditNext === header.creditNext ? [] : l1View.credits(creditNext, header.creditNext)
  if (credits === undefined) return undefined
  return {
    height: header.height,
    parentExecutionHash: parent.header.executionHash,
    timestampSeconds: BigInt(Math.floor(header.timestampMs / 1_000)),
    prevRandao: parent.header.mix,
    parentConsensusRoot: parent.consensusRoot,
    feeRecipient: header.proposer,
    credits,
  }
}

/** The peer that a round's leader is; undefined for ourselves. */
function senderOf(state: EngineState, { leader }: Round): string | undefined {
  const publicKey = state.config.set.validators[leader]?.publicKey
  return leader === state.config.self || publicKey === undefined ? undefined : peerIdOf(publicKey)
}

/**
 * Puts a block into the tree: undefined when its reveal is not the one its header mixes in, or when
 * its parent is not here; then it waits as an orphan, if not too many do.
 */
export function insertBlock(
  state: EngineState,
  block: Block,
  sender: string | undefined,
): BlockNode | undefined {
  const root = consensusRoot(block.header)
  const key = keyOf(root)
  const known = state.nodes.get(key)
  if (known !== undefined) return known
  if (block.header.height <= state.base.header.height) return undefined
  const parent = [...state.nodes.values()].find((node) => commitsTo(block.header, node))
  if (parent === undefined) {
    if (state.orphans.size < orphansMax) state.orphans.set(key, { block, sender })
    return undefined
  }
  state.orphans.delete(key)
  const isRevealRight = bytesEqual(block.header.mix, nextMix(parent.header.mix, block.reveal))
  if (!isRevealRight && state.config.faults.takeAnyReveal !== true) {
    if (sender !== undefined) report(state, sender, 'a body with another reveal than its header')
    return undefined
  }
  const node = nodeOf({
    header: block.header,
    consensusRoot: root,
    block,
    parent: parent.key,
    history: appendLeaf(parent.history, root),
    isClosing: closesEpoch(state, block.header),
    status: 'pending',
    sender,
  })
  state.nodes.set(key, node)
  adoptOrphans(state)
  return node
}

/** Whether a header of this epoch closes it; the block the epoch began on does not. */
export function closesEpoch(state: EngineState, header: ConsensusHeader): boolean {
  const { l1View, set, faults } = state.config
  if (faults.buildOnClosing === true) return false
  return header.epoch === set.epoch && isClosing(header, l1View)
}

/** The header a leader proposes on `parent`, but for what building yields. */
export function draftHeader(state: EngineState, parent: BlockNode, nowMs: number): HeaderDraft {
  const { identity, set, self } = state.config
  const { header } = parent
  const l1 = referenceOn(state, header)
  return {
    networkId: identity.networkId,
    epoch: set.epoch,
    height: header.height + 1n,
    timestampMs: Math.max(nowMs, header.timestampMs + 1),
    proposer: set.validators[self]?.operator ?? new Uint8Array(20),
    l1,
    creditNext: nextCredit(header.creditNext, l1.creditCount),
    histRoot: parent.childHistRoot,
  }
}

/** The newest reference there is for a block on `parent`, or the parent's again. */
function referenceOn({ config: { l1View }, failures }: EngineState, parent: ConsensusHeader) {
  // After three views in a row without a block, maybe the others cannot check our L1 yet.
  const newest = failures >= failuresRepeatReference ? undefined : l1View.newestReference()
  const isHigher =
    newest !== undefined &&
    newest.number > parent.l1.number &&
    newest.timestamp >= parent.l1.timestamp &&
    newest.creditCount >= parent.creditNext
  return isHigher ? newest : parent.l1
}

/**
 * The un-final blocks up to `key`, oldest first, when all are here and executed; undefined while
 * something is missing.
 */
export function pathTo(state: EngineState, key: BlockKey): readonly BlockNode[] | undefined {
  const path: BlockNode[] = []
  let node = state.nodes.get(key)
  while (node !== undefined && node.key !== state.base.key) {
    if (node.status !== 'valid') return undefined
    path.unshift(node)
    node = node.parent === undefined ? undefined : state.nodes.get(node.parent)
  }
  return node === undefined ? undefined : path
}

/**
 * Makes `node` the last final block: forgets all that does not descend from it, and adopts blocks
 * that waited for it, as a catch-up may bring a parent that never was in the tree.
 */
export function moveBase(state: EngineState, node: BlockNode, view: number | undefined): void {
  state.base = { ...node, block: undefined, parent: undefined, status: 'valid' }
  state.baseView = view
  if (view !== undefined) state.finalizedView = Math.max(state.finalizedView, view)
  const kept = new Map<BlockKey, BlockNode>([[node.key, state.base]])
  const byHeight = [...state.nodes.values()].sort((a, b) =>
    a.header.height === b.header.height
      ? compareBytes(a.consensusRoot, b.consensusRoot)
      : Number(a.header.height - b.header.height),
  )
  for (const other of byHeight) {
    if (other.parent !== undefined && kept.has(other.parent)) kept.set(other.key, other)
  }
  state.nodes.clear()
  for (const [key, other] of kept) state.nodes.set(key, other)
  for (const [key, { block }] of state.orphans) {
    if (block.header.height <= node.header.height) state.orphans.delete(key)
  }
  adoptOrphans(state)
  const isPendingPast = (state.pendingFinalization?.vote.view ?? 0) <= state.finalizedView
  if (isPendingPast) state.pendingFinalization = undefined
  for (const earlier of state.rounds.keys()) {
    if (earlier < state.finalizedView) state.rounds.delete(earlier)
  }
}

/**
 * Drops bodies that views past left behind without a certificate, and lets the application forget
 * what it executed for them. A body we voted for may yet be notarised elsewhere, and asked of us:
 * it stays for a while, executed only if it is among the newest.
 */
export function dropLosers(state: EngineState): void {
  const wanted = new Set<BlockKey>()
  const losers = new Set<BlockKey>()
  for (const round of state.rounds.values()) {
    const { notarize, finalize } = round.certificates
    for (const certificate of [notarize, finalize]) {
      if (certificate !== undefined) wanted.add(keyOf(certificate.vote.digest))
    }
    const isRecent = round.view > state.view - losersKeptViews
    if (round.ownNotarize !== undefined && isRecent) losers.add(round.ownNotarize)
    if (round.view >= state.view && round.proposal !== undefined) wanted.add(round.proposal.key)
    if (round.view < state.view) round.proposal = undefined
  }
  const parents = new Set([...state.nodes.values()].map(({ parent }) => parent))
  const executed: BlockNode[] = []
  for (const [key, node] of state.nodes) {
    if (node === state.base || wanted.has(key) || parents.has(key)) continue
    if (node.status === 'validating') continue
    if (losers.has(key)) {
      if (node.status === 'valid') executed.push(node)
      continue
    }
    state.nodes.delete(key)
    if (node.status === 'valid') forget(state, node.header.executionHash)
  }
  for (const node of executed.slice(0, Math.max(0, executed.length - executedLosersMax))) {
    node.status = 'pending'
    forget(state, node.header.executionHash)
  }
  for (const key of state.orphans.keys()) {
    if (!wanted.has(key) && !losers.has(key)) state.orphans.delete(key)
  }
}

/** Tells the application that it need not keep a block executed. */
export function forget(state: EngineState, executionHash: Uint8Array): void {
  state.effects.push({ kind: 'forget', executionHash })
}

/** The bytes were not the block that the header names: as if the body had never come. */
export function dropBody(state: EngineState, node: BlockNode): void {
  state.nodes.delete(node.key)
  if (node.sender !== undefined) report(state, node.sender, 'a body that is not its block')
  for (const round of state.rounds.values()) {
    if (round.proposal?.key !== node.key) continue
    round.proposal = undefined
    round.isProposalRefused = true
  }
}

function report(state: EngineState, peer: string, reason: string): void {
  state.effects.push({ kind: 'misbehaviour', peer, reason })
}

/** Whether `node` is the parent that a header's histRoot commits to. */
function commitsTo(header: ConsensusHeader, node: BlockNode): boolean {
  return (
    header.height === node.header.height + 1n && bytesEqual(header.histRoot, node.childHistRoot)
  )
}

function adoptOrphans(state: EngineState): void {
  for (const { block, sender } of state.orphans.values()) {
    const hasParent = [...state.nodes.values()].some((node) => commitsTo(block.header, node))
    // Each call takes at least one orphan away, so this ends.
    if (hasParent) {
      state.orphans.delete(keyOf(consensusRoot(block.header)))
      insertBlock(state, block, sender)
    }
  }
}
