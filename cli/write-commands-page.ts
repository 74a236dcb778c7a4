/** Writes COMMANDS.md: `node cli/write-commands-page.ts` from the repository root. */

import { writeFileSync } from 'node:fs'

import { commandsPage } from './help.ts'

writeFileSync(new URL('COMMANDS.md', import.meta.url), commandsPage())
