/**
 * Measures Q = 1, 2, 4 quorums, in two kinds of worlds:
 *
 *     members of their own   Q groups of 16 nodes and a disperser: quorums on networks of their
 *                            own, or drawn of so many signers that few are in two of them
 *     the same members       one group, whose nodes are the members of all Q quorums
 *
 * Every process has a CPU quota, the same however many there are, so that a group brings its own
 * machines with it. All of it shares this machine: `machineShare` says how much of it was used.
 * With T bytes certified a second, efficiency is E(Q) = T(Q) / (Q · T(1)).
 */

import { cpus } from 'node:os'

import type { CpuQuota, QuotaKind } from '../measuring/cpu-quota.ts'
import { openQuota, throttledShare, throttlingOf } from '../measuring/held-run.ts'
import { holdGroups, startDataGroups } from './data-groups.ts'
import type { DataGroup } from './data-groups.ts'
import * as settings from './data-settings.ts'
import { measureDataWindow } from './data-window.ts'
import type { DataWindow } from './data-window.ts'

export type DataMode = 'members of their own' | 'the same members'

/** One Q in one kind of world. */
export type DataPoint = {
  readonly mode: DataMode
  readonly quorums: number
  /** MB are 10^6 bytes of blobs. */
  readonly certifiedMBs: number
  /** T(Q) / T(1). */
  readonly growth: number
  /** T(Q) / (Q · T(1)). */
  readonly efficiency: number
  readonly blobs: number
  readonly batches: number
  /** From put to certificate. */
  readonly putP50Ms: number
  readonly putP99Ms: number
  /** Processors that all nodes used in the mean, and all dispersers. */
  readonly nodeCores: number
  readonly disperserCores: number
  /** Of all processors of this machine, with what measures. */
  readonly machineShare: number
  /** Scheduling periods in which a quota was spent, of those with work. */
  readonly throttledShare: number | undefined
  /** To sockets and files, a byte of blobs. */
  readonly writtenPerByte: number
  readonly failed: number
}

export type DataGrowthReport = {
  readonly quota: QuotaKind
  readonly notice: string | undefined
  readonly points: readonly DataPoint[]
}

/** Measures all points, each in processes of its own; Q = 1 is the same in both worlds. */
export async function measureDataGrowth(
  plan: { readonly quorumCounts: readonly number[]; readonly seconds: number },
  tell: (line: string) => void,
): Promise<DataGrowthReport> {
  const quota = openQuota(tell)
  const points: DataPoint[] = []
  try {
    for (const each of pointsToMeasure(plan.quorumCounts)) {
      const point = await measurePoint(each, plan.seconds, quota)
      const one = points.find(({ quorums }) => quorums === 1)
      points.push(withGrowth(point, one))
      tell(describe(points.at(-1) ?? point))
    }
  } finally {
    await quota.close()
  }
  return { quota: quota.kind, notice: quota.notice, points: withOneInBoth(points) }
}

type PointPlan = Pick<DataPoint, 'mode' | 'quorums'>

/** Returns what is measured, in order: one quorum first and once. */
export function pointsToMeasure(quorumCounts: readonly number[]): readonly PointPlan[] {
  const many = [...new Set(quorumCounts)].filter((count) => count > 1).sort((a, b) => a - b)
  const own: PointPlan[] = [1, ...many].map((quorums) => ({
    mode: 'members of their own',
    quorums,
  }))
  const same: PointPlan[] = many.map((quorums) => ({ mode: 'the same members', quorums }))
  return [...own, ...same]
}

async function measurePoint(
  { mode, quorums }: PointPlan,
  seconds: number,
  quota: CpuQuota,
): Promise<DataPoint> {
  const isOwn = mode === 'members of their own'
  const started = await startDataGroups({
    groups: isOwn ? quorums : 1,
    nodes: settings.nodesOfGroup,
    quorums: isOwn ? 1 : quorums,
  })
  const { groups } = started
  try {
    await warmUp(groups)
    const held = holdGroups(groups, quota)
    const before = throttlingOf(held)
    const window = await measureDataWindow(groups, seconds)
    const share = throttledShare(before, throttlingOf(held))
    return { mode, quorums, growth: 1, efficiency: 1, throttledShare: share, ...figuresOf(window) }
  } finally {
    await started.close()
  }
}

async function warmUp(groups: readonly DataGroup[]): Promise<void> {
  const { blobBytes: sizeBytes, blobsAtOnce: atOnce, warmUpSeconds: seconds } = settings
  const plan = { sizeBytes, atOnce, seconds, isAlone: false }
  await Promise.all(groups.map(({ disperser }) => disperser.put(plan)))
}

type Figures = Omit<DataPoint, keyof PointPlan | 'growth' | 'efficiency' | 'throttledShare'>

/** Returns the figures of a window, of all groups together. */
export function figuresOf({ seconds, counted, use, failed }: DataWindow): Figures {
  const sum = (key: 'blobs' | 'batches'): number =>
    counted.reduce((all, each) => all + each[key], 0)
  const blobs = sum('blobs')
  const certifiedBytes = blobs * settings.blobBytes
  const tookMs = counted.flatMap((each) => each.tookMs).sort((a, b) => a - b)
  const cpuSeconds = use.nodeCpuSeconds + use.disperserCpuSeconds + use.ownCpuSeconds
  return {
    certifiedMBs: certifiedBytes / 1e6 / seconds,
    blobs,
    batches: sum('batches'),
    putP50Ms: quantile(tookMs, 0.5),
    putP99Ms: quantile(tookMs, 0.99),
    nodeCores: use.nodeCpuSeconds / seconds,
    disperserCores: use.disperserCpuSeconds / seconds,
    machineShare: cpuSeconds / seconds / cpus().length,
    writtenPerByte: use.writtenBytes / certifiedBytes,
    failed,
  }
}

/** Returns the point against the one of one quorum. */
export function withGrowth(point: DataPoint, one: DataPoint | undefined): DataPoint {
  if (one === undefined) return point
  const growth = point.certifiedMBs / one.certifiedMBs
  return { ...point, growth, efficiency: growth / point.quorums }
}

/** One quorum stands at the head of both worlds. */
function withOneInBoth(points: readonly DataPoint[]): readonly DataPoint[] {
  const mode = 'the same members'
  const one = points
    .filter(({ quorums }) => quorums === 1)
    .map((point) => ({ ...point, mode }) as const)
  const isSame = (point: DataPoint): boolean => point.mode === mode
  return [...points.filter((point) => !isSame(point)), ...one, ...points.filter(isSame)]
}

/** Of sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

function describe(point: DataPoint): string {
  const { mode, quorums, certifiedMBs, growth, efficiency } = point
  return [
    `${mode} Q=${quorums}: ${certifiedMBs.toFixed(2)} MB/s (T(Q)/T(1) ${growth.toFixed(2)}`,
    `E ${efficiency.toFixed(2)})`,
    `p50 ${point.putP50Ms} ms, p99 ${point.putP99Ms} ms`,
    `nodes ${point.nodeCores.toFixed(2)} cores, dispersers ${point.disperserCores.toFixed(2)}`,
    `machine ${Math.round(100 * point.machineShare)} %`,
    `throttled ${Math.round(100 * (point.throttledShare ?? 0))} %`,
    `${point.blobs} blobs in ${point.batches} batches, ${point.failed} failed`,
  ].join(', ')
}
