/**
 * What somebody would sign, and what it risks: calls as { to, data, value }, and the risks as data,
 * so that whoever signs sees them first.
 */

import type { Hex } from '@zg/primitives'
import { encodeFunctionData } from 'viem'

import { abis, outboxAddress } from './abis.ts'
import type { Network } from './networks.ts'
import type { Operator, Punishment } from './operators.ts'
import { outboxArgs, outboxProof } from './outbox.ts'
import type { OutboxEntry } from './outbox.ts'
import type { Holding } from './position.ts'
import { noticeEpochs, on, startOfEpoch, weiPerGwei } from './view.ts'
import type { L1Addresses, StakeView } from './view.ts'

/** Members of a network from which on its limits hold (docs/specs/stake.md §3). */
export const limitedFromMembers = 20

const bpsAll = 10_000n

/** A call to be signed. */
export type Call = {
  /** For whoever signs: `approve 5 for StakeManager`. */
  readonly what: string
  readonly to: Hex
  readonly data: Hex
  readonly value: bigint
}

export type Risk =
  /** What the operator keeps of rewards. */
  | {
      readonly kind: 'commission'
      readonly bps: number
      readonly coming: Operator['commissionComing']
    }
  /** Stake that leaves in this epoch answers, and is locked, until then. */
  | { readonly kind: 'unbonding'; readonly seconds: number; readonly endsAt: number }
  /** What a fault in a network may take at most. */
  | { readonly kind: 'slashing'; readonly network: number; readonly bpsMax: number }
  /** It happened before. */
  | { readonly kind: 'punished'; readonly punishment: Punishment }
  /** Nothing that the network does after its last block counts on L1 any more, for ever. */
  | { readonly kind: 'burial'; readonly network: number; readonly silentSince: number }
  /** What counts is the state of this block of a dead network. */
  | { readonly kind: 'lastBlock'; readonly network: number; readonly height: bigint }
  /** All of a dead network share this, first come first served. */
  | { readonly kind: 'outstanding'; readonly network: number; readonly leftWei: bigint }
  /** An account leaves a dead network once, with all it has there. */
  | { readonly kind: 'once'; readonly network: number }
  /** It was slashed: it takes no stake any more. */
  | { readonly kind: 'tombstone' }
  /** What it would weigh in a network, and the most it may from so many members on. */
  | {
      readonly kind: 'cap'
      readonly network: number
      readonly partBps: number
      readonly capBps: number
      readonly isLimited: boolean
    }

/** Calls in the order in which they are sent. */
export type Order = { readonly calls: readonly Call[]; readonly risks: readonly Risk[] }

/** Stakes with an operator, as itself or as a delegator. */
export async function stakeOrder(
  view: StakeView,
  {
    operator,
    staker,
    amountWei,
    networks,
  }: {
    readonly operator: Operator
    readonly staker: Hex
    readonly amountWei: bigint
    /** For what it would weigh there. */
    readonly networks: readonly Network[]
  },
): Promise<Order> {
  const { addresses } = view
  const spender = addresses.StakeManager
  const approvals = await approvalsFor(view, { owner: staker, spender, amountWei })
  const data = encodeFunctionData({
    abi: abis.StakeManager,
    functionName: 'stake',
    args: [operator.address, amountWei],
  })
  const [unbonding, caps] = await Promise.all([
    unbondingRisk(view),
    capRisks(view, { operator, amountWei, networks }),
  ])
  const { commissionBps: bps, commissionComing: coming } = operator
  return {
    calls: [...approvals, { what: 'stake', to: spender, data, value: 0n }],
    risks: [
      ...(operator.isTombstone ? [{ kind: 'tombstone' } as const] : []),
      { kind: 'commission', bps, coming },
      unbonding,
      ...operator.networks.map(({ id, slashBpsMax }) => {
        return { kind: 'slashing', network: id, bpsMax: slashBpsMax } as const
      }),
      ...operator.punishments.map((punishment) => ({ kind: 'punished', punishment }) as const),
      ...caps,
    ],
  }
}

/** Takes an amount, or all, out of an operator's pool. */
export async function unstakeOrder(
  view: StakeView,
  { holding, amountWei }: { readonly holding: Holding; readonly amountWei: bigint | 'all' },
): Promise<Order> {
  const shares = amountWei === 'all' ? holding.shares : sharesOf(holding, amountWei)
  const data = encodeFunctionData({
    abi: abis.StakeManager,
    functionName: 'unstake',
    args: [holding.operator, shares],
  })
  const call = { what: 'unstake', to: view.addresses.StakeManager, data, value: 0n }
  return { calls: [call], risks: [await unbondingRisk(view)] }
}

/** Collects what was earned and withdraws what may be withdrawn. */
export function claimOrder(
  { addresses }: StakeView,
  { staker, holdings }: { readonly staker: Hex; readonly holdings: readonly Holding[] },
): Order {
  const to = addresses.StakeManager
  const abi = abis.StakeManager
  const calls = holdings.flatMap(({ operator, earnedWei, exits }): Call[] => {
    const collect = encodeFunctionData({ abi, functionName: 'collect', args: [operator, staker] })
    const withdrawals = exits
      .filter(({ isReady }) => isReady)
      .map(({ exitEpoch }) => {
        const args = [operator, exitEpoch] as const
        const data = encodeFunctionData({ abi, functionName: 'withdraw', args })
        return { what: 'withdraw', to, data, value: 0n }
      })
    const collects = earnedWei > 0n ? [{ what: 'collect', to, data: collect, value: 0n }] : []
    return [...collects, ...withdrawals]
  })
  return { calls, risks: [] }
}

