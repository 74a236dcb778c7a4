/**
 * Entry of a node process: `node chain/main.ts <directory>`, the directory holding config.toml.
 */

import { resolve } from 'node:path'

import { runNodeProcess } from './validator-process.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('Cannot start a node: run "node chain/main.ts <directory>"\n')
  process.exit(2)
}
runNodeProcess(resolve(directory)).catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(1)
})
