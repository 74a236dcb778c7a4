/**
 * `zg da sample`: asks holders for rows of a batch that nobody could foresee, checks each by
 * itself, and says what that proves.
 */

import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

import {
  BlobUnknownError,
  httpNodeClient,
  networkEntrance,
  retentionEpochsMin,
  sampleBatch,
  sampleCountDefault,
} from '@zg/da'
import type { BatchId, BlobName, SampleReport } from '@zg/da'
import { ContractChain } from '@zg/da/chain'
import { isHex } from '@zg/primitives'

import { formatInteger } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, findEndpoint } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { LiveList } from '../live-list.ts'
import { tableLines } from '../table.ts'
import { parseName } from './da.ts'

/** What has not answered by then is missing. */
const waitMsMax = 30_000
const seedSize = 32
/** Members that are named when their rows are wrong. */
const namedMax = 8

/** `zg da sample NAME` */
export async function runDaSample(input: CommandInput): Promise<void> {
  const { output, values } = input
  const text = values.text('name') ?? ''
  const name = parseName(text)
  const named = values.text('entrance')
  const entrance = isHex(named) ? named : networkEntrance
  const count = values.integer('rows') ?? sampleCountDefault
  const endpoint = findEndpoint(input, name.network)
  const list = new LiveList(output, ['quorum', 'rows'])
  try {
    const { chain, batch, quorum } = await asking(endpoint, async () => {
      // How long rows are kept matters to nobody who asks for them.
      const options = {
        rpc: endpoint.url,
        entrance,
        retentionEpochs: retentionEpochsMin,
        finality: 'latest',
      } as const
      const opened = await ContractChain.open(options)
      return { chain: opened, ...(await find(opened, name)) }
    })
    list.set('quorum', 'done', `${quorum.members.length} members`)
    const client = httpNodeClient(chain.shape)
    const report = await sampleBatch({
      client,
      pause: (timeMs) => wait(timeMs),
      shape: chain.shape,
      batch,
      commitment: name.storageRoot,
      quorum,
      seed: randomBytes(seedSize),
      count,
      signal: AbortSignal.timeout(waitMsMax),
      onProgress: (answered) => list.set('rows', 'working', `${answered} of ${count}`),
    }).finally(() => client.close())
    const isGood = report.good === report.asked
    list.set('rows', isGood ? 'done' : 'failed', `${report.good} of ${report.asked} are good`)
    list.end()
    tell(input, { text, report })
    if (!isGood) throw new QuietExit(exitCodes.failed)
  } finally {
    list.end()
  }
}

async function find(chain: ContractChain, name: BlobName) {
  const { epoch, storageRoot } = name
  const quorumNumber = Number(name.quorum)
  const batch: BatchId | undefined = await chain.findBatch({
    commitment: storageRoot,
    epoch,
    quorum: quorumNumber,
  })
  const drawn = await chain.epochAt(epoch)
  if (batch === undefined || drawn === undefined) {
    throw new BlobUnknownError('the chain has no record of this root')
  }
  return { batch, quorum: await chain.quorumAt(drawn, quorumNumber) }
}

function tell(
  { output }: CommandInput,
  { text, report }: { text: string; report: SampleReport },
): void {
  output.json({ name: text, ...report })
  const cells = reportRows(report).map(([label, shown]) => [
    { text: label, style: 'quiet' as const },
    shown,
  ])
  for (const line of tableLines(output, cells)) output.line(line)
}

/** What is told of a sample: what it proves only when it proves anything. */
export function reportRows(report: SampleReport): readonly [string, string][] {
  const { asked, good, missing, wrong, bytes, chanceLog2 } = report
  const rows: [string, string][] = [
    ['checked', `${formatInteger(good)} rows, ${formatInteger(bytes)} bytes`],
  ]
  if (good === asked) {
    rows.push(['proves', `one code, but for a chance of 2^${Math.floor(chanceLog2)}`])
  }
  if (missing.length > 0) rows.push(['missing', `${missing.length} rows did not come`])
  const liars = [...new Set(wrong.map(({ url }) => url))]
  for (const url of liars.slice(0, namedMax)) rows.push(['wrong', `rows of ${url}`])
  return rows
}
