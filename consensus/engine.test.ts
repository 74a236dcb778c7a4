import assert from 'node:assert/strict'
import { test } from 'node:test'

import { appendLeaf, emptyIncrementalTree, sha256 } from '@zg/primitives'

import { bitmapOf } from './certificate.ts'
import { defaultParameters } from './configuration.ts'
import { newEngine, nextWakeMs, nodeOf } from './engine-state.ts'
import type { BlockNode, EngineEffect, EngineEvent, EngineState } from './engine-state.ts'
import { step } from './engine.ts'
import { consensusRoot, genesisHeader, nextMix } from './header.ts'
import { leaderOf } from './leader.ts'
import type { Block, Message } from './messages.ts'
import { keyedHashScheme } from './signature-scheme.ts'
import { fixedStakeView } from './stake-view.ts'
import { entryOf, secretKeyOf } from './testing/world.ts'
import { peerIdOf, validatorSet } from './validator-set.ts'
import type { RoundVote, RoundVoteKind } from './votes.ts'
import { beaconDigest, roundVoteDigest, zeroDigest } from './votes.ts'

const scheme = keyedHashScheme()
const set = validatorSet(
  0n,
  [0, 1, 2, 3].map((index) => entryOf(scheme, index)),
)
const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 7,
  genesisHash: sha256(new Uint8Array(1)),
}
const seed = new Uint8Array(32)
const startMs = 1_000_000
const genesis = genesisHeader({ identity, epoch: 0n, timestampMs: startMs })
const genesisRoot = consensusRoot(genesis)
const parameters = defaultParameters

/** The others lead view 1: the validator under test follows. */
const self = [0, 1, 2, 3].find(
  (index) => index !== leaderOf(set, seed, 1) && index !== leaderOf(set, seed, 2),
)!
const others = [0, 1, 2, 3].filter((index) => index !== self)

function engine(): EngineState {
  const base = nodeOf({
    header: genesis,
    consensusRoot: genesisRoot,
    block: undefined,
    parent: undefined,
    history: appendLeaf(emptyIncrementalTree, genesisRoot),
    isClosing: false,
    status: 'valid',
  })
  const stake = fixedStakeView(set)
  const config = { identity, parameters, stake, scheme, set, seed, self, faults: {} }
  return newEngine(config, base, 0)
}

function peer(index: number): string {
  return peerIdOf(set.validators[index]!.publicKey)
}

function signed(index: number, vote: RoundVote): { vote: RoundVote; signature: Uint8Array } {
  return { vote, signature: scheme.sign(secretKeyOf(index), roundVoteDigest(identity, vote)) }
}

function voteOf(kind: RoundVoteKind, view: number, digest: Uint8Array = zeroDigest): RoundVote {
  return { kind, epoch: 0n, view, digest }
}

function from(index: number, message: Message): EngineEvent {
  return { kind: 'message', from: peer(index), message }
}

function ballot(index: number, vote: RoundVote): EngineEvent {
  return from(index, { kind: 'vote', ...signed(index, vote) })
}

function certificateOf(vote: RoundVote, signers: readonly number[]): Message {
  const signatures = signers.map((index) => signed(index, vote).signature)
  const signature = scheme.aggregate(signatures)!
  return { kind: 'certificate', certificate: { vote, signers: bitmapOf(signers, 4), signature } }
}

/** A block on `parent` (genesis) by the leader of `view`. */
function blockIn(view: number, timestampMs = startMs + 1_000, parent = genesisNode): Block {
  const leader = leaderOf(set, seed, view)
  const height = parent.header.height + 1n
  const reveal = scheme.sign(secretKeyOf(leader), beaconDigest(identity, 0n, height))
  const header = {
    ...genesis,
    height,
    timestampMs,
    proposer: set.validators[leader]!.operator,
    histRoot: parent.childHistRoot,
    mix: nextMix(parent.header.mix, reveal),
    executionHash: sha256(Uint8Array.of(view)),
  }
  return { header, reveal, payload: Uint8Array.of(view) }
}

