/**
 * Simulates data availability on up to 4,000 nodes, by costs that were measured on one group.
 *
 *   1  calibrate   16 and 64 nodes, nothing to do and batches of three sizes: `data-cost-model.ts`
 *   2  validate    what the costs say of 32 nodes against what is measured there
 *   3  simulate    16, 200 and 4,000 nodes: `simulated-data.ts`
 *
 * Nothing is held back: costs are wanted, not speed. A run is counted whole, from before its first
 * batch until the last of its rows is stored, so no batch is counted in part.
 */

import { setTimeout as wait } from 'node:timers/promises'

import { blobSizeOfRows } from '@zg/da/testing/bench'

import { disperserCostOf, fitDataCosts, nodeCostOf } from './data-cost-model.ts'
import type { DataCostRun, DataCosts } from './data-cost-model.ts'
import { startDataGroups } from './data-groups.ts'
import type { DataGroup } from './data-groups.ts'
import * as settings from './data-settings.ts'
import { dataUseOf, useBetween } from './data-window.ts'
import { playAllData, rowsPerByte } from './simulated-data.ts'
import type { SimulatedData } from './simulated-data.ts'

/** Members that the costs are fitted to, and those that they are held against. */
export const calibrationMembers = [16, 64] as const
export const validationMembers = 32

/** Bytes of a row: batches of a quarter of a MiB, one, and four. */
const rowSizes = [256, 1_024, 4_096] as const

/** Batches under way. */
const batchesAtOnce = 2

/** After the last certificate: members that were slower still store their rows. */
const settleMs = 1_000

/** How far the costs may be off. */
export const dataErrorMax = 0.1

/** One kind of work, measured and by the costs. */
export type DataValidation = {
  readonly members: number
  readonly batchBytes: number
  readonly of: 'disperser' | 'nodes'
  readonly measuredMsPerBatch: number
  readonly simulatedMsPerBatch: number
  /** simulated / measured - 1. */
  readonly error: number
}

export type DataSimulationReport = {
  readonly costs: DataCosts
  readonly runs: readonly DataCostRun[]
  readonly validation: readonly DataValidation[]
  readonly worlds: readonly SimulatedData[]
}

/** Measures, fits, checks and plays. */
export async function simulateData(
  plan: { readonly seconds: number },
  tell: (line: string) => void,
): Promise<DataSimulationReport> {
  const seconds = Math.ceil(plan.seconds / 3)
  const runs: DataCostRun[] = []
  for (const members of [...calibrationMembers, validationMembers]) {
    runs.push(...(await measureCosts(members, seconds, tell)))
  }
  const isHeldAgainst = (run: DataCostRun): boolean => run.members === validationMembers
  const costs = fitDataCosts(runs.filter((run) => !isHeldAgainst(run)))
  const validation = runs
    .filter((run) => isHeldAgainst(run) && run.batches > 0)
    .flatMap((run) => validate(costs, run))
  for (const each of validation) tell(describe(each))
  return { costs, runs, validation, worlds: playAllData(costs) }
}

/** One group of so many nodes: first nothing, then batches of every size. */
async function measureCosts(
  members: number,
  seconds: number,
  tell: (line: string) => void,
): Promise<readonly DataCostRun[]> {
  const started = await startDataGroups({ groups: 1, nodes: members, quorums: 1 })
  try {
    const [group] = started.groups
    if (group === undefined) throw new Error('a plan of one group starts one')
    const runs: DataCostRun[] = []
    for (const rowSize of rowSizes) {
      await measureRun(group, members, { rowSize, seconds: settings.warmUpSeconds / 2 })
    }
    for (const rowSize of [0, ...rowSizes]) {
      const run = await measureRun(group, members, { rowSize, seconds })
      runs.push(run)
      tell(`calibration: ${JSON.stringify(run)}`)
    }
    return runs
  } finally {
    await started.close()
  }
}

/** `rowSize` 0: nothing is put. */
async function measureRun(
  group: DataGroup,
  members: number,
  { rowSize, seconds }: { readonly rowSize: number; readonly seconds: number },
): Promise<DataCostRun> {
  const startMs = performance.now()
  const before = dataUseOf([group])
  const sizeBytes = rowSize === 0 ? 0 : blobSizeOfRows(rowSize)
  let batches = 0
  if (rowSize === 0) await wait(seconds * 1_000)
  else {
    const plan = { sizeBytes, atOnce: batchesAtOnce, seconds, isAlone: true }
    const { puts, failed } = await group.disperser.put(plan)
    // What failed took processor time that no batch here stands for.
    if (failed > 0) throw new Error(`${failed} batches failed: this machine is too busy to measure`)
    batches = puts.length
  }
  await wait(settleMs)
  const { disperserCpuSeconds, nodeCpuSeconds } = useBetween(before, dataUseOf([group]))
  const dataBytes = batches * sizeBytes
  return {
    seconds: (performance.now() - startMs) / 1_000,
    members,
    processes: group.nodes.pids.length,
    batches,
    dataBytes,
    rowBytes: rowsPerByte * dataBytes,
    disperserCpuSeconds,
    nodeCpuSeconds,
  }
}

/** Returns how far the costs are from a run that they were not fitted to. */
export function validate(costs: DataCosts, run: DataCostRun): readonly DataValidation[] {
  const { members, batches, dataBytes } = run
  const compare = (of: DataValidation['of'], measured: number, simulated: number) => ({
    members,
    batchBytes: dataBytes / batches,
    of,
    measuredMsPerBatch: (1_000 * measured) / batches,
    simulatedMsPerBatch: (1_000 * simulated) / batches,
    error: simulated / measured - 1,
  })
  return [
    compare('disperser', run.disperserCpuSeconds, disperserCostOf(costs, run)),
    compare('nodes', run.nodeCpuSeconds, nodeCostOf(costs, run)),
  ]
}

function describe({ members, of, batchBytes, error, ...cost }: DataValidation): string {
  const measured = `measured ${cost.measuredMsPerBatch.toFixed(1)}`
  const simulated = `simulated ${cost.simulatedMsPerBatch.toFixed(1)}`
  const verdict = Math.abs(error) <= dataErrorMax ? 'within' : 'over'
  const off = `${(100 * error).toFixed(1)} %, ${verdict} ${100 * dataErrorMax} %`
  const what = `${members} members, ${(batchBytes / 2 ** 20).toFixed(2)} MiB, ${of}`
  return `${what}: ${measured}, ${simulated} ms CPU a batch: ${off}`
}
