import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  appendLeaf,
  emptyIncrementalTree,
  incrementalProof,
  incrementalRoot,
  sha256,
} from '@zg/primitives'

import { bitmapOf } from './certificate.ts'
import type { NetworkIdentity } from './configuration.ts'
import { EvidenceInvalidError, finalityFaultOf, roundFaultOf, verifyEvidence } from './evidence.ts'
import type { Evidence, EvidenceContext } from './evidence.ts'
import { blsScheme } from './signature-scheme.ts'
import { entryOf, secretKeyOf } from './testing/world.ts'
import { validatorSet } from './validator-set.ts'
import type { FinalityVote, RoundVote, RoundVoteKind } from './votes.ts'
import { finalityVoteDigest, roundVoteDigest, zeroDigest } from './votes.ts'

const scheme = blsScheme()
const identity: NetworkIdentity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 7,
  genesisHash: new Uint8Array(32),
}
const entries = [0, 1, 2, 3].map((index) => entryOf(scheme, index))
const sets = new Map([
  [0n, validatorSet(0n, entries)],
  // The operators of validators 0 and 1 have new keys from epoch 1 on.
  [
    1n,
    validatorSet(
      1n,
      entries.map((entry, index) => ({
        ...entry,
        publicKey: index < 2 ? entryOf(scheme, 10 + index).publicKey : entry.publicKey,
      })),
    ),
  ],
])
const context: EvidenceContext = { scheme, identity, validatorSet: (epoch) => sets.get(epoch) }
const operator = entries[0]!.operator
const d = new Uint8Array(32).fill(1)
const e = new Uint8Array(32).fill(2)

function vote(kind: RoundVoteKind, digest: Uint8Array = zeroDigest, view = 5): RoundVote {
  return { kind, epoch: 0n, view, digest }
}

function signRound(roundVote: RoundVote, key = 0): { vote: RoundVote; signature: Uint8Array } {
  const digest = roundVoteDigest(identity, roundVote)
  return { vote: roundVote, signature: scheme.sign(secretKeyOf(key), digest) }
}

function signFinality(
  finalityVote: FinalityVote,
  key = 0,
): { vote: FinalityVote; signature: Uint8Array } {
  const digest = finalityVoteDigest(identity, finalityVote)
  return { vote: finalityVote, signature: scheme.sign(secretKeyOf(key), digest) }
}

function roundEvidence(first: RoundVote, second: RoundVote): Evidence {
  return { kind: 'round-votes', operator, first: signRound(first), second: signRound(second) }
}

const roots = Array.from({ length: 8 }, (_, height) => sha256(Uint8Array.of(height)))
const forked = [...roots.slice(0, 4), ...roots.slice(4).map((root) => sha256(root))]

function treeOf(leaves: readonly Uint8Array[]): ReturnType<typeof appendLeaf> {
  return leaves.reduce((tree, leaf) => appendLeaf(tree, leaf), emptyIncrementalTree)
}

function finality(
  chain: readonly Uint8Array[],
  height: number,
  extra: Partial<FinalityVote> = {},
): FinalityVote {
  return {
    epoch: 0n,
    height: BigInt(height),
    blockHash: d,
    consensusRoot: chain[height]!,
    histRoot: incrementalRoot(treeOf(chain.slice(0, height))),
    nextEpoch: 0n,
    ...extra,
  }
}

function openingOf(chain: readonly Uint8Array[], index: number, count: number) {
  const nodes = new Map<string, Uint8Array>()
  let tree = emptyIncrementalTree
  for (const leaf of chain.slice(0, count)) {
    tree = appendLeaf(tree, leaf, (level, at, node) => nodes.set(`${level}/${at}`, node))
  }
  const nodeAt = (level: number, at: number): Uint8Array => nodes.get(`${level}/${at}`)!
  return { leaf: chain[index]!, proof: incrementalProof({ index, count, nodeAt }) }
}

test('verifyEvidence convicts S1 to S4', () => {
  const pairs: readonly (readonly [RoundVote, RoundVote, string])[] = [
    [vote('notarize', d), vote('notarize', e), 'S1'],
    [vote('finalize', d), vote('finalize', e), 'S2'],
    [vote('nullify'), vote('finalize', d), 'S3'],
    [vote('finalize', d), vote('notarize', e), 'S4'],
  ]
  for (const [first, second, fault] of pairs) {
    assert.equal(roundFaultOf(first, second), fault)
    assert.equal(roundFaultOf(second, first), fault)
    assert.deepEqual(verifyEvidence(context, roundEvidence(first, second)), [operator])
  }
})

