/** What a staker has: free, staked, leaving, earned. */

import type { Hex } from '@zg/primitives'
import { getAbiItem } from 'viem'

import { abis } from './abis.ts'
import { operatorAddresses } from './operators.ts'
import { logsOf, on } from './view.ts'
import type { StakeView } from './view.ts'

/** Stake that left an operator and was not withdrawn. */
export type Exit = {
  readonly exitEpoch: bigint
  /** What is left of it, in wei. */
  readonly amountWei: bigint
  /** It may be withdrawn from then on, in seconds since 1970. */
  readonly readyAt: number
  readonly isReady: boolean
}

/** What a staker has with one operator. */
export type Holding = {
  readonly operator: Hex
  readonly shares: bigint
  /** What the shares are worth, in wei. */
  readonly worthWei: bigint
  /** Rewards not collected, in wei. */
  readonly earnedWei: bigint
  /** Rewards that still flow to its shares, in wei, and until when, in seconds since 1970. */
  readonly coming: { readonly amountWei: bigint; readonly until: number }
  readonly exits: readonly Exit[]
}

export type Position = {
  readonly staker: Hex
  /** Tokens that are neither staked nor leaving, in wei. */
  readonly freeWei: bigint
  /** Operators with which it has something. */
  readonly holdings: readonly Holding[]
}

export async function readPosition(view: StakeView, staker: Hex): Promise<Position> {
  const { client } = view
  const token = on(view, 'ZgToken')
  const [freeWei, operators] = await Promise.all([
    client.readContract({ ...token, functionName: 'balanceOf', args: [staker] }),
    operatorAddresses(view),
  ])
  const all = await Promise.all(
    operators.map((operator) => readHolding(view, { operator, staker })),
  )
  const holdings = all.filter(
    ({ shares, earnedWei, exits }) => shares > 0n || earnedWei > 0n || exits.length > 0,
  )
  return { staker, freeWei, holdings }
}

/** Returns what a staker has with an operator. */
export async function readHolding(
  view: StakeView,
  { operator, staker }: { operator: Hex; staker: Hex },
): Promise<Holding> {
  const { client, addresses, block } = view
  const stakes = on(view, 'StakeManager')
  const args = [operator, staker] as const
  const [[shares, worthWei], earnedWei, [flowing, until], pool, left] = await Promise.all([
    client.readContract({ ...stakes, functionName: 'stakeOf', args }),
    client.readContract({ ...stakes, functionName: 'earnedOf', args }),
    client.readContract({ ...stakes, functionName: 'flowOf', args: [operator] }),
    client.readContract({ ...stakes, functionName: 'activeOf', args: [operator] }),
    logsOf(client, {
      address: addresses.StakeManager,
      event: getAbiItem({ abi: abis.StakeManager, name: 'Unstaked' }),
      args: { operator, staker },
      toBlock: block,
    }),
  ])
  const epochs = [...new Set(left.map((log) => log.args.exitEpoch))]
  const exits = await Promise.all(
    epochs.map((exitEpoch) => readExit(view, { operator, staker, exitEpoch })),
  )
  return {
    operator,
    shares,
    worthWei,
    earnedWei,
    coming: {
      amountWei: pool.shares === 0n ? 0n : (flowing * shares) / pool.shares,
      until: Number(until),
    },
    exits: exits.filter(({ amountWei }) => amountWei > 0n),
  }
}

async function readExit(
  view: StakeView,
  { operator, staker, exitEpoch }: { operator: Hex; staker: Hex; exitEpoch: bigint },
): Promise<Exit> {
  const { client, timestamp } = view
  const stakes = on(view, 'StakeManager')
  const [amountWei, ready] = await Promise.all([
    client.readContract({
      ...stakes,
      functionName: 'exitingOf',
      args: [operator, exitEpoch, staker],
    }),
    client.readContract({ ...stakes, functionName: 'readyAt', args: [exitEpoch] }),
  ])
  const readyAt = Number(ready)
  return { exitEpoch, amountWei, readyAt, isReady: timestamp >= readyAt }
}
