/** Rules of the engine that look at L1: references, credits, the closing of an epoch. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { draftHeader } from './engine-blocks.ts'
import { nextWakeMs } from './engine-state.ts'
import type { EngineEffect, EngineState } from './engine-state.ts'
import { consensusRoot } from './header.ts'
import type { L1Reference } from './l1-reference.ts'
import { zeroL1Reference } from './l1-reference.ts'
import type { Credit, L1View, ReferenceStatus } from './l1-view.ts'
import { leaderOf } from './leader.ts'
import type { Block } from './messages.ts'
import {
  blockIn,
  certificateOf,
  drive,
  from,
  genesisNode,
  others,
  parameters,
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

/** L1 blocks 12 s apart, epochs of 120 s. */
const referenceTo = (number: bigint, creditCount = 0n): L1Reference => ({
  ...zeroL1Reference,
  number,
  timestamp: 12n * number,
  hash: new Uint8Array(32).fill(Number(number)),
  creditCount,
})

type FakeL1 = L1View & {
  statuses: Map<bigint, ReferenceStatus>
  newest: L1Reference | undefined
  creditsKnown: bigint
}

function fakeL1(): FakeL1 {
  return {
    statuses: new Map(),
    newest: undefined,
    creditsKnown: 0n,
    epochAt: (seconds) => seconds / 120n,
    validatorSet: (epoch) => (epoch === 0n ? set : undefined),
    newestReference() {
      return this.newest
    },
    checkReference({ number }) {
      return this.statuses.get(number) ?? 'UNKNOWN'
    },
    credits(first, until) {
      if (until > this.creditsKnown) return undefined
      return Array.from({ length: Number(until - first) }, (_, place) =>
        creditOf(first + BigInt(place)),
      )
    },
  }
}

const creditOf = (index: bigint): Credit => ({
  index,
  recipient: new Uint8Array(20),
  amountGwei: index + 1n,
})

const nowMs = startMs + 1_000
const tick = { kind: 'tick', isBusy: false } as const
const kindsOf = (effects: readonly EngineEffect[]): readonly string[] =>
  effects.map(({ kind }) => kind)

const referring = (l1: L1Reference, parent = genesisNode): Block => blockIn(1, nowMs, parent, l1)

test('step: a reference not known here is waited for, and voted for once it is', () => {
  const l1View = fakeL1()
  const state = started(l1View)
  const block = referring(referenceTo(3n))
  assert.deepEqual(votesIn(drive(state, proposalIn(1, block), nowMs)), [])
  assert.deepEqual(votesIn(drive(state, tick, nowMs + 200)), [])
  l1View.statuses.set(3n, 'VALID')
  const effects = drive(state, tick, nowMs + 400)
  assert.deepEqual(votesIn(effects), [voteOf('notarize', 1, consensusRoot(block.header))])
})

test('step: a reference that stays unknown is nullified after t_adv, not before', () => {
  const state = started(fakeL1())
  drive(state, proposalIn(1, referring(referenceTo(3n))), nowMs)
  const patienceMs = Math.max(3 * parameters.deltaMs, 6 * parameters.buildBudgetMs)
  for (let elapsedMs = 200; elapsedMs < patienceMs; elapsedMs += 200) {
    assert.deepEqual(votesIn(drive(state, tick, nowMs + elapsedMs)), [])
  }
  const dueMs = nowMs + patienceMs + parameters.buildBudgetMs + 2 * parameters.deltaMs
  assert.deepEqual(votesIn(drive(state, tick, dueMs)), [voteOf('nullify', 1)])
})

test('step: a reference L1 does not hold is nullified at once; so is a lower one', () => {
  const l1View = fakeL1()
  l1View.statuses.set(3n, 'INVALID')
  const state = started(l1View)
  const effects = drive(state, proposalIn(1, referring(referenceTo(3n))), nowMs)
  assert.deepEqual(votesIn(effects), [voteOf('nullify', 1)])
  const parent = syncedNode(referring(referenceTo(5n)))
  const lower = started(l1View)
  l1View.statuses.set(3n, 'VALID').set(5n, 'VALID')
  drive(lower, { kind: 'synced', node: parent, proof: undefined }, nowMs)
  lower.baseView = 0
  const block = blockIn(1, nowMs + 500, parent, referenceTo(3n))
  assert.deepEqual(votesIn(drive(lower, proposalIn(1, block), nowMs)), [voteOf('nullify', 1)])
})

test("step: a higher reference counts where L1 holds the parent's too, a repeated always", () => {
  const l1View = fakeL1()
  l1View.statuses.set(3n, 'INVALID').set(4n, 'VALID')
  const parent = syncedNode(referring(referenceTo(3n)))
  const judged = (l1: L1Reference): readonly string[] => {
    const state = started(l1View)
    drive(state, { kind: 'synced', node: parent, proof: undefined }, nowMs)
    state.baseView = 0
    const block = blockIn(1, nowMs + 500, parent, l1)
    return votesIn(drive(state, proposalIn(1, block), nowMs)).map(({ kind }) => kind)
  }
  assert.deepEqual(judged(referenceTo(4n)), ['nullify'])
  assert.deepEqual(judged(referenceTo(3n)), ['notarize'])
})

