/**
 * What one instance of Simplex (one network, one epoch) remembers, and the words in which it is
 * asked and answers. `engine.ts` holds the rules.
 */

import { fromHex, incrementalRoot, toHex } from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import type { PayloadAttributes, PayloadStatus } from './application.ts'
import type { Certificate } from './certificate.ts'
import type { ConsensusParameters, NetworkIdentity } from './configuration.ts'
import type { Evidence } from './evidence.ts'
import type { EngineFaults } from './faults.ts'
import type { ConsensusHeader } from './header.ts'
import { leaderOf } from './leader.ts'
import type { Block, Message } from './messages.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import type { L1View } from './l1-view.ts'
import { isQuorum } from './validator-set.ts'
import type { ValidatorSet } from './validator-set.ts'
import type { RoundVote } from './votes.ts'

/** Views ahead of the current one whose votes and proposals are kept. */
export const viewsAheadMax = 4

/**
 * Un-final blocks in memory; a leader that would exceed it does not build. So many come together
 * only where notarizations pass and finalizations do not, for minutes on end.
 */
export const unfinalBlocksMax = 1_024

/** From so many un-final blocks on, a leader builds empty ones: they cost next to nothing. */
export const fullBlocksMax = 64

/** Blocks whose parent is not here, in memory. */
export const orphansMax = 128

/** Views behind in which a block that only we voted for is kept: it may yet be notarised. */
export const losersKeptViews = 128

/** Blocks without a certificate that stay executed; of older ones only the body is kept. */
export const executedLosersMax = 32

/** A timestamp may lead the local clock by so much. */
export const clockDriftMaxMs = 500

/** Hex of a consensusRoot. */
export type BlockKey = string

export type EngineConfig = {
  readonly identity: NetworkIdentity
  readonly parameters: ConsensusParameters
  readonly l1View: L1View
  readonly scheme: SignatureScheme
  readonly set: ValidatorSet
  /** seed(e), 32 bytes. */
  readonly seed: Uint8Array
  /** Own index in the set; -1 for a node that only follows. */
  readonly self: number
  readonly faults: EngineFaults
}

/** A block at its place in the tree of un-final blocks; or the last final one, its root. */
export type BlockNode = {
  readonly key: BlockKey
  readonly consensusRoot: Uint8Array
  readonly header: ConsensusHeader
  /** Undefined once it is final, when nobody needs the body from here. */
  readonly block: Block | undefined
  readonly parent: BlockKey | undefined
  /** Leaves 0 .. height: the history its children commit to. */
  readonly history: IncrementalTree
  readonly childHistRoot: Uint8Array
  /** Closes the epoch of this instance. */
  readonly isClosing: boolean
  /** Whoever sent the body; undefined for our own. */
  readonly sender: string | undefined
  status: 'pending' | 'validating' | 'valid' | 'invalid'
}

/** A body, and the peer it came from; undefined for our own. */
export type SentBlock = { readonly block: Block; readonly sender: string | undefined }

export type Ballot = {
  readonly digest: BlockKey
  readonly signature: Uint8Array
  verified: boolean
}

export type Proposal = {
  readonly key: BlockKey
  readonly block: Block
}

export type Round = {
  readonly view: number
  /** Index into the set. */
  readonly leader: number
  proposal: Proposal | undefined
  /** The first ballot of each voter, by kind of vote. */
  readonly ballots: Readonly<Record<RoundVote['kind'], Map<number, Ballot>>>
  readonly certificates: Partial<Record<RoundVote['kind'], Certificate>>
  /** The notarised block is executed here. */
  isCertified: boolean
  leaderEquivocated: boolean
  /** Voters whose equivocation in this view was reported. */
  readonly accused: Set<number>
  /** Own votes: decided, and signed once a ballot of ours is in `ballots`. */
  ownNotarize: BlockKey | undefined
  ownFinalize: BlockKey | undefined
  ownNullify: boolean
  isBuilding: boolean
  /** The leader sent a body that is not the block its header names: no more of its proposals. */
  isProposalRefused: boolean
  /** The block of this view whose reveal was verified: it is judged more than once. */
  revealedIn: BlockKey | undefined
  /** The body of its notarised block is not asked for again before. */
  bodyRequestAtMs: number
  /** Peers that were asked for it and have not answered. */
  readonly bodyAskedOf: Set<string>
}

