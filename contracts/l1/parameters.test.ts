import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeFunctionData } from 'viem'

import { ContractRevertError, ContractWorld, somebody } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { parameterValues, testOperator } from '../testing/stake-world.ts'

const million = 1_000_000n * 10n ** 18n
const [ordinary, critical, staker, dissenter, stranger] = [1, 2, 3, 4, 5].map((fill): Hex =>
  toHex(new Uint8Array(20).fill(fill)),
) as [Hex, Hex, Hex, Hex, Hex]
const operator = testOperator(1)
const everyone: Hex = `0x${'00'.repeat(20)}`
const noWord: Hex = `0x${'00'.repeat(32)}`
const periods = { votingDelay: 10, votingPeriod: 100, lateQuorumPeriod: 30 }
const timelockSeconds = 50
/** In the order of `Parameters.Key`. */
const keys = [
  { name: 'OperatorBps', least: 500n, most: 3_333n, isCritical: true },
  { name: 'ChurnBps', least: 100n, most: 1_000n, isCritical: true },
  { name: 'OperatorsMin', least: 1n, most: 100n, isCritical: false },
  { name: 'StakeMin', least: 1n, most: 10n ** 17n, isCritical: false },
  { name: 'DrainEpochs', least: 2n, most: 4_000n, isCritical: true },
  { name: 'LoadEpochs', least: 2n, most: 16n, isCritical: false },
  { name: 'CoolDownEpochs', least: 2n, most: 1_000n, isCritical: false },
] as const

test('Parameters: each is set by its own authority, within its bounds', () => {
  const world = new ContractWorld()
  const args = [ordinary, critical, parameterValues]
  const contract = world.deploy('Parameters', { args })
  const get = (key: number) => world.read({ contract, name: 'get', args: [key] })
  for (const [key, { least, most, isCritical }] of keys.entries()) {
    assert.equal(get(key), parameterValues[key])
    const [right, wrong] = isCritical ? [critical, ordinary] : [ordinary, critical]
    const set = (value: bigint, from = right) =>
      world.send({ contract, name: 'set', args: [key, value], from })
    refuses(() => set(least, wrong), 'NotTheAuthority')
    refuses(() => set(least, somebody), 'NotTheAuthority')
    refuses(() => set(least - 1n), 'OutOfBounds')
    refuses(() => set(most + 1n), 'OutOfBounds')
    assert.equal(get(key), parameterValues[key])
    for (const value of [least, most]) {
      const [event] = set(value).events
      assert.deepEqual([event?.name, event?.args['value']], ['ParameterSet', value])
      assert.equal(get(key), value)
    }
  }
  const others = [
    parameterValues.slice(1),
    [...parameterValues, 1n],
    [0n, ...parameterValues.slice(1)],
  ]
  for (const values of others) {
    const wrong = [ordinary, critical, values]
    assert.throws(() => world.deploy('Parameters', { args: wrong }), ContractRevertError)
  }
})

/** An L1 under two timelocks; 60 million are staked, 10 of them by who will dissent. */
function openWorld() {
  const probe = new L1World()
  const [governance, stakersTimelock] = [0, 1].map((offset) => probe.world.nextAddress(offset))
  const l1 = new L1World({ governance: governance as Hex, stakersTimelock: stakersTimelock as Hex })
  const { world } = l1
  const governorAddress = world.nextAddress(2)
  const timelock = world.deploy('TimelockController', {
    args: [timelockSeconds, [governorAddress], [everyone], everyone],
  })
  const criticalSeconds = l1.unbondingSeconds + 2 * l1.epochSeconds + 1
  const criticalArgs = (delay: number) => [delay, [timelock.address], [everyone], l1.stakes.address]
  const later = world.deploy('StakersTimelock', { args: criticalArgs(criticalSeconds) })
  const governor = world.deploy('ZgGovernor', {
    args: [l1.stakes.address, timelock.address, periods],
  })
  assert.deepEqual([timelock.address, later.address], [governance, stakersTimelock])
  l1.register(operator)
  for (const [who, amount] of [
    [staker, 50n * million],
    [dissenter, 10n * million],
  ] as const) {
    l1.fund(who, amount)
    l1.send(l1.stakes, 'stake', [operator.address, amount], who)
  }
  world.advance(10)
  /** Proposed and voted with staked tokens, queued and executed by a stranger. */
  const decide = (target: Deployed, name: string, args: readonly unknown[]): void => {
    const actions = [[target.address], [0n], [dataOf(target, name, args)]]
    const description = `${name} ${args.map(String).join()}`
    const hash = toHex(keccak256(new TextEncoder().encode(description)))
    const { events } = l1.send(governor, 'propose', [...actions, description], staker)
    const id = events.find((event) => event.name === 'ProposalCreated')?.args['proposalId']
    world.advance(periods.votingDelay + 1)
    l1.send(governor, 'castVote', [id, 1], staker)
    l1.send(governor, 'castVote', [id, 0], dissenter)
    world.advance(periods.votingPeriod + periods.lateQuorumPeriod)
    l1.send(governor, 'queue', [...actions, hash], stranger)
    refuses(
      () => l1.send(governor, 'execute', [...actions, hash], stranger),
      'TimelockUnexpectedOperationState',
    )
    world.advance(timelockSeconds)
    l1.send(governor, 'execute', [...actions, hash], stranger)
  }
  /** An operation of the stakers' timelock: what schedules it, and what executes it. */
  const operation = (target: Deployed, name: string, args: readonly unknown[]) => {
    const data = dataOf(target, name, args)
    return [target.address, 0n, data, noWord, noWord] as const
  }
  const get = (key: number) => l1.read(l1.parameters, 'get', key)
  return { l1, world, timelock, later, criticalSeconds, criticalArgs, decide, operation, get }
}

