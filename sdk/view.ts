/**
 * L1 at one block: what is read together holds together.
 *
 * Everything here asks an endpoint and believes it. Who must not believe one proves what it reads
 * (room staking).
 */

import type { Hex } from '@zg/primitives'
import type { AbiEvent, PublicClient } from 'viem'

import { abis } from './abis.ts'
import type { ContractName } from './abis.ts'

/** Contracts that each network has of its own, where it is told. */
const networkNames = ['Outbox', 'GovExecutor'] as const

/** Contracts of L1, by name. */
export type L1Name = Exclude<ContractName, (typeof networkNames)[number]>

export const l1Names = Object.keys(abis).filter(
  (name) => !networkNames.some((other) => other === name),
) as readonly L1Name[]

export type L1Addresses = Readonly<Record<L1Name, Hex>>

/** Blocks that one question for logs spans; nodes refuse longer ones. */
export const logBlocksMax = 10_000n

/** What is changed in epoch e holds from e + 2 on (docs/specs/stake.md §1). */
export const noticeEpochs = 2n

/** Gwei of weight; wei of tokens. */
export const weiPerGwei = 10n ** 9n

/** The clock of stake: epoch e begins at start + e · length, in seconds. */
export type EpochClock = {
  readonly startSeconds: number
  readonly lengthSeconds: number
}

export type StakeView = {
  readonly client: PublicClient
  readonly addresses: L1Addresses
  readonly block: bigint
  /** Of the block, in seconds since 1970. */
  readonly timestamp: number
  readonly clock: EpochClock
  readonly epoch: bigint
}

/** Returns L1 as it is at its newest block. */
export async function openView(client: PublicClient, addresses: L1Addresses): Promise<StakeView> {
  const { number, timestamp } = await client.getBlock()
  const registry = { address: addresses.OperatorRegistry, abi: abis.OperatorRegistry }
  const [start, length] = await Promise.all([
    client.readContract({ ...registry, functionName: 'epochStart', blockNumber: number }),
    client.readContract({ ...registry, functionName: 'epochLength', blockNumber: number }),
  ])
  return {
    client,
    addresses,
    block: number,
    timestamp: Number(timestamp),
    clock: { startSeconds: Number(start), lengthSeconds: Number(length) },
    epoch: (timestamp - start) / length,
  }
}

/** Returns when an epoch begins, in seconds since 1970. */
export function startOfEpoch({ startSeconds, lengthSeconds }: EpochClock, epoch: bigint): number {
  return startSeconds + Number(epoch) * lengthSeconds
}

/** What viem needs to ask a contract at the view's block. */
export function on<name extends L1Name>({ addresses, block }: StakeView, name: name) {
  return { address: addresses[name], abi: abis[name], blockNumber: block }
}

/** Returns all logs of an event of a contract, from the first block on unless told otherwise. */
export async function logsOf<const event extends AbiEvent>(
  client: PublicClient,
  query: {
    readonly address: Hex
    readonly event: event
    readonly args?: Readonly<Record<string, unknown>>
    readonly fromBlock?: bigint
    readonly toBlock: bigint
  },
) {
  const { address, event, args, fromBlock = 0n, toBlock } = query
  const ranges: { fromBlock: bigint; toBlock: bigint }[] = []
  for (let from = fromBlock; from <= toBlock; from += logBlocksMax) {
    const last = from + logBlocksMax - 1n
    ranges.push({ fromBlock: from, toBlock: last < toBlock ? last : toBlock })
  }
  const parts = []
  for (const range of ranges) {
    const filter = { address, event, strict: true as const, ...range }
    // The argument's type hangs on the event's, which is not known here.
    parts.push(await client.getLogs({ ...filter, ...(args && { args: args as never }) }))
  }
  return parts.flat()
}
