import assert from 'node:assert/strict'
import { test } from 'node:test'

import { appendLeaf, emptyIncrementalTree, incrementalRoot, sha256 } from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import { guardViewsMax, VoteGuard, VoteRefusedError } from './guard.ts'
import type { FinalityVote, RoundVote, RoundVoteKind } from './votes.ts'
import { zeroDigest } from './votes.ts'

const a = new Uint8Array(32).fill(0xaa)
const b = new Uint8Array(32).fill(0xbb)

function vote(
  kind: RoundVoteKind,
  digest: Uint8Array = zeroDigest,
  view = 5,
  epoch = 0n,
): RoundVote {
  return { kind, epoch, view, digest }
}

function refusal(fault: string): (error: unknown) => boolean {
  return (error) => error instanceof VoteRefusedError && error.data['fault'] === fault
}

const notarizeA = vote('notarize', a)
const notarizeB = vote('notarize', b)
const finalizeA = vote('finalize', a)
const finalizeB = vote('finalize', b)
const nullify = vote('nullify')

/** Every ordered pair of votes in one view: the fault the second would make, or none. */
const table: readonly (readonly [RoundVote, RoundVote, string | undefined])[] = [
  [notarizeA, notarizeA, undefined],
  [notarizeA, notarizeB, 'S1'],
  [notarizeA, finalizeA, undefined],
  [notarizeA, finalizeB, 'S4'],
  [notarizeA, nullify, undefined],
  [finalizeA, notarizeA, undefined],
  [finalizeA, notarizeB, 'S4'],
  [finalizeA, finalizeA, undefined],
  [finalizeA, finalizeB, 'S2'],
  [finalizeA, nullify, 'S3'],
  [nullify, notarizeA, undefined],
  [nullify, finalizeA, 'S3'],
  [nullify, nullify, undefined],
]

for (const [first, second, fault] of table) {
  const name = ({ kind, digest }: RoundVote): string =>
    kind === 'nullify' ? 'Nullify' : `${kind}(${digest === a ? 'd' : "d'"})`
  test(`VoteGuard: ${name(first)} then ${name(second)} is ${fault ?? 'no fault'}`, () => {
    const guard = new VoteGuard()
    assert.equal(guard.admitRoundVote(first), true)
    if (fault === undefined) assert.equal(guard.admitRoundVote(second), first !== second)
    else assert.throws(() => guard.admitRoundVote(second), refusal(fault))
  })
}

test('VoteGuard: pairs in different views or epochs are no faults', () => {
  const guard = new VoteGuard()
  guard.admitRoundVote(notarizeA)
  assert.equal(guard.admitRoundVote(vote('notarize', b, 6)), true)
  assert.equal(guard.admitRoundVote(vote('notarize', b, 5, 1n)), true)
})

test('VoteGuard: nothing is signed in an epoch left behind', () => {
  const guard = new VoteGuard()
  guard.admitRoundVote(vote('notarize', a, 5, 1n))
  assert.throws(() => guard.admitRoundVote(vote('notarize', a, 9, 0n)), VoteRefusedError)
})

test('VoteGuard: nothing is signed in views it has forgotten', () => {
  const guard = new VoteGuard()
  for (let view = 1; view <= guardViewsMax + 1; view++) {
    guard.admitRoundVote(vote('notarize', a, view))
  }
  assert.throws(() => guard.admitRoundVote(vote('notarize', b, 1)), VoteRefusedError)
  assert.throws(() => guard.admitRoundVote(vote('notarize', a, 1)), VoteRefusedError)
  assert.equal(guard.admitRoundVote(vote('finalize', a, 2)), true)
})

test('VoteGuard: roundVotes give a new guard the same memory', () => {
  const guard = new VoteGuard()
  for (const each of [notarizeA, finalizeA, vote('nullify', zeroDigest, 6)]) {
    guard.admitRoundVote(each)
  }
  const copy = new VoteGuard()
  for (const each of guard.roundVotes()) copy.admitRoundVote(each)
  assert.throws(() => copy.admitRoundVote(nullify), refusal('S3'))
  assert.throws(() => copy.admitRoundVote(vote('finalize', a, 6)), refusal('S3'))
  assert.deepEqual(copy.newest, { epoch: 0n, view: 6 })
})

type Chain = { readonly roots: readonly Uint8Array[]; readonly trees: readonly IncrementalTree[] }

