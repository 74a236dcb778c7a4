/**
 * What went from L1 to networks and came back, as logs of L1 tell it:
 *
 *     outstanding = genesis + credited - claimed - returned
 *
 * Returned is what a dead network gives up: credits it never paid out, and accounts that left.
 */

import type { PublicClient } from 'viem'
import { getAbiItem } from 'viem'

import { abis } from './abis.ts'
import { logsOf, weiPerGwei } from './view.ts'
import type { L1Addresses } from './view.ts'

export type Flow = {
  /** Of L1. */
  readonly block: bigint
  readonly id: number
  readonly kind: 'credit' | 'claim' | 'return'
  readonly wei: bigint
}

/** One network's flows up to some block of L1. */
export type Passage = {
  /** In their order, each amount in wei. */
  readonly credits: readonly bigint[]
  readonly creditedWei: bigint
  readonly claimedWei: bigint
  readonly returnedWei: bigint
}

export const noPassage: Passage = { credits: [], creditedWei: 0n, claimedWei: 0n, returnedWei: 0n }

/** Returns the flows of all networks in some blocks of L1; credits of each in their order. */
export async function readFlows(
  client: PublicClient,
  addresses: L1Addresses,
  { fromBlock, toBlock }: { readonly fromBlock: bigint; readonly toBlock: bigint },
): Promise<readonly Flow[]> {
  const range = { fromBlock, toBlock }
  const bridge = { address: addresses.RewardBridge, ...range }
  const [credits, claims, refunds, exits] = await Promise.all([
    logsOf(client, {
      address: addresses.Inbox,
      event: getAbiItem({ abi: abis.Inbox, name: 'Credited' }),
      ...range,
    }),
    logsOf(client, { ...bridge, event: getAbiItem({ abi: abis.RewardBridge, name: 'Claimed' }) }),
    logsOf(client, { ...bridge, event: getAbiItem({ abi: abis.RewardBridge, name: 'Refunded' }) }),
    logsOf(client, { ...bridge, event: getAbiItem({ abi: abis.RewardBridge, name: 'Exited' }) }),
  ])
  return [
    ...credits.map(({ args, blockNumber: block }): Flow => {
      return { block, id: args.id, kind: 'credit', wei: args.amountGwei * weiPerGwei }
    }),
    ...claims.map(({ args, blockNumber: block }): Flow => {
      return { block, id: args.id, kind: 'claim', wei: args.amount }
    }),
    ...[...refunds, ...exits].map(({ args, blockNumber: block }): Flow => {
      return { block, id: args.id, kind: 'return', wei: args.amount }
    }),
  ]
}

/** Adds the flows of one network to what went before; those of others are passed over. */
export function passageWith(before: Passage, id: number, flows: readonly Flow[]): Passage {
  const sum = (kind: Flow['kind']): bigint =>
    flows.reduce((all, flow) => (flow.id === id && flow.kind === kind ? all + flow.wei : all), 0n)
  const credits = flows.filter((flow) => flow.id === id && flow.kind === 'credit')
  if (!flows.some((flow) => flow.id === id)) return before
  return {
    credits: [...before.credits, ...credits.map(({ wei }) => wei)],
    creditedWei: before.creditedWei + sum('credit'),
    claimedWei: before.claimedWei + sum('claim'),
    returnedWei: before.returnedWei + sum('return'),
  }
}

/** What a network holds by L1's word before anything came or went. */
export function genesisOf(passage: Passage, outstandingWei: bigint): bigint {
  return outstandingWei - passage.creditedWei + passage.claimedWei + passage.returnedWei
}
