/** `zg sim` and `zg bench`: their own programs, with the arguments as they came. */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import type { CommandInput } from '../command.ts'
import { exitCodes, QuietExit } from '../exit.ts'

const root = new URL('../../', import.meta.url)

/** Runs the simulator. */
export function runSim(input: CommandInput): Promise<void> {
  return run([fileURLToPath(new URL('sim/run.ts', root)), ...input.rest])
}

/** Runs a benchmark; bootstrap first installs the peers it compares with. */
export function runBench(input: CommandInput): Promise<void> {
  return run([fileURLToPath(new URL('scripts/bootstrap.mjs', root)), 'bench', ...input.rest])
}

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [...args], { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGINT', forward)
  process.on('SIGTERM', forward)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (code !== exitCodes.done) throw new QuietExit(code ?? exitCodes.failed)
  } finally {
    process.off('SIGINT', forward)
    process.off('SIGTERM', forward)
  }
}
