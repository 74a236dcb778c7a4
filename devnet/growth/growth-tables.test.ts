import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { GrowthPoint } from './growth-points.ts'
import { growthTables } from './growth-tables.ts'

const point: GrowthPoint = {
  mode: 'machines-grow',
  networks: 2,
  offeredPerSecond: 90,
  transactionsPerSecond: 88.04,
  efficiency: 0.978,
  blocksPerSecondOfNetwork: 0.5,
  finalityP50Ms: [1_200, 900, 1_000],
  finalityP99Ms: [3_000, 2_000, 2_500],
  cpuMsPerTransaction: 4.567,
  coresPerOperator: 0.1,
  machineShare: 0.236,
  throttledShare: undefined,
  rssMiB: 1_800,
  pssMiB: 1_331,
  writtenKiBPerTransaction: 35.4,
  failed: 1,
  refused: 2,
  unfinished: 4,
}

test('growthTables prints a table a kind of machine, and its knee', () => {
  const report = {
    quota: 'cgroup-v2',
    quotaCores: 0.1,
    machineCores: 0.2,
    notice: undefined,
    points: [point, { ...point, mode: 'fixed-machine', throttledShare: 0.5 }],
    knee: { 'machines-grow': 2, 'fixed-machine': 1 },
  } as const
  const [grow = '', growKnee, fixed = '', fixedKnee] = growthTables(report).split('\n\n')
  const row = '| 2 | 88.0 of 90 | 0.98 | 1,000, 2,500 | 4.57 | 0.100 | 24 % | '
  assert.equal(grow.split('\n')[2], `${row} | 1,331 | 35 | 7 |`)
  assert.equal(growKnee, 'The knee: N = 2.')
  assert.match(fixed, /^\| fixed-machine \| tx\/s/)
  assert.equal(fixed.split('\n')[2], `${row}50 % | 1,331 | 35 | 7 |`)
  assert.equal(fixedKnee, 'The knee: N = 1.')
})
