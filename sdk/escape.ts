/**
 * Out of a network that is dead (docs/specs/stake.md §10): what an account gets back on L1, in
 * which order, and what each part waits for.
 *
 *     its epoch not closed in time ─► burial ─► credits it never paid out     at once
 *                                           ├─► entries of its Outbox         by rate and delay
 *                                           └─► the account's balance         after exitDelay, once
 *
 * All of it comes out of what the network has outstanding: who comes later may find less.
 */

import type { Hex } from '@zg/primitives'
import {
  appendLeaf,
  bigintToBytes,
  concat,
  emptyIncrementalTree,
  fromHex,
  incrementalProof,
  sha256,
  toHex,
  toQuantity,
} from '@zg/primitives'
import { encodeFunctionData, getAbiItem } from 'viem'
import type { PublicClient } from 'viem'

import { abis } from './abis.ts'
import { readBridge, readWaiting } from './bridge.ts'
import type { WaitingEntry } from './bridge.ts'
import { ask, readLastBlock } from './last-block.ts'
import type { LastBlock } from './last-block.ts'
import { payOutOrder } from './orders.ts'
import type { Call, Order, Risk } from './orders.ts'
import { readOutbox } from './outbox.ts'
import { logsOf, on, weiPerGwei } from './view.ts'
import type { StakeView } from './view.ts'

/** What begins the code of an account that delegates (EIP-7702), and the size of it. */
const delegationPrefix = '0xef0100'
const delegationSizeHex = 2 + 2 * 23

/** A credit of the account that the network never paid out. */
export type OpenCredit = {
  readonly index: bigint
  readonly amountWei: bigint
  readonly siblings: readonly Hex[]
}

/** What the account has in the last block. */
export type LastAccount = {
  readonly balanceWei: bigint
  /** Empty, a delegation, or a contract's. */
  readonly code: Hex
  readonly proof: readonly Hex[]
}

/** Why the account cannot leave yet, or ever. */
export type ExitWaiting =
  /** It lives: a certificate may come until then. */
  | { readonly kind: 'silence'; readonly until: number }
  /** Nothing but somebody who buries it. */
  | { readonly kind: 'burial' }
  | { readonly kind: 'delay'; readonly until: number }
  /** The node does not hold the last block's state. */
  | { readonly kind: 'state' }
  | { readonly kind: 'exited' }
  /** Contracts cannot leave: nobody holds their keys on L1. */
  | { readonly kind: 'contract' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'outstanding'; readonly leftWei: bigint }
  /** Nothing: anyone may send it. */
  | { readonly kind: 'exit' }

export type Escape = {
  readonly id: number
  readonly account: Hex
  readonly isDead: boolean
  /** The last block that L1 knows. */
  readonly height: bigint
  /** When that came, or the network died; in seconds since 1970. */
  readonly since: number
  /** When anyone may bury it, if nothing comes before. */
  readonly burialFrom: number
  /** When accounts may leave; undefined before its death. */
  readonly exitFrom: number | undefined
  readonly exitDelaySeconds: number
  readonly outstandingWei: bigint
  readonly credits: readonly OpenCredit[]
  /** Entries of the Outbox, up to the last block, that pay the account and were not paid. */
  readonly entries: readonly WaitingEntry[]
  readonly last: LastAccount | undefined
  readonly waiting: ExitWaiting
  readonly block: LastBlock | undefined
}

