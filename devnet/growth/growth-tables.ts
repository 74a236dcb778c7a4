/** The tables of docs/benchmarks.md, as bench `growth` prints them: Markdown. */

import { markdownTable, percent, whole } from '../measuring/markdown-table.ts'
import type { GrowthReport } from './growth-points.ts'
import type { SimulationReport } from './growth-simulation.ts'

/** One table a kind of machine. */
export function growthTables({ points, knee }: GrowthReport): string {
  const modes = [...new Set(points.map(({ mode }) => mode))]
  const tables = modes.map((mode) => {
    const rows = points
      .filter((point) => point.mode === mode)
      .map((point) => [
        String(point.networks),
        `${point.transactionsPerSecond.toFixed(1)} of ${point.offeredPerSecond}`,
        point.efficiency.toFixed(2),
        `${middle(point.finalityP50Ms)}, ${middle(point.finalityP99Ms)}`,
        point.cpuMsPerTransaction.toFixed(2),
        point.coresPerOperator.toFixed(3),
        percent(point.machineShare),
        point.throttledShare === undefined ? '' : percent(point.throttledShare),
        whole(point.pssMiB),
        point.writtenKiBPerTransaction.toFixed(0),
        String(point.failed + point.refused + point.unfinished),
      ])
    const head = [mode, 'tx/s', 'E(N)', 'finality p50, p99 ms', 'CPU ms a tx', 'cores an operator']
    const rest = ['this machine', 'throttled', 'PSS MiB', 'KiB written a tx', 'lost']
    return `${markdownTable([...head, ...rest], rows)}\n\nThe knee: N = ${knee[mode]}.`
  })
  return tables.join('\n\n')
}

/** Costs, validation, simulated worlds, L1, committees. */
export function simulationTables(report: SimulationReport): string {
  const { calibration, validation, worlds, l1, corruption, networksHeld } = report
  const costs = markdownTable(
    ['validators', 'idle second', 'empty block', 'filled block', 'transaction'],
    Object.entries(calibration.costs).map(([size, each]) => [
      size,
      ...[each.idleSecond, each.emptyBlock, each.filledBlock, each.transaction].map((cost) =>
        (1_000 * cost).toFixed(3),
      ),
    ]),
  )
  const errors = markdownTable(
    ['N', 'measured, median of five', 'simulated', 'error'],
    validation.map((each) => [
      String(each.networks),
      each.measuredCpuMsPerTransaction.toFixed(2),
      each.simulatedCpuMsPerTransaction.toFixed(2),
      percent(each.error, 1),
    ]),
  )
  const simulated = markdownTable(
    ['simulation', 'N', 'operators', 'committee', 'cores each', 'tx/s', 'cores used', 'overloaded'],
    worlds.map((each) => [
      each.world,
      whole(each.networks),
      whole(each.operators),
      String(each.committeeSize),
      String(each.coresPerOperator),
      whole(each.transactionsPerSecond),
      each.coresUsedPerOperator.toFixed(2),
      percent(each.overloadedShare),
    ]),
  )
  const gas = markdownTable(
    ['N', 'certificates a day', 'Mgas a day', 'a third absent', 'of Ethereum'],
    l1.map((each) => [
      whole(each.networks),
      String(each.certificatesPerDay),
      each.gasPerDay.map((value) => whole(value / 1e6)).join(' to '),
      whole(each.gasPerDayOfAbsent / 1e6),
      each.shareOfEthereum.map((share) => percent(share, 2)).join(' to '),
    ]),
  )
  const draws = markdownTable(
    ['committee', 'of operators', 'bad', 'a third or more bad', 'any of 100', 'any of 1,000'],
    corruption.map((each) => [
      String(each.size),
      whole(each.operators),
      percent(each.badShare),
      small(each.ofOne),
      ...Object.values(each.ofAny).map(small),
    ]),
  )
  const held = Object.entries(networksHeld)
    .map(([cores, count]) => `${cores} cores hold ${count} networks`)
    .join(', ')
  return [
    'Costs of one validator, ms of CPU:',
    costs,
    'CPU ms a transaction:',
    errors,
    `By these costs ${held}.`,
    simulated,
    gas,
    draws,
  ].join('\n\n')
}

/** The median network's. */
function middle(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return whole(sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN)
}

function small(probability: number): string {
  return probability >= 0.001 ? percent(probability, 1) : probability.toExponential(1)
}
