/** Evidence as calls: SlashingManager on our EVM takes each kind, in the calls that it needs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  bitmapOf,
  blsScheme,
  finalityVoteDigest,
  roundVoteDigest,
  validatorSet,
  zeroDigest,
} from '@zg/consensus'
import type { Evidence, FinalityVote, RoundVote } from '@zg/consensus'
import { ContractRevertError, L1World, testOperator } from '@zg/contracts/testing'
import type { TestOperator } from '@zg/contracts/testing'
import {
  appendLeaf,
  blsPublicKeyOf,
  emptyIncrementalTree,
  fromHex,
  incrementalProof,
  incrementalRoot,
  sha256,
} from '@zg/primitives'

import { evidenceCalls } from './evidence-calls.ts'
import type { SlashingCall } from './evidence-calls.ts'

const networkId = 1
const epoch = 12n
const scheme = blsScheme()
const all = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const [d, e] = [1, 2].map((fill) => sha256(Uint8Array.of(fill))) as [Uint8Array, Uint8Array]
const set = validatorSet(
  epoch,
  all.map(({ address, secretKey }) => ({
    operator: fromHex(address),
    publicKey: blsPublicKeyOf(secretKey),
    stake: 100n * 10n ** 9n,
  })),
)

/** Five operators with a hundred tokens each; it is their first epoch. */
function openWorld() {
  const l1 = new L1World()
  l1.openNetwork(networkId)
  l1.settle(all, { ids: [networkId] })
  l1.goToEpoch(Number(epoch))
  const send = ({ name, args }: SlashingCall) =>
    l1
      .send(l1.slashing, name, args)
      .events.filter((event) => event.name === 'Punished')
      .map(({ args: { operator, fault } }) => [String(operator).toLowerCase(), fault])
  return { l1, send }
}

const { l1: home } = openWorld()
const identity = home.identityOf(networkId)
const options = { networkId, validatorSet: () => set }

const digestOf = (vote: RoundVote | FinalityVote): Uint8Array =>
  'kind' in vote ? roundVoteDigest(identity, vote) : finalityVoteDigest(identity, vote)

function signed<vote extends RoundVote | FinalityVote>(vote: vote, { secretKey } = culprit) {
  return { vote, signature: scheme.sign(secretKey, digestOf(vote)) }
}

function certify<vote extends RoundVote | FinalityVote>(vote: vote, places: readonly number[]) {
  const parts = places.map((place) => signed(vote, all[place]).signature)
  return { vote, signers: bitmapOf(places, 5), signature: scheme.aggregate(parts)! }
}

const culprit = all[0] as TestOperator
const operator = fromHex(culprit.address)
const round = (kind: RoundVote['kind'], digest: Uint8Array): RoundVote => {
  return { kind, epoch, view: 7, digest }
}

const fork = Array.from({ length: 11 }, (_, height) => sha256(Uint8Array.of(70, height)))
const finality = (height: bigint, more: Partial<FinalityVote> = {}): FinalityVote => {
  const roots = { blockHash: d, consensusRoot: d, histRoot: e }
  return { epoch, height, nextEpoch: 0n, ...roots, ...more }
}

/** A later vote whose history holds another block at height 9, and what shows it. */
function forked() {
  const nodes = new Map<string, Uint8Array>()
  const tree = fork.reduce(
    (below, leaf) =>
      appendLeaf(below, leaf, (level, at, node) => nodes.set(`${level}/${at}`, node)),
    emptyIncrementalTree,
  )
  const nodeAt = (level: number, at: number) => nodes.get(`${level}/${at}`) as Uint8Array
  const proof = incrementalProof({ index: 9, count: fork.length, nodeAt })
  const vote = finality(11n, { histRoot: incrementalRoot(tree) })
  return { vote, opening: { leaf: fork[9] as Uint8Array, proof } }
}

test('evidenceCalls of one operator is one call, which punishes at once', () => {
  const later = forked()
  const pairs: readonly (readonly [string, Evidence])[] = [
    ['S1', roundEvidence(round('notarize', d), round('notarize', e))],
    ['S2', roundEvidence(round('finalize', d), round('finalize', e))],
    ['S3', roundEvidence(round('nullify', zeroDigest), round('finalize', e))],
    ['S4', roundEvidence(round('notarize', d), round('finalize', e))],
    ['S5', finalityEvidence(finality(9n), finality(9n, { blockHash: e }))],
    ['S6', { ...finalityEvidence(finality(9n), later.vote), opening: later.opening }],
    ['S7', finalityEvidence(finality(9n, { nextEpoch: 13n }), finality(10n))],
  ]
  for (const [fault, evidence] of pairs) {
    const { send } = openWorld()
    const calls = evidenceCalls(evidence, options)
    assert.equal(calls.length, 1, fault)
    assert.deepEqual(send(calls[0]!), [[culprit.address, Number(fault.slice(1))]], fault)
    assert.throws(() => send(calls[0]!), ContractRevertError)
  }
})

test('evidenceCalls of two certificates is a proof, then pages of those who signed both', () => {
  const later = forked()
  const [left, right] = [
    [0, 1, 2, 3],
    [1, 2, 3, 4],
  ]
  const conflicts: readonly (readonly [number, Evidence])[] = [
    [
      4,
      {
        kind: 'certificates',
        first: certify(round('finalize', d), left),
        second: certify(round('notarize', e), right),
      },
    ],
    [
      6,
      {
        kind: 'finality-certificates',
        first: certify(later.vote, left),
        second: certify(finality(9n), right),
        opening: later.opening,
      },
    ],
  ]
  for (const [fault, evidence] of conflicts) {
    const { send } = openWorld()
    const [proof, ...pages] = evidenceCalls(evidence, { ...options, pageSize: 2 })
    assert.equal(pages.length, 2)
    assert.throws(() => send(pages[0]!), ContractRevertError, 'nothing is proved yet')
    assert.deepEqual(send(proof!), [])
    const punished = pages.flatMap(send)
    const both = all.slice(1, 4).map(({ address }) => address)
    assert.deepEqual(
      punished,
      both.toSorted().map((address) => [address, fault]),
    )
    assert.equal(evidenceCalls(evidence, options).length, 2, 'one page holds them all')
  }
})

function roundEvidence(first: RoundVote, second: RoundVote): Evidence {
  return { kind: 'round-votes', operator, first: signed(first), second: signed(second) }
}

function finalityEvidence(first: FinalityVote, second: FinalityVote) {
  const pair = { first: signed(first), second: signed(second) }
  return { kind: 'finality-votes', operator, ...pair } as const
}