test("draftHeader: the newest reference if higher, the parent's after three failed views", () => {
  const l1View = fakeL1()
  const state = started(l1View)
  const parent = syncedNode(referring(referenceTo(3n)))
  const numberIn = (of: EngineState): bigint => draftHeader(of, parent, nowMs).l1.number
  assert.equal(numberIn(state), 3n)
  l1View.newest = referenceTo(2n)
  assert.equal(numberIn(state), 3n)
  l1View.newest = referenceTo(9n)
  assert.equal(numberIn(state), 9n)
  state.failures = 2
  assert.equal(numberIn(state), 9n)
  state.failures = 3
  assert.equal(numberIn(state), 3n)
})

test('draftHeader: a block pays out the next sixteen credits, whatever the reference', () => {
  const l1View = fakeL1()
  l1View.newest = referenceTo(2n, 40n)
  const state = started(l1View)
  assert.equal(draftHeader(state, genesisNode, nowMs).creditNext, 16n)
  const parent = syncedNode(referring(referenceTo(2n, 40n)))
  assert.equal(draftHeader(state, parent, nowMs).creditNext, 32n)
  const later = { ...parent, header: { ...parent.header, creditNext: 32n } }
  assert.equal(draftHeader(state, later, nowMs).creditNext, 40n)
})

test('step: a block is executed with exactly its credits, once they are known here', () => {
  const l1View = fakeL1()
  l1View.statuses.set(3n, 'VALID')
  const state = started(l1View)
  const block = referring(referenceTo(3n, 18n))
  assert.ok(!kindsOf(drive(state, proposalIn(1, block), nowMs)).includes('validate'))
  assert.ok(nextWakeMs(state) <= nowMs + 200)
  l1View.creditsKnown = 18n
  const effects = drive(state, tick, nowMs + 200)
  const [asked] = effects.flatMap((effect) => (effect.kind === 'validate' ? [effect] : []))
  assert.deepEqual(
    asked?.attributes.credits,
    Array.from({ length: 16 }, (_, index) => creditOf(BigInt(index))),
  )
  assert.deepEqual(votesIn(effects), [voteOf('notarize', 1, consensusRoot(block.header))])
})

/** A closing block that is notarised in view 1, and a state in view 2. */
function closing(): { state: EngineState; block: Block; root: Uint8Array } {
  const l1View = fakeL1()
  l1View.statuses.set(11n, 'VALID')
  const state = started(l1View)
  const block = referring(referenceTo(11n))
  const root = consensusRoot(block.header)
  drive(state, proposalIn(1, block), nowMs)
  drive(state, from(others[0]!, certificateOf(voteOf('notarize', 1, root), others)), nowMs)
  assert.equal(state.view, 2)
  return { state, block, root }
}

test('step: a closing block is proposed again by later leaders and voted for; no child of it is', () => {
  const child = closing()
  const parent = child.state.nodes.get(syncedNode(child.block).key)!
  assert.equal(parent.isClosing, true)
  const built = blockIn(2, nowMs + 1_000, parent)
  const refused = votesIn(drive(child.state, proposalIn(2, built), nowMs + 1_000))
  assert.ok(!refused.some(({ kind }) => kind === 'notarize'))
  const { state, block, root } = closing()
  const effects = drive(state, proposalIn(2, block), nowMs)
  assert.deepEqual(votesIn(effects), [voteOf('notarize', 2, root)])
})

test('step: the leader of a view on a closing block proposes it again at once', () => {
  const { state, root } = closing()
  let view = 2
  while (leaderOf(set, seed, view) !== self) {
    const skip = certificateOf(voteOf('nullify', view), others)
    drive(state, from(others[0]!, skip), nowMs)
    view++
    // The loop ends: each view has a quarter's chance to be ours.
    assert.ok(view < 200)
  }
  assert.equal(state.rounds.get(view)?.ownNotarize, `0x${Buffer.from(root).toString('hex')}`)
})

test('step: once the closing block is final nothing more is signed or asked in the epoch', () => {
  const { state, block, root } = closing()
  const effects = drive(
    state,
    from(others[0]!, certificateOf(voteOf('finalize', 1, root), others)),
    nowMs,
  )
  assert.ok(kindsOf(effects).includes('finalize'))
  assert.equal(state.isClosed, true)
  assert.equal(nextWakeMs(state), Infinity)
  assert.deepEqual(drive(state, tick, nowMs + 60_000), [])
  assert.deepEqual(votesIn(drive(state, proposalIn(2, block), nowMs)), [])
})

test('step: a closing block counts as of the view it is finalized in, not of its last', () => {
  const { state, block, root } = closing()
  drive(state, proposalIn(2, block), nowMs)
  drive(state, from(others[0]!, certificateOf(voteOf('notarize', 2, root), others)), nowMs)
  assert.equal(state.view, 3)
  const certificate = certificateOf(voteOf('finalize', 1, root), others)
  const effects = drive(state, from(others[0]!, certificate), nowMs)
  const [final] = effects.flatMap((effect) => (effect.kind === 'finalize' ? [effect] : []))
  // Where the ledger looks for the Finalization that proves it to others.
  assert.deepEqual(final?.views, [1])
})
