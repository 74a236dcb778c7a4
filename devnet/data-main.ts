/** Entry of a process of data availability: `node devnet/data-main.ts <part>.json`. */

import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'

import type { DataConfig } from './data-files.ts'
import type { OpenMessage, StrikeMessage } from './data-process.ts'

enableCompileCache()

/** What is under way may take as long as a peer likes: nothing that was acknowledged is lost. */
const stopMsMax = 1_000

const [path] = process.argv.slice(2)
if (path === undefined) {
  process.stderr.write('Cannot start: run "node devnet/data-main.ts <part>.json"\n')
  process.exit(2)
}
// Loaded here, so that the cache is there before they are.
const { createLogger, createSystemClock } = await import('@zg/runtime')
const { startDataProcess } = await import('./data-process.ts')
const config = JSON.parse(readFileSync(path, 'utf8')) as DataConfig
const log = createLogger({ part: config.part, level: 'info' })
const open: OpenMessage = { kind: 'open' }
const running = await startDataProcess(config, {
  clock: createSystemClock(),
  log,
  onOpen: () => process.send?.(open),
})
process.on('message', (message: StrikeMessage) => {
  if (message.kind !== 'strike') return
  void running.strike(message).then((struck) => struck && process.send?.(struck))
})
// The leash alone must not keep it running; its doors do.
process.channel?.unref()
process.once('SIGTERM', () => {
  setTimeout(() => process.exit(0), stopMsMax).unref()
  void running.close().then(() => process.exit(0))
})
process.send?.({ kind: 'ready' })