/** Returns what an account may get out of a network, dead or not. */
export async function readEscape(
  view: StakeView,
  {
    id,
    account,
    network,
  }: { readonly id: number; readonly account: Hex; readonly network: PublicClient },
): Promise<Escape> {
  const { client } = view
  const [known, livesUntil, exitDelay, hasExited, bridge] = await Promise.all([
    client.readContract({ ...on(view, 'FinalityOracle'), functionName: 'finalOf', args: [id] }),
    client.readContract({ ...on(view, 'FinalityOracle'), functionName: 'livesUntil', args: [id] }),
    client.readContract({ ...on(view, 'RewardBridge'), functionName: 'exitDelay' }),
    client.readContract({
      ...on(view, 'RewardBridge'),
      functionName: 'hasExited',
      args: [id, account],
    }),
    readBridge(view, id),
  ])
  const { height, since, isDead, consensusRoot } = known
  const block = await readLastBlock(network, { height, consensusRoot })
  const last = block && (await readAccount(network, { account, height }))
  const credits = block === undefined ? [] : await readCredits(view, { id, account, block })
  const waiting = await readWaiting(view, { bridge, network })
  const entries = waiting.filter(
    ({ entry }) =>
      entry.kind !== 'reward' && sameAddress(entry.to, account) && entry.height <= height,
  )
  const clocks = {
    since,
    burialFrom: Number(livesUntil) + 1,
    exitFrom: isDead ? since + Number(exitDelay) : undefined,
    exitDelaySeconds: Number(exitDelay),
  }
  const { outstandingWei } = bridge
  const found = { id, account, isDead, height, ...clocks, outstandingWei, credits, entries, last }
  return { ...found, block, waiting: waitingOf(view, { ...found, hasExited }) }
}

/** What may be sent now for the account, in the order of §10; empty while all of it waits. */
export async function escapeOrder(
  view: StakeView,
  { escape, network }: { readonly escape: Escape; readonly network: PublicClient },
): Promise<Order> {
  const { id, isDead, waiting } = escape
  if (!isDead && waiting.kind !== 'burial') return { calls: [], risks: [] }
  const calls = [
    ...(isDead ? [] : [burialCall(view, id)]),
    ...refundCalls(view, escape),
    ...(isDead ? await claimCalls(view, { escape, network }) : []),
    ...(waiting.kind === 'exit' ? [exitCall(view, escape)] : []),
  ]
  return { calls, risks: risksOf(escape) }
}

function burialCall({ addresses }: StakeView, id: number): Call {
  const abi = abis.FinalityOracle
  const data = encodeFunctionData({ abi, functionName: 'declareDead', args: [id] })
  return { what: `bury network ${id}`, to: addresses.FinalityOracle, data, value: 0n }
}

function refundCalls({ addresses }: StakeView, escape: Escape): readonly Call[] {
  const { id, account, block, credits } = escape
  if (block === undefined) return []
  const { creditNext, creditSiblings } = block
  return credits.map(({ index, amountWei, siblings }) => {
    const gwei = amountWei / weiPerGwei
    const args = [id, index, account, gwei, siblings, creditNext, creditSiblings] as const
    const data = encodeFunctionData({ abi: abis.RewardBridge, functionName: 'refund', args })
    return { what: `refund credit ${index}`, to: addresses.RewardBridge, data, value: 0n }
  })
}

async function claimCalls(
  view: StakeView,
  { escape, network }: { readonly escape: Escape; readonly network: PublicClient },
): Promise<readonly Call[]> {
  const { id } = escape
  const due = escape.entries.filter(({ waiting }) =>
    ['claim', 'announcement'].includes(waiting.kind),
  )
  if (due.length === 0) return []
  const { proved } = await readBridge(view, id)
  const entries = await readOutbox(network, proved?.height ?? 0n)
  return due.flatMap(({ entry }) => payOutOrder(view, { id, entries, entry }).calls)
}

function exitCall({ addresses }: StakeView, { id, account, last, block }: Escape): Call {
  const { code = '0x', proof = [] } = last ?? {}
  const state = block?.state ?? { header: '0x', siblings: [] }
  const args = [id, account, code, state, proof] as const
  const data = encodeFunctionData({ abi: abis.RewardBridge, functionName: 'exit', args })
  return { what: 'leave with the balance', to: addresses.RewardBridge, data, value: 0n }
}

function risksOf({ id, isDead, height, since, outstandingWei, waiting }: Escape): readonly Risk[] {
  return [
    ...(isDead ? [] : [{ kind: 'burial', network: id, silentSince: since } as const]),
    { kind: 'lastBlock', network: id, height },
    { kind: 'outstanding', network: id, leftWei: outstandingWei },
    ...(waiting.kind === 'exit' ? [{ kind: 'once', network: id } as const] : []),
  ]
}