function chainOf(label: number, size: number, shared?: Chain): Chain {
  const roots = [...(shared?.roots ?? [])]
  for (let height = roots.length; height < size; height++) {
    roots.push(sha256(Uint8Array.of(label, height)))
  }
  const trees = [emptyIncrementalTree]
  for (const root of roots) trees.push(appendLeaf(trees.at(-1)!, root))
  return { roots, trees }
}

function voteAt(chain: Chain, height: number, extra: Partial<FinalityVote> = {}): FinalityVote {
  return {
    epoch: 0n,
    height: BigInt(height),
    blockHash: a,
    consensusRoot: chain.roots[height]!,
    histRoot: incrementalRoot(chain.trees[height]!),
    nextEpoch: 0n,
    ...extra,
  }
}

function admit(guard: VoteGuard, chain: Chain, finalityVote: FinalityVote): boolean {
  const height = Number(finalityVote.height)
  const last = Number(guard.lastFinalityVote?.height ?? 0n)
  const history = chain.trees[height]!
  return guard.admitFinalityVote(finalityVote, {
    history,
    rootsSince: chain.roots.slice(last, height),
  })
}

const main = chainOf(1, 12)

test('VoteGuard: finality votes rise in height and may leave heights out', () => {
  const guard = new VoteGuard()
  for (const height of [3, 4, 9]) assert.equal(admit(guard, main, voteAt(main, height)), true)
  assert.equal(admit(guard, main, voteAt(main, 9)), false)
  assert.equal(admit(guard, main, voteAt(main, 4)), false)
  assert.throws(() => admit(guard, main, voteAt(main, 5)), refusal('S5'))
})

test('VoteGuard: S5, other content at one height, in every field', () => {
  const guard = new VoteGuard()
  admit(guard, main, voteAt(main, 3))
  const changes: readonly Partial<FinalityVote>[] = [
    { blockHash: b },
    { consensusRoot: b },
    { histRoot: b },
    { nextEpoch: 1n },
    { epoch: 1n },
  ]
  for (const change of changes) {
    assert.throws(() => admit(guard, main, voteAt(main, 3, change)), refusal('S5'))
  }
})

test('VoteGuard: S6, a history that holds another leaf at a voted height', () => {
  const guard = new VoteGuard()
  admit(guard, main, voteAt(main, 3))
  const fork = chainOf(2, 12, chainOf(1, 3))
  assert.throws(() => admit(guard, fork, voteAt(fork, 6)), refusal('S6'))
  // A caller that claims the right leaves for another histRoot does not pass either.
  assert.throws(
    () => admit(guard, main, voteAt(main, 6, { histRoot: voteAt(fork, 6).histRoot })),
    refusal('S6'),
  )
  assert.equal(admit(guard, main, voteAt(main, 6)), true)
})

test('VoteGuard: S7, nothing of an epoch after its closing vote', () => {
  const guard = new VoteGuard()
  admit(guard, main, voteAt(main, 3, { nextEpoch: 2n }))
  assert.throws(() => admit(guard, main, voteAt(main, 4)), refusal('S7'))
  assert.throws(() => guard.admitRoundVote(vote('notarize', a, 9)), VoteRefusedError)
  assert.equal(admit(guard, main, voteAt(main, 4, { epoch: 2n })), true)
  assert.throws(() => admit(guard, main, voteAt(main, 5, { epoch: 1n })), refusal('S7'))
})

test('VoteGuard restored from a log segment refuses what the guard before it refused', () => {
  const guard = new VoteGuard()
  guard.admitRoundVote(vote('nullify', zeroDigest, 10))
  const last = 10 + guardViewsMax + 40
  for (let view = 11; view <= last; view++) guard.admitRoundVote(vote('nullify', zeroDigest, view))
  const restored = new VoteGuard()
  for (const kept of guard.roundVotes()) restored.admitRoundVote(kept)
  for (const each of [guard, restored]) {
    assert.throws(() => each.admitRoundVote(vote('finalize', a, 10)), VoteRefusedError)
    assert.throws(() => each.admitRoundVote(vote('finalize', a, last)), refusal('S3'))
  }
})

test('VoteGuard restored from finality votes holds the epochs they closed for closed', () => {
  const restored = new VoteGuard()
  const closing = voteAt(main, 3, { nextEpoch: 2n })
  const last = voteAt(main, 4, { epoch: 2n })
  for (const kept of [closing, last]) restored.rememberFinality(kept)
  restored.restoreFinality(last, main.trees[4]!)
  assert.throws(() => restored.admitRoundVote(vote('notarize', a, 9)), VoteRefusedError)
  assert.equal(restored.admitRoundVote(vote('notarize', a, 1, 2n)), true)
})