const genesisNode = engine().base

/** `block`, a child of genesis, as a catch-up hands it over: executed, without its body. */
function syncedNode({ header }: Block): BlockNode {
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

function proposalIn(view: number, block = blockIn(view)): EngineEvent {
  const leader = leaderOf(set, seed, view)
  const vote = voteOf('notarize', view, consensusRoot(block.header))
  return from(leader, { kind: 'proposal', ...signed(leader, vote), block })
}

function votesIn(effects: readonly EngineEffect[]): readonly RoundVote[] {
  return effects.flatMap((effect) => (effect.kind === 'vote' ? [effect.vote] : []))
}

/** Steps, and answers own votes and validations as a healthy validator does. */
function drive(state: EngineState, event: EngineEvent, nowMs: number): readonly EngineEffect[] {
  const seen: EngineEffect[] = []
  const queue: EngineEvent[] = [event]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const effect of step(state, next, nowMs)) {
      seen.push(effect)
      if (effect.kind === 'vote') queue.push({ kind: 'voted', ...signed(self, effect.vote) })
      if (effect.kind === 'validate') {
        queue.push({ kind: 'validated', key: effect.key, status: 'VALID' })
      }
    }
  }
  return seen
}

function started(): EngineState {
  const state = engine()
  step(state, { kind: 'start' }, startMs)
  return state
}

test('step: a good proposal is executed, then voted for; a quorum finalizes it', () => {
  const state = started()
  const nowMs = startMs + 1_000
  const block = blockIn(1)
  const root = consensusRoot(block.header)
  const asked = step(state, proposalIn(1), nowMs)
  assert.deepEqual(votesIn(asked), [])
  assert.ok(asked.some(({ kind }) => kind === 'validate'))
  const key = asked.flatMap((effect) => (effect.kind === 'validate' ? [effect.key] : []))[0]!
  const answered = step(state, { kind: 'validated', key, status: 'VALID' }, nowMs)
  assert.deepEqual(votesIn(answered), [voteOf('notarize', 1, root)])
  step(state, { kind: 'voted', ...signed(self, voteOf('notarize', 1, root)) }, nowMs)
  // The leader's proposal and ours are two; a third makes the notarization.
  const follower = others.find((index) => index !== leaderOf(set, seed, 1))!
  const notarized = drive(state, ballot(follower, voteOf('notarize', 1, root)), nowMs)
  assert.deepEqual(votesIn(notarized)[0], voteOf('finalize', 1, root))
  assert.equal(state.view, 2)
  for (const index of others.slice(0, 2))
    drive(state, ballot(index, voteOf('finalize', 1, root)), nowMs)
  assert.equal(state.base.header.height, 1n)
  assert.equal(state.finalizedView, 1)
})

test('step: SYNCING is no answer: no vote, and the application is asked again', () => {
  const state = started()
  const asked = step(state, proposalIn(1), startMs + 1_000)
  const key = asked.flatMap((effect) => (effect.kind === 'validate' ? [effect.key] : []))[0]!
  const silent = step(state, { kind: 'validated', key, status: 'SYNCING' }, startMs + 1_010)
  assert.deepEqual(votesIn(silent), [])
  const again = step(state, { kind: 'tick', isBusy: false }, startMs + 1_300)
  assert.ok(again.some(({ kind }) => kind === 'validate'))
})

test('step: an INVALID payload is nullified', () => {
  const state = started()
  const asked = step(state, proposalIn(1), startMs + 1_000)
  const key = asked.flatMap((effect) => (effect.kind === 'validate' ? [effect.key] : []))[0]!
  const effects = step(state, { kind: 'validated', key, status: 'INVALID' }, startMs + 1_010)
  assert.deepEqual(votesIn(effects), [voteOf('nullify', 1)])
})

