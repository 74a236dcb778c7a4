/**
 * Ends what a killed supervisor left behind.
 *
 * Children end by themselves when their supervisor is gone (leash.ts); one that was paused at that
 * moment cannot. So the supervisor keeps a list of its children with the time each was started, and
 * the next supervisor of the same directory kills those that are surely the same processes.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { PartStatus } from './control.ts'
import { identifyProcess, isSurelySame } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { writeWhole } from './write-whole.ts'

const fileName = 'processes.json'

/**
 * Replaces the list of running children. The world goes on without it, so what the disk refuses is
 * returned, not thrown.
 */
export function recordProcesses(home: string, parts: readonly PartStatus[]): string | undefined {
  const identities = parts.flatMap(({ pid }) => (pid === undefined ? [] : [identifyProcess(pid)]))
  try {
    writeWhole(join(home, fileName), JSON.stringify(identities))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Kills the children on the list that still run; returns their ids. */
export function endLeftovers(home: string): number[] {
  const left = readList(home).filter(isSurelySame)
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended in between.
    }
  }
  return left.map(({ pid }) => pid)
}

function readList(home: string): ProcessIdentity[] {
  try {
    const list: unknown = JSON.parse(readFileSync(join(home, fileName), 'utf8'))
    if (!Array.isArray(list)) return []
    return list.filter(
      (item): item is ProcessIdentity =>
        Number.isSafeInteger(item?.pid) && item.pid > 1 && typeof item.startTicks === 'string',
    )
  } catch {
    return []
  }
}
