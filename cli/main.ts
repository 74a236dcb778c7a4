/** The entry of `zg`: hands this process over to the program. */

import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside the installed packages; a place that cannot be written to is no failure.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/zg', import.meta.url)))
const { runProgram } = await import('./program.ts')

/** How the user called us, so that the commands we name can be copied. */
const program = process.env['npm_lifecycle_event'] === undefined ? 'zg' : 'npm run zg --'

// Nobody reads any more (`zg ports | head`): the end, not an error. A command that has more to end
// listens itself.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (process.stdout.listenerCount('error') === 1) process.exit()
})

process.exitCode = await runProgram({
  argv: process.argv.slice(2),
  env: process.env,
  workingDir: process.cwd(),
  program,
  out: process.stdout,
  err: process.stderr,
})