test('step: a silent leader is given up after pacing, build budget and two deltas', () => {
  const state = started()
  const { blockTimeIdleMs, buildBudgetMs, deltaMs } = parameters
  const dueMs = startMs + blockTimeIdleMs + buildBudgetMs + 2 * deltaMs
  assert.equal(nextWakeMs(state), dueMs)
  assert.deepEqual(votesIn(step(state, { kind: 'tick', isBusy: false }, dueMs - 1)), [])
  assert.deepEqual(votesIn(step(state, { kind: 'tick', isBusy: false }, dueMs)), [
    voteOf('nullify', 1),
  ])
  // Having nullified, it does not vote for a proposal that comes late.
  assert.deepEqual(votesIn(drive(state, proposalIn(1), dueMs + 1)), [])
})

test('step: a body that arrived extends the patience to six build budgets', () => {
  const state = started()
  const nowMs = startMs + 1_500
  step(state, proposalIn(1), nowMs)
  assert.ok(state.nullifyAtMs >= nowMs + 6 * parameters.buildBudgetMs)
})

test('step: a quorum of nullifies enters the next view, which builds on genesis', () => {
  const state = started()
  for (const index of others) drive(state, ballot(index, voteOf('nullify', 1)), startMs + 10)
  assert.equal(state.view, 2)
  const effects = drive(state, proposalIn(2), startMs + 1_100)
  assert.deepEqual(
    votesIn(effects).map(({ kind }) => kind),
    ['notarize'],
  )
})

test('step: a proposal over a view that is not nullified is not voted for', () => {
  const state = started()
  const block = blockIn(1)
  const root = consensusRoot(block.header)
  // View 1 was notarised: view 2 must build on it, not on genesis.
  drive(state, proposalIn(1), startMs + 1_000)
  drive(
    state,
    from(others[0]!, certificateOf(voteOf('notarize', 1, root), others)),
    startMs + 1_000,
  )
  assert.equal(state.view, 2)
  const effects = drive(state, proposalIn(2, blockIn(2, startMs + 1_400)), startMs + 1_500)
  assert.deepEqual(votesIn(effects), [])
})

test('step: a time more than 500 ms ahead waits', () => {
  const state = started()
  const effects = drive(state, proposalIn(1, blockIn(1, startMs + 2_000)), startMs + 1_000)
  assert.deepEqual(votesIn(effects), [])
  const later = drive(state, { kind: 'tick', isBusy: false }, startMs + 1_500)
  assert.deepEqual(
    votesIn(later).map(({ kind }) => kind),
    ['notarize'],
  )
})

test('step: two proposals of one leader are evidence, and the view is never finalized', () => {
  const state = started()
  const first = blockIn(1)
  const second = { ...first, header: { ...first.header, timestampMs: startMs + 1_001 } }
  drive(state, proposalIn(1, first), startMs + 1_000)
  const effects = drive(state, proposalIn(1, second), startMs + 1_000)
  assert.equal(effects.filter(({ kind }) => kind === 'evidence').length, 1)
  const root = consensusRoot(first.header)
  const after = drive(
    state,
    from(others[0]!, certificateOf(voteOf('notarize', 1, root), others)),
    startMs + 1_010,
  )
  assert.deepEqual(
    votesIn(after).filter(({ kind }) => kind === 'finalize'),
    [],
  )
  assert.equal(state.view, 2)
})

test('step: a Nullify beside a Finalize of one voter is evidence', () => {
  const state = started()
  const root = consensusRoot(blockIn(1).header)
  drive(state, ballot(others[0]!, voteOf('finalize', 1, root)), startMs)
  const effects = drive(state, ballot(others[0]!, voteOf('nullify', 1)), startMs)
  assert.ok(effects.some(({ kind }) => kind === 'evidence'))
})

