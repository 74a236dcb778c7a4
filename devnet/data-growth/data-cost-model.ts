/**
 * What dispersing and holding cost in processor time:
 *
 *     a disperser   second · seconds + batch · batches + byte · data bytes + member · asked members
 *     nodes         second · seconds of processes + request · requests + byte · row bytes
 *
 * A batch asks every member once, so asked members and requests are members · batches. Both are
 * fitted to runs of one group at two sizes and several sizes of batches (relative-fit.ts).
 */

import { dot, fitRelative } from '../measuring/relative-fit.ts'

/** Less than this is not seen in the counters of the system. */
const cpuSecondsMin = 0.01

/** Seconds of processor time. */
export type DisperserCosts = {
  /** A second of being there. */
  readonly second: number
  readonly batch: number
  /** A byte of data. */
  readonly byte: number
  /** A member that is asked for one batch. */
  readonly member: number
}

/** Seconds of processor time. */
export type NodeCosts = {
  /** A second of a process being there. */
  readonly second: number
  /** To store the rows of one batch. */
  readonly request: number
  /** A byte of rows. */
  readonly byte: number
}

export type DataCosts = { readonly disperser: DisperserCosts; readonly node: NodeCosts }

/** What one group had to do. */
export type DataWork = {
  readonly seconds: number
  readonly members: number
  readonly processes: number
  readonly batches: number
  readonly dataBytes: number
  readonly rowBytes: number
}

/** And what it took. */
export type DataCostRun = DataWork & {
  readonly disperserCpuSeconds: number
  /** All processes of nodes together. */
  readonly nodeCpuSeconds: number
}

/**
 * Returns the costs that explain the runs best.
 *
 * @throws {CostsUndeterminedError} `DEVNET_COSTS_UNDETERMINED`
 */
export function fitDataCosts(runs: readonly DataCostRun[]): DataCosts {
  const disperser = fitRelative(
    runs.map((run) => ({
      amounts: disperserAmounts(run),
      total: Math.max(run.disperserCpuSeconds, cpuSecondsMin),
    })),
  )
  const node = fitRelative(
    runs.map((run) => ({
      amounts: nodeAmounts(run),
      total: Math.max(run.nodeCpuSeconds, cpuSecondsMin),
    })),
  )
  const [ofSecond = 0, batch = 0, ofByte = 0, member = 0] = disperser
  const [second = 0, request = 0, byte = 0] = node
  return {
    disperser: { second: ofSecond, batch, byte: ofByte, member },
    node: { second, request, byte },
  }
}

/** Returns the processor time of a disperser for such work. */
export function disperserCostOf({ disperser }: DataCosts, work: DataWork): number {
  const { second, batch, byte, member } = disperser
  return dot(disperserAmounts(work), [second, batch, byte, member])
}

/** Returns the processor time of all nodes together for such work. */
export function nodeCostOf({ node }: DataCosts, work: DataWork): number {
  const { second, request, byte } = node
  return dot(nodeAmounts(work), [second, request, byte])
}

function disperserAmounts(work: DataWork): readonly number[] {
  return [work.seconds, work.batches, work.dataBytes, work.members * work.batches]
}

function nodeAmounts(work: DataWork): readonly number[] {
  return [work.processes * work.seconds, work.members * work.batches, work.rowBytes]
}
