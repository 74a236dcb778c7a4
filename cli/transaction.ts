/** A transaction on its way: signed, sent, and waited for. */

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createWalletClient, defineChain, http, WaitForTransactionReceiptTimeoutError } from 'viem'
import type { PublicClient, TransactionReceipt } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'

import type { CommandInput } from './command.ts'
import { clientOf, rpcTimeoutMs } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'

/** How long a transaction may take into a block, and after how long it is said that it waits. */
export const inclusionTimeoutMs = 60_000
export const slowInclusionMs = 10_000

/** Most gas of one transaction (EIP-7825). */
const gasLimitMax = 2n ** 24n

/** What is signed; without `to` it is deployed. */
export type Message = {
  readonly to: Hex | undefined
  readonly value: bigint
  readonly data: Hex | undefined
}

/**
 * Signs and sends. A call may use a quarter more gas than was estimated: state moves on until a
 * block takes it, and by an epoch that has turned the same call of a contract costs more.
 */
export async function submit(
  endpoint: Endpoint,
  account: PrivateKeyAccount,
  { to, value, data }: Message,
): Promise<Hex> {
  const url = endpoint.url.replace(/^ws/, 'http')
  const client = clientOf(endpoint)
  const chainId = await client.getChainId()
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url, { timeout: rpcTimeoutMs, retryCount: 0 })
  const wallet = createWalletClient({ account, chain, transport })
  const call = { to: to ?? null, value, ...(data === undefined ? {} : { data }) }
  const estimate = await client.estimateGas({ ...call, account })
  const wanted = data === undefined ? estimate : estimate + estimate / 4n
  return wallet.sendTransaction({ ...call, gas: wanted < gasLimitMax ? wanted : gasLimitMax })
}

/** From here on the transaction will happen, whoever waits for it: so its hash is told first. */
export async function awaitReceipt(
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

export class StillWaitingError extends ZgError<'CLI_STILL_WAITING'> {
  constructor(hash: Hex) {
    const seconds = inclusionTimeoutMs / 1_000
    const message = `Cannot tell the end of ${hash}: it waits, no block took it in ${seconds} s`
    super('CLI_STILL_WAITING', message, { hash })
  }
}
