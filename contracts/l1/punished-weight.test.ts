import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { L1World } from '../testing/l1-world.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const id = 1
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))
const all = Array.from({ length: 10 }, (_, index) => testOperator(index + 1))
const [culprit, other] = all as [TestOperator, TestOperator]

/** Ten operators with a tenth of a network each; spans are of four epochs. */
function openWorld({ epoch, slashBpsMax = 10_000 }: { epoch: number; slashBpsMax?: number }) {
  const l1 = new L1World()
  l1.openNetwork(id)
  l1.settle(all, { ids: [id], slashBpsMax })
  l1.goToEpoch(epoch)
  assert.equal(l1.read(l1.slashing, 'spanEpochs'), 4n)
  const votesOf = (of: number) =>
    [1, 2].map((fill): RoundVote => {
      const vote = { kind: 'notarize', epoch: BigInt(of), view: 7 } as const
      return { ...vote, digest: new Uint8Array(32).fill(fill) }
    })
  /** Reports a double vote of an operator in an epoch. */
  const report = (operator: TestOperator, of: number) => {
    const votes = votesOf(of)
    const [first, second] = votes.map((vote) => l1.roundArgs(vote))
    const sum = l1.signRounds(id, votes, [operator])
    const evidence = [id, operator.address, first, second, sum]
    return l1.send(l1.slashing, 'reportRoundVotes', evidence, reporter).events[0]
  }
  /** Proves that all signed two certificates in an epoch, and punishes some. */
  const convict = (operators: readonly TestOperator[], of: number) => {
    const votes = votesOf(of)
    const [first, second] = votes.map((vote) => l1.roundArgs(vote))
    const proof = [id, first, [], second, [], l1.signRounds(id, votes, all)]
    const conflict = l1.send(l1.slashing, 'proveRoundConflict', proof).events[0]?.args['conflict']
    const addresses = operators.map(({ address }) => address).sort()
    l1.send(l1.slashing, 'punish', [conflict, addresses], reporter)
  }
  /** What a fault of the other one would cost it, in hundredths of a percent. */
  const penalty = (of: number) => l1.read(l1.slashing, 'penaltyOf', id, other.address, of)
  return { l1, report, convict, penalty }
}

test('one operator at fault in many epochs makes others pay for it once, and delays nobody', () => {
  const { l1, report, convict, penalty } = openWorld({ epoch: 15 })
  assert.equal(penalty(15), 3_500)
  for (const epoch of [15, 14, 13]) {
    assert.equal(report(culprit, epoch)?.name, 'Punished')
    // 5 % and three times two tenths.
    assert.equal(penalty(15), 6_500, `after epoch ${epoch}`)
  }
  convict([culprit], 12)
  assert.equal(penalty(15), 6_500)
  const { name, args } = report(other, 15) ?? {}
  assert.deepEqual([name, args?.['bps']], ['Punished', 6_500])
  // Nor does its own weight count beside itself.
  assert.equal(l1.read(l1.slashing, 'penaltyOf', id, other.address, 14), 6_500)
})

test('the heaviest weight of a culprit counts, whichever of its faults is reported first', () => {
  for (const isLightFirst of [true, false]) {
    const { l1, report, penalty } = openWorld({ epoch: 12 })
    l1.send(l1.stakes, 'unstake', [culprit.address, 90n * ether], culprit.address)
    l1.goToEpoch(14)
    assert.equal(l1.read(l1.operators, 'weightAt', culprit.address, 14), 10n * 10n ** 9n)
    // What left before does not answer for the second: a cheap fault, of little weight.
    const epochs = isLightFirst ? [14, 12] : [12, 14]
    const bps = epochs.map((epoch) => report(culprit, epoch)?.args['bps'])
    // 5 % and three times 10 of 910; or the tenth it once was, of either total.
    assert.deepEqual(bps, isLightFirst ? [829, 3_500] : [3_500, 3_796])
    // The tenth that it was, and the other one's own: 200 of 910.
    assert.equal(penalty(14), 7_093)
  }
})

test('who reports itself early spares nobody: it counts as long as evidence of its epochs may come', () => {
  const { l1, report, penalty } = openWorld({ epoch: 12 })
  report(culprit, 12)
  // It weighs in 13 as well; evidence of that epoch is taken up to the first second of 18.
  l1.goToEpoch(18)
  assert.equal(report(other, 13)?.args['bps'], 6_500)
  const [, , third] = all as [unknown, unknown, TestOperator]
  assert.equal(l1.read(l1.slashing, 'penaltyOf', id, third.address, 13), 9_500)
  l1.goToEpoch(23)
  assert.equal(l1.read(l1.slashing, 'penaltyOf', id, third.address, 13), 9_500)
  // The first one's span is over; the other was punished in the next.
  l1.goToEpoch(24)
  assert.equal(l1.read(l1.slashing, 'penaltyOf', id, third.address, 13), 6_500)
  l1.goToEpoch(28)
  assert.equal(l1.read(l1.slashing, 'penaltyOf', id, third.address, 13), 3_500)
  assert.equal(penalty(13), 3_500)
})

test('who is punished again counts from then on, and once', () => {
  const { l1, report, penalty } = openWorld({ epoch: 13 })
  report(culprit, 13)
  l1.goToEpoch(16)
  report(culprit, 14)
  assert.equal(penalty(13), 6_500)
  l1.goToEpoch(27)
  assert.equal(penalty(13), 6_500)
  l1.goToEpoch(28)
  assert.equal(penalty(13), 3_500)
})

test('what was consented to bounds the loss of each epoch, and not of all together', () => {
  const { l1, report } = openWorld({ epoch: 15, slashBpsMax: 3_000 })
  const left = () => {
    const { address } = culprit
    return (l1.read(l1.stakes, 'stakeOf', address, address) as readonly bigint[])[1]
  }
  // Of what is there each time: 30 %, then 51 %, then 65.7 % of the 100 tokens in all.
  for (const [epoch, milli] of [
    [13, 70_000n],
    [14, 49_000n],
    [15, 34_300n],
  ] as const) {
    assert.equal(report(culprit, epoch)?.args['bps'], 3_000)
    assert.equal(left(), milli * 10n ** 15n)
  }
})

test('whose punishment is deferred weighs on until two epochs after it is executed', () => {
  const { l1, report } = openWorld({ epoch: 12 })
  const [, , , , deferred] = all as readonly TestOperator[]
  assert.ok(deferred)
  const weight = (epoch: number) => l1.read(l1.operators, 'weightAt', deferred.address, epoch)
  const total = (epoch: number) => l1.read(l1.networks, 'totalAt', id, epoch)
  const gwei = 10n ** 9n
  for (const each of all.slice(0, 4)) assert.equal(report(each, 12)?.name, 'Punished')
  assert.equal(report(deferred, 12)?.name, 'Deferred')
  assert.deepEqual([weight(14), total(14)], [100n * gwei, 600n * gwei])
  l1.goToEpoch(14)
  l1.send(l1.slashing, 'execute', [1])
  assert.deepEqual([15, 16].map(weight), [100n * gwei, 0n])
  assert.deepEqual([15, 16].map(total), [600n * gwei, 500n * gwei])
})
