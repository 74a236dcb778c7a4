import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'

import { nextWakeMs } from './engine-state.ts'
import { step } from './engine.ts'
import { consensusRoot } from './header.ts'
import { leaderOf } from './leader.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import {
  ballot,
  blockIn,
  certificateOf,
  drive,
  engine,
  from,
  identity,
  others,
  parameters,
  peer,
  proposalIn,
  scheme,
  seed,
  self,
  set,
  signed,
  started,
  startMs,
  voteOf,
  votesIn,
} from './testing/engine-world.ts'
import { beaconDigest } from './votes.ts'

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

test('step: while transactions wait, a silent leader is given up by the busy pace', () => {
  const { blockTimeBusyMs, blockTimeIdleMs, buildBudgetMs, deltaMs } = parameters
  const busy = { kind: 'tick', isBusy: true } as const
  const patienceMs = buildBudgetMs + 2 * deltaMs
  const early = started()
  step(early, busy, startMs + 1)
  assert.equal(nextWakeMs(early), startMs + blockTimeBusyMs + patienceMs)

  // What comes after the pace is due at once, and later waiting does not put it off.
  const late = started()
  step(late, busy, startMs + blockTimeIdleMs - 100)
  const dueMs = startMs + blockTimeIdleMs - 100 + patienceMs
  assert.equal(nextWakeMs(late), dueMs)
  assert.deepEqual(votesIn(step(late, busy, dueMs - 1)), [])
  assert.deepEqual(votesIn(step(late, busy, dueMs)), [voteOf('nullify', 1)])
  assert.deepEqual(votesIn(step(late, busy, dueMs + 1)), [])
})

test('step: waiting transactions do not shorten the patience with a body that is here', () => {
  const state = started()
  step(state, proposalIn(1), startMs + 500)
  const { nullifyAtMs } = state
  step(state, { kind: 'tick', isBusy: true }, startMs + 501)
  assert.equal(state.nullifyAtMs, nullifyAtMs)
})

test('step: a leader that gave its view up before its block was due does not wake for it', () => {
  const state = started()
  const view = [2, 3, 4, 5, 6, 7, 8, 9].find((number) => leaderOf(set, seed, number) === self)!
  for (let failed = 1; failed < view; failed++) {
    for (const index of others) drive(state, ballot(index, voteOf('nullify', failed)), startMs + 1)
  }
  assert.equal(state.view, view)
  const dueMs = state.buildAtMs!
  assert.ok(dueMs > startMs + 2)
  // As under a parent whose time is ahead.
  state.nullifyAtMs = startMs + 2
  const given = step(state, { kind: 'tick', isBusy: false }, startMs + 2)
  assert.deepEqual(votesIn(given), [voteOf('nullify', view)])
  assert.deepEqual(step(state, { kind: 'tick', isBusy: false }, dueMs), [])
  assert.ok(nextWakeMs(state) > dueMs)
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

test('step: a block is judged again after it was executed, its reveal is verified once', () => {
  const state = started()
  const beacon = toHex(beaconDigest(identity, 0n, 1n))
  let revealCount = 0
  const counting: SignatureScheme = {
    ...scheme,
    verify: (publicKey, message, signature) => {
      if (toHex(message) === beacon) revealCount++
      return scheme.verify(publicKey, message, signature)
    },
  }
  Object.assign(state.config, { scheme: counting })
  const asked = step(state, proposalIn(1), startMs + 1_000)
  const key = asked.flatMap((effect) => (effect.kind === 'validate' ? [effect.key] : []))[0]!
  const answered = step(state, { kind: 'validated', key, status: 'VALID' }, startMs + 1_010)
  assert.deepEqual(
    votesIn(answered).map(({ kind }) => kind),
    ['notarize'],
  )
  assert.equal(revealCount, 1)
})

test('step: another reveal under the header of a verified one is not taken for it', () => {
  const state = started()
  step(state, proposalIn(1), startMs + 1_000)
  const round = state.rounds.get(1)!
  const { key, block } = round.proposal!
  assert.equal(round.revealedIn, key)
  round.proposal = { key, block: { ...block, reveal: new Uint8Array(96) } }
  const effects = step(state, { kind: 'validated', key, status: 'VALID' }, startMs + 1_010)
  assert.deepEqual(
    votesIn(effects).map(({ kind }) => kind),
    ['nullify'],
  )
})
