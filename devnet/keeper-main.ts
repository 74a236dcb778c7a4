/** Entry of the keeper's process: `node devnet/keeper-main.ts <keeper.json>`. */

import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { dirname, resolve } from 'node:path'

import type { KeeperConfig } from './keeper.ts'

enableCompileCache()

/** What is under way may take as long as an endpoint likes: nothing is lost without it. */
const stopMsMax = 1_000

const [path] = process.argv.slice(2)
if (path === undefined) {
  process.stderr.write('Cannot keep: run "node devnet/keeper-main.ts <keeper.json>"\n')
  process.exit(2)
}
// Loaded here, so that the cache is there before they are.
const { fromHex } = await import('@zg/primitives')
const { createLogger, createSystemClock } = await import('@zg/runtime')
const { startKeeper } = await import('./keeper.ts')
const config = JSON.parse(readFileSync(path, 'utf8')) as KeeperConfig
const secretKey = fromHex(readFileSync(resolve(dirname(path), config.keyFile), 'utf8').trim())
const logger = createLogger({ part: 'keeper', level: 'info' })
const keeper = startKeeper(config, secretKey, { clock: createSystemClock(), logger })
process.once('SIGTERM', () => {
  setTimeout(() => process.exit(0), stopMsMax).unref()
  void keeper.stop().then(() => process.exit(0))
})
process.send?.({ kind: 'ready' })
