import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { bigintToBytes, bytesToBigint, concat, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { somebody } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { NetworkWorld } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'
import { genesisRootOf, openingOf, testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n
const id = 1
const all = [1, 2, 3, 4].map((index) => testOperator(index))
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))
const statuses = ['Opening', 'Active', 'Draining', 'Closed'] as const

/** Operators with 100 tokens of stake each, which have joined nothing. */
function openWorld() {
  const l1 = new L1World()
  l1.settle(all, { purse: 1_000n * ether })
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  const optIn = ({ address }: TestOperator) =>
    l1.send(l1.networks, 'optIn', [id, 10_000], address).events.map(({ name }) => name)
  const status = () => statuses[l1.read(l1.networks, 'statusOf', id) as number]
  const network = () => l1.read(l1.networks, 'networkOf', id) as Record<string, unknown>
  const totalAt = (epoch: number) =>
    (l1.read(l1.networks, 'setAt', id, epoch) as { total: bigint }).total
  const deposit = () => l1.send(l1.bridge, 'deposit', [id, stranger, gwei])
  const close = (from = somebody) => l1.send(l1.networks, 'close', [id], from)
  return { l1, optIn, status, network, totalAt, deposit, close }
}

/** Slot of a mapping's value of this network. */
function slotAt(position: bigint): bigint {
  return bytesToBigint(
    keccak256(concat(bigintToBytes(BigInt(id), 32), bigintToBytes(position, 32))),
  )
}

test('a network takes no dust, and no more operators than nodes can read', () => {
  const { l1, optIn } = openWorld()
  const stakeMin = 350n * gwei
  l1.openNetwork(id, { operatorsMin: 2, stakeMin })
  const [first, second, third, fourth] = all as [
    TestOperator,
    TestOperator,
    TestOperator,
    TestOperator,
  ]
  const dust = testOperator(5)
  l1.register(dust)
  l1.fund(dust.address, ether)
  // A 1,024th of what the network asks for is the least.
  const least = stakeMin / 1_024n
  refuses(() => optIn(dust), 'StakeTooLow')
  l1.send(l1.stakes, 'stake', [dust.address, (least - 1n) * gwei], dust.address)
  refuses(() => optIn(dust), 'StakeTooLow')
  l1.send(l1.stakes, 'stake', [dust.address, gwei], dust.address)
  optIn(dust)
  for (const operator of [first, second]) optIn(operator)

  const registry = BigInt(l1.networks.address)
  const [members, ring] = [slotAt(2n), slotAt(1n)]
  assert.equal(l1.world.slotOf(registry, members), 3n)
  l1.world.setSlot(registry, members, 4_096n)
  refuses(() => optIn(third), 'TooManyMembers')
  l1.world.setSlot(registry, members, 4_095n)
  optIn(third)

  // The newest point of the set: from, total and count in one word.
  const head = ring + 1n
  const word = l1.world.slotOf(registry, head)
  assert.equal(word >> 128n, 4n)
  l1.world.setSlot(registry, members, 4n)
  const withCount = (count: bigint) => (word & ((1n << 128n) - 1n)) | (count << 128n)
  l1.world.setSlot(registry, head, withCount(1_024n))
  refuses(() => optIn(fourth), 'TooManyMembers')
  l1.world.setSlot(registry, head, withCount(1_023n))
  optIn(fourth)
})

test('who made a network begin cannot leave before it has', () => {
  const { l1, optIn, status, network } = openWorld()
  l1.openNetwork(id, { operatorsMin: 3, earliestEpoch: 18 })
  const leave = ({ address }: TestOperator) => l1.send(l1.networks, 'optOut', [id], address)
  const [first, second, third] = all as [TestOperator, TestOperator, TestOperator]
  for (const operator of [first, second]) optIn(operator)
  l1.goToEpoch(l1.epoch + 2)
  // While it waits for operators, who has waited may go, and come back later.
  leave(second)
  l1.goToEpoch(l1.epoch + 2)
  for (const operator of [second, third]) optIn(operator)
  assert.equal(status(), 'Active')
  assert.equal(network().firstEpoch, 18n)
  for (let epoch = l1.epoch; epoch < 18; epoch++) {
    l1.goToEpoch(epoch)
    for (const operator of all.slice(0, 3)) refuses(() => leave(operator), 'NotInYet')
  }
  l1.goToEpoch(18)
  const { count } = l1.read(l1.networks, 'setAt', id, 18) as { count: number }
  assert.equal(count, 3)
  leave(first)
})