test('step: a forged vote is found by halves, and only its sender is blamed', () => {
  const state = started()
  const nullify = voteOf('nullify', 1)
  const forger = others[0]!
  const forged = { kind: 'vote', vote: nullify, signature: new Uint8Array(96) } as const
  step(state, from(forger, forged), startMs)
  const effects = others.slice(1).flatMap((index) => drive(state, ballot(index, nullify), startMs))
  const blamed = effects.flatMap((effect) => (effect.kind === 'misbehaviour' ? [effect.peer] : []))
  assert.deepEqual(blamed, [peer(forger)])
})

test('step: a vote counts only on its signer’s own connection', () => {
  const state = started()
  const nullify = voteOf('nullify', 1)
  for (const index of others) {
    step(state, from(others[0]!, { kind: 'vote', ...signed(index, nullify) }), startMs)
  }
  assert.equal(state.view, 1)
})

test('step: a certificate that does not verify is blamed on its sender', () => {
  const state = started()
  const thin = certificateOf(voteOf('nullify', 1), others.slice(0, 2))
  const effects = step(state, from(others[0]!, thin), startMs)
  assert.equal(effects[0]?.kind, 'misbehaviour')
  assert.equal(state.view, 1)
})

test('step: votes of another epoch, of settled views and far ahead are not kept', () => {
  const state = started()
  for (const vote of [{ ...voteOf('nullify', 1), epoch: 1n }, voteOf('nullify', 99)]) {
    step(state, ballot(others[0]!, vote), startMs)
  }
  assert.deepEqual([...state.rounds.keys()], [1])
})

test('step: a notarized block that is not here is asked of a signer, then moves the view', () => {
  const state = started()
  const block = blockIn(1)
  const vote = voteOf('notarize', 1, consensusRoot(block.header))
  const effects = step(state, from(others[0]!, certificateOf(vote, others)), startMs + 1_000)
  const request = effects.find(
    (effect) => effect.kind === 'send' && effect.message.kind === 'block-request',
  )
  assert.ok(request !== undefined)
  assert.equal(state.view, 1)
  const after = drive(state, from(others[1]!, { kind: 'block', block }), startMs + 1_010)
  assert.equal(state.view, 2)
  assert.deepEqual(votesIn(after), [voteOf('finalize', 1, vote.digest)])
})

test('step: a block that waits for its parent is executed once a catch-up brings the parent', () => {
  const state = started()
  const parent = syncedNode(blockIn(1))
  const child = blockIn(2, startMs + 2_000, parent)
  const finalized = certificateOf(voteOf('finalize', 1, parent.consensusRoot), others)
  const notarized = certificateOf(voteOf('notarize', 2, consensusRoot(child.header)), others)
  for (const message of [finalized, notarized, { kind: 'block', block: child } as const]) {
    step(state, from(others[0]!, message), startMs + 2_000)
  }
  assert.equal(state.orphans.size, 1)
  assert.notEqual(state.pendingFinalization, undefined)
  const after = drive(state, { kind: 'synced', node: parent, proof: undefined }, startMs + 2_100)
  assert.deepEqual(votesIn(after), [voteOf('finalize', 2, consensusRoot(child.header))])
  assert.equal(state.view, 3)
  assert.equal(state.orphans.size, 0)
  assert.equal(state.pendingFinalization, undefined)
})

test('step: a restarted validator takes its votes up again and makes no others', () => {
  const state = engine()
  const block = blockIn(1)
  const root = consensusRoot(block.header)
  step(state, { kind: 'restored-block', block }, startMs)
  step(state, { kind: 'restored-vote', vote: voteOf('notarize', 1, root) }, startMs)
  const effects = step(state, { kind: 'start' }, startMs + 5_000)
  assert.deepEqual(votesIn(effects), [voteOf('notarize', 1, root)])
  const second = { ...block, header: { ...block.header, timestampMs: startMs + 1_001 } }
  assert.deepEqual(votesIn(drive(state, proposalIn(1, second), startMs + 5_000)), [])
})
