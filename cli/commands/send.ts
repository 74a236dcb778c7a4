/** `zg send`: signs a transaction, sends it, waits for its block: in our chains that is final. */

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createWalletClient, defineChain, http, WaitForTransactionReceiptTimeoutError } from 'viem'
import type { PublicClient, TransactionReceipt } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { readAccountKey } from '../account-key.ts'
import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, clientOf, findEndpoint, rpcTimeoutMs } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { tableLines } from '../table.ts'

/** How long a transaction may take into a block, and after how long it is said that it waits. */
export const inclusionTimeoutMs = 60_000
export const slowInclusionMs = 10_000

type Order = {
  readonly to: Hex | undefined
  readonly value: bigint
  readonly data: Hex | undefined
}

export async function runSend(input: CommandInput): Promise<void> {
  const order = readOrder(input)
  const endpoint = findEndpoint(input)
  const account = privateKeyToAccount(await readAccountKey(input, endpoint))
  const client = clientOf(endpoint)
  const { hash, receipt } = await asking(endpoint, async () => {
    await checkFunds(client, account.address, order.value)
    const hash = await submit(endpoint, account, order)
    return { hash, receipt: await awaitReceipt(input, client, hash) }
  })
  tell(input, { from: account.address, order, hash, receipt })
  if (receipt.status !== 'success') throw new QuietExit(exitCodes.failed)
}

/** From here on the transaction will happen, whoever waits for it: so its hash is told first. */
async function awaitReceipt(
  { output, program }: CommandInput,
  client: PublicClient,
  hash: Hex,
): Promise<TransactionReceipt> {
  output.line(output.paint('quiet', `· sent ${hash}`))
  const slow = setTimeout(() => {
    const mend = `${program} doctor tells whether the network stands still`
    output.line(output.paint('warning', `! no block has it yet, it waits in the pool; ${mend}`))
  }, slowInclusionMs)
  try {
    return await client.waitForTransactionReceipt({ hash, timeout: inclusionTimeoutMs })
  } catch (error) {
    if (error instanceof WaitForTransactionReceiptTimeoutError) throw new StillWaitingError(hash)
    throw error
  } finally {
    clearTimeout(slow)
  }
}

function readOrder({ values }: CommandInput): Order {
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

async function submit(
  endpoint: Endpoint,
  account: ReturnType<typeof privateKeyToAccount>,
  { to, value, data }: Order,
): Promise<Hex> {
  const url = endpoint.url.replace(/^ws/, 'http')
  const chainId = await clientOf(endpoint).getChainId()
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url, { timeout: rpcTimeoutMs, retryCount: 0 })
  const wallet = createWalletClient({ account, chain, transport })
  return wallet.sendTransaction({
    to: to ?? null,
    value,
    ...(data === undefined ? {} : { data }),
  })
}

function tell(
  { output }: CommandInput,
  sent: { from: Hex; order: Order; hash: Hex; receipt: TransactionReceipt },
): void {
  const { from, order, hash, receipt } = sent
  const feeWei = receipt.gasUsed * receipt.effectiveGasPrice
  output.json({
    hash,
    from,
    to: order.to ?? null,
    contractAddress: receipt.contractAddress ?? null,
    valueWei: order.value,
    status: receipt.status,
    blockNumber: Number(receipt.blockNumber),
    blockHash: receipt.blockHash,
    gasUsed: receipt.gasUsed,
    feeWei,
  })
  const success = receipt.status === 'success'
  const target: [string, string] =
    order.to === undefined ? ['contract', receipt.contractAddress ?? 'none'] : ['to', order.to]
  output.line(success ? output.paint('good', '✓ final') : output.paint('bad', '✗ reverted'))
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

export class StillWaitingError extends ZgError<'CLI_STILL_WAITING'> {
  constructor(hash: Hex) {
    const seconds = inclusionTimeoutMs / 1_000
    const message = `Cannot tell the end of ${hash}: it waits, no block took it in ${seconds} s`
    super('CLI_STILL_WAITING', message, { hash })
  }
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
