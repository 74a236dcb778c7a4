import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'

import { verifyFinalityCertificate } from './certificate.ts'
import { blsScheme, keyedHashScheme } from './signature-scheme.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { World } from './testing/world.ts'
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

test('Validator: a block costs five checks of signatures, its leader three', async () => {
  const scheme = keyedHashScheme()
  let checkCount = 0
  const counting: SignatureScheme = {
    ...scheme,
    verify: (...asked) => {
      checkCount++
      return scheme.verify(...asked)
    },
    verifyAggregate: (...asked) => {
      checkCount++
      return scheme.verifyAggregate(...asked)
    },
  }
  const world = new World({ count: 4, scheme: counting })
  await world.startAll()
  await world.run(20_000)
  const blockCount = Number(world.finalHeight())
  assert.ok(blockCount >= 15)
  // One block more may be under way.
  assert.ok(checkCount <= (3 * 5 + 3) * (blockCount + 1), `${checkCount} checks`)
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
