import assert from 'node:assert/strict'
import { test } from 'node:test'

import { roundVoteDigest } from '@zg/consensus'
import type { RoundVote } from '@zg/consensus'
import { signatureWords } from '@zg/contracts'
import { blsAggregate, blsSign, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { readNetwork, readNetworks } from './networks.ts'
import { readOperator, readOperators } from './operators.ts'
import { claimOrder, joinOrder, leaveOrder, stakeOrder, unstakeOrder } from './orders.ts'
import type { Call } from './orders.ts'
import { readHolding, readPosition } from './position.ts'
import { refusalOf } from './refusal.ts'
import { StakeChain, stakeEachWei } from './testing/stake-chain.ts'
import { openView } from './view.ts'

const tokens = 10n ** 18n
const staker: Hex = toHex(new Uint8Array(20).fill(0xa1))

function send(l1: StakeChain, calls: readonly Call[], from: Hex): void {
  for (const { to, data, value } of calls) l1.send({ from, to, data, value })
}

function firstOperator(l1: StakeChain): Hex {
  const address = l1.operators[0]?.address
  assert.ok(address !== undefined)
  return address
}

test('readOperators tells weight, networks and keys of all who staked', async () => {
  const l1 = new StakeChain()
  const operators = await readOperators(await openView(l1.client, l1.addresses))
  assert.deepEqual(
    operators.map(({ address }) => address),
    l1.operators.map(({ address }) => address).toSorted(),
  )
  for (const operator of operators) {
    assert.equal(operator.weight, stakeEachWei / 10n ** 9n)
    assert.equal(operator.weightComing, operator.weight)
    assert.equal(operator.stakeWei, stakeEachWei)
    assert.equal(operator.ownStakeWei, stakeEachWei)
    assert.deepEqual(
      operator.networks.map(({ id, slashBpsMax }) => [id, slashBpsMax]),
      [
        [0, 10_000],
        [1, 10_000],
      ],
    )
    assert.match(operator.publicKey, /^0x[89ab][0-9a-f]{95}$/)
    assert.equal(operator.isTombstone, false)
  }
})

test('a delegation: its risks, its weight two epochs later, its way back', async () => {
  const l1 = new StakeChain({ holders: [staker] })
  const address = firstOperator(l1)
  l1.call('StakeManager', 'setCommission', { args: [700], from: address })
  const before = await openView(l1.client, l1.addresses)
  const operator = await readOperator(before, address)
  assert.deepEqual(operator.commissionComing, { bps: 700, fromEpoch: before.epoch + 2n })
  const amountWei = 500n * tokens
  const networks = await readNetworks(before)
  const order = await stakeOrder(before, { operator, staker, amountWei, networks })
  assert.deepEqual(
    order.calls.map(({ what }) => what),
    ['approve', 'stake'],
  )
  const commission = order.risks.find(({ kind }) => kind === 'commission')
  assert.deepEqual(commission, {
    kind: 'commission',
    bps: 0,
    coming: operator.commissionComing,
  })
  const caps = order.risks.filter(({ kind }) => kind === 'cap')
  assert.deepEqual(caps[0], {
    kind: 'cap',
    network: 0,
    partBps: 2_500,
    capBps: 1_000,
    isLimited: false,
  })
  send(l1, order.calls, staker)

  const staked = await openView(l1.client, l1.addresses)
  const grown = await readOperator(staked, address)
  assert.equal(grown.weightComing - grown.weight, 500n * 10n ** 9n)
  l1.advance(2 * 30)
  const later = await openView(l1.client, l1.addresses)
  assert.equal((await readOperator(later, address)).weight, grown.weightComing)
  const { members } = await readNetwork(later, 0)
  assert.equal(members[0]?.operator, address, 'the heaviest first')

  // A reward: the tokens come, then the bridge says whose they are.
  l1.call('ZgToken', 'transfer', { args: [l1.addresses.StakeManager, 1_000n * tokens] })
  const from = l1.addresses.RewardBridge
  l1.call('StakeManager', 'reward', { args: [address, 1_000n * tokens], from })
  const rewarded = await openView(l1.client, l1.addresses)
  const fresh = await readHolding(rewarded, { operator: address, staker })
  // It flows to those who hold shares while new stake would come to weigh.
  assert.equal(fresh.earnedWei, 0n)
  assert.ok(fresh.coming.amountWei > 0n)
  assert.equal(fresh.coming.until, rewarded.timestamp + 2 * 30)
  l1.advance(2 * 30)
  const flowed = await openView(l1.client, l1.addresses)
  const holding = await readHolding(flowed, { operator: address, staker })
  assert.equal(holding.worthWei, amountWei)
  assert.ok(holding.earnedWei > 0n)
  assert.equal(holding.earnedWei + holding.coming.amountWei, fresh.coming.amountWei)

  const half = await unstakeOrder(flowed, { holding, amountWei: 200n * tokens })
  send(l1, half.calls, staker)
  const leaving = await openView(l1.client, l1.addresses)
  const position = await readPosition(leaving, staker)
  const [held] = position.holdings
  assert.equal(held?.worthWei, 300n * tokens)
  const [exit] = held.exits
  assert.equal(exit?.amountWei, 200n * tokens)
  assert.equal(exit.exitEpoch, leaving.epoch + 2n)
  assert.equal(exit.isReady, false)
  const unbonding = half.risks.find(({ kind }) => kind === 'unbonding')
  assert.equal(unbonding?.kind === 'unbonding' && unbonding.endsAt, exit.readyAt)

  // Before: the reward alone; from that time on also what left.
  assert.deepEqual(
    claimOrder(leaving, { staker, holdings: position.holdings }).calls.map(({ what }) => what),
    ['collect'],
  )
  l1.advance(exit.readyAt - l1.run.timestamp)
  const ready = await openView(l1.client, l1.addresses)
  const { holdings } = await readPosition(ready, staker)
  const claims = claimOrder(ready, { staker, holdings })
  assert.deepEqual(
    claims.calls.map(({ what }) => what),
    ['collect', 'withdraw'],
  )
  send(l1, claims.calls, staker)
  const end = await readPosition(await openView(l1.client, l1.addresses), staker)
  assert.equal(end.holdings[0]?.exits.length, 0)
  assert.equal(end.freeWei, stakeEachWei - 300n * tokens + holding.earnedWei)
})

test('unstakeOrder of all leaves nothing; of more than there is, the contract refuses', async () => {
  const l1 = new StakeChain()
  const operator = firstOperator(l1)
  const view = await openView(l1.client, l1.addresses)
  const holding = await readHolding(view, { operator, staker: operator })
  const much = await unstakeOrder(view, { holding, amountWei: stakeEachWei + 1n })
  const [call] = much.calls
  assert.ok(call !== undefined)
  const refused = await l1.client.call({ ...call, account: operator }).then(
    () => undefined,
    (error: unknown) => refusalOf(error),
  )
  assert.deepEqual(refused, { name: 'SharesMissing', args: [stakeEachWei] })
  send(l1, (await unstakeOrder(view, { holding, amountWei: 'all' })).calls, operator)
  const after = await openView(l1.client, l1.addresses)
  const left = await readHolding(after, { operator, staker: operator })
  assert.equal(left.worthWei, 0n)
  assert.equal(left.exits[0]?.amountWei, stakeEachWei)
  assert.equal((await readOperator(after, operator)).weightComing, 0n)
})

test('an operator that signed two blocks of a view is shown as slashed, with what it lost', async () => {
  const l1 = new StakeChain()
  const [operator] = l1.operators
  assert.ok(operator !== undefined)
  const { address, secretKey } = operator
  const { epoch } = await openView(l1.client, l1.addresses)
  const votes = [1, 2].map((fill): RoundVote => {
    return { kind: 'notarize', epoch, view: 7, digest: new Uint8Array(32).fill(fill) }
  })
  const identity = l1.identityOf(1)
  const sum = blsAggregate(votes.map((vote) => blsSign(secretKey, roundVoteDigest(identity, vote))))
  const told = votes.map(({ view, digest }) => {
    return { kind: 0, epoch, viewNumber: view, digest: toHex(digest) }
  })
  const args = [1, address, ...told, signatureWords(sum)]
  l1.call('SlashingManager', 'reportRoundVotes', { args, from: staker })

  const view = await openView(l1.client, l1.addresses)
  const slashed = await readOperator(view, address)
  assert.equal(slashed.isTombstone, true)
  assert.equal(slashed.weightComing, 0n)
  const [punishment] = slashed.punishments
  // 5 % and three times its part of the network's weight: a quarter.
  assert.deepEqual(punishment, {
    network: 1,
    epoch,
    fault: 'S1',
    bps: 8_000,
    amountWei: (stakeEachWei * 8n) / 10n,
  })
  const networks = await readNetworks(view)
  const wish = { operator: slashed, staker, amountWei: tokens, networks }
  const { calls, risks } = await stakeOrder(view, wish)
  assert.deepEqual(
    risks.filter(({ kind }) => kind === 'tombstone' || kind === 'punished').map(({ kind }) => kind),
    ['tombstone', 'punished'],
  )
  const stake = calls.at(-1)
  assert.ok(stake !== undefined)
  const refused = await l1.client.call({ ...stake, account: staker }).then(
    () => undefined,
    (error: unknown) => refusalOf(error)?.name,
  )
  assert.equal(refused, 'OperatorSlashed')
})

test('joinOrder and leaveOrder change a set two epochs later', async () => {
  const l1 = new StakeChain()
  const operator = firstOperator(l1)
  send(l1, leaveOrder(await openView(l1.client, l1.addresses), 1).calls, operator)
  const leaving = await readNetwork(await openView(l1.client, l1.addresses), 1)
  assert.equal(leaving.members.length, 4)
  assert.equal(leaving.totalComing, (leaving.total * 3n) / 4n)
  l1.advance(60)
  const view = await openView(l1.client, l1.addresses)
  const left = await readNetwork(view, 1)
  assert.equal(left.members.length, 3)
  assert.equal(left.status, 'active')
  send(l1, joinOrder(view, { id: 1, slashBpsMax: 5_000 }).calls, operator)
  const { networks } = await readOperator(await openView(l1.client, l1.addresses), operator)
  assert.deepEqual(networks.at(-1), { id: 1, slashBpsMax: 5_000 })
})

test('refusalOf knows nothing of what is no refusal', () => {
  assert.equal(refusalOf(new Error('down')), undefined)
  assert.equal(refusalOf(undefined), undefined)
})
