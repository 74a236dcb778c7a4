/** `zg block`: one block, and who made it final. */

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { BlockNotFoundError } from 'viem'
import type { Block, PublicClient } from 'viem'

import { formatInteger, formatShare } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, clientOf, findEndpoint } from '../endpoint.ts'
import { readFinality, signersOf } from '../finality.ts'
import type { Finality } from '../finality.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

/** Hashes of transactions listed for people; `--json` lists all. */
const transactionsShownMax = 20

export async function runBlock(input: CommandInput): Promise<void> {
  const wanted = input.values.text('block') ?? 'latest'
  const endpoint = findEndpoint(input)
  const client = clientOf(endpoint)
  const { block, finality } = await asking(endpoint, async () => {
    const block = await readBlock(client, wanted)
    const number = block.number
    const finality = number === null ? undefined : await readFinality(endpoint.url, number)
    return { block, finality }
  })
  input.output.json({ block, finality: finality ?? null })
  showBlock(input, block, finality)
}

async function readBlock(client: PublicClient, wanted: string): Promise<Block> {
  try {
    if (isHex(wanted, 32)) return await client.getBlock({ blockHash: wanted })
    if (wanted === 'latest' || wanted === 'earliest' || wanted === 'pending') {
      return await client.getBlock({ blockTag: wanted })
    }
    return await client.getBlock({ blockNumber: BigInt(wanted) })
  } catch (error) {
    if (error instanceof BlockNotFoundError) throw new BlockUnknownError(wanted)
    throw error
  }
}

function showBlock(
  { output, values }: CommandInput,
  block: Block,
  finality: Finality | undefined,
): void {
  const gas = `${formatInteger(block.gasUsed)} of ${formatInteger(block.gasLimit)}`
  const isL1 = values.isSet('l1')
  const uncertified = isL1 ? 'final as made: the local L1 has one validator' : 'no certificate'
  const signed = finality === undefined ? uncertified : signersOf(finality)
  const rows: Cell[][] = [
    ['block', block.number === null ? 'pending' : formatInteger(block.number)],
    ['hash', block.hash ?? 'none yet'],
    ['parent', block.parentHash],
    ['time', new Date(Number(block.timestamp) * 1_000).toISOString()],
    ['transactions', formatInteger(block.transactions.length)],
    ['gas', `${gas}   (${formatShare(block.gasUsed, block.gasLimit)})`],
    [
      'base fee',
      block.baseFeePerGas === null ? 'none' : `${formatInteger(block.baseFeePerGas)} wei`,
    ],
    ['state root', block.stateRoot],
    ['finality', signed],
  ].map(([name = '', text = '']) => [{ text: name, style: 'quiet' }, text])
  for (const line of tableLines(output, rows)) output.line(line)
  const hashes = block.transactions.slice(0, transactionsShownMax) as readonly Hex[]
  if (hashes.length > 0) output.line()
  for (const hash of hashes) output.line(`  ${hash}`)
  const more = block.transactions.length - hashes.length
  if (more > 0) output.line(`  ${output.paint('quiet', `and ${more} more; --json lists all`)}`)
}

export class BlockUnknownError extends ZgError<'CLI_BLOCK_UNKNOWN'> {
  constructor(wanted: string) {
    super('CLI_BLOCK_UNKNOWN', `Cannot show block ${wanted}: the chain has none of that name`)
  }
}
