import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeFunctionData, getContractAddress } from 'viem'

import { somebody } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { openingOf, testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const million = 1_000_000n * ether
const staker: Hex = toHex(new Uint8Array(20).fill(0xa1))
const holder: Hex = toHex(new Uint8Array(20).fill(0xb0))
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))
const operator = testOperator(1)
const periods = { votingDelay: 100, votingPeriod: 1_000, lateQuorumPeriod: 300 }
const timelockSeconds = 500
const support = { against: 0, for: 1, abstain: 2 } as const
const everyone: Hex = `0x${'00'.repeat(20)}`

/** An L1 that a governor governs; 50 million are staked, 30 million delegated by their holder. */
function openWorld() {
  const governance = getContractAddress({ from: somebody, nonce: 13n })
  const l1 = new L1World({ governance })
  const { world } = l1
  const governorAddress = world.nextAddress(1)
  const timelock = world.deploy('TimelockController', {
    args: [timelockSeconds, [governorAddress], [everyone], everyone],
  })
  assert.equal(timelock.address, governance.toLowerCase())
  const governor = world.deploy('ZgGovernor', {
    args: [l1.stakes.address, timelock.address, periods],
  })
  l1.register(operator)
  l1.fund(staker, 50n * million)
  l1.send(l1.stakes, 'stake', [operator.address, 50n * million], staker)
  l1.fund(holder, 30n * million)
  l1.send(l1.token, 'delegate', [holder], holder)
  world.advance(10)

  const dataOf = ({ abi }: Deployed, functionName: string, args: readonly unknown[]): Hex =>
    encodeFunctionData({ abi, functionName, args: [...args] })
  const network = openingOf(9, { genesisHash: toHex(keccak256(Uint8Array.of(1))) })
  const description = 'Open network 9, and give its makers a token'
  const actions = [
    [l1.networks.address, l1.emission.address],
    [0n, 0n],
    [dataOf(l1.networks, 'open', [9, network]), dataOf(l1.emission, 'grant', [stranger, ether])],
  ] as const
  const hash = toHex(keccak256(new TextEncoder().encode(description)))
  const propose = (from: Hex): bigint => {
    const { events } = l1.send(governor, 'propose', [...actions, description], from)
    return events.find(({ name }) => name === 'ProposalCreated')?.args['proposalId'] as bigint
  }
  const vote = (id: bigint, how: keyof typeof support, from: Hex) =>
    l1.send(governor, 'castVote', [id, support[how]], from)
  const queue = () => l1.send(governor, 'queue', [...actions, hash], stranger)
  const execute = () => l1.send(governor, 'execute', [...actions, hash], stranger)
  return { l1, world, governor, propose, vote, queue, execute }
}

test('a decision: proposed and voted with staked tokens, queued, executed by a stranger', () => {
  const { l1, world, propose, vote, queue, execute } = openWorld()
  refuses(() => propose(stranger), 'GovernorInsufficientProposerVotes')
  const id = propose(staker)
  refuses(() => vote(id, 'for', staker), 'GovernorUnexpectedProposalState')
  world.advance(periods.votingDelay + 1)
  vote(id, 'for', staker)
  refuses(() => vote(id, 'for', staker), 'GovernorAlreadyCastVote')
  vote(id, 'against', holder)
  refuses(queue, 'GovernorUnexpectedProposalState')
  world.advance(periods.votingPeriod + periods.lateQuorumPeriod)
  queue()
  refuses(execute, 'TimelockUnexpectedOperationState')
  world.advance(timelockSeconds)
  execute()
  assert.equal((l1.read(l1.networks, 'networkOf', 9) as { chainId: bigint }).chainId, 1_660_209n)
  assert.equal(l1.balanceOf(stranger), ether)
  refuses(execute, 'GovernorUnexpectedProposalState')
  refuses(() => l1.send(l1.emission, 'grant', [stranger, ether], stranger), 'NotTheGovernor')
})

test('what has no quorum, or more against it, decides nothing', () => {
  for (const [how, expected] of [
    ['abstain', 3],
    ['for', 3],
  ] as const) {
    const { l1, world, governor, propose, vote, queue } = openWorld()
    const id = propose(staker)
    world.advance(periods.votingDelay + 1)
    // 30 million are less than 4 % of the cap, whatever the supply is.
    vote(id, how, holder)
    world.advance(periods.votingPeriod + periods.lateQuorumPeriod)
    assert.equal(l1.read(governor, 'state', id), expected)
    refuses(queue, 'GovernorUnexpectedProposalState')
  }
  const { l1, world, governor, propose, vote } = openWorld()
  const id = propose(staker)
  world.advance(periods.votingDelay + 1)
  vote(id, 'against', staker)
  vote(id, 'for', holder)
  world.advance(periods.votingPeriod + periods.lateQuorumPeriod)
  assert.equal(l1.read(governor, 'state', id), 3)
})

test('a quorum that comes late leaves the others time to answer', () => {
  const { l1, world, governor, propose, vote } = openWorld()
  const id = propose(staker)
  world.advance(periods.votingDelay + periods.votingPeriod - 5)
  vote(id, 'for', staker)
  world.advance(100)
  assert.equal(l1.read(governor, 'state', id), 1, 'still open')
  vote(id, 'against', holder)
  world.advance(periods.lateQuorumPeriod)
  assert.equal(l1.read(governor, 'state', id), 4)
})

test('votes are those of the time the vote began: staked once, less after a slash or an exit', () => {
  const { l1, world } = openWorld()
  const votesAt = (time: number, of = staker) => l1.read(l1.stakes, 'getPastVotes', of, time)
  const before = world.timestamp
  world.advance(10)
  // What the stake manager holds votes through its stakers alone.
  assert.equal(l1.read(l1.token, 'getVotes', l1.stakes.address), 0n)
  l1.send(l1.stakes, 'unstake', [operator.address, 10n * million], staker)
  world.advance(10)
  const left = world.timestamp
  world.advance(10)
  assert.deepEqual([votesAt(before), votesAt(left)], [50n * million, 40n * million])
  refuses(() => votesAt(world.timestamp), 'NotPast')
  assert.equal(votesAt(left, holder), 0n)
})

test('a slash takes votes as it takes stake', () => {
  const l1 = new L1World()
  l1.openNetwork(1)
  const all = [1, 2, 3, 4].map((index) => testOperator(index))
  for (const each of all) {
    l1.register(each)
    l1.fund(each.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [each.address, 100n * ether], each.address)
    l1.send(l1.networks, 'optIn', [1, 3_000], each.address)
  }
  l1.goToEpoch(12)
  const before = l1.world.timestamp - 1
  const votes = [1, 2].map((fill): RoundVote => {
    const digest = new Uint8Array(32).fill(fill)
    return { kind: 'notarize', epoch: 12n, view: 3, digest }
  })
  const [first, second] = votes.map((vote) => l1.roundArgs(vote))
  const sum = l1.signRounds(1, votes, [operator])
  l1.send(l1.slashing, 'reportRoundVotes', [1, operator.address, first, second, sum])
  const after = l1.world.timestamp
  l1.world.advance(1)
  const votesAt = (time: number) => l1.read(l1.stakes, 'getPastVotes', operator.address, time)
  assert.deepEqual([votesAt(before), votesAt(after)], [100n * ether, 70n * ether])
})
