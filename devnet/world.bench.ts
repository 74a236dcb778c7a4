/**
 * Bench `world`: what the default world costs who only looks at it.
 *
 * Time to ready of a new world and of a kept one (everything installed), its processes, their
 * memory as PSS (a shared page is divided among who shares it), and their processor time while
 * nothing is asked of it. There is no peer that runs the same parts. Linux only: /proc tells.
 */

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { requestControl } from './control.ts'
import { readLiveLock } from './data-dir.ts'
import { startDevnet, stopDevnet } from './testing/devnet-process.ts'
import type { DevnetProcess } from './testing/devnet-process.ts'

const flags = ['--port-offset', '13000']
/** What starts with a world, first sets of both networks included, is over after this. */
const settleMs = 60_000
const idleMs = 60_000
/** USER_HZ: the unit of times in /proc/PID/stat on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Starts, watches, ends and starts again one world. */
export async function bench() {
  const home = mkdtempSync(join(tmpdir(), 'zg-bench-'))
  let world: DevnetProcess | undefined
  try {
    const readyNewSeconds = await secondsOf(() => (world = startDevnet(home, flags)).ready)
    await sleep(settleMs)
    const idle = await watch(home, world!)
    await stopDevnet(world!)
    world = undefined
    const readyKeptSeconds = await secondsOf(() => (world = startDevnet(home, flags)).ready)
    return {
      name: 'world',
      metrics: { readyNewSeconds, readyKeptSeconds, ...idle },
      peers: {},
      ratios: {},
    }
  } finally {
    if (world !== undefined) await stopDevnet(world)
    rmSync(home, { recursive: true, force: true })
  }
}

async function watch(home: string, world: DevnetProcess): Promise<Record<string, number>> {
  const lock = readLiveLock(home)
  if (lock === undefined) throw new Error('the world does not run')
  const parts = await requestControl(lock.socket, { verb: 'status' })
  const kinds = new Map<string, number[]>([['supervisor', [world.process.pid!]]])
  for (const { name, pid } of parts) {
    // One of four in a process that is counted.
    if (name.startsWith('da-node-')) continue
    if (pid === undefined) throw new Error(`${name} does not run`)
    const kind = /^(net|da-nodes)-/.exec(name)?.[1]?.replace('net', 'validator') ?? name
    kinds.set(kind, [...(kinds.get(kind) ?? []), pid])
  }
  const before = new Map([...kinds].map(([kind, pids]) => [kind, cpuSecondsOf(pids)]))
  await sleep(idleMs)
  const figures: Record<string, number> = {}
  let idle = 0
  for (const [kind, pids] of kinds) {
    const percent = ((cpuSecondsOf(pids) - before.get(kind)!) / (idleMs / 1000)) * 100
    idle += percent
    figures[`${kind}IdlePercent`] = round(percent / pids.length)
    figures[`${kind}PssMiB`] = round(pssMiBOf(pids) / pids.length)
  }
  const pids = [...kinds.values()].flat()
  const trees = new Set(pids.flatMap((pid) => [pid, ...childrenOf(pid)]))
  return {
    processes: trees.size,
    idlePercentOfACore: round(idle),
    pssMiB: round(pssMiBOf([...trees])),
    ...figures,
  }
}

async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await run()
  return round((performance.now() - startMs) / 1000)
}

/** User and system time of processes so far, in seconds: fields 14 and 15 of their stat. */
function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / ticksPerSecond
}

function pssMiBOf(pids: readonly number[]): number {
  const kib = pids.map((pid) => {
    const found = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
    return Number(found?.[1] ?? 0)
  })
  return kib.reduce((sum, one) => sum + one, 0) / 1024
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  )
}

function round(figure: number): number {
  return Math.round(figure * 10) / 10
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