function waitingOf(
  { timestamp }: StakeView,
  escape: Omit<Escape, 'waiting' | 'block'> & { readonly hasExited: boolean },
): ExitWaiting {
  const { isDead, burialFrom, exitFrom = 0, hasExited, last, outstandingWei } = escape
  if (!isDead) {
    return timestamp < burialFrom ? { kind: 'silence', until: burialFrom } : { kind: 'burial' }
  }
  if (hasExited) return { kind: 'exited' }
  if (last === undefined) return { kind: 'state' }
  if (last.code !== '0x' && !isDelegation(last.code)) return { kind: 'contract' }
  if (last.balanceWei === 0n) return { kind: 'empty' }
  if (timestamp < exitFrom) return { kind: 'delay', until: exitFrom }
  if (last.balanceWei > outstandingWei) return { kind: 'outstanding', leftWei: outstandingWei }
  return { kind: 'exit' }
}

/** The account in the state of a height; undefined when the node does not hold that state. */
async function readAccount(
  network: PublicClient,
  { account, height }: { readonly account: Hex; readonly height: bigint },
): Promise<LastAccount | undefined> {
  const place = toQuantity(height)
  try {
    const found = (await ask(network, 'eth_getProof', [account, [], place])) as {
      readonly balance: Hex
      readonly accountProof: readonly Hex[]
    }
    const code = (await ask(network, 'eth_getCode', [account, place])) as Hex
    return { balanceWei: BigInt(found.balance), code, proof: found.accountProof }
  } catch (error) {
    if (isStateGone(error)) return undefined
    throw error
  }
}

/** The code by which nodes say that they pruned a state (EIP-1474). */
const resourceUnknownCode = -32_001

function isStateGone(error: unknown): boolean {
  for (let cause = error; cause !== undefined; cause = (cause as { cause?: unknown }).cause) {
    if ((cause as { code?: unknown } | null)?.code === resourceUnknownCode) return true
    if (typeof cause !== 'object' || cause === null) return false
  }
  return false
}

/** Credits of the account that the last block had not come to, and that were not refunded. */
async function readCredits(
  view: StakeView,
  { id, account, block }: { readonly id: number; readonly account: Hex; readonly block: LastBlock },
): Promise<readonly OpenCredit[]> {
  const { client, addresses, block: toBlock } = view
  const [credits, refunds] = await Promise.all([
    logsOf(client, {
      address: addresses.Inbox,
      event: getAbiItem({ abi: abis.Inbox, name: 'Credited' }),
      args: { id },
      toBlock,
    }),
    logsOf(client, {
      address: addresses.RewardBridge,
      event: getAbiItem({ abi: abis.RewardBridge, name: 'Refunded' }),
      args: { id },
      toBlock,
    }),
  ])
  const refunded = new Set(refunds.map(({ args }) => args.index))
  const levels: Uint8Array[][] = []
  let tree = emptyIncrementalTree
  for (const { args } of credits) {
    const leaf = sha256(concat(fromHex(args.to), bigintToBytes(args.amountGwei, 8)))
    tree = appendLeaf(tree, leaf, (level, _place, node) => {
      ;(levels[level] ??= []).push(node)
    })
  }
  const nodeAt = (level: number, place: number) => levels[level]?.[place] ?? new Uint8Array(32)
  const { count } = tree
  return credits
    .map(({ args }) => args)
    .filter(({ index, to }) => index >= block.creditNext && sameAddress(to, account))
    .filter(({ index }) => !refunded.has(index))
    .map(({ index, amountGwei }) => ({
      index,
      amountWei: amountGwei * weiPerGwei,
      siblings: incrementalProof({ index: Number(index), count, nodeAt }).map((node) =>
        toHex(node),
      ),
    }))
}

/** Whether an account with this code acts for itself. */
function isDelegation(code: Hex): boolean {
  return code.length === delegationSizeHex && code.startsWith(delegationPrefix)
}

function sameAddress(a: Hex, b: Hex): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
