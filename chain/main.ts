/**
 * Entry of a node process: `node chain/main.ts <directory>`, the directory holding config.toml.
 *
 * What Node compiles is kept between starts (Node's own compile cache, in its temporary folder): a
 * process that starts again spends about half the time on loading.
 */

import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'

enableCompileCache()

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('Cannot start a node: run "node chain/main.ts <directory>"\n')
  process.exit(2)
}
// Loaded here, so that the cache is there before the node is.
const { runNodeProcess } = await import('./validator-process.ts')
runNodeProcess(resolve(directory)).catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(1)
})
