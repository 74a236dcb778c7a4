import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { simulatedStartMs } from '@zg/runtime'

import { verifyFinalityCertificate } from './certificate.ts'
import { zeroL1Reference } from './l1-reference.ts'
import { blsScheme } from './signature-scheme.ts'
import type { StakeView } from './stake-view.ts'
import { World } from './testing/world.ts'
import { validatorSet } from './validator-set.ts'
import type { ValidatorSet } from './validator-set.ts'
import { WalCorruptError } from './wal.ts'

test('Validator: four validators finalize the same blocks and certify them', async () => {
  const world = new World({ count: 4 })
  await world.startAll()
  await world.run(20_000)
  assert.ok(world.finalHeight() >= 15n, `final height ${world.finalHeight()}`)
  const [first, ...others] = world.nodes
  for (const other of others) {
    const common = Math.min(first!.finalized.length, other.finalized.length)
    for (let index = 0; index < common; index++) {
      assert.equal(
        toHex(other.finalized[index]!.consensusRoot),
        toHex(first!.finalized[index]!.consensusRoot),
      )
    }
  }
  const certificate = first!.validator!.finalityCertificate('latest')!
  assert.ok(certificate.vote.height + 2n >= world.finalHeight())
  const { scheme, genesis, set } = world
  assert.ok(verifyFinalityCertificate(scheme, genesis.identity, set, certificate))
  for (const node of world.nodes) {
    assert.deepEqual(node.failures, [])
    const { counters } = node.validator!.status()
    assert.equal(counters.votesRefused, 0)
    assert.equal(counters.evidenceFound, 0)
    assert.equal(counters.messagesMalformed, 0)
    assert.equal(counters.viewsNullified, 0)
  }
})

test('Validator: one validator alone finalizes, without finality votes', async () => {
  const world = new World({ count: 1, parameters: { finalityVotes: false } })
  await world.startAll()
  await world.run(10_000)
  assert.ok(world.finalHeight() >= 8n)
  assert.equal(world.nodes[0]!.validator!.finalityCertificate('latest'), undefined)
})

test('Validator: a dead leader costs views, not safety; a silent one is skipped', async () => {
  const world = new World({ count: 4 })
  await world.startAll()
  await world.run(5_000)
  world.crash(world.nodes[2]!)
  await world.run(40_000)
  const before = world.finalHeight()
  await world.run(20_000)
  const counters = world.nodes[0]!.validator!.counters()
  assert.ok(world.finalHeight() >= before + 15n, `${before} to ${world.finalHeight()}`)
  assert.ok(counters.viewsNullified > 0)
})

test('Validator: two of four down halt the chain; one back and it goes on', async () => {
  const world = new World({ count: 4 })
  await world.startAll()
  await world.run(5_000)
  for (const index of [1, 3]) world.crash(world.nodes[index]!)
  await world.run(2_000)
  const halted = world.finalHeight()
  await world.run(30_000)
  assert.equal(world.finalHeight(), halted)
  await world.start(world.nodes[3]!)
  await world.run(30_000)
  assert.ok(world.finalHeight() > halted + 5n)
})

test('Validator: all down at once and up again go on, and every height is certified', async () => {
  const world = new World({ count: 4, seed: 3 })
  await world.startAll()
  for (let round = 0; round < 12; round++) {
    await world.run(700 + 137 * round)
    for (const node of world.nodes) world.crash(node)
    await world.startAll()
  }
  const before = world.finalHeight()
  await world.run(15_000)
  assert.ok(world.finalHeight() >= before + 8n)
  for (const node of world.nodes) assert.equal(node.validator!.counters().votesRefused, 0)
  const [node] = world.nodes
  for (let height = 1n; height < world.finalHeight() - 2n; height++) {
    assert.ok(node!.validator!.finalityCertificate(height) !== undefined, `height ${height}`)
  }
})

test('Validator: one that was away catches up by certificates and votes again', async () => {
  const world = new World({ count: 4 })
  await world.startAll()
  await world.run(3_000)
  const away = world.nodes[1]!
  world.crash(away)
  await world.run(200_000)
  await world.start(away)
  await world.run(10_000)
  const status = away.validator!.status()
  assert.ok(status.finalHeight > 100n)
  assert.ok(status.finalHeight + 3n >= world.nodes[0]!.validator!.status().finalHeight)
  assert.ok(status.counters.votesSigned > 5)
  const heights = away.finalized.map(({ header }) => header.height)
  assert.deepEqual(
    heights,
    heights.map((_, index) => BigInt(index + 1)),
  )
})

