/** `zg mend-votes DIR`: a validator whose vote log is lost votes again two epochs later. */

import { resolve } from 'node:path'

import { mendVotes } from '@zg/devnet'

import { formatInteger } from '../amounts.ts'
import type { CommandInput } from '../command.ts'

export async function runMendVotes(input: CommandInput): Promise<void> {
  const { output, values, workingDir } = input
  const folder = resolve(workingDir, values.text('dir') ?? '')
  const { voteFromEpoch, waitSeconds } = mendVotes(folder, Date.now())
  output.json({ folder, voteFromEpoch, waitSeconds })
  const when = `epoch ${voteFromEpoch}, in ${formatInteger(waitSeconds)} s`
  output.line(`✓ start it again: it follows, and signs nothing before ${when}`)
}
