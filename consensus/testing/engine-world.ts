/** One engine, a set of four, and the messages of the other three: for tests of the rules alone. */

import { appendLeaf, emptyIncrementalTree, sha256 } from '@zg/primitives'

import { bitmapOf } from '../certificate.ts'
import { defaultParameters } from '../configuration.ts'
import { newEngine, nodeOf } from '../engine-state.ts'
import type { BlockNode, EngineEffect, EngineEvent, EngineState } from '../engine-state.ts'
import { step } from '../engine.ts'
import { consensusRoot, genesisHeader, nextCredit, nextMix } from '../header.ts'
import { leaderOf } from '../leader.ts'
import type { Block, Message } from '../messages.ts'
import { keyedHashScheme } from '../signature-scheme.ts'
import { viewWithoutL1 } from '../l1-view.ts'
import type { L1View } from '../l1-view.ts'
import { peerIdOf, validatorSet } from '../validator-set.ts'
import type { RoundVote, RoundVoteKind } from '../votes.ts'
import { beaconDigest, roundVoteDigest, zeroDigest } from '../votes.ts'
import { entryOf, secretKeyOf } from './world.ts'

export const scheme = keyedHashScheme()
export const set = validatorSet(
  0n,
  [0, 1, 2, 3].map((index) => entryOf(scheme, index)),
)
export const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 7,
  genesisHash: sha256(new Uint8Array(1)),
}
export const seed = new Uint8Array(32)
export const startMs = 1_000_000
export const genesis = genesisHeader({ identity, epoch: 0n, timestampMs: startMs })
export const genesisRoot = consensusRoot(genesis)
export const parameters = defaultParameters

/** The others lead view 1: the validator under test follows. */
export const self = [0, 1, 2, 3].find(
  (index) => index !== leaderOf(set, seed, 1) && index !== leaderOf(set, seed, 2),
)!
export const others = [0, 1, 2, 3].filter((index) => index !== self)

export function engine(l1View: L1View = viewWithoutL1(set)): EngineState {
  const base = nodeOf({
    header: genesis,
    consensusRoot: genesisRoot,
    block: undefined,
    parent: undefined,
    history: appendLeaf(emptyIncrementalTree, genesisRoot),
    isClosing: false,
    status: 'valid',
  })
  const config = { identity, parameters, l1View, scheme, set, seed, self, faults: {} }
  return newEngine(config, base, 0)
}

export function peer(index: number): string {
  return peerIdOf(set.validators[index]!.publicKey)
}

export function signed(index: number, vote: RoundVote): { vote: RoundVote; signature: Uint8Array } {
  return { vote, signature: scheme.sign(secretKeyOf(index), roundVoteDigest(identity, vote)) }
}

export function voteOf(
  kind: RoundVoteKind,
  view: number,
  digest: Uint8Array = zeroDigest,
): RoundVote {
  return { kind, epoch: 0n, view, digest }
}

export function from(index: number, message: Message): EngineEvent {
  return { kind: 'message', from: peer(index), message }
}

export function ballot(index: number, vote: RoundVote): EngineEvent {
  return from(index, { kind: 'vote', ...signed(index, vote) })
}

export function certificateOf(vote: RoundVote, signers: readonly number[]): Message {
  const signatures = signers.map((index) => signed(index, vote).signature)
  const signature = scheme.aggregate(signatures)!
  return { kind: 'certificate', certificate: { vote, signers: bitmapOf(signers, 4), signature } }
}

/** A block on `parent` (genesis) by the leader of `view`, with the parent's reference to L1. */
export function blockIn(
  view: number,
  timestampMs = startMs + 1_000,
  parent = genesisNode,
  l1 = parent.header.l1,
): Block {
  const leader = leaderOf(set, seed, view)
  const height = parent.header.height + 1n
  const reveal = scheme.sign(secretKeyOf(leader), beaconDigest(identity, 0n, height))
  const header = {
    ...genesis,
    height,
    timestampMs,
    l1,
    creditNext: nextCredit(parent.header.creditNext, l1.creditCount),
    proposer: set.validators[leader]!.operator,
    histRoot: parent.childHistRoot,
    mix: nextMix(parent.header.mix, reveal),
    executionHash: sha256(Uint8Array.of(view)),
  }
  return { header, reveal, payload: Uint8Array.of(view) }
}

export const genesisNode = engine().base

/** `block`, a child of genesis, as a catch-up hands it over: executed, without its body. */
export function syncedNode({ header }: Block): BlockNode {
  const root = consensusRoot(header)
  return nodeOf({
    header,
    consensusRoot: root,
    block: undefined,
    parent: undefined,
    history: appendLeaf(genesisNode.history, root),
    isClosing: false,
    status: 'valid',
  })
}

export function proposalIn(view: number, block = blockIn(view)): EngineEvent {
  const leader = leaderOf(set, seed, view)
  const vote = voteOf('notarize', view, consensusRoot(block.header))
  return from(leader, { kind: 'proposal', ...signed(leader, vote), block })
}

export function votesIn(effects: readonly EngineEffect[]): readonly RoundVote[] {
  return effects.flatMap((effect) => (effect.kind === 'vote' ? [effect.vote] : []))
}

/**
 * Steps, and answers own votes and validations as a healthy validator does; `judge` says what a
 * body is, a good one by default.
 */
export function drive(
  state: EngineState,
  event: EngineEvent,
  nowMs: number,
  judge: (block: Block) => 'VALID' | 'MISMATCH' = () => 'VALID',
): readonly EngineEffect[] {
  const seen: EngineEffect[] = []
  const queue: EngineEvent[] = [event]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const effect of step(state, next, nowMs)) {
      seen.push(effect)
      if (effect.kind === 'vote') queue.push({ kind: 'voted', ...signed(self, effect.vote) })
      if (effect.kind === 'validate') {
        queue.push({ kind: 'validated', key: effect.key, status: judge(effect.block) })
      }
    }
  }
  return seen
}

export function started(l1View?: L1View): EngineState {
  const state = engine(l1View)
  step(state, { kind: 'start' }, startMs)
  return state
}
