/**
 * The receiver of a message, asked before it costs gas: as NetworkInbox would call it, and within
 * the gas that it would leave it (docs/specs/networks.md §6).
 */

import { systemContractAddresses } from '@zg/contracts'
import { bigintToHex, fromHex } from '@zg/primitives'
import { encodeFunctionData, parseAbi } from 'viem'

import type { KeeperChain } from './keeper-ports.ts'
import { messageTo } from './l1-contracts.ts'
import type { L1Message } from './l1-chain.ts'
import type { L1Function } from './l1-contracts.ts'
import { Backoff } from './put-off.ts'

/** NetworkInbox.MESSAGE_GAS, and what its call costs as a transaction, at most. */
const messageGas = 4_000_000n
const intrinsicGasMax = 500_000n

/** Of a delivery, at most. */
export const receiverGasMax = messageGas + intrinsicGasMax

/** A message that failed is tried again after so long, in seconds; then after twice as long, … */
const retrySeconds = 600n
const retrySecondsMax = 86_400n

/** `IMessageSender`. */
const senderAbi = parseAbi([
  'function onMessageTimeout(uint64 index, uint32 network, address to, bytes32 dataHash)',
])

/** Messages that are passed over until a named time; beyond, the oldest is only asked for again. */
const laterMax = 4_096

/** Messages, by index, that their receivers do not take. */
export function failedMessages(): Backoff<number> {
  return new Backoff({ first: retrySeconds, most: retrySecondsMax, max: laterMax })
}

/**
 * For how much gas a contract would take a message from the Inbox now, as a transaction; undefined
 * when it would not. A node that answers everything else and fails at this says no: what it cannot
 * run in its time and gas must hold up no other message.
 *
 * @param call - A function of `IMessageReceiver`.
 * @throws What the chain throws when it is asked for the code.
 */
export async function gasToTake(
  chain: KeeperChain,
  to: bigint,
  call: L1Function,
): Promise<bigint | undefined> {
  if (!(await chain.hasCode(to))) return undefined
  // Of our own contracts it is one that has these functions.
  return gasToRun(chain, messageTo({ artifact: 'GovExecutor', address: to }, call))
}

/** For how much it would take that a message of its timed out; as `gasToTake`. */
export async function gasToTakeTimeout(
  chain: KeeperChain,
  sender: bigint,
  message: {
    readonly index: bigint
    readonly network: number
    readonly to: bigint
    readonly dataHash: bigint
  },
): Promise<bigint | undefined> {
  const { index, network, to, dataHash } = message
  const args = [index, network, bigintToHex(to, 20), bigintToHex(dataHash, 32)] as const
  const data = encodeFunctionData({ abi: senderAbi, functionName: 'onMessageTimeout', args })
  return gasToRun(chain, { to: sender, data: fromHex(data) })
}

async function gasToRun(chain: KeeperChain, message: L1Message): Promise<bigint | undefined> {
  const from = systemContractAddresses.NetworkInbox
  const answer = await chain.estimateGas({ ...message, from }).catch(() => undefined)
  const isRun = answer?.kind === 'estimated' && answer.gas <= receiverGasMax
  return isRun ? answer.gas : undefined
}
