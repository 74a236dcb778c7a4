/** Evidence out of what nodes hold and operators signed: what is found, in which order, and not. */

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
import type { Certificate, FinalityCertificate } from './certificate.ts'
import { findConflicts, findFaults } from './evidence-finder.ts'
import type { Testimony } from './evidence-finder.ts'
import { verifyEvidence } from './evidence.ts'
import type { EvidenceContext } from './evidence.ts'
import { keyedHashScheme } from './signature-scheme.ts'
import { entryOf, secretKeyOf } from './testing/world.ts'
import { validatorSet } from './validator-set.ts'
import type { FinalityVote, RoundVote } from './votes.ts'
import { finalityVoteDigest, roundVoteDigest, zeroDigest } from './votes.ts'

const scheme = keyedHashScheme()
const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 7,
  genesisHash: new Uint8Array(32),
}
const entries = Array.from({ length: 8 }, (_, index) => entryOf(scheme, index))
// Epoch 1 has none of the operators of epoch 0 but the last one.
const sets = [validatorSet(0n, entries.slice(0, 4)), validatorSet(1n, entries.slice(3, 7))]
const context: EvidenceContext = {
  scheme,
  identity,
  validatorSet: (epoch) => sets[Number(epoch)],
}
const operatorsOf = (...indexes: readonly number[]) =>
  indexes.map((index) => entries[index]!.operator)

const common = Array.from({ length: 4 }, (_, height) => sha256(Uint8Array.of(height)))
const chainOf = (branch: number) => [
  ...common,
  ...Array.from({ length: 4 }, (_, height) => sha256(Uint8Array.of(branch, height))),
]
const [one, other] = [chainOf(1), chainOf(2)]
const [d, e] = [one[4]!, other[4]!]

function finality(
  chain: readonly Uint8Array[],
  height: number,
  more: Partial<FinalityVote> = {},
): FinalityVote {
  const histRoot = incrementalRoot(
    chain.slice(0, height).reduce((tree, leaf) => appendLeaf(tree, leaf), emptyIncrementalTree),
  )
  const [consensusRoot, blockHash] = [chain[height]!, zeroDigest]
  const words = { blockHash, consensusRoot, histRoot }
  return { epoch: 0n, height: BigInt(height), ...words, nextEpoch: 0n, ...more }
}

function round(kind: RoundVote['kind'], digest: Uint8Array = zeroDigest, view = 5): RoundVote {
  return { kind, epoch: 0n, view, digest }
}

const digestOf = (vote: RoundVote | FinalityVote): Uint8Array =>
  'kind' in vote ? roundVoteDigest(identity, vote) : finalityVoteDigest(identity, vote)

/** A certificate by members of the vote's set, by their places in it. */
function certify<vote extends RoundVote | FinalityVote>(vote: vote, places = [0, 1, 2]) {
  const keys = places.map((place) => (vote.epoch === 0n ? place : place + 3))
  const signatures = keys.map((key) => scheme.sign(secretKeyOf(key), digestOf(vote)))
  return { vote, signers: bitmapOf(places, 4), signature: scheme.aggregate(signatures)! }
}

/** What a node on a chain holds. */
function holds(
  chain: readonly Uint8Array[],
  certificates: readonly Certificate[],
  finalities: readonly FinalityCertificate[] = [],
): Testimony {
  return {
    certificates,
    finality: finalities,
    rootAt: (height) => chain[Number(height)],
    historyProof: (height, under) => {
      const nodes = new Map<string, Uint8Array>()
      chain
        .slice(0, Number(under))
        .reduce(
          (tree, leaf) =>
            appendLeaf(tree, leaf, (level, at, node) => nodes.set(`${level}/${at}`, node)),
          emptyIncrementalTree,
        )
      const nodeAt = (level: number, at: number): Uint8Array => nodes.get(`${level}/${at}`)!
      return incrementalProof({ index: Number(height), count: Number(under), nodeAt })
    },
  }
}

const faultsOf = (testimonies: readonly Testimony[]) =>
  findConflicts(context, testimonies).map(({ fault, operators }) => ({ fault, operators }))

test('findConflicts names the pairs between certificates of two chains, finality first', () => {
  const here = holds(
    one,
    [
      certify(round('notarize', d)),
      certify(round('finalize', d)),
      certify(round('finalize', d, 6)),
    ],
    [certify(finality(one, 4)), certify(finality(one, 5, { nextEpoch: 1n }))],
  )
  const there = holds(
    other,
    [certify(round('nullify'), [1, 2, 3]), certify(round('notarize', e, 6), [1, 2, 3])],
    [certify(finality(other, 4), [1, 2, 3]), certify(finality(other, 6), [1, 2, 3])],
  )
  const both = operatorsOf(1, 2)
  const expected = ['S5', 'S7', 'S6', 'S3', 'S4'].map((fault) => ({ fault, operators: both }))
  assert.deepEqual(faultsOf([here, there]), expected)
})

test('findConflicts finds S6 alone by an opening that the later chain gives', () => {
  const here = holds(one, [], [certify(finality(one, 4))])
  const there = holds(other, [], [certify(finality(other, 6), [0, 1, 3])])
  const [found, ...more] = findConflicts(context, [here, there])
  assert.equal(found?.fault, 'S6')
  assert.deepEqual(found?.operators, operatorsOf(0, 1))
  assert.deepEqual(more, [])
  assert.deepEqual(verifyEvidence(context, found!.evidence), operatorsOf(0, 1))
})

