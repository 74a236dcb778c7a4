/** `zg send`: signs a transaction, sends it, waits for its block, and says whether it is final. */

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { readAccountKey } from '../account-key.ts'
import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, clientOf, findEndpoint } from '../endpoint.ts'
import { tableLines } from '../table.ts'
import { awaitReceipt, outcomeOf, submit, tellRevert } from '../transaction.ts'
import type { Landed, Message } from '../transaction.ts'

export async function runSend(input: CommandInput): Promise<void> {
  const order = readOrder(input)
  const endpoint = findEndpoint(input)
  const account = privateKeyToAccount(await readAccountKey(input, endpoint))
  const client = clientOf(endpoint)
  const from = account.address
  const { hash, gas, receipt } = await asking(endpoint, async () => {
    await checkFunds(client, from, order.value)
    const sent = await submit(endpoint, account, { message: order, kind: 'call' })
    return { ...sent, receipt: await awaitReceipt(input, client, sent.hash) }
  })
  tell(input, { from, order, hash, receipt })
  if (receipt.status === 'success') return
  await tellRevert(endpoint, { verb: 'send', from, message: order, gas, receipt })
}

function readOrder({ values }: CommandInput): Message {
  const to = values.text('to')
  const data = values.text('data')
  if (to === undefined && data === undefined) throw new NothingToSendError()
  return {
    to: isHex(to) ? to : undefined,
    value: values.amount('value') ?? 0n,
    data: isHex(data) ? data : undefined,
  }
}

async function checkFunds(client: PublicClient, address: Hex, value: bigint): Promise<void> {
  const balance = await client.getBalance({ address })
  if (balance < value || balance === 0n) throw new FundsMissingError(address, balance, value)
}

function tell(
  input: CommandInput,
  sent: { from: Hex; order: Message; hash: Hex; receipt: Landed },
): void {
  const { output } = input
  const { from, order, hash, receipt } = sent
  const feeWei = receipt.gasUsed * receipt.effectiveGasPrice
  output.json({
    hash,
    from,
    to: order.to ?? null,
    contractAddress: receipt.contractAddress ?? null,
    valueWei: order.value,
    status: receipt.status,
    final: receipt.final,
    blockNumber: Number(receipt.blockNumber),
    blockHash: receipt.blockHash,
    gasUsed: receipt.gasUsed,
    feeWei,
  })
  const target: [string, string] =
    order.to === undefined ? ['contract', receipt.contractAddress ?? 'none'] : ['to', order.to]
  output.line(outcomeOf(input, receipt))
  const rows = [
    ['transaction', hash],
    ['from', from],
    target,
    ['value', formatTokens(order.value)],
    ['block', formatInteger(receipt.blockNumber)],
    ['fee', `${formatTokens(feeWei)}   (${formatInteger(receipt.gasUsed)} gas)`],
  ].map(([name = '', text = '']) => [{ text: name, style: 'quiet' as const }, text])
  for (const line of tableLines(output, rows)) output.line(line)
}

export class NothingToSendError extends ZgError<'CLI_NOTHING_TO_SEND'> {
  constructor() {
    super('CLI_NOTHING_TO_SEND', 'Cannot send: there is neither a receiver nor data')
  }
}

export class FundsMissingError extends ZgError<'CLI_FUNDS_MISSING'> {
  constructor(address: Hex, balance: bigint, value: bigint) {
    const message =
      balance === 0n
        ? `Cannot send from ${address}: it holds nothing`
        : `Cannot send ${formatTokens(value)} from ${address}: it holds ${formatTokens(balance)}`
    super('CLI_FUNDS_MISSING', message, { address, balance, value })
  }
}