test('a network begins when enough operators with enough stake have joined, in the epoch after next', () => {
  const { l1, optIn, status, network, totalAt, deposit } = openWorld()
  l1.openNetwork(id, { operatorsMin: 3, stakeMin: 350n * gwei })
  for (const operator of all.slice(0, 3)) assert.deepEqual(optIn(operator), ['OptedIn'])
  l1.goToEpoch(11)
  assert.equal(status(), 'Opening', 'enough operators, too little stake')
  // What does not exist has no set, takes no tokens, and is not dead.
  assert.deepEqual([12, 13, 14].map(totalAt), [0n, 0n, 0n])
  refuses(() => deposit(), 'BeyondSecured')
  refuses(() => l1.read(l1.oracle, 'finalOf', id), 'NetworkOpening')
  refuses(() => l1.send(l1.oracle, 'declareDead', [id]), 'NetworkOpening')
  assert.equal(l1.read(l1.networks, 'isMember', id, all[0]?.address, 12), false)
  const [first] = all as [TestOperator]
  l1.send(l1.stakes, 'stake', [first.address, 50n * ether], first.address)
  assert.equal(status(), 'Active')
  const { firstEpoch, genesisRoot } = network()
  assert.equal(firstEpoch, 13n)
  assert.equal(genesisRoot, toHex(genesisRootOf(l1.identityOf(id), 13)))
  assert.deepEqual([12, 13, 14].map(totalAt), [0n, 350n * gwei, 350n * gwei])
  refuses(() => deposit(), 'BeyondSecured')
  l1.goToEpoch(13)
  const { epoch, consensusRoot } = l1.read(l1.oracle, 'finalOf', id) as Record<string, unknown>
  assert.deepEqual([epoch, consensusRoot], [13n, genesisRoot])
  deposit()
})

test('it begins once, and not before the epoch that it was opened for', () => {
  const { l1, optIn, network } = openWorld()
  l1.openNetwork(id, { earliestEpoch: 15 })
  const [first, second] = all as [TestOperator, TestOperator]
  assert.deepEqual(optIn(first).sort(), ['NetworkActivated', 'OptedIn'])
  const before = network()
  assert.equal(before['firstEpoch'], 15n)
  l1.goToEpoch(16)
  assert.deepEqual(optIn(second), ['OptedIn'])
  assert.deepEqual(network(), before)
})

test('thresholds are no lower than parameters say', () => {
  const { l1 } = openWorld()
  l1.send(l1.parameters, 'set', [2, 4])
  l1.send(l1.parameters, 'set', [3, 1_000])
  refuses(() => l1.openNetwork(id, { operatorsMin: 3, stakeMin: 1_000n }), 'ThresholdTooLow')
  refuses(() => l1.openNetwork(id, { operatorsMin: 4, stakeMin: 999n }), 'ThresholdTooLow')
  l1.openNetwork(id, { operatorsMin: 4, stakeMin: 1_000n })
})

