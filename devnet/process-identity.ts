/**
 * Whether a process id still means the process it meant: ids are reused.
 *
 * On Linux the identity is the start time in /proc/<pid>/stat (field 22, clock ticks since boot);
 * on other systems it is unknown, and only whether the id is in use can be told.
 */

import { readFileSync } from 'node:fs'

export type ProcessIdentity = { readonly pid: number; readonly startTicks: string | undefined }

/** Returns the identity of a process that runs now. */
export function identifyProcess(pid: number): ProcessIdentity {
  return { pid, startTicks: startTicksOf(pid) }
}

/** Whether the very process still runs; where starts are unknown, whether its id is in use. */
export function isProcessAlive({ pid, startTicks }: ProcessIdentity): boolean {
  if (!isPidInUse(pid)) return false
  return startTicks === undefined || startTicks === startTicksOf(pid)
}

/** Whether the very process surely still runs: never true where starts are unknown. */
export function isSurelySame(identity: ProcessIdentity): boolean {
  return identity.startTicks !== undefined && isProcessAlive(identity)
}

function isPidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: there is one, of another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything, so fields count from the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const state = fields[0]
    // A zombie runs no more; it only waits for its parent to look.
    return state === 'Z' || state === 'X' ? `${state}${fields[19]}` : fields[19]
  } catch {
    return undefined
  }
}
