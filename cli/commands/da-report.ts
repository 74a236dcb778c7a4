/**
 * `zg da report`: brings to L1 that a member of a quorum signed two commitments for one batch (S9),
 * as a disperser has it in its log. Anyone may; a part of what is taken goes to who signs.
 */

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

import { evidenceTextMax, parseEvidence } from '@zg/da'
import { ZgError } from '@zg/primitives'
import { abis } from '@zg/sdk'
import { encodeFunctionData } from 'viem'

import type { CommandInput } from '../command.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake } from '../stake-site.ts'

/** `zg da report EVIDENCE` */
export async function runDaReport(input: CommandInput): Promise<void> {
  const { network, operator, evidence } = parseEvidence(textOf(input))
  const { first, second, signature } = evidence
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const data = encodeFunctionData({
    abi: abis.SlashingManager,
    functionName: 'reportDataVotes',
    args: [network, operator, first, second, signature],
  })
  const to = site.addresses.SlashingManager
  const { epoch, quorum, disperser, sequence } = first
  await carryOut(input, {
    verb: 'report',
    endpoint: site.l1,
    account,
    calls: [{ what: `report ${operator}`, to, data, value: 0n }],
    risks: [],
    facts: { network, operator, epoch, quorum, disperser, sequence },
    rows: [
      ['reports', `${operator}, which loses stake by it`],
      ['batch', `network ${network}, epoch ${epoch}, quorum ${quorum}, ${disperser}, ${sequence}`],
      ['signed', first.commitment],
      ['and', second.commitment],
    ],
  })
}

function textOf({ values, workingDir }: CommandInput): string {
  const path = resolve(workingDir, values.text('evidence') ?? '')
  try {
    if (statSync(path).size <= evidenceTextMax) return readFileSync(path, 'utf8').trim()
  } catch {
    throw new EvidenceFileError(path, 'it cannot be read')
  }
  throw new EvidenceFileError(path, 'it is too long')
}

/** There is no such file of evidence. */
export class EvidenceFileError extends ZgError<'CLI_EVIDENCE_FILE'> {
  constructor(path: string, why: string) {
    super('CLI_EVIDENCE_FILE', `Cannot read ${path}: ${why}`, { path, why })
  }
}
