import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import type { DataCosts } from './data-cost-model.ts'
import { playData } from './data-model.ts'
import type { DataLoad, DataOutcome, DataScenario, ModelQuorum } from './data-model.ts'

const costs: DataCosts = {
  disperser: { second: 0, batch: 0.01, byte: 0, member: 0 },
  node: { second: 0, request: 0.002, byte: 0 },
}

/** So many members, each with one slot of as many. */
function evenQuorum(nodes: number): ModelQuorum {
  const members = Array.from({ length: nodes }, (_, node) => ({ node, slots: 1 }))
  return { members, slots: nodes }
}

/** Nothing holds it back but 10 ms of coding and 2 ms of checking. */
const scenario: DataScenario = {
  nodeCount: 4,
  quorums: [evenQuorum(4)],
  node: { cores: 1, portBytesPerSecond: 1e12 },
  dispersers: 1,
  disperser: { cores: 1, portBytesPerSecond: 1e12 },
  costs,
  batchBytes: 1_000_000,
  rowsPerByte: 4,
  requestBytes: 0,
}

function play(change: Partial<DataScenario>, load: Partial<DataLoad> = {}): DataOutcome {
  const { batchesPerSecond = 10, seconds = 200 } = load
  const rng = createSeededRng('test')
  return playData({ ...scenario, ...change }, { batchesPerSecond, seconds }, rng)
}

function near(found: number, right: number, share = 0.05): void {
  assert.ok(Math.abs(found / right - 1) <= share, `${found} for ${right}`)
}

test('playData has a lone batch take what its parts take', () => {
  const { putP50Ms, certifiedMBs, nodeCores, disperserCores } = play({}, { batchesPerSecond: 1 })
  near(putP50Ms, 12, 0.01)
  near(certifiedMBs, 1, 0.2)
  near(nodeCores, 4 * 0.002 * certifiedMBs, 0.1)
  near(disperserCores, 0.01 * certifiedMBs, 0.1)
})

test('playData adds ports to it, those of a disperser one member after the other', () => {
  // 4 MB of rows at 100 MB/s are sent in 40 ms; the third of four members has its part after 30.
  const port = { cores: 1, portBytesPerSecond: 100e6 }
  const { putP50Ms } = play(
    { disperser: port, node: port },
    { batchesPerSecond: 0.1, seconds: 2_000 },
  )
  near(putP50Ms, 10 + 30 + 2, 0.01)
})

test('playData certifies no more than is offered, and all of it but the last under light loads', () => {
  for (const batchesPerSecond of [1, 40, 90, 150, 1_000]) {
    const { offeredBatches, certifiedBatches } = play({}, { batchesPerSecond, seconds: 60 })
    assert.ok(certifiedBatches <= offeredBatches)
    near(offeredBatches, batchesPerSecond * 60, 0.4)
    if (batchesPerSecond <= 40) assert.ok(offeredBatches - certifiedBatches <= 4)
  }
})

test('playData is bound by the slowest part, and says which', () => {
  const offered = { batchesPerSecond: 1_000, seconds: 30 }
  const disperser = play({}, offered)
  near(disperser.certifiedMBs, 100)
  assert.equal(disperser.bound, 'disperser CPU')

  const slowNodes = { ...costs, node: { ...costs.node, request: 0.05 } }
  const nodes = play({ costs: slowNodes }, offered)
  near(nodes.certifiedMBs, 20)
  assert.equal(nodes.bound, 'node CPU')

  // 4 MB of rows a batch leave through one port.
  const sending = play({ disperser: { cores: 1, portBytesPerSecond: 40e6 } }, offered)
  near(sending.certifiedMBs, 10)
  assert.equal(sending.bound, 'disperser port')

  // A MB of them comes in at each node.
  const taking = play({ node: { cores: 1, portBytesPerSecond: 5e6 } }, offered)
  near(taking.certifiedMBs, 5)
  assert.equal(taking.bound, 'node port')
})

test('playData grows with the nodes while they are the bound', () => {
  // Bytes alone cost: twice as many nodes have half of the rows each.
  const ofBytes = { ...costs, node: { second: 0, request: 0, byte: 1e-7 } }
  const at = (nodes: number): number => {
    const change = { nodeCount: nodes, quorums: [evenQuorum(nodes)], dispersers: 64 }
    const { certifiedMBs, bound } = play(
      { ...change, costs: ofBytes },
      { batchesPerSecond: 500, seconds: 20 },
    )
    assert.equal(bound, 'node CPU')
    return certifiedMBs
  }
  const one = at(4)
  near(one, 10)
  near(at(8), 2 * one)
  near(at(32), 8 * one)
})

test('playData grows with quorums that have members of their own', () => {
  const slowNodes = { ...costs, node: { ...costs.node, request: 0.05 } }
  const at = (quorums: number): number => {
    const apart = Array.from({ length: quorums }, (_, quorum) => ({
      slots: 4,
      members: evenQuorum(4).members.map(({ node, slots }) => ({ node: 4 * quorum + node, slots })),
    }))
    const change = { nodeCount: 4 * quorums, quorums: apart, dispersers: 4 * quorums }
    return play({ ...change, costs: slowNodes }, { batchesPerSecond: 300, seconds: 30 })
      .certifiedMBs
  }
  near(at(4), 4 * at(1), 0.1)
})

test('playData needs two thirds of the slots, whoever the others are', () => {
  const members = [
    { node: 0, slots: 67 },
    { node: 1, slots: 33 },
  ]
  const second = { ...costs, node: { ...costs.node, request: 0.002, byte: 1e-6 } }
  // 67 of 100 slots are enough: 10 ms, then 2.68 MB of rows checked in 2.68 s.
  const change = { nodeCount: 2, quorums: [{ members, slots: 100 }], costs: second }
  const { putP50Ms } = play(change, { batchesPerSecond: 0.02, seconds: 4_000 })
  near(putP50Ms, 10 + 2 + 2_680, 0.01)
})

test('playData does not take two thirds for more than two thirds', () => {
  const members = [
    { node: 0, slots: 2 },
    { node: 1, slots: 1 },
  ]
  // 4 MB of rows at 4 MB/s: the first member has its two thirds after 0.67 s, the second after 1.
  const disperser = { cores: 1, portBytesPerSecond: 4e6 }
  const change = { nodeCount: 2, quorums: [{ members, slots: 3 }], disperser }
  const { putP50Ms } = play(change, { batchesPerSecond: 0.02, seconds: 4_000 })
  near(putP50Ms, 10 + 1_000 + 2, 0.01)
})

test('playData takes what being there takes from the rest', () => {
  const idle = { ...costs, node: { second: 0.5, request: 0.05, byte: 0 } }
  const { certifiedMBs } = play({ costs: idle }, { batchesPerSecond: 100, seconds: 30 })
  near(certifiedMBs, 10)
})

test('playData is the same for the same seed', () => {
  const load = { batchesPerSecond: 50, seconds: 20 }
  assert.deepEqual(play({ dispersers: 3 }, load), play({ dispersers: 3 }, load))
})
