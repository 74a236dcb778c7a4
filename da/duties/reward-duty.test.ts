import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { silentLogger, SimulatedClock } from '@zg/runtime'

import { rewardKey } from './duty-chain.ts'
import type { Reward } from './duty-chain.ts'
import { RewardDuty } from './reward-duty.ts'
import { DataWorld } from '../testing/data-world.ts'
import { TableDuties } from '../testing/table-duties.ts'

const epochMs = 30_000
const reward = (epoch: bigint, amount = 5n): Reward => ({ epoch, quorum: 0, member: 1, amount })

/** The duty of a node whose operator earned something. */
function open(rewards: readonly Reward[], leastWei = 1n) {
  const clock = new SimulatedClock()
  const world = new DataWorld({ clock, nodeCount: 4 })
  const { operator } = world.chain.signers[1]!
  const table = new TableDuties(world.chain, clock)
  table.rewards.push(...rewards)
  const begin = (): RewardDuty => {
    const { chain } = world
    const disk = world.nodeDisks[1]!.mount()
    const duty = { chain, rewards: table.of(operator), disk, log: silentLogger, operator, leastWei }
    return new RewardDuty(duty)
  }
  /** Steps until nothing more is to be done at once. */
  const see = async (duty: RewardDuty): Promise<void> => {
    for (let steps = 0; await world.run(duty.step()); steps++) assert.ok(steps < 1_000)
  }
  const pass = (epochs: number) => clock.run({ untilMs: clock.nowMs() + epochs * epochMs })
  /** Steps as often as it is stepped when it fails, and tells how often it did. */
  const insist = async (duty: RewardDuty): Promise<number> => {
    let failures = 0
    for (; failures < 100; failures++) {
      if (await see(duty).then(Boolean, () => true)) continue
      return failures
    }
    return assert.fail('it fails for ever')
  }
  return { table, chain: world.chain, begin, see, insist, pass }
}

const epochsOf = (rewards: readonly Reward[]): readonly bigint[] =>
  rewards.map(({ epoch }) => epoch)

test('rewards are claimed from the third epoch after theirs on, all that came before too', async () => {
  const { table, begin, see, pass } = open([reward(3n), reward(7n), reward(8n), reward(9n)])
  const duty = begin()
  // Epoch 10 is the first.
  await see(duty)
  assert.deepEqual(epochsOf(table.rewards), [8n, 9n])
  await pass(1)
  await see(duty)
  assert.deepEqual(epochsOf(table.rewards), [9n])
  await see(duty)
  assert.equal(table.brought.length, 3)
})

test('how far it came is on the disk: what was claimed is not looked for again', async () => {
  const { table, begin, see, pass } = open([reward(7n)])
  await see(begin())
  assert.equal(table.brought.length, 1)
  // Of an epoch that is done with.
  table.rewards.push(reward(6n))
  await see(begin())
  assert.equal(table.brought.length, 1)
  table.rewards.push(reward(8n))
  await pass(1)
  await see(begin())
  assert.equal(table.brought.length, 2)
})

test('a claim that does not get there is made again; one that is not worth it is not made', async () => {
  const { table, chain, begin, see } = open([reward(6n, 9n), reward(7n, 10n)], 10n)
  const duty = begin()
  for (const { operator } of chain.signers) table.mute.add(toHex(operator))
  await assert.rejects(see(duty), { code: 'DA_TABLE_DUTY' })
  assert.equal(table.rewards.length, 2)
  table.mute.clear()
  await see(duty)
  assert.deepEqual(epochsOf(table.rewards), [6n])
})

test('what is not worth its claim adds up, over a crash too, and is claimed once it is worth it', async () => {
  const small = [3n, 4n, 5n].map((epoch) => reward(epoch, 4n))
  const { table, begin, see, pass } = open(small.slice(), 15n)
  await see(begin())
  assert.equal(table.rewards.length, 3)
  table.rewards.push(reward(8n, 4n))
  await pass(1)
  await see(begin())
  assert.deepEqual(table.rewards, [])
})

test('a claim that always reverts keeps no other from being made, and is made again now and then', async () => {
  const bad = reward(3n, 100n)
  const { table, begin, see, insist, pass } = open([bad, reward(5n), reward(7n)])
  table.stuck.add(rewardKey(bad))
  const duty = begin()
  assert.equal(await insist(duty), 4)
  assert.deepEqual(table.rewards, [bad])
  table.stuck.clear()
  await pass(31)
  await see(duty)
  assert.deepEqual(table.rewards, [bad])
  await pass(1)
  await see(duty)
  assert.deepEqual(table.rewards, [])
})

test('what somebody else claimed for the operator is let go', async () => {
  const small = reward(3n, 4n)
  const { table, begin, see, pass } = open([small], 5n)
  const duty = begin()
  await see(duty)
  table.rewards.splice(0, 1, reward(8n, 4n))
  await pass(1)
  await see(duty)
  assert.equal(table.rewards.length, 1, 'it is not worth it alone')
  table.rewards.push(reward(9n, 4n))
  await pass(1)
  await see(duty)
  assert.deepEqual(table.rewards, [])
})
