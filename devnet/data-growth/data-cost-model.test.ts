import assert from 'node:assert/strict'
import { test } from 'node:test'

import { disperserCostOf, fitDataCosts, nodeCostOf } from './data-cost-model.ts'
import type { DataCostRun, DataCosts, DataWork } from './data-cost-model.ts'

const costs: DataCosts = {
  disperser: { second: 0.01, batch: 0.02, byte: 1e-8, member: 0.001 },
  node: { second: 0.005, request: 0.004, byte: 3e-9 },
}

function workOf(members: number, batches: number, batchBytes: number): DataWork {
  const dataBytes = batches * batchBytes
  return { seconds: 20, members, processes: 4, batches, dataBytes, rowBytes: 4 * dataBytes }
}

const work = [16, 64].flatMap((members) => [
  workOf(members, 0, 0),
  workOf(members, 200, 250_000),
  workOf(members, 120, 1_000_000),
  workOf(members, 40, 4_000_000),
])

function runsOf(truth: DataCosts): readonly DataCostRun[] {
  return work.map((each) => ({
    ...each,
    disperserCpuSeconds: disperserCostOf(truth, each),
    nodeCpuSeconds: nodeCostOf(truth, each),
  }))
}

test('costs add each part up', () => {
  const each = workOf(16, 10, 1_000_000)
  // 20 · 0.01 + 10 · 0.02 + 10^7 · 10^-8 + 160 · 0.001
  assert.equal(disperserCostOf(costs, each).toFixed(9), '0.660000000')
  // 4 · 20 · 0.005 + 160 · 0.004 + 4 · 10^7 · 3 · 10^-9
  assert.equal(nodeCostOf(costs, each).toFixed(9), '1.160000000')
})

test('fitDataCosts finds the costs that runs were made with', () => {
  const { disperser, node } = fitDataCosts(runsOf(costs))
  const found = [...Object.values(disperser), ...Object.values(node)]
  const right = [...Object.values(costs.disperser), ...Object.values(costs.node)]
  for (const [index, cost] of right.entries()) {
    assert.ok(Math.abs((found[index] ?? 0) / cost - 1) < 1e-6, `${found[index]} for ${cost}`)
  }
})

test('fitDataCosts takes a run that used less than the system counts', () => {
  const free = { ...costs, node: { ...costs.node, second: 0 } }
  const { node } = fitDataCosts(runsOf(free))
  assert.ok(node.second < 0.001 && node.second >= 0)
  assert.ok(Math.abs(node.request / costs.node.request - 1) < 0.05)
})

test('fitDataCosts refuses runs of one size of batch, which do not tell bytes from batches', () => {
  const same = runsOf(costs).filter(({ batches }) => batches === 120 || batches === 0)
  assert.throws(() => fitDataCosts(same), { code: 'DEVNET_COSTS_UNDETERMINED' })
})
