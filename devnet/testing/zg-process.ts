/** The command line beside a running world, as its own process: `zg … --json`, line by line. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const entry = new URL('../../cli/main.ts', import.meta.url).pathname

export type ZgProcess<line> = {
  /** What it printed so far. */
  readonly lines: readonly line[]
  /** Resolves with its exit code, once all it printed is in `lines`. */
  readonly ended: Promise<number | null>
  /** Ends it as Ctrl-C does. */
  stop(): Promise<number | null>
  /** Ends it as a loss of power does. */
  kill(): Promise<number | null>
}

/** Starts a command in the world whose folder is `home`. */
export function startZg<line>(home: string, args: readonly string[]): ZgProcess<line> {
  const child = spawn(process.execPath, [entry, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ZG_HOME: home },
  })
  const lines: line[] = []
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const reader = createInterface({ input: child.stdout })
  const closed = new Promise<void>((resolve) => reader.once('close', resolve))
  reader.on('line', (text) => void lines.push(JSON.parse(text) as line))
  const ended = closed.then(() => exited)
  return {
    lines,
    ended,
    stop() {
      child.kill('SIGINT')
      return ended
    },
    kill() {
      child.kill('SIGKILL')
      return ended
    },
  }
}

/** Runs a command to its end and returns the one thing that it printed. */
export async function askZg<told>(home: string, line: string): Promise<told> {
  const { lines, ended } = startZg<told>(home, line.split(' '))
  assert.equal(await ended, 0, line)
  const [told] = lines
  assert.ok(told !== undefined && lines.length === 1, line)
  return told
}
