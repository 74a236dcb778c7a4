import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'

import { verifyFinalityCertificate } from './certificate.ts'
import { World } from './testing/world.ts'

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
