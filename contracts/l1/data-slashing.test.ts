/** S9 on L1: whoever signed two commitments for one batch loses stake, validator or not. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { dataReport, dataVotes, twoBlocks, twoCommitments } from '../testing/double-votes.ts'
import type { Report } from '../testing/double-votes.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const id = 1
const filled = (fill: number): Hex => toHex(new Uint8Array(20).fill(fill))
const [reporter, delegator] = [filled(0xef), filled(0xd1)]
/** Five that validate networks 0 and 1 with 100 tokens each, and five with 10 that do not. */
const validators = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const outsiders = [11, 12, 13, 14, 15].map((index) => testOperator(index))
const [validator] = validators as [TestOperator]
const [outsider, second, third] = outsiders as [TestOperator, TestOperator, TestOperator]

function openWorld({ slashBpsMax = 10_000, outsiderStake = 10n } = {}) {
  const l1 = new L1World()
  for (const network of [0, id]) l1.openNetwork(network)
  l1.settle(validators, { ids: [0, id], slashBpsMax })
  l1.settle(outsiders, { stake: outsiderStake * ether })
  l1.goToEpoch(12)
  const stakeOf = ({ address }: TestOperator) =>
    (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
  const report = ({ name, args }: Report) => l1.send(l1.slashing, name, args, reporter).events[0]
  /** Of two commitments in an epoch, else 12. */
  const data = (culprit: TestOperator, { epoch = 12n, number = 8, network = id } = {}) =>
    report(twoCommitments(l1, { id: network, culprit, epoch, number }))
  const blocks = (culprit: TestOperator) =>
    report(twoBlocks(l1, { id, culprit, epoch: 12n, number: 8 }))
  const dataPenalty = ({ address }: TestOperator) =>
    l1.read(l1.slashing, 'dataPenaltyOf', id, address, 12)
  const penalty = ({ address }: TestOperator) => l1.read(l1.slashing, 'penaltyOf', id, address, 12)
  return { l1, stakeOf, report, data, blocks, dataPenalty, penalty }
}

test('S9: who signed for data without validating the network loses stake, delegated and leaving too', () => {
  const { l1, stakeOf, data, dataPenalty } = openWorld()
  l1.fund(delegator, 30n * ether)
  l1.send(l1.stakes, 'stake', [outsider.address, 30n * ether], delegator)
  l1.send(l1.stakes, 'unstake', [outsider.address, 8n * ether], delegator)
  refuses(() => l1.read(l1.slashing, 'isPunished', id, outsider.address, 12), 'NotAMember')
  assert.equal(l1.read(l1.slashing, 'isDataPunished', id, outsider.address, 12), false)
  // 5 %, and three times its 10 of the 500 that the validators weigh.
  assert.equal(dataPenalty(outsider), 1_100)
  const event = data(outsider)
  assert.deepEqual([event?.name, event?.args['fault'], event?.args['bps']], ['Punished', 9, 1_100])
  const kept = (amount: bigint) => (amount * ether * 8_900n) / 10_000n
  assert.equal(stakeOf(outsider), kept(32n))
  assert.equal(l1.read(l1.stakes, 'exitingOf', outsider.address, 14, delegator), kept(8n))
  assert.equal(l1.balanceOf(reporter), (40n * ether * 1_100n) / 10_000n / 20n)
  assert.equal(l1.read(l1.slashing, 'isDataPunished', id, outsider.address, 12), true)
  assert.equal(l1.read(l1.stakes, 'isTombstone', outsider.address), true)
  const weightAt = (epoch: number) => l1.read(l1.operators, 'weightAt', outsider.address, epoch)
  assert.deepEqual([weightAt(13), weightAt(14)], [10n * 10n ** 9n, 0n])
})

test('S9: what left before the epoch of the fault does not answer for it', () => {
  const { l1, stakeOf, data } = openWorld()
  l1.send(l1.stakes, 'unstake', [outsider.address, 4n * ether], outsider.address)
  l1.goToEpoch(14)
  data(outsider, { epoch: 14n })
  // It weighs 6 of 500 by then.
  assert.equal(stakeOf(outsider), (6n * ether * (10_000n - 860n)) / 10_000n)
  const left = l1.read(l1.stakes, 'exitingOf', outsider.address, 14, outsider.address)
  assert.equal(left, 4n * ether)
})

test('S9: three tenths are the most of an outsider, and of a validator what it consented to', () => {
  for (const slashBpsMax of [3_000, 6_000, 10_000]) {
    const { data } = openWorld({ slashBpsMax, outsiderStake: 1_000n })
    assert.equal(data(outsider)?.args['bps'], 3_000)
  }
  for (const [slashBpsMax, bps] of [
    [3_000, 3_000],
    [6_000, 6_000],
    // 5 % and three times a fifth.
    [10_000, 6_500],
  ] as const) {
    const { data, stakeOf } = openWorld({ slashBpsMax })
    assert.equal(data(validator)?.args['bps'], bps)
    assert.equal(stakeOf(validator), (100n * ether * BigInt(10_000 - bps)) / 10_000n)
  }
})

test('S9: whoever left the network before, or joins it later, is an outsider in between', () => {
  const { l1, data } = openWorld({ slashBpsMax: 10_000 })
  l1.send(l1.networks, 'optOut', [id], validator.address)
  l1.send(l1.networks, 'optIn', [id, 9_000], second.address)
  // Both are what they were, until epoch 14.
  assert.equal(data(validator, { epoch: 12n })?.args['bps'], 6_500)
  assert.equal(data(second, { epoch: 12n })?.args['bps'], 3_000)
  l1.goToEpoch(14)
  const mostOf = ({ address }: TestOperator) =>
    l1.read(l1.slashing, 'dataPenaltyOf', id, address, 14)
  assert.equal(mostOf(validator), 3_000)
  // All that was punished counts, however much it may cost: 5 % and three times 110 of 400.
  assert.equal(mostOf(second), 8_750)
})

test('S9: faults together cost more than one alone, and change nothing for consensus', () => {
  const { l1, data, blocks, dataPenalty, penalty } = openWorld()
  const parts = [outsider, second, third].map((each) => data(each)?.args['bps'])
  assert.deepEqual(parts, [1_100, 1_700, 2_300])
  const last = outsiders[4] as TestOperator
  assert.equal(dataPenalty(last), 2_900)
  assert.equal(penalty(validator), 6_500)
  assert.equal(blocks(validator)?.args['bps'], 6_500)
  assert.equal(dataPenalty(last), 2_900)
  // Another network has had no such trouble; this one forgets it after two spans of four epochs.
  assert.equal(l1.read(l1.slashing, 'dataPenaltyOf', 0, last.address, 12), 1_100)
  l1.goToEpoch(23)
  assert.equal(dataPenalty(last), 2_900)
  l1.goToEpoch(24)
  assert.equal(dataPenalty(last), 1_100)
})

test('S9: once for an operator, network and epoch, and beside what consensus costs', () => {
  const { l1, data, blocks } = openWorld()
  for (const culprit of [outsider, validator]) {
    data(culprit)
    refuses(() => data(culprit), 'AlreadyPunished')
    refuses(() => data(culprit, { number: 9 }), 'AlreadyPunished')
    assert.equal(data(culprit, { network: 0 })?.name, 'Punished')
  }
  assert.equal(blocks(validator)?.name, 'Punished')
  refuses(() => blocks(validator), 'AlreadyPunished')
  l1.goToEpoch(13)
  assert.equal(data(outsider, { epoch: 13n })?.name, 'Punished')
})

test('S9: forged evidence, and evidence of another batch, network, operator or time, is refused', () => {
  const { l1, stakeOf, report, data } = openWorld()
  const [first, other] = dataVotes(12n, 8)
  const evidence = { id, operator: outsider.address, votes: [first, other], signer: outsider }
  const of = (change: Partial<Parameters<typeof dataReport>[1]>) => () =>
    report(dataReport(l1, { ...evidence, ...change }))
  const disperser = new Uint8Array(20).fill(0xdb)
  refuses(of({ votes: [first, first] }), 'NotAFault')
  for (const change of [{ sequence: 9n }, { quorum: 4 }, { epoch: 11n }, { disperser }]) {
    refuses(of({ votes: [first, { ...other, ...change }] }), 'NotAFault')
  }
  refuses(of({ signer: testOperator(99) }), 'SignatureInvalid')
  refuses(of({ signer: second }), 'SignatureInvalid')
  refuses(of({ operator: second.address }), 'SignatureInvalid')
  refuses(of({ operator: testOperator(99).address, signer: testOperator(99) }), 'KeyUnknown')
  refuses(of({ signedFor: 0 }), 'SignatureInvalid')
  refuses(of({ id: 0, signedFor: id }), 'SignatureInvalid')
  refuses(of({ id: 7, signedFor: 7 }), 'NetworkUnknown')
  refuses(() => data(outsider, { epoch: 11n }), 'KeyUnknown')
  refuses(() => data(outsider, { epoch: 13n }), 'EpochToCome')
  l1.goToEpoch(17)
  l1.world.advance(1)
  refuses(() => data(outsider), 'EvidenceTooOld')
  assert.deepEqual([outsider, second].map(stakeOf), [10n * ether, 10n * ether])
})

test('S9: a former key answers for two epochs more, in which its place may be contested', () => {
  const fresh = testOperator(11, 1)
  const answerIn = (epoch: number, signer: TestOperator) => {
    const { l1, report } = openWorld()
    l1.rotate(fresh)
    l1.goToEpoch(epoch)
    const votes = dataVotes(BigInt(epoch), 8)
    return () => report(dataReport(l1, { id, operator: outsider.address, votes, signer }))
  }
  // The rotation of epoch 12 holds from 14 on.
  for (const epoch of [12, 13, 14, 15]) {
    assert.equal(answerIn(epoch, outsider)()?.name, 'Punished', `the former key in ${epoch}`)
  }
  refuses(answerIn(16, outsider), 'SignatureInvalid')
  for (const epoch of [14, 15, 16]) {
    assert.equal(answerIn(epoch, fresh)()?.name, 'Punished', `the fresh key in ${epoch}`)
  }
  refuses(answerIn(13, fresh), 'SignatureInvalid')
})

test('S9: after a third of a network punishments for data wait, and those of consensus do not', () => {
  const { l1, stakeOf, data, blocks } = openWorld({ outsiderStake: 100n })
  assert.deepEqual(
    [outsider, second].map((each) => data(each)?.name),
    ['Punished', 'Punished'],
  )
  const event = data(third)
  assert.equal(event?.name, 'Deferred')
  const { number, deferral } = (event?.args ?? {}) as {
    number: bigint
    deferral: { due: number; bps: number; fault: number }
  }
  assert.deepEqual([deferral.bps, deferral.fault, number], [3_000, 9, 1n])
  assert.equal(l1.read(l1.slashing, 'isDataPunished', id, third.address, 12), true)
  refuses(() => data(third), 'AlreadyPunished')
  assert.equal(blocks(validator)?.name, 'Punished')
  l1.send(l1.stakes, 'unstake', [third.address, 70n * ether], third.address)
  const execute = () => l1.send(l1.slashing, 'execute', [number])
  refuses(execute, 'StillDeferred')
  l1.world.advance(deferral.due - l1.world.timestamp)
  assert.equal(execute().events[0]?.args['assets'], 30n * ether)
  assert.equal(stakeOf(third), 21n * ether)
  assert.equal(l1.read(l1.stakes, 'exitingOf', third.address, 14, third.address), 49n * ether)
  refuses(execute, 'NotDeferred')
})
