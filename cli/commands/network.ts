/** `zg network`: which networks there are; who joins, leaves, opens and ends them. */

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
import { propose } from '../proposing.ts'
import { formatClock, formatWeight } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, viewOf } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

const slashBpsMaxDefault = 10_000

/** `zg network list` */
export async function runNetworkList(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const view = await viewOf(site)
  const networks = await asking(site.l1, () => readNetworks(view))
  output.json({ block: view.block, epoch: view.epoch, networks })
  output.line(`networks in epoch ${view.epoch} of L1, amounts in tokens`)
  for (const network of networks) {
    output.line()
    for (const line of tableLines(output, networkRows(network, view.timestamp))) output.line(line)
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

/** `zg network create ID`: proposes it to governance. */
export async function runNetworkCreate(input: CommandInput): Promise<void> {
  const { values } = input
  const genesisHash = values.text('genesis-hash')
  if (!isHex(genesisHash, 32)) throw new GenesisHashInvalidError(genesisHash ?? '')
  const id = values.integer('id') ?? 0
  const opening = {
    chainId: BigInt(values.integer('chain-id') ?? 0),
    genesisTime: BigInt(values.integer('genesis-time') ?? 0),
    earliestEpoch: BigInt(values.integer('earliest-epoch') ?? 0),
    stakeMin: (values.amount('stake-min') ?? 0n) / weiPerGwei,
    operatorsMin: values.integer('operators-min') ?? 1,
    genesisHash,
  }
  await propose(input, {
    description: `Open network ${id}`,
    action: (view) => Promise.resolve(openAction(view, id, opening)),
  })
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
  const epoch = view.epoch + noticeEpochs
  const clock = formatClock(startOfEpoch(view.clock, epoch), view.timestamp)
  const until = verb === 'join' ? 'validates from' : 'validates, and answers, until'
  await carryOut(input, {
    ...order(view, id),
    verb: `${verb} network ${id}`,
    endpoint: site.l1,
    account,
    facts: { network: id, fromEpoch: epoch },
    rows: [[verb, `network ${id}; ${until} epoch ${epoch}, ${clock}`]],
  })
}

function networkRows(network: Network, nowSeconds: number): Cell[][] {
  const { id, chainId, members, total, totalComing, final } = network
  const { outstandingWei, securedWei, isHalted, isDead } = network
  const since = formatClock(final?.since ?? nowSeconds, nowSeconds)
  const known =
    final === undefined
      ? 'nothing yet'
      : `height ${formatInteger(final.height)} of epoch ${final.epoch}, since ${since}`
  const coming = totalComing === total ? '' : `, then ${formatWeight(totalComing)}`
  const rows: [name: string, text: Cell][] = [
    [`network ${id}`, `chain id ${chainId}`],
    ['status', statusOf(network)],
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

export class GenesisHashInvalidError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(text: string) {
    const problem = 'it is not 0x and 64 hex digits'
    const message = `Cannot use --genesis-hash "${text}": ${problem}`
    super('CLI_VALUE_INVALID', message, { what: '--genesis-hash', problem })
  }
}
