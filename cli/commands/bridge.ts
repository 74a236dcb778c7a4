/** `zg bridge`: tokens go to a network, come back, and what of them waits and why. */

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  depositOrder,
  payOutOrder,
  readBridge,
  readDepositRoom,
  readOutbox,
  readPosition,
  readWaiting,
  withdrawalOrder,
} from '@zg/sdk'
import type { Bridge, StakeView, Waiting, WaitingEntry } from '@zg/sdk'
import type { PublicClient } from 'viem'

import { formatDuration, formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import { formatClock } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import {
  batchingClient,
  findNetwork,
  findStake,
  networkEndpoint,
  showAddress,
  viewOf,
} from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'
import { FundsMissingError } from './send.ts'
import { TokensMissingError } from './stake.ts'

/** Entries listed for people; `--json` lists all. */
const entriesShownMax = 20

/** `zg bridge deposit AMOUNT` */
export async function runBridgeDeposit(input: CommandInput): Promise<void> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const id = idOf(input)
  const from = account.address
  const to = receiverOf(input, from)
  const amountWei = input.values.amount('amount') ?? 0n
  const verb = 'deposit'
  const network = await findNetwork(view, { site, id, verb })
  const { roomWei, position } = await asking(site.l1, async () => ({
    roomWei: await readDepositRoom(view, network),
    position: await readPosition(view, from),
  }))
  const { freeWei } = position
  if (freeWei < amountWei) {
    throw new TokensMissingError(verb, { staker: from, amountWei, freeWei })
  }
  // Before the approval, which would stay.
  if (roomWei < amountWei) throw new BeyondSecuredError(verb, { id, amountWei, roomWei })
  const order = await asking(site.l1, () => depositOrder(view, { id, from, to, amountWei }))
  const { outstandingWei, securedWei } = network
  const lives = formatTokens(outstandingWei + amountWei)
  await carryOut(input, {
    ...order,
    verb,
    endpoint: site.l1,
    account,
    facts: { network: id, to, amountWei },
    rows: [
      ['deposit', `${formatTokens(amountWei)} of ${formatTokens(freeWei)} on L1`],
      ['to', `${to} on network ${id}, paid out there once L1 is final`],
      ['there', `${lives} would live there; stake secures ${formatTokens(securedWei)}`],
    ],
  })
}

/** `zg bridge withdraw AMOUNT` */
export async function runBridgeWithdraw(input: CommandInput): Promise<void> {
  const site = findStake(input)
  const id = idOf(input)
  const endpoint = networkEndpoint(input, { site, id })
  const account = await signerOf(input, endpoint)
  const to = receiverOf(input, account.address)
  const amountWei = input.values.amount('amount') ?? 0n
  const view = await viewOf(site)
  const bridge = await asking(site.l1, () => readBridge(view, id))
  requireWayOut(bridge, 'withdraw')
  const balance = await requireBalance(endpoint, { address: account.address, amountWei })
  const order = withdrawalOrder({ to, amountWei })
  await carryOut(input, {
    ...order,
    verb: 'withdraw',
    endpoint,
    account,
    facts: { network: id, to, amountWei },
    rows: [
      ['withdraw', `${formatTokens(amountWei)} of ${formatTokens(balance)} on network ${id}`],
      ['to', `${to} on L1, once a relayer has shown the block there`],
      ['burned', 'at once and for ever on the network: the entry is the right to it'],
      ...limitRows(bridge, amountWei),
    ],
  })
}

/** `zg bridge status` */
export async function runBridgeStatus(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const id = idOf(input)
  const endpoint = networkEndpoint(input, { site, id })
  const { view, bridge, waiting } = await readAll(site, { endpoint, id })
  const { paid, ...rest } = bridge
  output.json({ block: view.block, ...rest, paidCount: paid.size, waiting })
  for (const line of tableLines(output, bridgeRows(bridge, view))) output.line(line)
  output.line()
  if (waiting.length === 0) {
    output.line('nothing waits')
    return
  }
  const rows: Cell[][] = [['entry', 'what', 'to', 'amount', 'waits for'].map(quiet)]
  for (const { entry, waiting: reason } of waiting.slice(0, entriesShownMax)) {
    const { index, kind, to, amountWei } = entry
    const why = sayWaiting(reason, view.timestamp)
    rows.push([String(index), kind, showAddress(to), formatTokens(amountWei), why])
  }
  for (const line of tableLines(output, rows, { right: [0, 3] })) output.line(line)
  const more = waiting.length - entriesShownMax
  if (more > 0) output.line(`  ${output.paint('quiet', `and ${more} more; --json lists all`)}`)
}

