/**
 * What groups did and used in a window of a load that runs through: none of it holds a start or an
 * end. A blob counts in the window in which it was certified.
 */

import { setTimeout as wait } from 'node:timers/promises'

import type { CertifiedPut } from '@zg/da/testing/bench'
import { createSystemClock } from '@zg/runtime'

import { useOf } from '../measuring/process-use.ts'
import type { DataGroup } from './data-groups.ts'
import * as settings from './data-settings.ts'

/** What one disperser brought about. */
export type CountedPuts = {
  readonly blobs: number
  readonly batches: number
  /** From put to certificate, each blob. */
  readonly tookMs: readonly number[]
}

/** What processes used. */
export type DataUse = {
  readonly nodeCpuSeconds: number
  readonly disperserCpuSeconds: number
  /** Of the process that measures. */
  readonly ownCpuSeconds: number
  /** To sockets and files. */
  readonly writtenBytes: number
}

export type DataWindow = {
  readonly seconds: number
  /** By group. */
  readonly counted: readonly CountedPuts[]
  readonly use: DataUse
  /** Over the whole load. */
  readonly failed: number
}

/** Loads all groups alike and cuts one window out. */
export async function measureDataWindow(
  groups: readonly DataGroup[],
  seconds: number,
): Promise<DataWindow> {
  const clock = createSystemClock()
  const { blobBytes: sizeBytes, blobsAtOnce: atOnce, leadSeconds, tailSeconds } = settings
  const plan = { sizeBytes, atOnce, seconds: leadSeconds + seconds + tailSeconds, isAlone: false }
  const loading = Promise.all(groups.map(({ disperser }) => disperser.put(plan)))
  // A load that fails is reported below, once; the window then ends by itself.
  loading.catch(() => undefined)
  await wait(leadSeconds * 1_000)
  const [fromMs, before] = [clock.nowMs(), dataUseOf(groups)]
  await wait(seconds * 1_000)
  const [toMs, after] = [clock.nowMs(), dataUseOf(groups)]
  const results = await loading
  return {
    seconds: (toMs - fromMs) / 1_000,
    counted: results.map(({ puts }) => countPuts(puts, { fromMs, toMs })),
    use: useBetween(before, after),
    failed: results.reduce((all, { failed }) => all + failed, 0),
  }
}

/** Returns what was certified from one moment on and before the other. */
export function countPuts(
  puts: readonly CertifiedPut[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): CountedPuts {
  const within = puts.filter(({ atMs }) => fromMs <= atMs && atMs < toMs)
  return {
    blobs: within.length,
    batches: new Set(within.map(({ sequence }) => sequence)).size,
    tookMs: within.map(({ tookMs }) => tookMs),
  }
}

/** Returns what all processes of groups, and this one, used since they began. */
export function dataUseOf(groups: readonly DataGroup[]): DataUse {
  const nodes = useOf(groups.flatMap((group) => group.nodes.pids))
  const dispersers = useOf(groups.map(({ disperser }) => disperser.pid))
  const { user, system } = process.cpuUsage()
  return {
    nodeCpuSeconds: nodes.cpuSeconds,
    disperserCpuSeconds: dispersers.cpuSeconds,
    ownCpuSeconds: (user + system) / 1e6,
    writtenBytes: nodes.writtenBytes + dispersers.writtenBytes,
  }
}

/** Returns what was used in between. */
export function useBetween(before: DataUse, after: DataUse): DataUse {
  return {
    nodeCpuSeconds: after.nodeCpuSeconds - before.nodeCpuSeconds,
    disperserCpuSeconds: after.disperserCpuSeconds - before.disperserCpuSeconds,
    ownCpuSeconds: after.ownCpuSeconds - before.ownCpuSeconds,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  }
}
