/**
 * Bench `data-growth`: what more quorums of data availability bring, and more nodes.
 *
 *     npm run bench -- data-growth               measured: Q = 1, 2, 4, two kinds of worlds
 *     npm run bench -- data-growth --simulate    costs of one group; their error at 32 members;
 *                                                16, 200 and 4,000 nodes simulated
 *     --seconds S                                of a measured window (default 60)
 *     --quorums 1,2                              other numbers of quorums
 *     --out FILE                                 keeps result, command, commit and machine
 */

import { prefixed } from '../measuring/bench-options.ts'
import { dataBenchPlan } from './data-bench-plan.ts'
import type { DataBenchOptions } from './data-bench-plan.ts'
import { measureDataGrowth } from './data-points.ts'
import type { DataGrowthReport } from './data-points.ts'
import * as settings from './data-settings.ts'
import { dataErrorMax, simulateData } from './data-simulation.ts'
import type { DataSimulationReport } from './data-simulation.ts'
import { dataGrowthTables, dataSimulationTables } from './data-tables.ts'

type Figures = Record<string, number | string>

/** Measures, or simulates. */
export async function bench(options: DataBenchOptions = {}) {
  const tell = (line: string): void => console.error(line)
  const plan = dataBenchPlan(options)
  if (plan.isSimulation) {
    const report = await simulateData(plan, tell)
    tell(`\n${dataSimulationTables(report)}\n`)
    const metrics = { window_seconds: plan.seconds, ...simulationFigures(report) }
    return { name: 'data-growth-simulation', metrics, peers: {}, ratios: errorsOf(report), report }
  }
  const report = await measureDataGrowth(plan, tell)
  tell(`\n${dataGrowthTables(report)}\n`)
  const metrics = {
    window_seconds: plan.seconds,
    nodes_of_group: settings.nodesOfGroup,
    processes_of_group: settings.processesOfGroup,
    blob_bytes: settings.blobBytes,
    blobs_at_once: settings.blobsAtOnce,
    node_process_cores: settings.nodeProcessCores,
    disperser_cores: settings.disperserCores,
    quota: report.quota,
    ...pointFigures(report),
  }
  return { name: 'data-growth', metrics, peers: {}, ratios: {}, report }
}

function pointFigures({ points }: DataGrowthReport): Figures {
  const figures: Figures = {}
  for (const { mode, quorums, throttledShare, ...numbers } of points) {
    Object.assign(figures, prefixed(`${mode} q${quorums}`, numbers))
    if (throttledShare !== undefined) {
      figures[`${mode} q${quorums} throttledShare`] = throttledShare
    }
  }
  return figures
}

function simulationFigures({ worlds, validation }: DataSimulationReport): Figures {
  const figures: Figures = { error_max: dataErrorMax }
  for (const { members, batchBytes, of, ...each } of validation) {
    const name = `${members} members ${batchBytes} bytes ${of}`
    figures[`${name} measured_cpu_ms_per_batch`] = each.measuredMsPerBatch
    figures[`${name} simulated_cpu_ms_per_batch`] = each.simulatedMsPerBatch
  }
  for (const each of worlds) {
    const { nodes, quorums, batchBytes, loadShare } = each
    const name = `simulation n${nodes} q${quorums} ${batchBytes} bytes ${100 * loadShare} %`
    figures[`${name} certified_mb_s`] = each.certifiedMBs
    figures[`${name} put_p50_ms`] = each.putP50Ms
    figures[`${name} put_p99_ms`] = each.putP99Ms
  }
  return figures
}

function errorsOf({ validation }: DataSimulationReport): Record<string, number> {
  return Object.fromEntries(
    validation.map(({ members, batchBytes, of, error }) => [
      `${members} members ${batchBytes} bytes ${of} simulated_to_measured`,
      1 + error,
    ]),
  )
}
