import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bytesEqual } from '@zg/primitives'

import { executedLosersMax, keyOf, losersKeptViews } from './engine-state.ts'
import type { EngineEffect, EngineEvent, EngineState } from './engine-state.ts'
import { step } from './engine.ts'
import { consensusRoot } from './header.ts'
import { leaderOf } from './leader.ts'
import type { Block } from './messages.ts'
import {
  blockIn,
  certificateOf,
  drive,
  from,
  others,
  peer,
  proposalIn,
  seed,
  self,
  set,
  started,
  startMs,
  syncedNode,
  voteOf,
  votesIn,
} from './testing/engine-world.ts'

/** Whom the engine asks for a body. */
function askedFor(effects: readonly EngineEffect[]): readonly string[] {
  return effects.flatMap((effect) => {
    const isRequest = effect.kind === 'send' && effect.message.kind === 'block-request'
    return isRequest && effect.to !== undefined ? [effect.to] : []
  })
}

function bodyFrom(sender: string | undefined, block: Block): EngineEvent {
  assert.ok(sender !== undefined, 'somebody was asked')
  return { kind: 'message', from: sender, message: { kind: 'block', block } }
}

function blamed(effects: readonly EngineEffect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'misbehaviour' ? [effect.peer] : []))
}

/** Steps as `drive`, with an application that knows which bytes belong to which header. */
function driveHonestly(
  state: EngineState,
  event: EngineEvent,
  nowMs: number,
): readonly EngineEffect[] {
  return drive(state, event, nowMs, ({ payload }) =>
    bytesEqual(payload, blockIn(payload[0] ?? 0).payload) ? 'VALID' : 'MISMATCH',
  )
}

test('step: a notarized block that is not here is asked of a signer, then moves the view', () => {
  const state = started()
  const block = blockIn(1)
  const vote = voteOf('notarize', 1, consensusRoot(block.header))
  const effects = step(state, from(others[0]!, certificateOf(vote, others)), startMs + 1_000)
  const [asked] = askedFor(effects)
  assert.equal(state.view, 1)
  const after = drive(state, bodyFrom(asked, block), startMs + 1_010)
  assert.equal(state.view, 2)
  assert.deepEqual(votesIn(after), [voteOf('finalize', 1, vote.digest)])
})

test('step: a block that waits for its parent is executed once a catch-up brings the parent', () => {
  const state = started()
  const parent = syncedNode(blockIn(1))
  const child = blockIn(2, startMs + 2_000, parent)
  const finalized = certificateOf(voteOf('finalize', 1, parent.consensusRoot), others)
  const notarized = certificateOf(voteOf('notarize', 2, consensusRoot(child.header)), others)
  step(state, from(others[0]!, finalized), startMs + 2_000)
  const [asked] = askedFor(step(state, from(others[0]!, notarized), startMs + 2_000))
  step(state, bodyFrom(asked, child), startMs + 2_000)
  assert.equal(state.orphans.size, 1)
  assert.notEqual(state.pendingFinalization, undefined)
  const after = drive(state, { kind: 'synced', node: parent, proof: undefined }, startMs + 2_100)
  assert.deepEqual(votesIn(after), [voteOf('finalize', 2, consensusRoot(child.header))])
  assert.equal(state.view, 3)
  assert.equal(state.orphans.size, 0)
  assert.equal(state.pendingFinalization, undefined)
})

test('step: a body nobody asked for is not taken', () => {
  const state = started()
  const block = blockIn(1)
  const vote = voteOf('notarize', 1, consensusRoot(block.header))
  const [asked] = askedFor(step(state, from(others[0]!, certificateOf(vote, others)), startMs))
  const stranger = others.map(peer).find((each) => each !== asked)
  drive(state, bodyFrom(stranger, block), startMs)
  assert.equal(state.nodes.size, 1)
  drive(state, bodyFrom(asked, block), startMs)
  assert.equal(state.nodes.size, 2)
})

test('step: other bytes under a right header cost the leader its view, and us nothing', () => {
  const state = started()
  const block = blockIn(1)
  const root = consensusRoot(block.header)
  const poisoned = { ...block, payload: Uint8Array.of(1, 66) }
  const leader = peer(leaderOf(set, seed, 1))
  const first = driveHonestly(state, proposalIn(1, poisoned), startMs + 1_000)
  assert.deepEqual(votesIn(first), [voteOf('nullify', 1)])
  assert.deepEqual(blamed(first), [leader])
  // Again: not looked at any more.
  assert.deepEqual(driveHonestly(state, proposalIn(1, poisoned), startMs + 1_000), [])

  const notarized = from(others[0]!, certificateOf(voteOf('notarize', 1, root), others))
  const [asked] = askedFor(driveHonestly(state, notarized, startMs + 1_010))
  const second = driveHonestly(state, bodyFrom(asked, poisoned), startMs + 1_020)
  assert.deepEqual(blamed(second), [asked])
  const tick = { kind: 'tick', isBusy: false } as const
  const retried = driveHonestly(state, tick, startMs + 60_000)
  const [other] = askedFor(retried)
  assert.notEqual(other, asked)
  driveHonestly(state, bodyFrom(other, block), startMs + 60_010)
  assert.equal(state.view, 2)
})

test('step: another reveal under a right header is not taken', () => {
  const state = started()
  const block = blockIn(1)
  const poisoned = { ...block, reveal: block.reveal.with(0, (block.reveal[0]! + 1) & 0xff) }
  const vote = voteOf('notarize', 1, consensusRoot(block.header))
  const [asked] = askedFor(step(state, from(others[0]!, certificateOf(vote, others)), startMs))
  assert.deepEqual(blamed(drive(state, bodyFrom(asked, poisoned), startMs + 10)), [asked])
  assert.equal(state.nodes.size, 1)
})

test('step: losers are forgotten by the application, then altogether, and never the winners', () => {
  const state = started()
  const forgotten = new Set<string>()
  const proposed: string[] = []
  let nowMs = startMs
  const take = (event: EngineEvent): void => {
    for (const effect of drive(state, event, nowMs)) {
      if (effect.kind === 'forget') forgotten.add(keyOf(effect.executionHash))
    }
  }
  const lastView = losersKeptViews + 100
  for (let view = 1; view <= lastView; view++) {
    nowMs += 10_000
    if (leaderOf(set, seed, view) !== self) {
      const block = blockIn(view, nowMs)
      proposed.push(keyOf(block.header.executionHash))
      take(proposalIn(view, block))
    }
    take(from(others[0]!, certificateOf(voteOf('nullify', view), others)))
  }
  assert.equal(state.view, lastView + 1)
  const executed = [...state.nodes.values()].filter(({ status }) => status === 'valid')
  // The base, and the losers that stay executed.
  assert.equal(executed.length, 1 + executedLosersMax)
  assert.ok(state.nodes.size <= 1 + losersKeptViews)
  assert.deepEqual(
    proposed.filter((hash) => !forgotten.has(hash)),
    executed.slice(1).map(({ header }) => keyOf(header.executionHash)),
  )

  // One of the forgotten is notarised after all: it is executed again.
  const revived = [...state.nodes.values()].find(({ status }) => status === 'pending')
  assert.ok(revived !== undefined)
  const round = [...state.rounds.values()].find(({ ownNotarize }) => ownNotarize === revived.key)
  const vote = voteOf('notarize', round!.view, revived.consensusRoot)
  const effects = drive(state, from(others[0]!, certificateOf(vote, others)), nowMs)
  assert.ok(effects.some(({ kind }) => kind === 'validate'))
  assert.equal(revived.status, 'valid')
})
