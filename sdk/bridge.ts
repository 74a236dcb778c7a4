/** The way between L1 and a network: what it takes now, and what waits on it and why. */

import type { Hex } from '@zg/primitives'
import { getAbiItem } from 'viem'
import type { PublicClient } from 'viem'

import { abis } from './abis.ts'
import type { Network } from './networks.ts'
import { readOutbox } from './outbox.ts'
import type { OutboxEntry } from './outbox.ts'
import { logsOf, on, weiPerGwei } from './view.ts'
import type { StakeView } from './view.ts'

/** Bounds of parts in hundredths of a percent. */
const bpsAll = 10_000n

/** The newest root of a network's Outbox that L1 knows, and the height it stands at. */
export type ProvedOutbox = { readonly height: bigint; readonly root: Hex }

export type Bridge = {
  readonly id: number
  /** What went to the network and has not come back, in wei. */
  readonly outstandingWei: bigint
  /** What may come back in small claims at once now, and at most, in wei. */
  readonly availableWei: bigint
  readonly rateCapacityWei: bigint
  /** Claims above are large: they are announced, and paid in their order, in wei. */
  readonly largeAmountWei: bigint
  /** How long the smallest of them would wait that is announced now. */
  readonly largeWaitSeconds: number
  /** In seconds since 1970; 0 for never. */
  readonly pausedUntil: number
  readonly isHalted: boolean
  readonly isDead: boolean
  readonly proved: ProvedOutbox | undefined
  /** Places of entries that were paid out. */
  readonly paid: ReadonlySet<bigint>
}

/** Why an entry of an Outbox is not paid out. */
export type Waiting =
  /** Nobody showed L1 a block that holds it. */
  | { readonly kind: 'proof'; readonly provedHeight: bigint | undefined }
  | { readonly kind: 'halted' }
  | { readonly kind: 'paused'; readonly until: number }
  /** More than ever went to its network. */
  | { readonly kind: 'outstanding'; readonly leftWei: bigint }
  /** It is large: a first claim announces it. */
  | { readonly kind: 'announcement'; readonly delaySeconds: number }
  | { readonly kind: 'delay'; readonly readyAt: number }
  | { readonly kind: 'rate'; readonly availableWei: bigint }
  /** Nothing: anyone may claim it. */
  | { readonly kind: 'claim' }

export type WaitingEntry = { readonly entry: OutboxEntry; readonly waiting: Waiting }

export async function readBridge(view: StakeView, id: number): Promise<Bridge> {
  const { client, addresses, block } = view
  const bridge = on(view, 'RewardBridge')
  const logs = { address: addresses.RewardBridge, args: { id }, toBlock: block }
  const of = { ...bridge, args: [id] } as const
  const [outstandingWei, availableWei, pausedUntil, [isHalted, isDead], roots, claims] =
    await Promise.all([
      client.readContract({ ...of, functionName: 'outstanding' }),
      client.readContract({ ...of, functionName: 'availableOf' }),
      client.readContract({ ...of, functionName: 'pausedUntil' }),
      client.readContract({ ...on(view, 'FinalityOracle'), functionName: 'statusOf', args: [id] }),
      logsOf(client, {
        ...logs,
        event: getAbiItem({ abi: abis.RewardBridge, name: 'OutboxProved' }),
      }),
      logsOf(client, { ...logs, event: getAbiItem({ abi: abis.RewardBridge, name: 'Claimed' }) }),
    ])
  const [rateCapacityWei, largeAmountWei] = await Promise.all([
    client.readContract({ ...bridge, functionName: 'rateCapacity' }),
    client.readContract({ ...bridge, functionName: 'largeAmount' }),
  ])
  const largeWaitSeconds = await largeWaitOf(view, { id, amountWei: largeAmountWei })
  return {
    id,
    outstandingWei,
    availableWei,
    rateCapacityWei,
    largeAmountWei,
    largeWaitSeconds,
    pausedUntil: Number(pausedUntil),
    isHalted,
    isDead,
    proved: newest(roots.map(({ args: { height, root } }) => ({ height, root }))),
    paid: new Set(claims.map(({ args }) => args.index)),
  }
}

