/**
 * Holds groups of processes to a share of a processor.
 *
 *     cgroup-v2   <root>/zg-growth-…/<group>/cpu.max             "<quota> <period>" in microseconds
 *     cgroup-v1   <root>/cpu/zg-growth-…/<group>/cpu.cfs_quota_us, cpu.cfs_period_us
 *     cpulimit    Debian's program, one a process: it stops and continues it (SIGSTOP, SIGCONT)
 *     none        nothing is held back, and `notice` says so
 *
 * The first that works here is taken. What a quota does shows in its throttling, where the kernel
 * counts it. A group of `cpulimit` is held by equal parts, since that program knows no groups.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** A quota is spent and filled up within this, the kernel's own default. */
const periodUs = 100_000

/** Tries to remove a group, which the kernel refuses while a process of it is being reaped. */
const removeTriesMax = 50
const removePauseMs = 20

/** Debian's package of the same name. */
const cpulimit = 'cpulimit'

export type QuotaKind = 'cgroup-v2' | 'cgroup-v1' | 'cpulimit' | 'none'

/** What the kernel counted of a group. */
export type Throttling = {
  /** Periods in which the group ran. */
  readonly periods: number
  /** Of those, how many spent the whole quota. */
  readonly throttled: number
}

export type QuotaGroup = {
  /** Moves a running process, with all its threads, into the group. */
  add(pid: number): void
  /** Holds the group to so many processors; undefined lets it go. */
  hold(cores: number | undefined): void
  /** Undefined where nobody counts. */
  throttling(): Throttling | undefined
}

export type CpuQuota = {
  readonly kind: QuotaKind
  /** What to tell the reader of figures that were taken without a quota. */
  readonly notice: string | undefined
  group(name: string): QuotaGroup
  /** Lets all go and removes what was made; the processes have ended, or go on unheld. */
  close(): Promise<void>
}

/** What of the machine is used; tests give their own. */
export type QuotaMachine = {
  /** Where cgroups are mounted. */
  readonly root: string
  /** Names the folder of this run. */
  readonly name: string
  readonly removeFolder: (path: string) => void
  /** Starts `cpulimit` on a process; undefined when it is not installed. */
  readonly limit: ((pid: number, percent: number) => { stop(): void }) | undefined
}

/** Returns the machine that this process runs on. */
export function quotaMachine(): QuotaMachine {
  return {
    root: '/sys/fs/cgroup',
    name: `zg-growth-${process.pid}`,
    removeFolder: (path) => rmdirSync(path),
    limit: hasCpulimit() ? startCpulimit : undefined,
  }
}

/** Returns the first kind of quota that works on the machine. */
export function openCpuQuota(machine: QuotaMachine = quotaMachine()): CpuQuota {
  const files = openVersion2(machine) ?? openVersion1(machine)
  if (files !== undefined) return cgroupQuota(files, machine)
  if (machine.limit !== undefined) return cpulimitQuota(machine.limit)
  const notice =
    'no CPU quota here: cgroups cannot be written and cpulimit is not installed; ' +
    'networks share the processors freely'
  const free: QuotaGroup = {
    add: () => undefined,
    hold: () => undefined,
    throttling: () => undefined,
  }
  return { kind: 'none', notice, group: () => free, close: () => Promise.resolve() }
}

/** How one version of cgroups is written. */
type CgroupFiles = {
  readonly kind: 'cgroup-v2' | 'cgroup-v1'
  /** Under which the groups lie. */
  readonly folder: string
  readonly hold: (folder: string, quotaUs: number | undefined) => void
}

function openVersion2({ root, name, removeFolder }: QuotaMachine): CgroupFiles | undefined {
  const controllers = join(root, 'cgroup.controllers')
  if (!existsSync(controllers)) return undefined
  if (!readFileSync(controllers, 'utf8').split(/\s+/).includes('cpu')) return undefined
  const folder = join(root, name)
  try {
    mkdirSync(folder)
    // A group may be held only where all above it hand the controller down.
    for (const above of [root, folder]) {
      writeFileSync(join(above, 'cgroup.subtree_control'), '+cpu')
    }
    return {
      kind: 'cgroup-v2',
      folder,
      hold: (group, quotaUs) =>
        writeFileSync(join(group, 'cpu.max'), `${quotaUs ?? 'max'} ${periodUs}`),
    }
  } catch {
    if (existsSync(folder)) removeFolder(folder)
    return undefined
  }
}

function openVersion1({ root, name, removeFolder }: QuotaMachine): CgroupFiles | undefined {
  if (!existsSync(join(root, 'cpu', 'cgroup.procs'))) return undefined
  const folder = join(root, 'cpu', name)
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, 'cpu.cfs_quota_us'), '-1')
    return {
      kind: 'cgroup-v1',
      folder,
      hold: (group, quotaUs) => {
        writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs))
        writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs ?? -1))
      },
    }
  } catch {
    if (existsSync(folder)) removeFolder(folder)
    return undefined
  }
}

function cgroupQuota(files: CgroupFiles, { removeFolder }: QuotaMachine): CpuQuota {
  const folders: string[] = []
  return {
    kind: files.kind,
    notice: undefined,
    group(name) {
      // Names may come again: worlds follow each other under one quota.
      const folder = join(files.folder, `${folders.length}-${name}`)
      mkdirSync(folder)
      folders.push(folder)
      return {
        add: (pid) => writeFileSync(join(folder, 'cgroup.procs'), String(pid)),
        hold: (cores) =>
          files.hold(folder, cores === undefined ? undefined : Math.round(cores * periodUs)),
        throttling: () => throttlingIn(readFileSync(join(folder, 'cpu.stat'), 'utf8')),
      }
    },
    async close() {
      for (const folder of [...folders, files.folder]) await remove(folder, removeFolder)
    },
  }
}

function cpulimitQuota(limit: NonNullable<QuotaMachine['limit']>): CpuQuota {
  const held = new Map<number, { stop(): void }>()
  const letGo = (pid: number): void => {
    held.get(pid)?.stop()
    held.delete(pid)
  }
  return {
    kind: 'cpulimit',
    notice: 'CPU quotas by cpulimit, in equal parts to the processes of a group',
    group() {
      const pids: number[] = []
      return {
        add: (pid) => void pids.push(pid),
        hold(cores) {
          for (const pid of pids) {
            letGo(pid)
            if (cores === undefined) continue
            const percent = Math.max(1, Math.round((cores / pids.length) * 100))
            held.set(pid, limit(pid, percent))
          }
        },
        throttling: () => undefined,
      }
    },
    close() {
      for (const pid of held.keys()) letGo(pid)
      return Promise.resolve()
    },
  }
}

function throttlingIn(stat: string): Throttling {
  const count = (name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return { periods: count('nr_periods'), throttled: count('nr_throttled') }
}

async function remove(folder: string, removeFolder: (path: string) => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      removeFolder(folder)
      return
    } catch (error) {
      if (tries === removeTriesMax) throw error
      await wait(removePauseMs)
    }
  }
}

function hasCpulimit(): boolean {
  return spawnSync(cpulimit, ['--help'], { stdio: 'ignore' }).error === undefined
}

/** `--lazy`: it ends with the process it watches. */
function startCpulimit(pid: number, percent: number): { stop(): void } {
  const args = ['--lazy', '--pid', String(pid), '--limit', String(percent)]
  const child = spawn(cpulimit, args, { stdio: 'ignore' })
  // SIGTERM has it continue what it stopped.
  return { stop: () => void child.kill('SIGTERM') }
}