/** `zg bridge claim ENTRY` */
export async function runBridgeClaim(input: CommandInput): Promise<void> {
  const site = findStake(input)
  const id = idOf(input)
  const endpoint = networkEndpoint(input, { site, id })
  const account = await signerOf(input, site.l1)
  const { view, bridge, client, waiting } = await readAll(site, { endpoint, id })
  const index = BigInt(input.values.integer('entry') ?? 0)
  const found = waiting.find(({ entry }) => entry.index === index)
  if (found === undefined) throw new EntryUnknownError(id, Number(index))
  const { proved } = bridge
  const isDue = ['claim', 'announcement'].includes(found.waiting.kind)
  if (proved === undefined || !isDue) {
    throw new EntryWaitsError(Number(index), sayWaiting(found.waiting, view.timestamp))
  }
  const entries = await asking(endpoint, () => readOutbox(client, proved.height))
  const { entry } = found
  await carryOut(input, {
    ...payOutOrder(view, { id, entries, entry }),
    verb: 'claim',
    endpoint: site.l1,
    account,
    facts: { network: id, entry: index, to: entry.to, amountWei: entry.amountWei },
    rows: [
      ['claim', `entry ${index} of network ${id}: ${entry.kind}`],
      ['pays', `${formatTokens(entry.amountWei)} to ${entry.to}, whoever sends this`],
      ...(found.waiting.kind === 'announcement' ? limitRows(bridge, entry.amountWei) : []),
    ],
  })
}

/** Refuses what would burn for nothing: L1 pays out nothing that leaves such a network now. */
export function requireWayOut({ id, isHalted, isDead }: Bridge, verb: string): void {
  if (isHalted || isDead) throw new WayClosedError(verb, { id, isDead })
}

/** Returns what an account has on a network; as much as it sends, or it is refused. */
export async function requireBalance(
  endpoint: Endpoint,
  { address, amountWei }: { readonly address: Hex; readonly amountWei: bigint },
): Promise<bigint> {
  const client = batchingClient(endpoint.url)
  const balance = await asking(endpoint, () => client.getBalance({ address }))
  if (balance < amountWei) throw new FundsMissingError(address, balance, amountWei)
  return balance
}

async function readAll(
  site: StakeSite,
  { endpoint, id }: { readonly endpoint: Endpoint; readonly id: number },
): Promise<{
  readonly view: StakeView
  readonly bridge: Bridge
  readonly client: PublicClient
  readonly waiting: readonly WaitingEntry[]
}> {
  const client = batchingClient(endpoint.url)
  const view = await viewOf(site)
  const bridge = await asking(site.l1, () => readBridge(view, id))
  const waiting = await asking(endpoint, () => readWaiting(view, { bridge, network: client }))
  return { view, bridge, client, waiting }
}

function bridgeRows(bridge: Bridge, { timestamp }: StakeView): Cell[][] {
  const { id, outstandingWei, availableWei, rateCapacityWei, largeAmountWei } = bridge
  const { largeWaitSeconds, pausedUntil, isHalted, isDead, proved, paid } = bridge
  const wait = formatDuration(largeWaitSeconds * 1_000)
  const large = `above ${formatTokens(largeAmountWei)} is announced, and waits ${wait} or more`
  const rows: [name: string, text: Cell][] = [
    [`network ${id}`, `${formatTokens(outstandingWei)} went there and did not come back`],
    ['rate', `${formatTokens(availableWei)} of ${formatTokens(rateCapacityWei)} may come back now`],
    ['large', large],
    [
      'L1 knows',
      proved === undefined
        ? 'no Outbox of it'
        : `its Outbox at height ${formatInteger(proved.height)}`,
    ],
    ['paid', `${formatInteger(paid.size)} entries`],
  ]
  if (isHalted && !isDead) rows.push(['halted', { text: 'nothing comes back', style: 'bad' }])
  if (timestamp < pausedUntil) {
    const text = `until ${formatClock(pausedUntil, timestamp)}`
    rows.push(['paused', { text, style: 'warning' }])
  }
  return rows.map(([name, text]) => [quiet(name), text])
}

