import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sha256 } from '@zg/primitives'

import { verifyFinalityCertificate } from './certificate.ts'
import { verifyEvidence } from './evidence.ts'
import type { Evidence, SignedFinalityVote } from './evidence.ts'
import { FinalityTracker } from './finality.ts'
import { keyedHashScheme } from './signature-scheme.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { entryOf, secretKeyOf } from './testing/world.ts'
import { validatorSet } from './validator-set.ts'
import type { FinalityVote } from './votes.ts'
import { finalityVoteDigest } from './votes.ts'

const scheme = keyedHashScheme()
const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 1,
  genesisHash: new Uint8Array(32),
}
const members = [0, 1, 2, 3].map((index) => entryOf(scheme, index))
/** In epoch 3 the first operator has another key, and stands last. */
const renewed = { ...members[0]!, publicKey: scheme.publicKeyOf(secretKeyOf(10)) }
const sets = new Map([
  [1n, validatorSet(1n, members)],
  [3n, validatorSet(3n, [...members.slice(1), renewed])],
])
const seats = new Map([
  [1n, { index: 0, key: secretKeyOf(0) }],
  [3n, { index: 3, key: secretKeyOf(10) }],
])

function voteAt(epoch: bigint, height: bigint, nextEpoch = 0n): FinalityVote {
  const consensusRoot = sha256(Uint8Array.of(Number(height)))
  const blockHash = new Uint8Array(32)
  return { epoch, height, blockHash, consensusRoot, histRoot: blockHash, nextEpoch }
}

/** By the first operator, with the key it has in the vote's epoch. */
function signed(vote: FinalityVote): SignedFinalityVote {
  const { key } = seats.get(vote.epoch)!
  return { vote, signature: scheme.sign(key, finalityVoteDigest(identity, vote)) }
}

function evidenceFrom(votes: readonly SignedFinalityVote[]): readonly Evidence[] {
  const tracker = new FinalityTracker(identity, scheme)
  return votes.flatMap((each) => {
    const { epoch } = each.vote
    return tracker.addVote(seats.get(epoch)!.index, each, sets.get(epoch)!).evidence ?? []
  })
}

const context = { scheme, identity, validatorSet: (epoch: bigint) => sets.get(epoch) }

const clashes: readonly (readonly [string, FinalityVote, FinalityVote])[] = [
  ['S7: a vote of the epoch above its closing vote', voteAt(1n, 5n, 3n), voteAt(1n, 6n)],
  [
    'S7: a vote of a later epoch at the height of a closing vote',
    voteAt(1n, 5n, 3n),
    voteAt(3n, 5n),
  ],
  ['S7: a vote of a later epoch below a closing vote', voteAt(1n, 5n, 3n), voteAt(3n, 4n)],
  ['S5: one height in two epochs', voteAt(1n, 5n), voteAt(3n, 5n)],
]

for (const [name, first, second] of clashes) {
  test(`FinalityTracker: ${name} is evidence, in either order`, () => {
    for (const pair of [
      [first, second],
      [second, first],
    ]) {
      const [evidence, ...others] = evidenceFrom(pair.map(signed))
      assert.ok(evidence !== undefined && others.length === 0)
      assert.deepEqual(verifyEvidence(context, evidence), [members[0]!.operator])
    }
  })
}

test('FinalityTracker: a vote, the closing vote and votes of the next epoch are no fault', () => {
  const votes = [voteAt(1n, 4n), voteAt(1n, 5n, 3n), voteAt(3n, 6n), voteAt(3n, 7n)]
  assert.deepEqual(evidenceFrom(votes.map(signed)), [])
  assert.deepEqual(evidenceFrom(votes.toReversed().map(signed)), [])
})

test('FinalityTracker: a clash that does not verify convicts nobody', () => {
  const closing = signed(voteAt(1n, 5n, 3n))
  const forged = { vote: voteAt(1n, 6n), signature: new Uint8Array(96) }
  assert.deepEqual(evidenceFrom([closing, forged]), [])
  assert.deepEqual(evidenceFrom([forged, closing]), [])
})

test('FinalityTracker: the set of the epoch certifies, whatever stands elsewhere', () => {
  const tracker = new FinalityTracker(identity, scheme)
  const [vote, set] = [voteAt(3n, 6n), sets.get(3n)!]
  tracker.setContent(vote, set)
  const digest = finalityVoteDigest(identity, vote)
  const keys = [secretKeyOf(1), secretKeyOf(2), secretKeyOf(3), secretKeyOf(10)]
  const answers = keys.map((key, index) => {
    const signature = scheme.sign(key, digest)
    const answer = tracker.addVote(index, { vote, signature }, set)
    // Three of four are a quorum, once it has waited; the fourth makes it fuller.
    return answer.isShort === true ? tracker.settle(vote) : answer
  })
  const certificates = answers.flatMap(({ certificate }) => certificate ?? [])
  assert.equal(certificates.length, 2)
  for (const certificate of certificates) {
    assert.ok(verifyFinalityCertificate(scheme, identity, set, certificate))
    assert.ok(!verifyFinalityCertificate(scheme, identity, sets.get(1n)!, certificate))
  }
})

test('FinalityTracker: votes that come together make one certificate, with one check', () => {
  let checkCount = 0
  const counting: SignatureScheme = {
    ...scheme,
    verifyAggregate: (...asked) => {
      checkCount++
      return scheme.verifyAggregate(...asked)
    },
  }
  const tracker = new FinalityTracker(identity, counting)
  const [vote, set] = [voteAt(1n, 6n), sets.get(1n)!]
  tracker.setContent(vote, set)
  const digest = finalityVoteDigest(identity, vote)
  const answers = [0, 1, 2, 3].map((index) => {
    const signature = scheme.sign(secretKeyOf(index), digest)
    return tracker.addVote(index, { vote, signature }, set)
  })
  assert.deepEqual(
    answers.map(({ isShort = false }) => isShort),
    [false, false, true, false],
  )
  const [certificate, ...others] = answers.flatMap((answer) => answer.certificate ?? [])
  assert.ok(certificate !== undefined && others.length === 0)
  assert.ok(verifyFinalityCertificate(scheme, identity, set, certificate))
  assert.deepEqual([...certificate.signers], [0b1111])
  assert.equal(checkCount, 1)
  // What all have signed is not made again.
  assert.deepEqual(tracker.settle(vote), { forgers: [] })
})