test('verifyEvidence acquits what is no fault', () => {
  const pairs: readonly (readonly [RoundVote, RoundVote])[] = [
    [vote('notarize', d), vote('nullify')],
    [vote('notarize', d), vote('finalize', d)],
    [vote('finalize', d), vote('finalize', e, 6)],
    [vote('notarize', d), vote('notarize', d)],
  ]
  for (const [first, second] of pairs) {
    assert.throws(() => verifyEvidence(context, roundEvidence(first, second)), EvidenceInvalidError)
  }
})

test('verifyEvidence refuses a signature of somebody else', () => {
  const first = signRound(vote('notarize', d))
  const second = signRound(vote('notarize', e), 1)
  const evidence = { kind: 'round-votes', operator, first, second } as const
  assert.throws(() => verifyEvidence(context, evidence), EvidenceInvalidError)
})

test('verifyEvidence convicts S5, S6 and S7', () => {
  const opening = openingOf(forked, 5, 7)
  const cases: readonly (readonly [FinalityVote, FinalityVote, string])[] = [
    [finality(roots, 5), finality(forked, 5), 'S5'],
    [finality(roots, 5), finality(forked, 7), 'S6'],
    [finality(roots, 5, { nextEpoch: 1n }), finality(roots, 6), 'S7'],
  ]
  for (const [first, second, fault] of cases) {
    assert.equal(finalityFaultOf(first, second, opening), fault)
    assert.equal(finalityFaultOf(second, first, opening), fault)
    const evidence = {
      kind: 'finality-votes',
      operator,
      first: signFinality(first),
      second: signFinality(second),
      opening,
    } as const
    assert.deepEqual(verifyEvidence(context, evidence), [operator])
  }
})

test('verifyEvidence convicts an operator over a key rotation', () => {
  const closing = finality(roots, 5, { nextEpoch: 1n })
  const early = finality(roots, 4, { epoch: 1n })
  const evidence = {
    kind: 'finality-votes',
    operator,
    first: signFinality(closing),
    second: signFinality(early, 10),
  } as const
  assert.deepEqual(verifyEvidence(context, evidence), [operator])
})

test('finalityFaultOf acquits a later vote that extends the earlier one', () => {
  assert.equal(finalityFaultOf(finality(roots, 5), finality(roots, 7)), undefined)
  assert.equal(
    finalityFaultOf(finality(roots, 5), finality(roots, 7), openingOf(roots, 5, 7)),
    undefined,
  )
  // An opening of another leaf proves nothing.
  const wrong = openingOf(forked, 4, 7)
  assert.equal(finalityFaultOf(finality(roots, 5), finality(forked, 7), wrong), undefined)
})

test('verifyEvidence convicts all operators in both of two certificates (S8)', () => {
  const certificateOf = (roundVote: RoundVote, signers: readonly number[]) => ({
    vote: roundVote,
    signers: bitmapOf(signers, 4),
    signature: scheme.aggregate(signers.map((index) => signRound(roundVote, index).signature))!,
  })
  const evidence: Evidence = {
    kind: 'certificates',
    first: certificateOf(vote('notarize', d), [0, 1, 2]),
    second: certificateOf(vote('notarize', e), [1, 2, 3]),
  }
  const convicted = [entries[1]!.operator, entries[2]!.operator]
  assert.deepEqual(verifyEvidence(context, evidence), convicted)
  const thin: Evidence = { ...evidence, second: certificateOf(vote('notarize', e), [2, 3]) }
  assert.throws(() => verifyEvidence(context, thin), EvidenceInvalidError)
})

test('verifyEvidence convicts two conflicting finality certificates of two epochs', () => {
  const certificateOf = (
    finalityVote: FinalityVote,
    keys: readonly number[],
    at: readonly number[],
  ) => ({
    vote: finalityVote,
    signers: bitmapOf(at, 4),
    signature: scheme.aggregate(keys.map((key) => signFinality(finalityVote, key).signature))!,
  })
  const evidence: Evidence = {
    kind: 'finality-certificates',
    first: certificateOf(finality(roots, 5, { nextEpoch: 1n }), [0, 2, 3], [0, 2, 3]),
    second: certificateOf(finality(roots, 5, { epoch: 1n }), [10, 11, 3], [0, 1, 3]),
  }
  assert.deepEqual(verifyEvidence(context, evidence), [entries[0]!.operator, entries[3]!.operator])
})
