import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { DataCosts } from './data-cost-model.ts'
import {
  disperserMachine,
  drawQuorums,
  nodeMachine,
  playOne,
  whatDisperserTakes,
  whatNodesTake,
} from './simulated-data.ts'

const costs: DataCosts = {
  disperser: { second: 0, batch: 0.01, byte: 1e-8, member: 0.001 },
  node: { second: 0, request: 0, byte: 1e-8 },
}

function partsOf(nodes: number, quorums = 1) {
  return {
    nodeCount: nodes,
    quorums: drawQuorums({ nodes, quorums }),
    node: nodeMachine,
    disperser: disperserMachine,
    costs,
    batchBytes: 1_048_576,
    rowsPerByte: 4,
    requestBytes: 0,
  }
}

test('drawQuorums has all nodes up to 512, and who holds 512 tickets of more', () => {
  const [all] = drawQuorums({ nodes: 200, quorums: 1 })
  assert.equal(all?.members.length, 200)
  for (const { members, slots } of drawQuorums({ nodes: 4_000, quorums: 2 })) {
    // 512 tickets of 4,000 fall on 480 in the mean.
    assert.ok(members.length > 440 && members.length <= 512)
    assert.equal(
      members.reduce((sum, member) => sum + member.slots, 0),
      slots,
    )
  }
})

test('whatNodesTake grows with the nodes while bytes are what costs', () => {
  // 4 MiB of rows over 16 nodes at 100 MB/s.
  const { batchesPerSecond, bound } = whatNodesTake(partsOf(16))
  assert.equal(batchesPerSecond.toFixed(3), (16 / (4 * 1_048_576 * 1e-8)).toFixed(3))
  assert.equal(bound, 'node CPU')
  assert.equal(
    (whatNodesTake(partsOf(256)).batchesPerSecond / batchesPerSecond).toFixed(6),
    '16.000000',
  )
  // The same members, however many quorums.
  assert.equal(whatNodesTake(partsOf(16, 4)).batchesPerSecond, batchesPerSecond)
})

test('whatNodesTake is what the busiest node takes, of processor or port', () => {
  const members = [
    { node: 0, slots: 3 },
    { node: 1, slots: 1 },
  ]
  const uneven = { ...partsOf(2), quorums: [{ members, slots: 4 }] }
  assert.equal(
    whatNodesTake(uneven).batchesPerSecond.toFixed(6),
    (1 / (3 * 0.010_485_76)).toFixed(6),
  )
  const cheap = { ...uneven, costs: { ...costs, node: { ...costs.node, byte: 1e-9 } } }
  assert.equal(whatNodesTake(cheap).bound, 'node port')
})

test('whatDisperserTakes is bound by its processors or its port', () => {
  const few = whatDisperserTakes(partsOf(16))
  // 4 MiB of rows through 125 MB/s; its two processors would do 55.
  assert.equal(few.toFixed(3), (125e6 / (4 * 1_048_576)).toFixed(3))
  const many = whatDisperserTakes(partsOf(256))
  assert.equal(many.toFixed(3), (2 / (0.01 + 1_048_576e-8 + 0.256)).toFixed(3))
})

test('playOne certifies what is offered below what nodes take', () => {
  const drawn = drawQuorums({ nodes: 16, quorums: 1 })
  const slow = { ...costs, node: { second: 0.1, request: 0.01, byte: 1e-7 } }
  const world = playOne({ nodes: 16, drawn, batchBytes: 1_048_576, loadShare: 0.5, costs: slow })
  assert.equal(world.label, 'simulation')
  assert.ok(Math.abs(world.certifiedMBs / world.offeredMBs - 1) < 0.1)
  assert.equal((world.offeredMBs / world.nodesTakeMBs).toFixed(6), '0.500000')
  // Half of what being there leaves, and that.
  assert.ok(Math.abs(world.busy['node CPU'] - (0.1 + 0.45)) < 0.05)
  assert.equal(world.bound, 'node CPU')
})
