/** `zg network`: which networks there are; who joins, leaves, opens and ends them. */

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

import type { L1Registry } from '@zg/devnet/networks'
import { isHex, ZgError } from '@zg/primitives'
import {
  drainAction,
  joinOrder,
  leaveOrder,
  noticeEpochs,
  openAction,
  readNetworks,
  startOfEpoch,
  weiPerGwei,
} from '@zg/sdk'
import type { Network, Order, StakeView } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { readHealth, sayHealth } from '../network-health.ts'
import type { NetworkHealth } from '../network-health.ts'
import { propose } from '../proposing.ts'
import { formatClock, formatWeight } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findNetwork, findStake, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

const slashBpsMaxDefault = 10_000

/** `zg network list` */
export async function runNetworkList(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const view = await viewOf(site)
  const networks = await asking(site.l1, () => readNetworks(view))
  // What runs here tells of itself; what L1 tells of others is all that is known of them.
  const { world } = site.l1
  const healths = world === undefined ? [] : await readHealth(world)
  const healthOf = ({ id }: Network) => healths.find((health) => health.id === id)
  const told = networks.map((network) => ({ ...network, health: factsOf(healthOf(network)) }))
  output.json({ block: view.block, epoch: view.epoch, networks: told })
  output.line(`networks in epoch ${view.epoch} of L1, amounts in tokens`)
  for (const network of networks) {
    output.line()
    const rows = networkRows(network, { nowSeconds: view.timestamp, health: healthOf(network) })
    for (const line of tableLines(output, rows)) output.line(line)
  }
}

/** `zg network join ID` */
export function runNetworkJoin(input: CommandInput): Promise<void> {
  const slashBpsMax = input.values.integer('slash-bps-max') ?? slashBpsMaxDefault
  return change(input, { verb: 'join', order: (view, id) => joinOrder(view, { id, slashBpsMax }) })
}

/** `zg network leave ID` */
export function runNetworkLeave(input: CommandInput): Promise<void> {
  return change(input, { verb: 'leave', order: leaveOrder })
}

/**
 * `zg network create ID`: proposes it to governance, with the hash of the genesis that everyone
 * will build from what L1 says.
 */
export async function runNetworkCreate(input: CommandInput): Promise<void> {
  const { values } = input
  const given = values.text('genesis-hash')
  if (given !== undefined && !isHex(given, 32)) throw new GenesisHashInvalidError(given)
  const site = findStake(input)
  const { timestamp } = await viewOf(site)
  const id = values.integer('id') ?? 0
  const chainId = BigInt(values.integer('chain-id') ?? 0)
  const genesisTime = BigInt(values.integer('genesis-time') ?? timestamp)
  // Loaded here: it brings the node with it.
  const { genesisToOpen } = await import('@zg/devnet/networks')
  const { hash } = await genesisToOpen(registryOf(site), { id, chainId, genesisTime })
  if (given !== undefined && given.toLowerCase() !== hash) {
    throw new GenesisHashDiffersError(id, { given, hash })
  }
  const opening = {
    chainId,
    genesisTime,
    earliestEpoch: BigInt(values.integer('earliest-epoch') ?? 0),
    stakeMin: (values.amount('stake-min') ?? 0n) / weiPerGwei,
    operatorsMin: values.integer('operators-min') ?? 1,
    genesisHash: hash,
  }
  await propose(input, {
    description: `Open network ${id}`,
    action: (view) => Promise.resolve(openAction(view, id, opening)),
    rows: [
      ['chain id', String(chainId)],
      ['genesis', `${hash}, of ${formatClock(Number(genesisTime), timestamp)}`],
    ],
    facts: { network: id, genesisHash: hash, genesisTime },
  })
}

/** `zg network genesis ID`: prints the genesis that L1's hash is of, or writes it into a file. */
export async function runNetworkGenesis(input: CommandInput): Promise<void> {
  const { output, values, workingDir } = input
  const { genesisFromL1 } = await import('@zg/devnet/networks')
  const id = values.integer('id') ?? 0
  const { genesis, hash } = await genesisFromL1(registryOf(findStake(input)), id)
  const out = values.text('out')
  if (out === undefined) {
    output.json({ network: id, genesisHash: hash, genesis })
    output.line(JSON.stringify(genesis, undefined, 1))
    return
  }
  const path = resolve(workingDir, out)
  writeFileSync(path, `${JSON.stringify(genesis, undefined, 1)}\n`)
  output.json({ network: id, genesisHash: hash, path })
  output.line(`genesis ${hash} of network ${id}, as L1 has it, is in ${path}`)
}

/** `zg network drain ID`: proposes it to governance. */
export async function runNetworkDrain(input: CommandInput): Promise<void> {
  const id = input.values.integer('id') ?? 0
  await propose(input, {
    description: `Drain network ${id}`,
    action: (view) => Promise.resolve(drainAction(view, id)),
  })
}

