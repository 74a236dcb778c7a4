/**
 * What it does to the cost of one piece of work that other processors of the same machine work too:
 * caches, memory and often the core itself are shared, so the same instructions take more time.
 *
 *     beside(busy) = alone · (1 + slowing · (busy - alone's busy) / (neighbour's busy - alone's))
 *
 * `busy` is the chance that another processor works at a moment; `slowing` is measured on a single
 * network beside a neighbour that never rests. It belongs to the machine of the bench, on which all
 * operators are, and not to machines of their own.
 */

import { spawn } from 'node:child_process'

import { closedAtInterrupt } from '../measuring/interrupt.ts'

/** Work of the common kind: allocation, strings, branches, a few MiB of memory. */
const restless = `
  const rows = Array.from({ length: 20000 }, (_, n) => ({ n, text: String(n * 7919), at: [n, n] }));
  for (;;) JSON.parse(JSON.stringify(rows));
`

export type Slowing = {
  /** Share by which work beside the neighbour cost more; 0 at least. */
  readonly share: number
  readonly busyAlone: number
  readonly busyBeside: number
}

/** Starts a process that keeps one processor busy; returns what ends it. */
export function startNeighbour(): () => Promise<void> {
  const child = spawn(process.execPath, ['-e', restless], { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return closedAtInterrupt(() => {
    child.kill('SIGKILL')
    return gone
  })
}

/** Returns the chance that another processor works, when all work is spread over all. */
export function busyShare(coresUsed: number, processors: number): number {
  return Math.min(1, coresUsed / processors)
}

/**
 * Measures the slowing.
 *
 * @param work.costRatio - Cost of the same work beside the neighbour over alone.
 * @param work.coresUsed - By the work and its clients, without the neighbour.
 */
export function slowingOf(
  work: { readonly costRatio: number; readonly coresUsed: number },
  processors: number,
): Slowing {
  // It has one of them to itself; the work runs on the others.
  const ofNeighbour = processors > 1 ? 1 / (processors - 1) : 0
  const busyAlone = busyShare(work.coresUsed, processors)
  return {
    share: Math.max(0, work.costRatio - 1),
    busyAlone,
    busyBeside: Math.max(busyAlone, Math.min(1, ofNeighbour)),
  }
}

/** Returns what the same work costs where so many cores are used, over what it costs alone. */
export function costBeside(slowing: Slowing, coresUsed: number, processors: number): number {
  const { share, busyAlone, busyBeside } = slowing
  if (busyBeside <= busyAlone) return 1
  const busy = busyShare(coresUsed, processors)
  return 1 + (share * (busy - busyAlone)) / (busyBeside - busyAlone)
}
