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
 * Whether a contract would take a message from the Inbox now. A node that answers everything else
 * and fails at this says no: what it cannot run in its time and gas must hold up no other message.
 *
 * @param call - A function of `IMessageReceiver`.
 * @throws What the chain throws when it is asked for the code.
 */
export async function isTaken(chain: KeeperChain, to: bigint, call: L1Function): Promise<boolean> {
  if (!(await chain.hasCode(to))) return false
  // Of our own contracts it is one that has these functions.
  return isRun(chain, messageTo({ artifact: 'GovExecutor', address: to }, call))
}

/** Whether a contract would take it now that a message of its timed out; as `isTaken`. */
export async function isTimeoutTaken(
  chain: KeeperChain,
  sender: bigint,
  message: {
    readonly index: bigint
    readonly network: number
    readonly to: bigint
    readonly dataHash: bigint
  },
): Promise<boolean> {
  const { index, network, to, dataHash } = message
  const args = [index, network, bigintToHex(to, 20), bigintToHex(dataHash, 32)] as const
  const data = encodeFunctionData({ abi: senderAbi, functionName: 'onMessageTimeout', args })
  return isRun(chain, { to: sender, data: fromHex(data) })
}

async function isRun(chain: KeeperChain, message: L1Message): Promise<boolean> {
  const from = systemContractAddresses.NetworkInbox
  const answer = await chain.estimateGas({ ...message, from }).catch(() => undefined)
  return answer?.kind === 'estimated' && answer.gas <= messageGas + intrinsicGasMax
}