test('a network drains with its set, is closed by anyone after the notice, and then has none', async () => {
  const { l1, optIn, status, totalAt, deposit, close } = openWorld()
  l1.openNetwork(id)
  const drain = (from = somebody) => l1.send(l1.networks, 'drain', [id], from)
  refuses(() => drain(), 'StatusUnfit')
  for (const operator of all) optIn(operator)
  l1.goToEpoch(12)
  refuses(() => close(), 'StatusUnfit')
  refuses(() => drain(stranger), 'NotTheGovernor')
  assert.deepEqual(drain().events[0]?.args, { id, drainedEpoch: 16n })
  refuses(() => drain(), 'StatusUnfit')
  assert.equal(status(), 'Draining')
  // It goes on as before: certificates, deposits, members.
  const world = new NetworkWorld(l1, id, all)
  await world.seal()
  world.certify()
  deposit()
  l1.goToEpoch(15)
  refuses(() => close(stranger), 'StillDraining')
  l1.goToEpoch(16)
  assert.deepEqual(close(stranger).events[0]?.args, { id, endEpoch: 18n })
  refuses(() => close(stranger), 'StatusUnfit')
  assert.equal(status(), 'Closed')
  refuses(() => optIn(all[0] as TestOperator), 'StatusUnfit')
  assert.deepEqual([17, 18, 19].map(totalAt), [400n * gwei, 0n, 0n])
  deposit()
  await world.seal({ epoch: 12n })
  world.certify({ nextEpoch: 16n })
  l1.goToEpoch(18)
  refuses(() => deposit(), 'BeyondSecured')
  await world.seal({ epoch: 16n })
  // The last epoch is closed for one in which there is nobody any more.
  world.certify({ nextEpoch: 18n })
  await world.seal({ epoch: 18n })
  refuses(() => world.certify(), 'NoQuorum')
  // Whoever was in it leaves at will, and it dies of silence: what is in it may leave, too.
  for (const { address } of all) l1.send(l1.networks, 'optOut', [id], address)
  l1.outlive(id)
  l1.send(l1.oracle, 'declareDead', [id])
})

test('when the stake of its set is free, a network takes no certificate any more', async () => {
  const l1 = new L1World({ deadAfterSeconds: 400 })
  l1.openNetwork(id)
  l1.settle(all, { ids: [id] })
  l1.goToEpoch(12)
  const world = new NetworkWorld(l1, id, all)
  await world.seal()
  world.certify()
  // All leave what they may, and nothing of the network comes to L1.
  const exits = all.map(({ address }) => {
    const { events } = l1.send(l1.stakes, 'unstake', [address, 100n * ether], address)
    return Number(events[0]?.args['exitEpoch'])
  })
  assert.deepEqual(exits, [14, 14, 14, 14])
  const until = Number(l1.read(l1.oracle, 'livesUntil', id))
  assert.equal(until, l1.start + 13 * l1.epochSeconds + 400)
  const free = Number(l1.read(l1.stakes, 'readyAt', 13))
  assert.ok(until < free)
  await world.seal({ epoch: 12n })
  const forged = { nextEpoch: 16n }
  const conflict = world.certificate({ height: 1, bent: { blockHash: new Uint8Array(32).fill(8) } })
  l1.world.advance(until + 1 - l1.world.timestamp)
  // Nobody has buried it yet.
  assert.equal((l1.read(l1.oracle, 'finalOf', id) as { isDead: boolean }).isDead, false)
  refuses(() => world.certify(forged), 'NetworkDead')
  refuses(() => l1.send(l1.oracle, 'haltByConflict', [id, conflict]), 'NetworkDead')
  l1.goToEpoch(19)
  for (const { address } of all) l1.send(l1.stakes, 'withdraw', [address, 14], address)
  refuses(() => world.certify(forged), 'NetworkDead')
  l1.send(l1.oracle, 'declareDead', [id])
})

test('a network that is late by less is closed, epoch by epoch, each in its own time', async () => {
  const l1 = new L1World({ deadAfterSeconds: 400 })
  l1.openNetwork(id)
  l1.settle(all, { ids: [id] })
  l1.goToEpoch(12)
  const world = new NetworkWorld(l1, id, all)
  await world.seal()
  world.certify()
  const livesUntil = () => Number(l1.read(l1.oracle, 'livesUntil', id))
  const end = livesUntil()
  l1.world.advance(end - 1 - l1.world.timestamp)
  await world.seal({ epoch: 12n })
  world.certify({ nextEpoch: 13n })
  // The close came late, and gives the set of the next epoch no more time than it had.
  assert.equal(livesUntil(), end + l1.epochSeconds)
  await world.seal({ epoch: 13n })
  refuses(() => l1.send(l1.oracle, 'declareDead', [id]), 'StillAlive')
  world.certify({ nextEpoch: 16n })
  assert.equal(livesUntil(), end + 4 * l1.epochSeconds)
})

