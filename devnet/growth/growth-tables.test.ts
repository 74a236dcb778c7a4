import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { GrowthPoint } from './growth-points.ts'
import type { SimulationReport } from './growth-simulation.ts'
import { growthTables, simulationTables } from './growth-tables.ts'
import { l1Load } from './simulated-worlds.ts'

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

test('simulationTables prints costs, errors, worlds, gas and draws', () => {
  const costs = { idleSecond: 0.01, emptyBlock: 0.02, filledBlock: 0.03, transaction: 0.000_25 }
  const report: SimulationReport = {
    quota: 'none',
    notice: undefined,
    calibration: {
      costs: { 4: costs },
      runs: [],
      blockTimeMs: 2_003,
      slowing: { share: 0, busyAlone: 0.1, busyBeside: 1 },
    },
    validation: [
      {
        networks: 4,
        measuredCpuMsPerTransaction: 4,
        windowsCpuMsPerTransaction: [4],
        simulatedCpuMsPerTransaction: 3.9,
        besideOthers: 1,
        error: -0.025,
      },
    ],
    networksHeld: { 4: 80 },
    worlds: [
      {
        label: 'simulation',
        world: 'committees',
        networks: 1_000,
        operators: 1_000,
        committeeSize: 128,
        coresPerOperator: 4,
        transactionsPerSecond: 1_234.4,
        blocksPerSecondOfNetwork: 0.5,
        cpuSecondsPerTransaction: 1,
        coresUsedPerOperator: 4.001,
        overloadedShare: 0.333,
      },
    ],
    l1: [l1Load(1_000, 1)],
    corruption: [
      { operators: 1_000, badShare: 0.25, size: 128, ofOne: 0.0123, ofAny: { 100: 1.8e-8 } },
    ],
  }
  const rows = simulationTables(report)
    .split('\n')
    .filter((line) => /^\| \w/.test(line))
  assert.deepEqual(
    rows.filter((_, index) => index % 2 === 1),
    [
      '| 4 | 10.000 | 20.000 | 30.000 | 0.250 |',
      '| 4 | 4.00 | 3.90 | -2.5 % |',
      '| committees | 1,000 | 1,000 | 128 | 4 | 1,234 | 4.00 | 33 % |',
      '| 1,000 | 1 | 550 to 610 | 1,232 | 0.21 % to 0.24 % |',
      '| 128 | 1,000 | 25 % | 1.2 % | 1.8e-8 |',
    ],
  )
})
