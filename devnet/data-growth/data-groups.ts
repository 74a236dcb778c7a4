/**
 * Groups of a bench: nodes in processes of a few, and a disperser that puts blobs to them. They
 * share nothing but the machine.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startBenchDisperser, startBenchNodes } from '@zg/da/testing/bench'
import type { BenchDisperser, BenchNodes } from '@zg/da/testing/bench'

import type { CpuQuota, QuotaGroup } from '../measuring/cpu-quota.ts'
import { closedAtInterrupt } from '../measuring/interrupt.ts'
import * as settings from './data-settings.ts'

export type DataGroup = {
  readonly nodes: Pick<BenchNodes, 'pids'>
  readonly disperser: Pick<BenchDisperser, 'pid' | 'put'>
}

export type DataGroups = {
  readonly groups: readonly DataGroup[]
  /** Ends all processes and removes all files. */
  close(): Promise<void>
}

/** Starts so many groups of equal kind. */
export async function startDataGroups(plan: {
  readonly groups: number
  readonly nodes: number
  /** That each group draws of its nodes. */
  readonly quorums: number
}): Promise<DataGroups> {
  const home = mkdtempSync(join(tmpdir(), 'zg-data-growth-'))
  const opened: { close(): Promise<void> }[] = []
  const close = closedAtInterrupt(async () => {
    for (const each of opened.toReversed()) await each.close()
    rmSync(home, { recursive: true, force: true })
  })
  const { nodes, quorums } = plan
  const nodesPerProcess = Math.ceil(nodes / settings.processesOfGroup)
  const groups: DataGroup[] = []
  try {
    for (let index = 0; index < plan.groups; index++) {
      const folder = join(home, `group-${index}`)
      const started = await startBenchNodes({ folder, nodes, nodesPerProcess, quorums })
      opened.push(started)
      const disperser = await startBenchDisperser({ folder, urls: started.urls, quorums })
      opened.push(disperser)
      groups.push({ nodes: started, disperser })
    }
    return { groups, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Holds each process to its share of a processor; returns what holds them. */
export function holdGroups(groups: readonly DataGroup[], quota: CpuQuota): readonly QuotaGroup[] {
  return groups.flatMap(({ nodes, disperser }, index) => {
    const held = (name: string, pid: number, cores: number): QuotaGroup => {
      const group = quota.group(`group-${index}-${name}`)
      group.add(pid)
      group.hold(cores)
      return group
    }
    const ofNodes = nodes.pids.map((pid, at) => held(`nodes-${at}`, pid, settings.nodeProcessCores))
    return [...ofNodes, held('disperser', disperser.pid, settings.disperserCores)]
  })
}
