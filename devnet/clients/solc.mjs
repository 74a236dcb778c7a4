#!/usr/bin/env node
/**
 * solc-js behind the two flags that forge uses of a native solc: --version and --standard-json.
 *
 * forge reads the compiler's answer from our standard output, so nothing else is printed there.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const solc = createRequire(import.meta.url)('solc')
const args = process.argv.slice(2)

if (args.includes('--version')) {
  const version = solc.version().replace('.Emscripten.clang', '.Linux.g++')
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`)
} else {
  const basePath = args[args.indexOf('--base-path') + 1] ?? '.'
  const readImport = (path) => ({ contents: readFileSync(join(basePath, path), 'utf8') })
  const output = solc.compile(readFileSync(0, 'utf8'), { import: readImport })
  // Exiting at once would cut a long answer in the pipe.
  process.stdout.write(output, () => process.exit(0))
}
