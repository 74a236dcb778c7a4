/**
 * Bench `growth`: what more networks bring, and what they cost.
 *
 *     npm run bench -- growth                measured: N = 1, 2, 4, 8, two kinds of machines
 *     npm run bench -- growth --simulate     costs of one network; the model's error at
 *                                            N = 1, 2, 4; N = 100 and 1,000 simulated
 *     --seconds S                            of a measured window (default 60)
 *     --networks 1,2,4                       other numbers of networks
 *     --out FILE                             keeps result, command, commit and machine
 */

import { prefixed, wholeNumber, wholeNumbers } from '../measuring/bench-options.ts'
import { kneeEfficiency, measureGrowth } from './growth-points.ts'
import type { GrowthPoint } from './growth-points.ts'
import * as settings from './growth-settings.ts'
import { growthTables, simulationTables } from './growth-tables.ts'
import { errorMax, simulateGrowth } from './growth-simulation.ts'
import type { SimulationReport } from './growth-simulation.ts'

const secondsDefault = 60
const networkCountsDefault = [1, 2, 4, 8] as const
const networkCountMax = 32

type Figures = Record<string, number | string>

type GrowthOptions = {
  readonly simulate?: boolean | undefined
  readonly seconds?: string | undefined
  readonly networks?: string | undefined
}

/** Measures, or simulates. */
export async function bench(options: GrowthOptions = {}) {
  const tell = (line: string): void => console.error(line)
  const seconds = wholeNumber('--seconds', options.seconds ?? String(secondsDefault), 600)
  const shared = {
    operators: settings.operatorCount,
    block_time_ms: settings.blockTimeMs,
    block_transactions_target: settings.blockTransactionsTarget,
    offered_per_second_and_network: settings.ratePerSecond,
    quota_cores: settings.quotaCores,
    machine_cores: settings.machineCores,
    window_seconds: seconds,
  }
  if (options.simulate === true) {
    const report = await simulateGrowth({ seconds }, tell)
    tell(`\n${simulationTables(report)}\n`)
    const metrics = { ...shared, quota: report.quota, ...simulationFigures(report) }
    return { name: 'growth-simulation', metrics, peers: {}, ratios: errorsOf(report), report }
  }
  const networkCounts =
    options.networks === undefined
      ? networkCountsDefault
      : wholeNumbers('--networks', options.networks, networkCountMax)
  const report = await measureGrowth({ networkCounts, seconds }, tell)
  tell(`\n${growthTables(report)}\n`)
  const metrics: Figures = { ...shared, quota: report.quota, knee_efficiency: kneeEfficiency }
  for (const point of report.points) Object.assign(metrics, pointFigures(point))
  for (const [mode, knee] of Object.entries(report.knee)) metrics[`${mode} knee_networks`] = knee
  return { name: 'growth', metrics, peers: {}, ratios: {}, report }
}

function pointFigures(point: GrowthPoint): Figures {
  const figures: Figures = {
    transactions_per_second: point.transactionsPerSecond,
    efficiency: point.efficiency,
    finality_p50_ms: point.finalityP50Ms.join(' '),
    finality_p99_ms: point.finalityP99Ms.join(' '),
    cpu_ms_per_transaction: point.cpuMsPerTransaction,
    cores_per_operator: point.coresPerOperator,
    machine_share: point.machineShare,
    pss_mib: point.pssMiB,
    written_kib_per_transaction: point.writtenKiBPerTransaction,
    lost: point.failed + point.refused + point.unfinished,
  }
  return prefixed(`${point.mode} n${point.networks}`, figures)
}

function simulationFigures({ worlds, l1, corruption, validation }: SimulationReport): Figures {
  const figures: Figures = { error_max: errorMax }
  for (const each of validation) {
    figures[`n${each.networks} measured_cpu_ms_per_transaction`] = each.measuredCpuMsPerTransaction
    figures[`n${each.networks} simulated_cpu_ms_per_transaction`] =
      each.simulatedCpuMsPerTransaction
  }
  for (const each of worlds) {
    const name = `simulation n${each.networks} ${each.world}`
    figures[`${name} transactions_per_second`] = each.transactionsPerSecond
    figures[`${name} cores_used_per_operator`] = each.coresUsedPerOperator
    figures[`${name} overloaded_share`] = each.overloadedShare
  }
  for (const each of l1) {
    figures[`l1 n${each.networks} ${each.certificatesPerDay}/day gas_per_day`] = each.gasPerDay[1]
  }
  for (const each of corruption)
    figures[`committee ${each.size} of ${each.operators} corrupt`] = each.ofOne
  return figures
}

function errorsOf({ validation }: SimulationReport): Record<string, number> {
  return Object.fromEntries(
    validation.map(({ networks, error }) => [`n${networks} simulated_to_measured`, 1 + error]),
  )
}
