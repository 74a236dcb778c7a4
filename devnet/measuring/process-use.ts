/**
 * What processes used of the machine, read from `/proc` (proc(5)): processor time of all threads,
 * memory, bytes that left by `write(2)`.
 */

import { readFileSync } from 'node:fs'

import { ZgError } from '@zg/primitives'

/** `USER_HZ`: what `/proc/<pid>/stat` counts in on every Linux that Node runs on. */
const ticksPerSecond = 100

/** What one process, or several together, used since they began. */
export type ProcessUse = {
  /** utime + stime of all threads. */
  readonly cpuSeconds: number
  /** Resident pages, those shared with others counted whole. */
  readonly rssBytes: number
  /** The same, those shared with n processes counted as a share of n. */
  readonly pssBytes: number
  /** `wchar`: what was written to sockets and files. */
  readonly writtenBytes: number
}

/**
 * Returns what the processes used, added up.
 *
 * @param procDir - Where proc is mounted.
 * @throws {ProcessUseUnreadableError} `DEVNET_PROCESS_USE_UNREADABLE` when one of them is gone.
 */
export function useOf(pids: readonly number[], procDir = '/proc'): ProcessUse {
  const uses = pids.map((pid) => useOfOne(pid, procDir))
  const sum = (key: keyof OneUse): number => uses.reduce((all, use) => all + use[key], 0)
  return {
    cpuSeconds: sum('cpuTicks') / ticksPerSecond,
    rssBytes: sum('rssBytes'),
    pssBytes: sum('pssBytes'),
    writtenBytes: sum('writtenBytes'),
  }
}

type OneUse = Omit<ProcessUse, 'cpuSeconds'> & { readonly cpuTicks: number }

function useOfOne(pid: number, procDir: string): OneUse {
  const read = (file: string): string => {
    try {
      return readFileSync(`${procDir}/${pid}/${file}`, 'utf8')
    } catch (cause) {
      throw new ProcessUseUnreadableError(pid, file, cause)
    }
  }
  const memory = read('smaps_rollup')
  return {
    cpuTicks: cpuTicksIn(read('stat')),
    rssBytes: fieldIn(memory, 'Rss') * 1_024,
    pssBytes: fieldIn(memory, 'Pss') * 1_024,
    writtenBytes: fieldIn(read('io'), 'wchar'),
  }
}

/** Fields 14 and 15; the name in field 2 may hold spaces and brackets. */
function cpuTicksIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function fieldIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
}

export class ProcessUseUnreadableError extends ZgError<'DEVNET_PROCESS_USE_UNREADABLE'> {
  constructor(pid: number, file: string, cause: unknown) {
    const message = `Cannot read what process ${pid} used: it is gone, or there is no ${file}`
    super('DEVNET_PROCESS_USE_UNREADABLE', message, { pid, file }, cause)
  }
}