export type EngineState = {
  readonly config: EngineConfig
  /** Last final block. */
  base: BlockNode
  /** A view it was notarised in; undefined after a catch-up until a certificate tells. */
  baseView: number | undefined
  /** Rounds at or below are settled; at most the base's view. */
  finalizedView: number
  view: number
  readonly rounds: Map<number, Round>
  /** The base and un-final blocks above it. */
  readonly nodes: Map<BlockKey, BlockNode>
  /** Blocks whose parent is not here yet, and who sent them. */
  readonly orphans: Map<BlockKey, SentBlock>
  /** Finalization of a block that is not here or not executed yet. */
  pendingFinalization: Certificate | undefined
  /** Views given up in a row. */
  failures: number
  /** Turns the choice of whom to ask for what is missing. */
  requestTurn: number
  /** By peer that gave cause, and last for those whose turn it is: not asked again before. */
  readonly requestAtMs: number[]
  /** By straggler: not helped again before. */
  readonly helpAtMs: number[]
  /** Newest view each validator voted in. */
  readonly lastVoteView: number[]
  isBusy: boolean
  /** The closing block is final: nothing more happens in this epoch. */
  isClosed: boolean
  nullifyAtMs: number
  retryAtMs: number
  buildAtMs: number | undefined
  /** When a proposal that could not be judged yet is looked at again. */
  judgeAtMs: number | undefined
  /** Answers of the current step. */
  effects: EngineEffect[]
}

export type EngineEvent =
  | { readonly kind: 'start' }
  /** Time has passed; `isBusy`: transactions wait. */
  | { readonly kind: 'tick'; readonly isBusy: boolean }
  | { readonly kind: 'message'; readonly from: string; readonly message: Message }
  /** An own vote is durable and signed. */
  | { readonly kind: 'voted'; readonly vote: RoundVote; readonly signature: Uint8Array }
  /** Answer to `build`; undefined when it failed. */
  | {
      readonly kind: 'built'
      readonly view: number
      readonly header: ConsensusHeader
      readonly reveal: Uint8Array
      readonly payload: Uint8Array
    }
  | { readonly kind: 'build-failed'; readonly view: number }
  | { readonly kind: 'validated'; readonly key: BlockKey; readonly status: PayloadStatus }
  /** A certificate or body this node held before it restarted. */
  | { readonly kind: 'restored-certificate'; readonly certificate: Certificate }
  | { readonly kind: 'restored-block'; readonly block: Block }
  | { readonly kind: 'restored-vote'; readonly vote: RoundVote }
  /** Catch-up made a later block final. */
  | { readonly kind: 'synced'; readonly node: BlockNode; readonly proof: Certificate | undefined }

/** What a leader's block will hold, but for what building it yields. */
export type HeaderDraft = Omit<ConsensusHeader, 'mix' | 'executionHash'>

export type EngineEffect =
  /** To one peer, or to all when `to` is absent. */
  | { readonly kind: 'send'; readonly to?: string; readonly message: Message }
  /** Log the body if any, log the vote, sync, sign, answer `voted`. */
  | { readonly kind: 'vote'; readonly vote: RoundVote; readonly body?: Block }
  | {
      readonly kind: 'build'
      readonly view: number
      readonly draft: HeaderDraft
      readonly parentMix: Uint8Array
      readonly attributes: PayloadAttributes
      /** Whether transactions may go in; else it is to be empty. */
      readonly mayFill: boolean
    }
  /** A block that was executed and lost; it is validated again should it be needed. */
  | { readonly kind: 'forget'; readonly executionHash: Uint8Array }
  | {
      readonly kind: 'validate'
      readonly key: BlockKey
      readonly attributes: PayloadAttributes
      readonly block: Block
    }
  /** In order of height; `views`: where each was notarised, 0 when that is not known. */
  | {
      readonly kind: 'finalize'
      readonly nodes: readonly BlockNode[]
      readonly views: readonly number[]
    }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | { readonly kind: 'misbehaviour'; readonly peer: string; readonly reason: string }
  /** Blocks below a final one are missing: fetch the chain. */
  | { readonly kind: 'behind' }
  | { readonly kind: 'nullified'; readonly view: number }

