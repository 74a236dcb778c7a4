/** What forking a network costs those who do it: the figures of docs/security-claims.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { finalityVoteDigest } from '@zg/consensus'
import type { FinalityVote } from '@zg/consensus'
import { blsAggregate, blsSign, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { signatureWords } from '../bls-words.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const networkId = 1
const otherNetworkId = 2
const all = Array.from({ length: 18 }, (_, index) => testOperator(index + 1))
/** Eight of eighteen: the fewest that have a quorum with either half of the others. */
const forkers = all.slice(0, 8)
/** All have joined by then. */
const epoch = 14n
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))
const noOpening = { leaf: toHex(new Uint8Array(32)), siblings: [] }

function voteFor(blockHash: Uint8Array): FinalityVote {
  const [consensusRoot, histRoot] = [3, 4].map((fill) => new Uint8Array(32).fill(fill))
  const roots = { consensusRoot, histRoot } as Pick<FinalityVote, 'consensusRoot' | 'histRoot'>
  return { epoch, height: 9n, nextEpoch: 0n, blockHash, ...roots }
}

/** Eighteen operators with a hundred tokens each, who consent to lose a part. */
function openWorld(slashBpsMax: number) {
  const l1 = new L1World()
  const ids = [networkId, otherNetworkId]
  for (const id of ids) l1.openNetwork(id)
  l1.settle(all, { ids, slashBpsMax })
  l1.goToEpoch(Number(epoch))
  const votesOf = (fills: readonly number[]) =>
    fills.map((fill) => voteFor(sha256(Uint8Array.of(fill))))
  const stakeOf = ({ address }: TestOperator) =>
    (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
  const lost = (): bigint =>
    forkers.reduce((sum, operator) => sum + 100n * ether - stakeOf(operator), 0n)
  const reportItself = (operator: TestOperator, id = networkId) => {
    const votes = votesOf([1, 2])
    const [first, second] = votes.map((vote) => l1.finalityArgs(vote))
    const sum = l1.signFinalities(id, votes, [operator])
    const args = [id, operator.address, first, second, noOpening, sum]
    return l1.send(l1.slashing, 'reportFinalityVotes', args, reporter)
  }
  /** Each half of the others has signed one of two certificates with the forkers. */
  const prove = (halves = [all.slice(8, 13), all.slice(13)]) => {
    const votes = votesOf([1, 2])
    const [first, second] = votes.map((vote) => l1.finalityArgs(vote))
    const sides = halves.map((half) => [...forkers, ...half])
    const signatures = sides.flatMap((signers, side) => {
      const digest = finalityVoteDigest(l1.identityOf(networkId), votes[side] as FinalityVote)
      return signers.map(({ secretKey }) => blsSign(secretKey, digest))
    })
    const [a, b] = sides.map((signers) => absentOf(signers))
    const sum = signatureWords(blsAggregate(signatures))
    const proof = [networkId, first, a, second, b, noOpening, sum]
    const { events } = l1.send(l1.slashing, 'proveFinalityConflict', proof, reporter)
    const conflict = events[0]?.args['conflict']
    return (culprits: readonly TestOperator[] = forkers) => {
      const addresses = culprits.map(({ address }) => address).sort()
      return l1.send(l1.slashing, 'punish', [conflict, addresses], reporter).events
    }
  }
  return { l1, stakeOf, lost, reportItself, prove }
}

function absentOf(signers: readonly TestOperator[]): readonly Hex[] {
  return all
    .filter((operator) => !signers.includes(operator))
    .map(({ address }) => address)
    .sort()
}

test('a fork costs all that its makers consented to lose, less the reporter’s twentieth', () => {
  for (const consented of [10_000n, 4_000n]) {
    const { l1, lost, prove } = openWorld(Number(consented))
    prove()()
    const expected = (800n * ether * consented) / 10_000n
    assert.equal(lost(), expected)
    assert.equal(l1.balanceOf(reporter), expected / 20n)
  }
})

test('stake that left is held for longer than evidence counts and certificates are taken', () => {
  const l1 = new L1World()
  const deploy = (ageMaxSeconds: number) =>
    l1.world.deploy('SlashingManager', {
      args: [l1.oracle.address, l1.stakes.address, ageMaxSeconds, 0],
    })
  const most = l1.unbondingSeconds - l1.certificateAgeMaxSeconds - 1
  assert.throws(() => deploy(most + 1), {
    errorName: 'UnbondingTooShort',
    errorArgs: [BigInt(l1.unbondingSeconds + 1)],
  })
  refuses(() => deploy(l1.unbondingSeconds), 'UnbondingTooShort')
  deploy(most)
})

test('a fork costs no less when its makers report themselves one by one before it is proved', () => {
  // 5 % and three times so many eighteenths; after a third of all the next one is deferred.
  const parts = [2_166n, 3_833n, 5_500n, 7_166n, 8_833n, 10_000n, 10_000n]
  for (const consented of [10_000n, 4_000n]) {
    const { l1, lost, reportItself, prove } = openWorld(Number(consented))
    const [last, ...others] = forkers.toReversed() as [TestOperator, ...TestOperator[]]
    const reported = others.map((operator) => reportItself(operator).events[0]?.args['bps'])
    assert.deepEqual(
      reported,
      parts.map((part) => Number(part < consented ? part : consented)),
    )
    const { events } = reportItself(last)
    assert.equal(events[0]?.name, 'Deferred')
    const punish = prove()
    punish()
    const expected = (800n * ether * consented) / 10_000n
    // What is left is taken in hundredths of a percent of it, rounded down.
    assert.ok(lost() <= expected && expected - lost() <= (800n * ether) / 10_000n)
    assert.equal(l1.balanceOf(reporter), lost() / 20n)

    const after = lost()
    l1.world.advance(l1.massDelaySeconds)
    assert.equal(l1.send(l1.slashing, 'execute', [1]).events[0]?.name, 'Superseded')
    refuses(() => l1.send(l1.slashing, 'execute', [1]), 'NotDeferred')
    refuses(() => reportItself(others[0] as TestOperator), 'AlreadyPunished')
    assert.deepEqual(punish(), [], 'nobody pays twice for a conflict')
    const another = prove([all.slice(13), all.slice(8, 13)])
    assert.deepEqual(another(), [], 'nor for another one of that epoch')
    assert.equal(lost(), after)
    assert.equal(l1.balanceOf(reporter), after / 20n)
  }
})

test('what was deferred and executed before a fork is proved is not taken twice', () => {
  const { l1, stakeOf, lost, reportItself, prove } = openWorld(4_000)
  for (const operator of forkers) reportItself(operator)
  l1.world.advance(l1.massDelaySeconds)
  const executed = l1.send(l1.slashing, 'execute', [1]).events[0]
  assert.deepEqual([executed?.name, executed?.args['bps']], ['Punished', 4_000])
  assert.equal(stakeOf(forkers.at(-1) as TestOperator), 60n * ether)
  const punished = prove()().map(({ args }) => args['assets'] as bigint)
  // Two paid less than they had consented to.
  assert.equal(punished.length, 2)
  assert.ok(320n * ether - lost() <= ether / 50n)
})

test('the rest of a consent is of what is left, in exits too, whatever another network took', () => {
  const { l1, stakeOf, reportItself, prove } = openWorld(4_000)
  const [forker] = forkers as [TestOperator]
  l1.send(l1.stakes, 'unstake', [forker.address, 50n * ether], forker.address)
  const parts = [networkId, otherNetworkId].map(
    (id) => reportItself(forker, id).events[0]?.args['bps'],
  )
  assert.deepEqual(parts, [2_166, 2_166])
  prove()()
  const exiting = l1.read(l1.stakes, 'exitingOf', forker.address, epoch + 2n, forker.address)
  for (const left of [stakeOf(forker), exiting as bigint]) {
    const expected = (50n * ether * 6_000n * 7_834n) / 10_000n ** 2n
    assert.ok(left >= expected && left - expected <= (50n * ether) / 10_000n)
  }
  assert.equal(l1.read(l1.slashing, 'isConvicted', networkId, forker.address, epoch), true)
  assert.equal(l1.read(l1.slashing, 'isConvicted', otherNetworkId, forker.address, epoch), false)
  assert.equal(l1.read(l1.slashing, 'isPunished', otherNetworkId, forker.address, epoch), true)
})

test('a fork counts each of its makers once, reported before or not', () => {
  const { l1, reportItself, prove } = openWorld(10_000)
  const [reported, other] = forkers as [TestOperator, TestOperator]
  const [innocent] = all.slice(8) as [TestOperator]
  const penalty = () => l1.read(l1.slashing, 'penaltyOf', networkId, innocent.address, epoch)
  reportItself(reported)
  const punish = prove()
  // 5 % and three times two eighteenths, its own with it.
  for (let page = 0; page < 2; page++) {
    punish([reported])
    assert.equal(penalty(), 3_833)
  }
  punish([reported, other])
  assert.equal(penalty(), 5_500)
})
