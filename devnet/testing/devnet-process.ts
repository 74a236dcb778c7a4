/** `zg devnet --json` as a process of a test or a bench: start it, wait until ready, stop it. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

import type { DevnetFile } from '../devnet-file.ts'

const entry = new URL('../../cli/main.ts', import.meta.url).pathname

export type DevnetLine = Readonly<Record<string, unknown>> & { readonly event: string }

export type DevnetProcess = {
  readonly process: ChildProcess
  /** What it printed so far, a JSON object a line. */
  readonly lines: readonly DevnetLine[]
  /** What `devnet.json` holds. */
  readonly ready: Promise<DevnetFile>
  /** Its exit code. */
  readonly exited: Promise<number | null>
}

/**
 * Starts a world in the folder `home`; `flags` are those of `zg devnet`.
 */
export function startDevnet(home: string, flags: readonly string[]): DevnetProcess {
  const child = spawn(process.execPath, [entry, 'devnet', '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ZG_HOME: home },
  })
  const lines: DevnetLine[] = []
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const ready = new Promise<DevnetFile>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as DevnetLine
      lines.push(line)
      if (line.event === 'ready') resolve(line['devnet'] as DevnetFile)
    })
    void exited.then((code) =>
      reject(new Error(`zg devnet ended with ${code} before it was ready`)),
    )
  })
  return { process: child, lines, ready, exited }
}

/** Ends it as Ctrl-C does; returns its exit code. */
export async function stopDevnet(world: DevnetProcess): Promise<number | null> {
  world.process.kill('SIGINT')
  return world.exited
}
