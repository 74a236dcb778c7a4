/**
 * `npm run check`: what a machine can judge of the source without running it.
 *
 * Each tool runs to its end and all complaints are printed; the last line counts the tools.
 */

import { spawnSync } from 'node:child_process'

const tools: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'oxfmt', '--check', '.'],
  ['unused', 'knip', '--no-config-hints'],
]

let failed = 0
for (const [name, command, ...args] of tools) {
  const done = spawnSync(`node_modules/.bin/${command}`, args, { encoding: 'utf8' })
  const passed = done.status === 0
  console.log(`${passed ? '✔' : '✖'} ${name}`)
  if (passed) continue
  failed++
  console.log(done.error === undefined ? done.stdout + done.stderr : String(done.error))
}
console.log(`${tools.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
