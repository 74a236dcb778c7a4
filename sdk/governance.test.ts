import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Abi } from 'viem'

import {
  delegateVotesCall,
  drainAction,
  executeCall,
  parameterAction,
  proposeCall,
  queueCall,
  readProposals,
  readRules,
  readVotes,
  sayAction,
  voteCall,
} from './governance.ts'
import type { Action, Proposal } from './governance.ts'
import { networkSettingAction } from './network-settings.ts'
import { readNetwork } from './networks.ts'
import type { Call } from './orders.ts'
import { parameterNames, readParameter } from './parameters.ts'
import { StakeChain, stakeEachWei } from './testing/stake-chain.ts'
import { openView } from './view.ts'
import type { StakeView } from './view.ts'

const million = 1_000_000n * 10n ** 18n
const voter: Hex = toHex(new Uint8Array(20).fill(0xb0))

function openWorld() {
  const l1 = new StakeChain({ holders: [voter] })
  const view = (): Promise<StakeView> => openView(l1.client, l1.addresses)
  const send = ({ to, data, value }: Call): void => l1.send({ from: voter, to, data, value })
  const last = async (): Promise<Proposal> => {
    const found = (await readProposals(await view())).at(-1)
    assert.ok(found !== undefined)
    return found
  }
  /** Votes for an action with 50 million, and executes it. */
  const decide = async (action: Action, description: string): Promise<Proposal> => {
    const rules = await readRules(await view())
    send(proposeCall(await view(), { actions: [action], description }))
    l1.advance(rules.votingDelaySeconds + 1)
    const { id } = await last()
    send(voteCall(await view(), { id, choice: 'for' }))
    l1.advance(rules.votingPeriodSeconds + 1)
    send(queueCall(await view(), await last()))
    const queued = await last()
    assert.equal(queued.state, 'queued')
    l1.advance(rules.timelockSeconds + 1)
    send(executeCall(await view(), queued))
    return last()
  }
  return { l1, view, send, last, decide }
}

async function openVoting() {
  const world = openWorld()
  world.l1.call('ZgToken', 'transfer', { args: [voter, 50n * million] })
  world.send(delegateVotesCall(await world.view(), voter))
  world.l1.advance(2)
  return world
}

test('readVotes counts own tokens once they may vote, and what is staked', async () => {
  const { l1, view, send } = openWorld()
  assert.equal(await readVotes(await view(), voter), 0n)
  send(delegateVotesCall(await view(), voter))
  l1.advance(2)
  assert.equal(await readVotes(await view(), voter), stakeEachWei)
  const operator = l1.operators[0]?.address
  assert.ok(operator !== undefined)
  assert.equal(await readVotes(await view(), operator), stakeEachWei)
})

test('an ordinary parameter: proposed, voted, queued, executed', async () => {
  const { view, decide } = await openVoting()
  const loadEpochs = 'loadEpochs'
  const action = await parameterAction(await view(), { name: loadEpochs, value: 3n })
  assert.equal(sayAction(await view(), action), 'set loadEpochs to 3')
  const done = await decide(action, 'Look longer before another network opens')
  assert.equal(done.state, 'executed')
  assert.equal(done.forWei, 51n * million)
  assert.equal(done.second, undefined)
  assert.equal((await readParameter(await view(), loadEpochs)).value, 3n)
})

test('a critical parameter waits a second time, until stakers could have left', async () => {
  const { l1, view, send, last, decide } = await openVoting()
  const before = await readParameter(await view(), 'churnBps')
  assert.equal(before.isCritical, true)
  const action = await parameterAction(await view(), { name: 'churnBps', value: 600n })
  assert.equal(sayAction(await view(), action), 'set churnBps to 600, once stakers could leave')
  const scheduled = await decide(action, 'Let more leave in an epoch')
  assert.equal(scheduled.state, 'executed')
  assert.equal(scheduled.second?.isDone, false)
  const readyAt = scheduled.second?.readyAt ?? 0
  const rules = await readRules(await view())
  assert.ok(readyAt - l1.run.timestamp > rules.stakersTimelockSeconds - 10)
  const early = executeCall(await view(), scheduled)
  assert.throws(() => send(early), /reverted/)
  l1.advance(readyAt - l1.run.timestamp)
  send(early)
  assert.equal((await last()).second?.isDone, true)
  assert.equal((await readParameter(await view(), 'churnBps')).value, 600n)
})

test('a number of one network is set by a message of the timelock to its GovExecutor', async () => {
  const { l1, view, decide } = await openVoting()
  const setting = { network: 1, name: 'gasLimit', value: 50_000_000n } as const
  const action = networkSettingAction(await view(), setting)
  assert.equal(sayAction(await view(), action), 'set gasLimit to 50000000 on network 1')
  assert.equal((await decide(action, 'Smaller blocks')).state, 'executed')
  const [, count] = (await l1.client.readContract({
    address: l1.addresses.Inbox,
    abi: artifactOf('Inbox').abi as Abi,
    functionName: 'messagesOf',
    args: [1],
  })) as readonly [Hex, bigint]
  assert.equal(count, 1n)
})

test('drainAction gives a network notice', async () => {
  const { view, decide } = await openVoting()
  const action = drainAction(await view(), 1)
  assert.equal(sayAction(await view(), action), 'drain network 1')
  await decide(action, 'End network 1')
  const { status, drainedEpoch } = await readNetwork(await view(), 1)
  assert.equal(status, 'draining')
  assert.ok(drainedEpoch !== undefined)
})

test('sayAction tells a call it does not know as it is', async () => {
  const { view } = openWorld()
  const { addresses } = await view()
  const foreign = { to: voter, value: 7n, data: '0xabcd' } as const
  assert.equal(sayAction(await view(), foreign), `call ${voter} with 0xabcd and 7 wei`)
  const unknown = { to: addresses.Parameters, value: 0n, data: '0x01020304' } as const
  assert.match(sayAction(await view(), unknown), /^call 0x/)
})

test('parameterNames are in the order of the contract: each has its bounds', async () => {
  const { view } = openWorld()
  const parameters = await Promise.all(
    parameterNames.map(async (name) => readParameter(await view(), name)),
  )
  assert.deepEqual(
    parameters.filter(({ isCritical }) => isCritical).map(({ name }) => name),
    ['operatorBps', 'churnBps', 'drainEpochs'],
  )
  for (const { name, value, least, most } of parameters) {
    assert.ok(least <= value && value <= most, name)
  }
})