/** An instance that begins (or begins again) on `base`. */
export function newEngine(
  config: EngineConfig,
  base: BlockNode,
  baseView: number | undefined,
): EngineState {
  const finalizedView = baseView ?? 0
  return {
    config,
    base,
    baseView,
    finalizedView,
    view: finalizedView,
    rounds: new Map(),
    nodes: new Map([[base.key, base]]),
    orphans: new Map(),
    pendingFinalization: undefined,
    failures: 0,
    requestTurn: 0,
    requestAtMs: [],
    helpAtMs: [],
    lastVoteView: config.set.validators.map(() => finalizedView + 1),
    isBusy: false,
    isClosed: false,
    nullifyAtMs: Infinity,
    retryAtMs: Infinity,
    buildAtMs: undefined,
    judgeAtMs: undefined,
    effects: [],
  }
}

/** Returns the round of a view, made at its first mention. */
export function roundOf(state: EngineState, view: number): Round {
  const known = state.rounds.get(view)
  if (known !== undefined) return known
  const round: Round = {
    view,
    leader: leaderOf(state.config.set, state.config.seed, view),
    proposal: undefined,
    ballots: { notarize: new Map(), nullify: new Map(), finalize: new Map() },
    certificates: {},
    isCertified: false,
    leaderEquivocated: false,
    accused: new Set(),
    ownNotarize: undefined,
    ownFinalize: undefined,
    ownNullify: false,
    isBuilding: false,
    isProposalRefused: false,
    revealedIn: undefined,
    bodyRequestAtMs: 0,
    bodyAskedOf: new Set(),
  }
  state.rounds.set(view, round)
  return round
}

export function keyOf(consensusRoot: Uint8Array): BlockKey {
  return toHex(consensusRoot)
}

/** The consensusRoot a key stands for. */
export function digestOf(key: BlockKey): Uint8Array {
  return fromHex(key)
}

/** A node for a block on a known parent, or for the first block of all. */
export function nodeOf(options: {
  readonly header: ConsensusHeader
  readonly consensusRoot: Uint8Array
  readonly block: Block | undefined
  readonly parent: BlockKey | undefined
  readonly history: IncrementalTree
  readonly isClosing: boolean
  readonly status: BlockNode['status']
  readonly sender?: string | undefined
}): BlockNode {
  return {
    sender: undefined,
    ...options,
    key: keyOf(options.consensusRoot),
    childHistRoot: incrementalRoot(options.history),
  }
}

/** Whether some validators together are a quorum. */
export function isQuorumOf(state: EngineState, voters: Iterable<number>): boolean {
  const { set } = state.config
  let stake = 0n
  for (const voter of voters) stake += set.validators[voter]?.stake ?? 0n
  return isQuorumStake(state, stake)
}

/** Whether so much stake is a quorum. */
export function isQuorumStake({ config: { set, faults } }: EngineState, stake: bigint): boolean {
  if (faults.quorumOffByOne === true) return 3n * stake > set.totalStake
  return isQuorum(stake, set)
}

/** The time the next thing is due, in milliseconds; Infinity for nothing. */
export function nextWakeMs(state: EngineState): number {
  const { nullifyAtMs, retryAtMs, buildAtMs = Infinity, judgeAtMs = Infinity } = state
  return Math.min(nullifyAtMs, retryAtMs, buildAtMs, judgeAtMs)
}

/** The bound on one network delay now: grows by half with each failed view after the second. */
export function currentDeltaMs(state: EngineState): number {
  const { deltaMs, deltaMaxMs } = state.config.parameters
  const steps = Math.max(0, state.failures - 2)
  return Math.min(deltaMaxMs, deltaMs * 1.5 ** Math.min(steps, 32))
}