/** Returns what left a network and was not paid out on L1, oldest first; messages never are. */
export async function readWaiting(
  view: StakeView,
  { bridge, network }: { readonly bridge: Bridge; readonly network: PublicClient },
): Promise<readonly WaitingEntry[]> {
  const height = await network.getBlockNumber({ cacheTime: 0 })
  const entries = await readOutbox(network, height)
  const open = entries.filter(({ index, kind }) => kind !== 'message' && !bridge.paid.has(index))
  return Promise.all(
    open.map(async (entry) => ({ entry, waiting: await waitingOf(view, { bridge, entry }) })),
  )
}

/** Returns why an entry is not paid out; a transfer without room where it goes is paid on L1. */
export async function waitingOf(
  view: StakeView,
  { bridge, entry }: { bridge: Bridge; entry: OutboxEntry },
): Promise<Waiting> {
  const { isHalted, isDead, proved, pausedUntil } = bridge
  if (isHalted && !isDead) return { kind: 'halted' }
  if (proved === undefined || entry.height > proved.height) {
    return { kind: 'proof', provedHeight: proved?.height }
  }
  if (view.timestamp < pausedUntil) return { kind: 'paused', until: pausedUntil }
  if (entry.amountWei > bridge.outstandingWei) {
    return { kind: 'outstanding', leftWei: bridge.outstandingWei }
  }
  const { amountWei, index } = entry
  if (amountWei <= bridge.largeAmountWei) {
    const { availableWei } = bridge
    return amountWei > availableWei ? { kind: 'rate', availableWei } : { kind: 'claim' }
  }
  const ready = await view.client.readContract({
    ...on(view, 'RewardBridge'),
    functionName: 'readyAt',
    args: [bridge.id, index],
  })
  if (ready === 0n) {
    const delaySeconds = await largeWaitOf(view, { id: bridge.id, amountWei })
    return { kind: 'announcement', delaySeconds }
  }
  return view.timestamp < Number(ready)
    ? { kind: 'delay', readyAt: Number(ready) }
    : { kind: 'claim' }
}

/** Returns how long a large claim would wait that is announced now, in seconds. */
export async function largeWaitOf(
  view: StakeView,
  { id, amountWei }: { readonly id: number; readonly amountWei: bigint },
): Promise<number> {
  const ready = await view.client.readContract({
    ...on(view, 'RewardBridge'),
    functionName: 'readyFor',
    args: [id, amountWei],
  })
  return Math.max(0, Number(ready) - view.timestamp)
}

/** How much more stake lets onto a network by a transfer, in wei. */
export function roomOf({ securedWei, outstandingWei }: Network): bigint {
  return securedWei > outstandingWei ? securedWei - outstandingWei : 0n
}

/** How much a deposit may bring to a network, in wei: all networks have a bound together, too. */
export async function readDepositRoom(view: StakeView, network: Network): Promise<bigint> {
  const { client } = view
  const bridge = on(view, 'RewardBridge')
  const registry = on(view, 'NetworkRegistry')
  const [total, securedBps, joined] = await Promise.all([
    client.readContract({ ...bridge, functionName: 'outstandingTotal' }),
    client.readContract({ ...bridge, functionName: 'securedBps' }),
    client.readContract({ ...registry, functionName: 'joinedStake' }),
  ])
  const most = (joined * weiPerGwei * securedBps) / bpsAll
  const shared = most > total ? most - total : 0n
  const own = roomOf(network)
  return own < shared ? own : shared
}

function newest(roots: readonly ProvedOutbox[]): ProvedOutbox | undefined {
  return roots.toSorted((a, b) => Number(a.height - b.height)).at(-1)
}