/** Makes an operator a validator of a network from the epoch after the next. */
export function joinOrder(
  { addresses }: StakeView,
  { id, slashBpsMax }: { readonly id: number; readonly slashBpsMax: number },
): Order {
  const data = encodeFunctionData({
    abi: abis.NetworkRegistry,
    functionName: 'optIn',
    args: [id, slashBpsMax],
  })
  const call = { what: `join network ${id}`, to: addresses.NetworkRegistry, data, value: 0n }
  return { calls: [call], risks: [{ kind: 'slashing', network: id, bpsMax: slashBpsMax }] }
}

/** Ends an operator's validation of a network with the next epoch. */
export function leaveOrder({ addresses }: StakeView, id: number): Order {
  const abi = abis.NetworkRegistry
  const data = encodeFunctionData({ abi, functionName: 'optOut', args: [id] })
  const call = { what: `leave network ${id}`, to: addresses.NetworkRegistry, data, value: 0n }
  return { calls: [call], risks: [] }
}

/** Burns tokens on L1 and has a network pay them out to an account there. */
export async function depositOrder(
  view: StakeView,
  deposit: {
    readonly id: number
    readonly from: Hex
    readonly to: Hex
    readonly amountWei: bigint
  },
): Promise<Order> {
  const { id, from, to, amountWei } = deposit
  const spender = view.addresses.RewardBridge
  const approvals = await approvalsFor(view, { owner: from, spender, amountWei })
  const data = encodeFunctionData({
    abi: abis.RewardBridge,
    functionName: 'deposit',
    args: [id, to, amountWei],
  })
  const call = { what: `deposit to network ${id}`, to: spender, data, value: 0n }
  return { calls: [...approvals, call], risks: [] }
}

/** On a network: burns its value there, for an account on L1. */
export function withdrawalOrder({ to, amountWei }: { to: Hex; amountWei: bigint }): Order {
  const data = encodeFunctionData({ abi: abis.Outbox, functionName: 'withdraw', args: [to] })
  const call = { what: 'withdraw to L1', to: outboxAddress, data, value: amountWei } as const
  return { calls: [call], risks: [] }
}

/** On a network: burns value there, whole gwei of it, for an account on another network. */
export function transferOrder(transfer: {
  readonly network: number
  readonly to: Hex
  readonly amountWei: bigint
}): Order {
  const { network, to, amountWei } = transfer
  const args = [network, to] as const
  const data = encodeFunctionData({ abi: abis.Outbox, functionName: 'transfer', args })
  const what = `transfer to network ${network}`
  return { calls: [{ what, to: outboxAddress, data, value: amountWei }], risks: [] }
}

/** Has an Outbox entry paid out; `entries` are all under the root that L1 knows. */
export function payOutOrder(
  { addresses }: { readonly addresses: Pick<L1Addresses, 'RewardBridge'> },
  claim: {
    readonly id: number
    readonly entries: readonly OutboxEntry[]
    readonly entry: OutboxEntry
  },
): Order {
  const { id, entries, entry } = claim
  const { root, siblings } = outboxProof(entries, Number(entry.index))
  const data = encodeFunctionData({
    abi: abis.RewardBridge,
    functionName: 'claim',
    args: [id, outboxArgs(entry), entry.index, root, siblings],
  })
  const what = `claim entry ${entry.index} of network ${id}`
  return { calls: [{ what, to: addresses.RewardBridge, data, value: 0n }], risks: [] }
}

/** When stake that is told to leave now may be withdrawn. */
async function unbondingRisk(view: StakeView): Promise<Risk> {
  const { client, clock, epoch } = view
  const stakes = on(view, 'StakeManager')
  const seconds = Number(await client.readContract({ ...stakes, functionName: 'unbonding' }))
  const endsAt = startOfEpoch(clock, epoch + noticeEpochs) + seconds
  return { kind: 'unbonding', seconds, endsAt }
}

async function capRisks(
  view: StakeView,
  {
    operator,
    amountWei,
    networks,
  }: { operator: Operator; amountWei: bigint; networks: readonly Network[] },
): Promise<readonly Risk[]> {
  const parameters = on(view, 'Parameters')
  const capBps = await view.client.readContract({
    ...parameters,
    functionName: 'get',
    args: [0],
  })
  const added = amountWei / weiPerGwei
  const joined = new Set(operator.networks.map(({ id }) => id))
  return networks
    .filter(({ id }) => joined.has(id))
    .map(({ id, members, totalComing }) => {
      const total = totalComing + added
      const part = total === 0n ? 0n : ((operator.weightComing + added) * bpsAll) / total
      const isLimited = members.length >= limitedFromMembers
      const bounds = { partBps: Number(part), capBps: Number(capBps) }
      return { kind: 'cap', network: id, ...bounds, isLimited }
    })
}

async function approvalsFor(
  view: StakeView,
  { owner, spender, amountWei }: { owner: Hex; spender: Hex; amountWei: bigint },
): Promise<readonly Call[]> {
  const allowed = await view.client.readContract({
    ...on(view, 'ZgToken'),
    functionName: 'allowance',
    args: [owner, spender],
  })
  if (allowed >= amountWei) return []
  const data = encodeFunctionData({
    abi: abis.ZgToken,
    functionName: 'approve',
    args: [spender, amountWei],
  })
  return [{ what: 'approve', to: view.addresses.ZgToken, data, value: 0n }]
}

/** The fewest shares that are worth so much; more than there are when they are worth less. */
function sharesOf({ shares, worthWei }: Holding, amountWei: bigint): bigint {
  return worthWei === 0n ? shares : (amountWei * shares + worthWei - 1n) / worthWei
}