function dataOf({ abi }: Deployed, functionName: string, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi, functionName, args: [...args] })
}

test('a parameter change: proposed and voted with staked tokens, queued, executed on L1', () => {
  const { l1, decide, get } = openWorld()
  assert.equal(get(2), 1n)
  decide(l1.parameters, 'set', [2, 7])
  assert.equal(get(2), 7n)
  // Networks are held to it; and bounds hold for governance, too.
  assert.throws(() => decide(l1.parameters, 'set', [2, 0]), ContractRevertError)
  assert.throws(() => decide(l1.parameters, 'set', [0, 2_000]), ContractRevertError)
  assert.deepEqual([get(0), get(2)], [1_000n, 7n])
})

test('a critical change waits in a second timelock: who dissents holds its stake before', () => {
  const { l1, world, later, criticalSeconds, decide, operation, get } = openWorld()
  const change = operation(l1.parameters, 'set', [0, 2_000])
  refuses(
    () => l1.send(later, 'schedule', [...change, criticalSeconds], staker),
    'AccessControlUnauthorizedAccount',
  )
  decide(later, 'schedule', [...change, criticalSeconds])
  const due = world.timestamp + criticalSeconds
  const execute = () => l1.send(later, 'execute', change, stranger)
  l1.send(l1.stakes, 'unstake', [operator.address, 10n * million], dissenter)
  const exitEpoch = l1.epoch + 2
  const ready = Number(l1.read(l1.stakes, 'readyAt', exitEpoch))
  assert.ok(ready < due)
  world.advance(ready - world.timestamp)
  l1.send(l1.stakes, 'withdraw', [operator.address, exitEpoch], dissenter)
  assert.equal(l1.balanceOf(dissenter), 10n * million)
  refuses(execute, 'TimelockUnexpectedOperationState')
  assert.equal(get(0), 1_000n)
  world.advance(due - world.timestamp)
  execute()
  assert.equal(get(0), 2_000n)
})

test('what is scheduled may be called off by another vote', () => {
  const { l1, world, later, criticalSeconds, decide, operation, get } = openWorld()
  const change = operation(l1.parameters, 'set', [1, 1_000])
  decide(later, 'schedule', [...change, criticalSeconds])
  const id = l1.read(later, 'hashOperation', ...change)
  refuses(() => l1.send(later, 'cancel', [id], staker), 'AccessControlUnauthorizedAccount')
  decide(later, 'cancel', [id])
  world.advance(criticalSeconds)
  refuses(() => l1.send(later, 'execute', change), 'TimelockUnexpectedOperationState')
  assert.equal(get(1), 500n)
})

test('StakersTimelock waits longer than stake takes to leave, whatever it decides of itself', () => {
  const { l1, world, later, criticalSeconds, criticalArgs, decide, operation } = openWorld()
  assert.throws(
    () => world.deploy('StakersTimelock', { args: criticalArgs(criticalSeconds - 1) }),
    ContractRevertError,
  )
  const shorter = operation(later, 'updateDelay', [1])
  decide(later, 'schedule', [...shorter, criticalSeconds])
  world.advance(criticalSeconds)
  l1.send(later, 'execute', shorter)
  assert.equal(l1.read(later, 'getMinDelay'), BigInt(criticalSeconds))
  const change = operation(l1.parameters, 'set', [0, 2_000])
  assert.throws(
    () => decide(later, 'schedule', [...change, criticalSeconds - 1]),
    ContractRevertError,
  )
})
