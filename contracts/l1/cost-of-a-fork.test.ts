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
  l1.openNetwork(networkId)
  for (const operator of all) {
    l1.register(operator)
    l1.fund(operator.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [operator.address, 100n * ether], operator.address)
    l1.send(l1.networks, 'optIn', [networkId, slashBpsMax], operator.address)
  }
  l1.goToEpoch(Number(epoch))
  const votes = [1, 2].map((fill) => voteFor(sha256(Uint8Array.of(fill))))
  const [first, second] = votes.map((vote) => l1.finalityArgs(vote))
  const lost = (): bigint =>
    forkers.reduce((sum, { address }) => {
      const { assets } = l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }
      return sum + 100n * ether - assets
    }, 0n)
  const reportItself = (operator: TestOperator) => {
    const sum = l1.signFinalities(networkId, votes, [operator])
    const args = [networkId, operator.address, first, second, noOpening, sum]
    return l1.send(l1.slashing, 'reportFinalityVotes', args, reporter)
  }
  /** Each half of the others has signed one of two certificates with the forkers. */
  const punishAll = () => {
    const [left, right] = [all.slice(8, 13), all.slice(13)]
    const sides = [left, right].map((half) => [...forkers, ...half])
    const signatures = sides.flatMap((signers, side) => {
      const digest = finalityVoteDigest(l1.identityOf(networkId), votes[side] as FinalityVote)
      return signers.map(({ secretKey }) => blsSign(secretKey, digest))
    })
    const [a, b] = sides.map((signers) => absentOf(signers))
    const sum = signatureWords(blsAggregate(signatures))
    const proof = [networkId, first, a, second, b, noOpening, sum]
    const { events } = l1.send(l1.slashing, 'proveFinalityConflict', proof, reporter)
    const conflict = events[0]?.args['conflict']
    const culprits = forkers.map(({ address }) => address).sort()
    return l1.send(l1.slashing, 'punish', [conflict, culprits], reporter)
  }
  return { l1, lost, reportItself, punishAll }
}

function absentOf(signers: readonly TestOperator[]): readonly Hex[] {
  return all
    .filter((operator) => !signers.includes(operator))
    .map(({ address }) => address)
    .sort()
}

test('a fork costs all that its makers consented to lose, less the reporter’s twentieth', () => {
  for (const consented of [10_000n, 4_000n]) {
    const { l1, lost, punishAll } = openWorld(Number(consented))
    punishAll()
    const expected = (800n * ether * consented) / 10_000n
    assert.equal(lost(), expected)
    assert.equal(l1.balanceOf(reporter), expected / 20n)
  }
})

test('evidence counts for less long than stake that left is held', () => {
  const l1 = new L1World()
  const deploy = (ageMaxSeconds: number) =>
    l1.world.deploy('SlashingManager', {
      args: [l1.oracle.address, l1.stakes.address, ageMaxSeconds, 0],
    })
  refuses(() => deploy(l1.unbondingSeconds), 'EvidenceAgeInvalid')
  deploy(l1.unbondingSeconds - 1)
})

test('a fork costs less when its makers report themselves one by one before it is proved', () => {
  const { lost, reportItself, punishAll } = openWorld(10_000)
  const [last, ...others] = forkers.toReversed() as [TestOperator, ...TestOperator[]]
  const parts = others.map((operator) => reportItself(operator).events[0]?.args['bps'])
  // 5 % and three times so many eighteenths.
  assert.deepEqual(parts, [2_166, 3_833, 5_500, 7_166, 8_833, 10_000, 10_000])
  const punished = punishAll().events.map(({ args }) => String(args['operator']).toLowerCase())
  assert.deepEqual(punished, [last.address], 'each fault is punished once')
  // 72 % of what they would have lost.
  assert.equal(lost(), (57_498n * ether) / 100n)
  refuses(() => reportItself(others[0] as TestOperator), 'AlreadyPunished')
})