type Change = {
  readonly verb: 'join' | 'leave'
  readonly order: (view: StakeView, id: number) => Order
}

async function change(input: CommandInput, { verb, order }: Change): Promise<void> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const id = input.values.integer('id') ?? 0
  const network = await findNetwork(view, { site, id, verb })
  const epoch = view.epoch + noticeEpochs
  const clock = formatClock(startOfEpoch(view.clock, epoch), view.timestamp)
  const until = verb === 'join' ? 'validates from' : 'validates, and answers, until'
  await carryOut(input, {
    ...order(view, id),
    verb: `${verb} network ${id}`,
    endpoint: site.l1,
    account,
    facts: { network: id, fromEpoch: epoch },
    rows: [
      [verb, `network ${id}; ${until} epoch ${epoch}, ${clock}`],
      ['members', sayMembers(network, verb)],
    ],
  })
}

/** Who carries the network now, and what that means for those who stay. */
function sayMembers({ members, total }: Network, verb: Change['verb']): string {
  const now = `${members.length} with ${formatWeight(total)} now`
  return verb === 'join' ? now : `${now}; more than two thirds of what stays must run`
}

function factsOf(health: NetworkHealth | undefined) {
  if (health === undefined) return undefined
  const { head, standsStill, epoch, set } = health
  return { ...head, standsStill, epoch, set }
}

function networkRows(
  network: Network,
  {
    nowSeconds,
    health,
  }: { readonly nowSeconds: number; readonly health: NetworkHealth | undefined },
): Cell[][] {
  const { id, chainId, members, total, totalComing, final } = network
  const { outstandingWei, securedWei, isHalted, isDead } = network
  const since = formatClock(final?.since ?? nowSeconds, nowSeconds)
  const known =
    final === undefined
      ? 'nothing yet'
      : `height ${formatInteger(final.height)} of epoch ${final.epoch}, since ${since}`
  const coming = totalComing === total ? '' : `, then ${formatWeight(totalComing)}`
  const style = health?.standsStill === true ? 'bad' : 'plain'
  const blocks: Cell = { text: health === undefined ? '' : sayHealth(health), style }
  const rows: [name: string, text: Cell][] = [
    [`network ${id}`, `chain id ${chainId}`],
    ['status', statusOf(network)],
    ...(health === undefined ? [] : [['blocks', blocks] as [string, Cell]]),
    ['members', `${members.length} with ${formatWeight(total)}${coming}`],
    ['on L1', known],
    ['load', loadOf(network)],
    ['lives', `${formatTokens(outstandingWei)} of ${formatTokens(securedWei)} that stake secures`],
  ]
  if (isHalted || isDead) {
    const text = isDead ? 'dead: exits are paid from its last block' : 'halted for ever: it forked'
    rows.push(['end', { text, style: 'bad' }])
  }
  return rows.map(([name, text]) => [{ text: name, style: 'quiet' }, text])
}

function loadOf({ load: found }: Network): string {
  if (found === undefined) return 'nothing is proved of the last epochs'
  const { load, lastEpoch, epochs } = found
  const words = { idle: 'idle', between: 'neither busy nor idle', busy: 'busy' }
  return `${words[load]} in ${epochs} epoch${epochs === 1 ? '' : 's'} up to ${lastEpoch}`
}

/** How far a network is, in words. */
export function statusOf(network: Network): string {
  const { status, firstEpoch, drainedEpoch, endEpoch, operatorsMin, stakeMinGwei } = network
  switch (status) {
    case 'opening':
      return `opening: needs ${operatorsMin} operators with ${formatWeight(stakeMinGwei)}`
    case 'active':
      return `active since epoch ${firstEpoch}`
    case 'draining':
      return `draining: may be closed from epoch ${drainedEpoch} on`
    case 'closed':
      return `closed in epoch ${endEpoch}`
  }
}

function registryOf({ l1, addresses }: StakeSite): L1Registry {
  return { url: l1.url.replace(/^ws/, 'http'), networkRegistry: addresses.NetworkRegistry }
}

export class GenesisHashDiffersError extends ZgError<'CLI_GENESIS_HASH_DIFFERS'> {
  constructor(id: number, { given, hash }: { readonly given: string; readonly hash: string }) {
    const message = `Cannot open network ${id} with genesis ${given}: what L1 says gives ${hash}`
    super('CLI_GENESIS_HASH_DIFFERS', message, { id, given, hash })
  }
}

export class GenesisHashInvalidError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(text: string) {
    const problem = 'it is not 0x and 64 hex digits'
    const message = `Cannot use --genesis-hash "${text}": ${problem}`
    super('CLI_VALUE_INVALID', message, { what: '--genesis-hash', problem })
  }
}
