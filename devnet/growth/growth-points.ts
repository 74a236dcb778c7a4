/**
 * Measures N = 1, 2, 4, 8 networks of the same operators, in two kinds of machines:
 *
 *     machines grow   each validator process has a quota: an operator with N networks has N of them
 *     fixed machine   one quota for all processes of an operator, however many networks
 *
 * All of it shares this machine, with the clients: `machineShare` says how much of it was used, and
 * where that nears 1, it is this machine that is measured. Efficiency is E(N) = T(N) / (N · T(1)),
 * of finalised and successful transactions alone.
 */

import { cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

import type { CpuQuota, QuotaGroup, QuotaKind } from '../measuring/cpu-quota.ts'
import { openQuota, throttledShare, throttlingOf } from '../measuring/held-run.ts'
import { GrowthLoad } from './growth-run.ts'
import type { LoadedWindows } from './growth-run.ts'
import * as settings from './growth-settings.ts'
import type { LeanWorld } from './lean-world.ts'

export type GrowthMode = 'machines-grow' | 'fixed-machine'

/** One N in one mode. */
export type GrowthPoint = {
  readonly mode: GrowthMode
  readonly networks: number
  readonly offeredPerSecond: number
  /** Finalised and successful, of all networks, a second of block time. */
  readonly transactionsPerSecond: number
  readonly efficiency: number
  readonly blocksPerSecondOfNetwork: number
  /** Of each network, from the client that sent to the announcement of the final block. */
  readonly finalityP50Ms: readonly number[]
  readonly finalityP99Ms: readonly number[]
  readonly cpuMsPerTransaction: number
  /** Processors that one operator used in the mean. */
  readonly coresPerOperator: number
  /** Of all processors of this machine, by validators and clients. */
  readonly machineShare: number
  /** Scheduling periods in which a quota was spent, of those with work. */
  readonly throttledShare: number | undefined
  readonly rssMiB: number
  readonly pssMiB: number
  /** To sockets and files, by all validators. */
  readonly writtenKiBPerTransaction: number
  readonly failed: number
  readonly refused: number
  /** Not final when the run ended, half a minute after the last was sent. */
  readonly unfinished: number
}

export type GrowthReport = {
  readonly quota: QuotaKind
  readonly quotaCores: number
  readonly machineCores: number
  readonly notice: string | undefined
  readonly points: readonly GrowthPoint[]
  /** By mode: the greatest N that kept nine tenths of its efficiency. */
  readonly knee: Readonly<Record<GrowthMode, number>>
}

/** What keeps this much of its efficiency is before the knee. */
export const kneeEfficiency = 0.9

const warmUpSeconds = 20

/** After a change of quotas. */
const settleMs = 3_000

/** Measures all points; each N in a world of its own, both modes in the same. */
export async function measureGrowth(
  plan: { readonly networkCounts: readonly number[]; readonly seconds: number },
  tell: (line: string) => void,
): Promise<GrowthReport> {
  const quota = openQuota(tell)
  const points: GrowthPoint[] = []
  try {
    for (const networkCount of plan.networkCounts) {
      const world = await settings.startWorld(networkCount)
      const load = new GrowthLoad(world, settings.privateKey)
      try {
        await load.warmUp(settings.warmUpRatePerSecond, warmUpSeconds)
        for (const mode of ['machines-grow', 'fixed-machine'] as const) {
          const groups = hold(world, mode, quota)
          await wait(settleMs)
          const point = await measurePoint({ world, load, mode, groups }, plan.seconds)
          const one = points.find((each) => each.mode === mode && each.networks === 1)
          points.push(withEfficiency(point, one))
          tell(describe(points.at(-1) ?? point))
          for (const group of groups) group.hold(undefined)
        }
      } finally {
        load.close()
        await world.close()
      }
    }
  } finally {
    await quota.close()
  }
  const kneeOf = (mode: GrowthMode): number =>
    Math.max(
      0,
      ...points
        .filter((point) => point.mode === mode && point.efficiency >= kneeEfficiency)
        .map(({ networks }) => networks),
    )
  return {
    quota: quota.kind,
    quotaCores: settings.quotaCores,
    machineCores: settings.machineCores,
    notice: quota.notice,
    points,
    knee: { 'machines-grow': kneeOf('machines-grow'), 'fixed-machine': kneeOf('fixed-machine') },
  }
}

/** Puts the processes of a world under quotas, as the mode has it; returns the groups. */
export function hold(world: LeanWorld, mode: GrowthMode, quota: CpuQuota): readonly QuotaGroup[] {
  const groups = new Map<string, QuotaGroup>()
  for (const [id, { validators }] of world.networks.entries()) {
    for (const { operator, pid } of validators) {
      const name = mode === 'fixed-machine' ? `operator-${operator}` : `net-${id}-val-${operator}`
      const group = groups.get(name) ?? quota.group(name)
      groups.set(name, group)
      group.add(pid)
    }
  }
  const cores = mode === 'fixed-machine' ? settings.machineCores : settings.quotaCores
  for (const group of groups.values()) group.hold(cores)
  return [...groups.values()]
}

type Measured = {
  readonly world: LeanWorld
  readonly load: GrowthLoad
  readonly mode: GrowthMode
  readonly groups: readonly QuotaGroup[]
}

async function measurePoint(
  { world, load, mode, groups }: Measured,
  seconds: number,
): Promise<GrowthPoint> {
  const before = throttlingOf(groups)
  const { ratePerSecond } = settings
  const run = await load.run({ windows: 1, seconds, ratePerSecond })
  return {
    mode,
    networks: world.networks.length,
    offeredPerSecond: ratePerSecond * world.networks.length,
    efficiency: 1,
    throttledShare: throttledShare(before, throttlingOf(groups)),
    ...figuresOf(run),
  }
}

type Figures = Omit<
  GrowthPoint,
  'mode' | 'networks' | 'offeredPerSecond' | 'efficiency' | 'throttledShare'
>

function figuresOf({ windows, loads }: LoadedWindows): Figures {
  const [window] = windows
  if (window === undefined) throw new Error('a run without a window')
  const { networks, seconds } = window
  const cpuSeconds = sum(window.operatorCpuSeconds)
  const transactions = sum(networks.map((network) => network.transactions))
  const mib = 2 ** 20
  return {
    transactionsPerSecond: sum(
      networks.map((network) => ratio(network.transactions, network.blockSeconds)),
    ),
    blocksPerSecondOfNetwork:
      sum(
        networks.map(({ emptyBlocks, filledBlocks, blockSeconds }) =>
          ratio(emptyBlocks + filledBlocks, blockSeconds),
        ),
      ) / networks.length,
    finalityP50Ms: loads.map(({ latencyP50Ms }) => latencyP50Ms),
    finalityP99Ms: loads.map(({ latencyP99Ms }) => latencyP99Ms),
    cpuMsPerTransaction: (1_000 * cpuSeconds) / transactions,
    coresPerOperator: cpuSeconds / window.operatorCpuSeconds.length / seconds,
    machineShare: (cpuSeconds + window.generatorCpuSeconds) / seconds / cpus().length,
    rssMiB: Math.round(window.rssBytes / mib),
    pssMiB: Math.round(window.pssBytes / mib),
    writtenKiBPerTransaction: window.writtenBytes / 1_024 / transactions,
    failed: sum(loads.map(({ failed }) => failed)),
    refused: sum(loads.map(({ refused }) => refused)),
    // One that was refused as known may have come in before, and be counted twice.
    unfinished: sum(
      loads.map(({ offered, succeeded, failed, refused }) =>
        Math.max(0, offered - succeeded - failed - refused),
      ),
    ),
  }
}

function withEfficiency(point: GrowthPoint, one: GrowthPoint | undefined): GrowthPoint {
  if (one === undefined) return point
  const efficiency = point.transactionsPerSecond / (point.networks * one.transactionsPerSecond)
  return { ...point, efficiency }
}

function describe(point: GrowthPoint): string {
  const { mode, networks, transactionsPerSecond, efficiency, cpuMsPerTransaction } = point
  return [
    `${mode} N=${networks}: ${transactionsPerSecond.toFixed(1)} tx/s (E ${efficiency.toFixed(2)})`,
    `${cpuMsPerTransaction.toFixed(2)} ms CPU a tx`,
    `${point.coresPerOperator.toFixed(3)} cores an operator`,
    `machine ${Math.round(100 * point.machineShare)} %`,
    `throttled ${Math.round(100 * (point.throttledShare ?? 0))} %`,
    `p50 ${point.finalityP50Ms.join('/')} ms, p99 ${point.finalityP99Ms.join('/')} ms`,
    `${point.failed} failed, ${point.refused} refused, ${point.unfinished} unfinished`,
  ].join(', ')
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
