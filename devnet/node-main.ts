/**
 * Entry of a node process: `node devnet/node-main.ts <directory>`, the directory holding
 * config.toml. Here a node of chain and its view of L1 from staking, which know nothing of each
 * other, are joined.
 *
 * What Node compiles is kept between starts (Node's own compile cache, in its temporary folder): a
 * process that starts again spends about half the time on loading.
 */

import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'

enableCompileCache()

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('Cannot start a node: run "node devnet/node-main.ts <directory>"\n')
  process.exit(2)
}
// Loaded here, so that the cache is there before the node is.
const { runNodeProcess } = await import('@zg/chain/process')
const { followL1 } = await import('./follow-l1.ts')
runNodeProcess(resolve(directory), followL1).catch((error: unknown): void => {
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${text}\n`)
  const { code } = error as { readonly code?: unknown }
  const end = (): never => process.exit(1)
  if (process.send === undefined || typeof code !== 'string') return end()
  // To who holds the channel: what mends a failure hangs on its code.
  process.send({ kind: 'failed', code }, undefined, undefined, end)
})
