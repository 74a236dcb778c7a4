import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FinalityVote, RoundVote } from '@zg/consensus'
import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { rootOf, siblingsOf } from '../testing/history.ts'
import { L1World } from '../testing/l1-world.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'
import { refuses } from '../testing/refuses.ts'

const ether = 10n ** 18n
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))
const all = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const [culprit, second, third] = all as [TestOperator, TestOperator, TestOperator]
const noOpening = { leaf: toHex(new Uint8Array(32)), siblings: [] as Hex[] }

/** Five operators with 100 tokens each validate networks 0 and 1; it is their first epoch, 12. */
function openWorld(slashBpsMax = 10_000) {
  const l1 = new L1World()
  for (const id of [0, 1]) l1.openNetwork(id)
  for (const operator of all) {
    const { address } = operator
    l1.register(operator)
    l1.fund(address, 100n * ether)
    l1.send(l1.stakes, 'stake', [address, 100n * ether], address)
    for (const id of [0, 1]) l1.send(l1.networks, 'optIn', [id, slashBpsMax], address)
  }
  l1.goToEpoch(12)
  const stakeOf = ({ address }: TestOperator) =>
    (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
  const reportRounds = (id: number, { address }: TestOperator, pair: readonly unknown[]) =>
    l1.send(l1.slashing, 'reportRoundVotes', [id, address, ...pair], reporter)
  const reportFinality = (id: number, { address }: TestOperator, evidence: readonly unknown[]) =>
    l1.send(l1.slashing, 'reportFinalityVotes', [id, address, ...evidence], reporter)
  return { l1, stakeOf, reportRounds, reportFinality }
}

function round(kind: RoundVote['kind'], fill: number, more: Partial<RoundVote> = {}): RoundVote {
  const digest = new Uint8Array(32).fill(kind === 'nullify' ? 0 : fill)
  return { kind, epoch: 12n, view: 7, digest, ...more }
}

function finality(more: Partial<FinalityVote> = {}): FinalityVote {
  const [blockHash, consensusRoot, histRoot] = [1, 2, 3].map((fill) => sha256(Uint8Array.of(fill)))
  const words = { blockHash, consensusRoot, histRoot } as Pick<
    FinalityVote,
    'blockHash' | 'consensusRoot' | 'histRoot'
  >
  return { epoch: 12n, height: 9n, nextEpoch: 0n, ...words, ...more }
}

const roundFaults: readonly [string, RoundVote, RoundVote][] = [
  ['S1', round('notarize', 1), round('notarize', 2)],
  ['S2', round('finalize', 1), round('finalize', 2)],
  ['S3', round('nullify', 0), round('finalize', 1)],
  ['S4', round('finalize', 1), round('notarize', 2)],
]

for (const [name, first, other] of roundFaults) {
  test(`${name}: two round votes of a view cost stake, in either order`, () => {
    for (const pair of [
      [first, other],
      [other, first],
    ]) {
      const { l1, stakeOf, reportRounds } = openWorld()
      const signed = pair.map((vote) => l1.signRound(1, vote, culprit))
      const { events } = reportRounds(1, culprit, signed)
      const [event] = events
      assert.equal(event?.name, 'Punished')
      assert.equal(event?.args['fault'], Number(name.slice(1)))
      assert.ok(stakeOf(culprit) < 100n * ether)
    }
  })
}

test('S5, S6, S7: finality votes that contradict each other cost stake', () => {
  const fork = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((fill) => sha256(Uint8Array.of(70, fill)))
  const opening = {
    leaf: toHex(fork[9] as Uint8Array),
    siblings: siblingsOf(fork, 9).map(toHex),
  }
  const later = finality({ height: 11n, histRoot: rootOf(fork) })
  const closing = finality({ nextEpoch: 13n })
  const table: readonly [string, FinalityVote, FinalityVote, typeof opening][] = [
    ['S5', finality(), finality({ blockHash: sha256(Uint8Array.of(8)) }), noOpening],
    ['S5', finality(), finality({ nextEpoch: 13n }), noOpening],
    ['S6', finality(), later, opening],
    ['S6', later, finality(), opening],
    ['S7', closing, finality({ height: 10n }), noOpening],
  ]
  for (const [name, first, other, opened] of table) {
    const { l1, reportFinality } = openWorld()
    const signed = [first, other].map((vote) => l1.signFinality(1, vote, culprit))
    const { events } = reportFinality(1, culprit, [...signed, opened])
    assert.equal(events[0]?.args['fault'], Number(name.slice(1)), name)
  }
})

test('what is no fault is not punished, whoever signed it', () => {
  const { l1, reportRounds, reportFinality } = openWorld()
  const rounds: readonly [RoundVote, RoundVote][] = [
    [round('notarize', 1), round('nullify', 0)],
    [round('notarize', 1), round('finalize', 1)],
    [round('notarize', 1), round('notarize', 1)],
    [round('finalize', 1), round('finalize', 2, { view: 8 })],
    [round('notarize', 1), round('notarize', 2, { epoch: 11n })],
  ]
  for (const pair of rounds) {
    const signed = pair.map((vote) => l1.signRound(1, vote, culprit))
    refuses(() => reportRounds(1, culprit, signed), 'NotAFault')
  }
  const leaves = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((fill) => sha256(Uint8Array.of(70, fill)))
  const own = { leaf: toHex(finality().consensusRoot), siblings: siblingsOf(leaves, 9).map(toHex) }
  const finalities: readonly [FinalityVote, FinalityVote, typeof own][] = [
    [finality(), finality(), noOpening],
    [finality(), finality({ height: 10n }), noOpening],
    [finality(), finality({ height: 10n, nextEpoch: 13n }), noOpening],
    [finality({ nextEpoch: 13n }), finality({ height: 10n, epoch: 13n }), noOpening],
    [finality(), finality({ height: 10n, histRoot: rootOf(leaves) }), own],
    [finality(), finality({ height: 10n, histRoot: rootOf(leaves) }), { ...own, siblings: [] }],
  ]
  for (const [first, other, opening] of finalities) {
    const signed = [first, other].map((vote) => l1.signFinality(1, vote, culprit))
    refuses(() => reportFinality(1, culprit, [...signed, opening]), 'NotAFault')
  }
})

test('forged evidence, and evidence of another network, operator or time, is refused', () => {
  const { l1, stakeOf, reportRounds } = openWorld()
  const pair = [round('notarize', 1), round('notarize', 2)]
  const signed = pair.map((vote) => l1.signRound(1, vote, culprit))
  refuses(() => reportRounds(0, culprit, signed), 'SignatureInvalid')
  refuses(() => reportRounds(1, second, signed), 'SignatureInvalid')
  refuses(() => reportRounds(7, culprit, signed), 'NetworkUnknown')
  refuses(() => reportRounds(1, testOperator(9), signed), 'KeyUnknown')
  const [own, other] = pair as [RoundVote, RoundVote]
  const mixed = [l1.signRound(1, own, culprit), l1.signRound(1, other, second)]
  refuses(() => reportRounds(1, culprit, mixed), 'SignatureInvalid')
  const at = (epoch: bigint) => pair.map((vote) => l1.signRound(1, { ...vote, epoch }, culprit))
  refuses(() => reportRounds(1, culprit, at(13n)), 'EpochToCome')
  refuses(() => reportRounds(1, culprit, at(11n)), 'KeyUnknown')
  l1.goToEpoch(17)
  l1.world.advance(1)
  refuses(() => reportRounds(1, culprit, signed), 'EvidenceTooOld')
  assert.equal(stakeOf(culprit), 100n * ether)
})

test('a slash drill: one fault on network 1 is paid for by all who staked, and on both networks', () => {
  const { l1, stakeOf, reportRounds } = openWorld()
  const delegator: Hex = toHex(new Uint8Array(20).fill(0xd1))
  l1.fund(delegator, 300n * ether)
  l1.send(l1.stakes, 'stake', [culprit.address, 300n * ether], delegator)
  l1.send(l1.stakes, 'unstake', [culprit.address, 50n * ether], culprit.address)
  const total = (id: number, epoch: number) =>
    (l1.read(l1.networks, 'setAt', id, epoch) as { total: bigint }).total / 10n ** 9n
  assert.deepEqual([total(0, 14), total(1, 14)], [750n, 750n])
  const signed = [round('notarize', 1), round('notarize', 2)].map((vote) =>
    l1.signRound(1, vote, culprit),
  )
  // 5 % and three times its 100 of 500.
  assert.equal(l1.read(l1.slashing, 'penaltyOf', 1, culprit.address, 12), 6_500)
  reportRounds(1, culprit, signed)
  const kept = (amount: bigint) => (amount * ether * 3_500n) / 10_000n
  assert.equal(stakeOf(culprit), kept(350n))
  const exiting = l1.read(l1.stakes, 'exitingOf', culprit.address, 14, culprit.address)
  assert.equal(exiting, kept(50n))
  assert.equal(l1.balanceOf(reporter), (400n * ether * 6_500n) / 10_000n / 20n)
  assert.deepEqual([total(0, 14), total(1, 14)], [400n, 400n])
  assert.deepEqual([total(0, 13), total(1, 13)], [500n, 500n])
  refuses(() => reportRounds(1, culprit, signed), 'AlreadyPunished')
  refuses(() => reportRounds(0, culprit, signed), 'SignatureInvalid')
})

test('faults together cost more than one alone, and no more than was consented to', () => {
  const { l1, reportRounds } = openWorld(7_000)
  const parts = [culprit, second, third].map((operator) => {
    const signed = [round('notarize', 1), round('notarize', 2)].map((vote) =>
      l1.signRound(1, vote, operator),
    )
    const { events } = reportRounds(1, operator, signed)
    return events[0]?.args['bps']
  })
  assert.deepEqual(parts, [6_500, 7_000, 7_000])
  l1.goToEpoch(18)
  assert.equal(l1.read(l1.slashing, 'penaltyOf', 1, (all[3] as TestOperator).address, 12), 6_500)
})
