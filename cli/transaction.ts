/** A transaction on its way: signed, sent, and waited for. */

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createWalletClient, defineChain, http, WaitForTransactionReceiptTimeoutError } from 'viem'
import type { PublicClient, TransactionReceipt } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'

import { formatInteger } from './amounts.ts'
import type { CommandInput } from './command.ts'
import { asking, clientOf, rpcTimeoutMs } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'

/** How long a transaction may take into a block, and after how long it is said that it waits. */
export const inclusionTimeoutMs = 60_000
export const slowInclusionMs = 10_000

/** Most gas of one transaction (EIP-7825). */
const gasLimitMax = 2n ** 24n

/**
 * How many times the estimate a call may use, in quarters: state moves on until a block takes it.
 *
 * Calls of shared stake change sets, of which each epoch has points of its own. The first change in
 * an epoch writes them, 22,100 gas a slot, later ones write them again, 5,000 a slot: what was
 * estimated after one such change costs up to 4.42 times as much when a block of the next epoch
 * takes it, by the number of networks. So they may use five times; what is not used costs nothing.
 */
export const gasQuarters = { call: 5n, stake: 20n } as const

/** One that ran out of gas leaves a part at most: a 64th at each of four calls (EIP-150). */
const gasLeftParts = 16n

/** What is signed; without `to` it is deployed. */
export type Message = {
  readonly to: Hex | undefined
  readonly value: bigint
  readonly data: Hex | undefined
}

/** A transaction on its way, and the most gas it may use. */
export type Sent = { readonly hash: Hex; readonly gas: bigint }

/**
 * A transaction in a block, and whether that is final. A network of ours shows no other blocks; an
 * L1 of somebody else does, and may take minutes to be sure of one.
 */
export type Landed = TransactionReceipt & { readonly final: boolean }

/** Signs and sends; a plain transfer gets the gas that it needs, a call room above the estimate. */
export async function submit(
  endpoint: Endpoint,
  account: PrivateKeyAccount,
  {
    message: { to, value, data },
    kind,
  }: { readonly message: Message; readonly kind: keyof typeof gasQuarters },
): Promise<Sent> {
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
  const wanted = data === undefined ? estimate : (estimate * gasQuarters[kind]) / 4n
  const gas = wanted < gasLimitMax ? wanted : gasLimitMax
  return { hash: await wallet.sendTransaction({ ...call, gas }), gas }
}

/** From here on the transaction will happen, whoever waits for it: so its hash is told first. */
export async function awaitReceipt(
  { output, program }: Pick<CommandInput, 'output' | 'program'>,
  client: PublicClient,
  hash: Hex,
): Promise<Landed> {
  output.line(output.paint('quiet', `· sent ${hash}`))
  const slow = setTimeout(() => {
    const mend = `${program} doctor tells whether the network stands still`
    output.line(output.paint('warning', `! no block has it yet, it waits in the pool; ${mend}`))
  }, slowInclusionMs)
  try {
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: inclusionTimeoutMs })
    return { ...receipt, final: await isFinal(client, receipt) }
  } catch (error) {
    if (error instanceof WaitForTransactionReceiptTimeoutError) throw new StillWaitingError(hash)
    throw error
  } finally {
    clearTimeout(slow)
  }
}

/**
 * Whether a transaction is final: a final block is no lower than its own, and that one still stands
 * at its height. A chain that does not tell has no final blocks.
 */
export async function isFinal(
  client: PublicClient,
  { blockNumber, blockHash }: Pick<TransactionReceipt, 'blockNumber' | 'blockHash'>,
): Promise<boolean> {
  try {
    const { number } = await client.getBlock({ blockTag: 'finalized' })
    if (number < blockNumber) return false
    return (await client.getBlock({ blockNumber })).hash === blockHash
  } catch {
    return false
  }
}

/** The word for how a transaction ended. */
export function outcomeOf(
  { output }: Pick<CommandInput, 'output'>,
  { status, final }: Pick<Landed, 'status' | 'final'>,
): string {
  if (status !== 'success') return output.paint('bad', '✗ reverted')
  if (!final) return output.paint('warning', '✓ in a block, not final yet')
  return output.paint('good', '✓ final')
}

/**
 * Tells why a transaction reverted in its block, which no receipt says: it is called again there.
 *
 * @throws {GasSpentError} `CLI_GAS_SPENT` · {CallRefusedError} `CLI_CALL_REFUSED` ·
 *   {RevertedError} `CLI_REVERTED` · what `asking` throws.
 */
export async function tellRevert(
  endpoint: Endpoint,
  reverted: {
    readonly verb: string
    readonly from: Hex
    readonly message: Message
    readonly gas: bigint
    readonly receipt: TransactionReceipt
  },
): Promise<never> {
  const { verb, from, message, gas, receipt } = reverted
  const { gasUsed, blockNumber } = receipt
  if (isGasSpent(gas, gasUsed)) throw new GasSpentError(verb, { gas, gasUsed, blockNumber })
  const call = { ...message, account: from, blockNumber }
  await asking(endpoint, () => clientOf(endpoint).call(call), verb)
  throw new RevertedError(verb, blockNumber)
}

/** Whether what reverted had used its gas up: each call keeps a 64th back from those it makes. */
export function isGasSpent(gas: bigint, gasUsed: bigint): boolean {
  return (gas - gasUsed) * gasLeftParts <= gas
}

export class GasSpentError extends ZgError<'CLI_GAS_SPENT'> {
  constructor(verb: string, data: { gas: bigint; gasUsed: bigint; blockNumber: bigint }) {
    const { gas, gasUsed, blockNumber } = data
    const used = `it used ${formatInteger(gasUsed)} of ${formatInteger(gas)}`
    const block = formatInteger(blockNumber)
    const message = `Cannot ${verb}: the gas ran out in block ${block}, ${used}`
    super('CLI_GAS_SPENT', message, data)
  }
}

export class RevertedError extends ZgError<'CLI_REVERTED'> {
  constructor(verb: string, blockNumber: bigint) {
    const block = formatInteger(blockNumber)
    const message = `Cannot ${verb}: it reverted in block ${block}, after which it would not`
    super('CLI_REVERTED', message, { blockNumber })
  }
}

export class StillWaitingError extends ZgError<'CLI_STILL_WAITING'> {
  constructor(hash: Hex) {
    const seconds = inclusionTimeoutMs / 1_000
    const message = `Cannot tell the end of ${hash}: it waits, no block took it in ${seconds} s`
    super('CLI_STILL_WAITING', message, { hash })
  }
}
