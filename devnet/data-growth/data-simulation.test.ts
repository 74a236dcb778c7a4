import assert from 'node:assert/strict'
import { test } from 'node:test'

import { validate } from './data-simulation.ts'

test('validate sets what was measured against what the costs say', () => {
  const costs = {
    disperser: { second: 0, batch: 0.01, byte: 0, member: 0.001 },
    node: { second: 0, request: 0.002, byte: 0 },
  }
  const run = {
    seconds: 20,
    members: 32,
    processes: 4,
    batches: 100,
    dataBytes: 1e8,
    rowBytes: 4e8,
    disperserCpuSeconds: 4,
    nodeCpuSeconds: 6.4,
  }
  const found = validate(costs, run).map(({ of, members, batchBytes, ...figures }) => [
    of,
    members,
    batchBytes,
    figures.measuredMsPerBatch.toFixed(3),
    figures.simulatedMsPerBatch.toFixed(3),
    figures.error.toFixed(3),
  ])
  assert.deepEqual(found, [
    ['disperser', 32, 1e6, '40.000', '42.000', '0.050'],
    ['nodes', 32, 1e6, '64.000', '64.000', '0.000'],
  ])
})