test('faults of the epochs in which there was a network are punished, also when it is over', () => {
  const { l1, optIn, close } = openWorld()
  l1.openNetwork(id, { earliestEpoch: 13 })
  for (const operator of all) optIn(operator)
  const [culprit] = all as [TestOperator]
  const report = (epoch: number) => {
    const votes = [1, 2].map((fill): RoundVote => {
      const digest = new Uint8Array(32).fill(fill)
      return { kind: 'notarize', epoch: BigInt(epoch), view: 7, digest }
    })
    const [first, second] = votes.map((vote) => l1.roundArgs(vote))
    const sum = l1.signRounds(id, votes, [culprit])
    return l1.send(l1.slashing, 'reportRoundVotes', [id, culprit.address, first, second, sum])
  }
  l1.goToEpoch(13)
  refuses(() => report(12), 'NotAMember')
  l1.send(l1.networks, 'drain', [id])
  l1.goToEpoch(17)
  close(stranger)
  l1.goToEpoch(19)
  refuses(() => report(19), 'NotAMember')
  assert.equal(report(18).events[0]?.name, 'Punished')
})

test('stake leaves a network that is over without a limit', () => {
  const l1 = new L1World()
  l1.openNetwork(id)
  const many = Array.from({ length: 20 }, (_, index) => testOperator(index + 1))
  l1.settle(many, { ids: [id] })
  l1.goToEpoch(12)
  const [first, second] = many as [TestOperator, TestOperator]
  const leave = ({ address }: TestOperator) => l1.send(l1.networks, 'optOut', [id], address)
  l1.send(l1.networks, 'drain', [id])
  leave(first)
  refuses(() => leave(second), 'ChurnFull')
  l1.goToEpoch(16)
  l1.send(l1.networks, 'close', [id])
  l1.goToEpoch(17)
  for (const operator of many.slice(1)) leave(operator)
})

test('governance takes a network back that never began; it does not begin after that', () => {
  const { l1, optIn, status, network, totalAt, close } = openWorld()
  l1.openNetwork(id, { stakeMin: 101n * gwei })
  const [first, second] = all as [TestOperator, TestOperator]
  optIn(first)
  refuses(() => close(stranger), 'StatusUnfit')
  close()
  assert.equal(status(), 'Closed')
  refuses(() => optIn(second), 'StatusUnfit')
  // Now it would have had enough.
  l1.send(l1.stakes, 'stake', [first.address, ether], first.address)
  assert.equal(network()['firstEpoch'], 0n)
  assert.equal(totalAt(14), 0n)
  refuses(() => l1.read(l1.oracle, 'finalOf', id), 'NetworkOpening')
})

test('networkIds names all that were opened, networkOf what they were opened with', () => {
  const { l1, network } = openWorld()
  for (const each of [5, id]) l1.openNetwork(each, { stakeMin: 7n, operatorsMin: 2 })
  assert.deepEqual(l1.read(l1.networks, 'networkIds'), [5, id])
  const genesisHash = toHex(l1.identityOf(id).genesisHash)
  const { chainId, genesisTime } = openingOf(id, { genesisHash })
  assert.deepEqual(network(), {
    chainId: BigInt(chainId),
    firstEpoch: 0n,
    drainedEpoch: 0n,
    endEpoch: 0n,
    genesisTime: BigInt(genesisTime),
    earliestEpoch: 0n,
    stakeMin: 7n,
    operatorsMin: 2,
    drainingEpoch: 0,
    genesisHash,
    genesisRoot: toHex(new Uint8Array(32)),
  })
  refuses(() => l1.read(l1.networks, 'statusOf', 9), 'NetworkUnknown')
})