test('findConflicts of two finalizations of different views takes what lies in between', () => {
  const final = holds(one, [certify(round('finalize', d))])
  const later = certify(round('finalize', e, 7), [1, 2, 3])
  assert.deepEqual(faultsOf([final, holds(other, [later])]), [])
  const skipped = holds(other, [certify(round('nullify'), [1, 2, 3]), later])
  assert.deepEqual(faultsOf([final, skipped]), [{ fault: 'S3', operators: operatorsOf(1, 2) }])
  const built = holds(other, [certify(round('notarize', e), [1, 2, 3]), later])
  assert.deepEqual(faultsOf([final, built]), [{ fault: 'S4', operators: operatorsOf(1, 2) }])
})

test('findConflicts prefers the sets of one epoch, which share a third, to those of two', () => {
  const closed = certify(finality(one, 4, { nextEpoch: 1n }), [0, 1, 2, 3])
  const across = certify(finality(other, 4, { epoch: 1n }), [0, 1, 2, 3])
  const here = holds(one, [certify(round('finalize', d))], [closed])
  const there = holds(other, [certify(round('nullify'))], [across])
  assert.deepEqual(faultsOf([here, there]), [
    { fault: 'S3', operators: operatorsOf(0, 1, 2) },
    { fault: 'S5', operators: operatorsOf(3) },
  ])
})

test('findConflicts takes the fullest certificate, and passes over what does not verify', () => {
  const thin = certify(round('notarize', d), [0, 1, 2])
  const full = certify(round('notarize', d), [0, 1, 2, 3])
  const against = certify(round('notarize', e), [1, 2, 3])
  const noQuorum = certify(round('finalize', e), [2, 3])
  const forged = { ...certify(round('finalize', e), [1, 2, 3]), signature: thin.signature }
  const [thinner, fuller] = [holds(one, [thin]), holds(one, [full])]
  const testimonies = [thinner, fuller, holds(other, [against, noQuorum, forged])]
  assert.deepEqual(faultsOf(testimonies), [{ fault: 'S1', operators: operatorsOf(1, 2, 3) }])
})

test('findConflicts is not blinded by forged certificates of what was really signed', () => {
  const [real, against] = [
    certify(round('finalize', d)),
    certify(round('nullify'), [1, 2, 3]),
  ] as const
  const claimed = { ...real, signers: bitmapOf([0, 1, 2, 3], 4) }
  const [here, there] = [holds(one, [real]), holds(other, [against])]
  const liar = holds(other, [claimed, { ...against, signature: real.signature }])
  const expected = [{ fault: 'S3', operators: operatorsOf(1, 2) }]
  assert.deepEqual(faultsOf([liar, here, there]), expected)
  assert.deepEqual(faultsOf([liar]), [])
  const flood = Array.from({ length: 3_000 }, (_, at) => certify(round('notarize', d, 9 + at), [0]))
  assert.deepEqual(faultsOf([holds(other, flood), here, there]), expected)
})

test('findConflicts finds nothing in one chain, whatever was given up in between', () => {
  const certificates = [
    certify(round('notarize', d)),
    certify(round('nullify'), [1, 2, 3]),
    certify(round('notarize', d, 6)),
    certify(round('finalize', d, 6)),
    certify(round('finalize', one[5]!, 7)),
  ]
  const closing = certify(finality(one, 5, { nextEpoch: 1n }))
  const next = certify(finality(one, 6, { epoch: 1n }))
  const finalities = [
    certify(finality(one, 4)),
    certify(finality(one, 4), [1, 2, 3]),
    closing,
    next,
  ]
  assert.deepEqual(faultsOf([holds(one, certificates, finalities), holds(one, [], [])]), [])
})

test('findFaults names each kind of pair of an operator once an epoch, and verifies', () => {
  const operator = entries[3]!.operator
  const signed = <vote extends RoundVote | FinalityVote>(vote: vote) => ({
    vote,
    signature: scheme.sign(secretKeyOf(3), digestOf(vote)),
  })
  const rounds = [
    round('notarize', d),
    round('notarize', e),
    round('nullify'),
    round('finalize', d),
    round('notarize', d, 6),
    round('notarize', e, 6),
    round('finalize', d, 8),
    round('finalize', e, 8),
  ].map(signed)
  const finalities = [
    finality(one, 4),
    finality(other, 4),
    finality(one, 6, { nextEpoch: 1n }),
    finality(other, 7),
    finality(one, 5, { epoch: 1n }),
  ].map(signed)
  const testimonies = [holds(one, []), holds(other, [])]
  const found = findFaults({ operator, rounds, finality: finalities }, testimonies)
  const names = found.map(({ fault, epoch }) => `${fault}@${epoch}`)
  assert.deepEqual(names.toSorted(), [
    'S1@0',
    'S2@0',
    'S3@0',
    'S4@0',
    'S5@0',
    'S6@0',
    'S6@1',
    'S7@0',
    'S7@1',
  ])
  for (const { evidence } of found) {
    assert.deepEqual(verifyEvidence(context, evidence), [operator])
  }
})

test('findFaults acquits what an honest operator signs', () => {
  const operator = entries[0]!.operator
  const signed = <vote extends RoundVote | FinalityVote>(vote: vote) => ({
    vote,
    signature: scheme.sign(secretKeyOf(0), digestOf(vote)),
  })
  const rounds = [
    round('notarize', d),
    round('nullify'),
    // Found no quorum; another block became final.
    round('finalize', e, 6),
    round('notarize', e, 6),
    round('finalize', d, 7),
    round('notarize', d, 7),
  ].map(signed)
  const finalities = [
    finality(one, 4),
    finality(one, 5, { nextEpoch: 1n }),
    finality(one, 6, { epoch: 1n }),
  ].map(signed)
  const testimonies = [holds(one, []), holds(other, [])]
  assert.deepEqual(findFaults({ operator, rounds, finality: finalities }, testimonies), [])
})
