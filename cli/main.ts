/** The entry of `zg`: hands this process over to the program. */

import { runProgram } from './program.ts'

/** How the user called us, so that the commands we name can be copied. */
const program = process.env['npm_lifecycle_event'] === undefined ? 'zg' : 'npm run zg --'

process.exitCode = await runProgram({
  argv: process.argv.slice(2),
  env: process.env,
  workingDir: process.cwd(),
  program,
  out: process.stdout,
  err: process.stderr,
})