test('Validator: a lost vote log refuses, and votes only from a later epoch when told so', async () => {
  const world = new World({ count: 4 })
  await world.startAll()
  await world.run(5_000)
  const node = world.nodes[0]!
  world.crash(node)
  const disk = node.disk.mount()
  await world.settle(disk.remove('wal/00000001.log'))
  await assert.rejects(world.start(node), WalCorruptError)
  await assert.rejects(world.start(node, { voteFromEpoch: 0n }), WalCorruptError)
  await world.start(node, { voteFromEpoch: 1n })
  await world.run(20_000)
  const status = node.validator!.status()
  assert.ok(status.finalHeight > 10n)
  assert.equal(status.counters.votesSigned, 0)
  assert.equal(status.index, undefined)
})

test('Validator: real BLS signatures finalize as the keyed hash does', async () => {
  const world = new World({ count: 4, scheme: blsScheme() })
  await world.startAll()
  await world.run(6_000)
  const { scheme, genesis, set } = world
  const certificate = world.nodes[3]!.validator!.finalityCertificate('latest')!
  assert.ok(certificate.vote.height >= 3n)
  assert.ok(verifyFinalityCertificate(scheme, genesis.identity, set, certificate))
})

/** Epochs of eight seconds of L1 time; in epoch e, validator e mod 5 of five sits out. */
function rotatingStake(nowMs: () => number): (set: ValidatorSet) => StakeView {
  const beginSeconds = BigInt(simulatedStartMs / 1_000)
  return ({ validators }) => ({
    validatorSet: (epoch) =>
      validatorSet(
        epoch,
        validators.filter((_, index) => BigInt(index) !== epoch % BigInt(validators.length)),
      ),
    epochAt: (timestamp) => (timestamp <= beginSeconds ? 0n : (timestamp - beginSeconds) / 8n),
    nextReference: (parent) => {
      // An L1 block every two seconds, finalized at once.
      const number = BigInt(Math.floor((nowMs() - simulatedStartMs) / 2_000))
      if (number <= parent.number) return parent
      return { ...zeroL1Reference, number, timestamp: beginSeconds + 2n * number }
    },
    checkReference: ({ number, timestamp }, parent) => {
      if (number === parent.number) return 'VALID'
      return timestamp === beginSeconds + 2n * number ? 'VALID' : 'INVALID'
    },
  })
}

test('Validator: epochs close, sets change, and followers stay with the chain', async () => {
  let nowMs = (): number => simulatedStartMs
  const world = new World({ count: 5, stake: rotatingStake(() => nowMs()) })
  nowMs = () => world.clock.nowMs()
  await world.startAll()
  await world.run(60_000)
  const [node] = world.nodes
  const status = node!.validator!.status()
  assert.ok(status.epoch >= 6n, `epoch ${status.epoch}`)
  assert.ok(world.finalHeight() >= 40n, `height ${world.finalHeight()}`)
  for (const each of world.nodes) {
    assert.deepEqual(each.failures, [])
    assert.equal(each.validator!.counters().votesRefused, 0)
    assert.equal(each.validator!.counters().evidenceFound, 0)
  }
  let closings = 0
  for (const { header } of node!.finalized.slice(0, -3)) {
    const certificate = node!.validator!.finalityCertificate(header.height)!
    const set = world.stake.validatorSet(header.epoch)!
    assert.ok(verifyFinalityCertificate(world.scheme, world.genesis.identity, set, certificate))
    const next = world.stake.epochAt(header.l1.timestamp)
    assert.equal(certificate.vote.nextEpoch, next > header.epoch ? next : 0n)
    if (certificate.vote.nextEpoch !== 0n) closings++
  }
  assert.ok(closings >= 5)
})

test('Validator: a node away over epoch changes catches up through all of them', async () => {
  let nowMs = (): number => simulatedStartMs
  const world = new World({ count: 5, stake: rotatingStake(() => nowMs()) })
  nowMs = () => world.clock.nowMs()
  await world.startAll()
  await world.run(4_000)
  const away = world.nodes[2]!
  world.crash(away)
  await world.run(60_000)
  await world.start(away)
  await world.run(20_000)
  const [node] = world.nodes
  assert.ok(
    away.validator!.status().finalHeight + 3n >= node!.validator!.status().finalHeight,
    `${away.validator!.status().finalHeight} of ${node!.validator!.status().finalHeight}`,
  )
  assert.equal(away.validator!.status().epoch, node!.validator!.status().epoch)
})
