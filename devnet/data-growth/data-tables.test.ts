import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { DataPoint } from './data-points.ts'
import { dataGrowthTables, dataSimulationTables } from './data-tables.ts'

const point: DataPoint = {
  mode: 'members of their own',
  quorums: 2,
  certifiedMBs: 6.284,
  growth: 1.96,
  efficiency: 0.98,
  blobs: 360,
  batches: 120,
  putP50Ms: 1_234,
  putP99Ms: 2_345,
  nodeCores: 0.481,
  disperserCores: 0.2,
  machineShare: 0.351,
  throttledShare: undefined,
  writtenPerByte: 8.72,
  failed: 1,
}

test('dataGrowthTables prints a table a kind of world', () => {
  const same = { ...point, mode: 'the same members', throttledShare: 0.5 } as const
  const report = { quota: 'cgroup-v2', notice: undefined, points: [point, same] } as const
  const [own = '', ofSame = ''] = dataGrowthTables(report).split('\n\n')
  assert.match(own, /^\| members of their own \| MB\/s/)
  const row = '| 2 | 6.28 | 1.96 | 0.98 | 1,234, 2,345 | 0.48, 0.20 | 35 % | '
  assert.equal(own.split('\n')[2], `${row} | 8.7 | 360 in 120 | 1 |`)
  assert.match(ofSame, /^\| the same members \| MB\/s/)
  assert.equal(ofSame.split('\n')[2], `${row}50 % | 8.7 | 360 in 120 | 1 |`)
})

test('dataSimulationTables prints costs, errors and worlds, and calls them simulation', () => {
  const [costs = '', errors = '', worlds = ''] = dataSimulationTables({
    costs: {
      disperser: { second: 0.001, batch: 0.01, byte: 1.2e-8, member: 0.000_5 },
      node: { second: 0.002, request: 0.004, byte: 3e-9 },
    },
    runs: [],
    validation: [
      {
        members: 32,
        batchBytes: 262_132,
        of: 'nodes',
        measuredMsPerBatch: 64.04,
        simulatedMsPerBatch: 62.11,
        error: -0.030_1,
      },
    ],
    worlds: [
      {
        label: 'simulation',
        nodes: 4_000,
        quorums: 64,
        members: 480.3,
        batchBytes: 4_194_304,
        nodesTakeMBs: 3_404.2,
        nodesBound: 'node CPU',
        loadShare: 0.9,
        offeredMBs: 3_063,
        dispersers: 324,
        certifiedMBs: 3_047,
        putP50Ms: 628,
        putP99Ms: 1_309,
        busy: { 'node CPU': 0.86, 'node port': 0.3, 'disperser CPU': 0.4, 'disperser port': 0.2 },
        bound: 'node CPU',
        nodeCores: 1_397.6,
        disperserCores: 322.2,
      },
    ],
  }).split('\n\n')
  assert.deepEqual(costs.split('\n').slice(2), [
    '| disperser | 1.000 | 10.000 | 0.500 |  | 12.000 |  |',
    '| node | 2.000 |  |  | 4.000 |  | 3.000 |',
  ])
  assert.equal(errors.split('\n')[2], '| 32 | 0.25 | nodes | 64.0 | 62.1 | -3.0 % |')
  assert.match(worlds, /^\| simulation: nodes/)
  assert.equal(
    worlds.split('\n')[2],
    '| 4,000 | 64 | 480 | 4 | 3,404 (node CPU) | 90 % | 3,047 | node CPU 86 % | 628, 1,309 ' +
      '| 1397.6 | 324 | 322.2 |',
  )
})