/** What an amount has to wait for when it leaves a network. */
export function limitRows(
  { id, availableWei, rateCapacityWei, largeAmountWei, largeWaitSeconds }: Bridge,
  amountWei: bigint,
): readonly (readonly [name: string, text: string])[] {
  const rate = `${formatTokens(availableWei)} of ${formatTokens(rateCapacityWei)}`
  if (amountWei <= largeAmountWei) return [['rate', `${rate} may come from network ${id} now`]]
  const wait = formatDuration(largeWaitSeconds * 1_000)
  return [['large', `a first claim announces it, ${wait} later or more a second one pays`]]
}

/** Why an entry of an Outbox is not paid out, after "waits for". */
export function sayWaiting(waiting: Waiting, nowSeconds: number): string {
  switch (waiting.kind) {
    case 'proof': {
      const { provedHeight: height } = waiting
      const known = height === undefined ? '' : `, which knows height ${formatInteger(height)}`
      return `a relayer to show the block to L1${known}`
    }
    case 'halted':
      return 'nothing any more: the network is halted'
    case 'paused':
      return `the end of the pause, ${formatClock(waiting.until, nowSeconds)}`
    case 'outstanding':
      return `nothing any more: L1 owes the network ${formatTokens(waiting.leftWei)}`
    case 'announcement':
      return `a claim that announces it, then ${formatDuration(waiting.delaySeconds * 1_000)}`
    case 'delay':
      return `its delay, until ${formatClock(waiting.readyAt, nowSeconds)}`
    case 'rate':
      return `the rate: ${formatTokens(waiting.availableWei)} may come now`
    case 'claim':
      return 'a claim, by anyone'
  }
}

export function idOf({ values }: CommandInput): number {
  return values.integer('network') ?? 0
}

export function receiverOf({ values }: CommandInput, own: Hex): Hex {
  const to = values.text('to')
  return isHex(to) ? to : own
}

function quiet(text: string): Cell {
  return { text, style: 'quiet' }
}

export class EntryUnknownError extends ZgError<'CLI_ENTRY_UNKNOWN'> {
  constructor(network: number, index: number) {
    const message = `Cannot claim entry ${index} of network ${network}: none of that number waits`
    super('CLI_ENTRY_UNKNOWN', message, { network, index })
  }
}

export class EntryWaitsError extends ZgError<'CLI_ENTRY_WAITS'> {
  constructor(index: number, reason: string) {
    super('CLI_ENTRY_WAITS', `Cannot claim entry ${index}: it waits for ${reason}`, { index })
  }
}

export class BeyondSecuredError extends ZgError<'CLI_BEYOND_SECURED'> {
  constructor(
    verb: string,
    { id, amountWei, roomWei }: { id: number; amountWei: bigint; roomWei: bigint },
  ) {
    const room = `stake lets ${formatTokens(roomWei)} more onto network ${id}`
    const message = `Cannot ${verb} ${formatTokens(amountWei)}: ${room}`
    super('CLI_BEYOND_SECURED', message, { id, amountWei, roomWei })
  }
}

export class WayClosedError extends ZgError<'CLI_WAY_CLOSED'> {
  constructor(verb: string, { id, isDead }: { id: number; isDead: boolean }) {
    const why = isDead ? 'is dead: its last block counts' : 'is halted: L1 pays nothing out of it'
    super('CLI_WAY_CLOSED', `Cannot ${verb}: network ${id} ${why}`, { id, isDead })
  }
}
