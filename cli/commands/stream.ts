/** `zg stream`: opens streams of data, tells which network each belongs to, and moves them. */

import { isHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  migrateOrder,
  noticeEpochs,
  openStreamOrder,
  readNetwork,
  routeOf,
  startOfEpoch,
  streamIdOf,
} from '@zg/sdk'
import type { Network, Route, StakeView } from '@zg/sdk'

import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { formatClock } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import { statusOf } from './network.ts'

const nameSizeBytes = 32

/** A route, and what is to be known of the networks on it. */
type Found = { readonly route: Route; readonly home: Network | undefined }

/** `zg stream open NAME` */
export async function runStreamOpen(input: CommandInput): Promise<void> {
  const name = nameOf(input)
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const id = streamIdOf(account.address, name)
  const { route, home } = await find(site, view, id)
  const begins = home === undefined ? 'nowhere: no network takes streams now' : whereOf(home)
  await carryOut(input, {
    ...openStreamOrder(view, name),
    verb: `open stream "${input.values.text('name')}"`,
    endpoint: site.l1,
    account,
    facts: { stream: id, ...factsOf(site, { route, home }) },
    rows: [
      ['stream', id],
      ['begins', begins],
    ],
  })
}

/** `zg stream home STREAM` */
export async function runStreamHome(input: CommandInput): Promise<void> {
  const { output, values } = input
  const owner = values.text('owner')
  const text = values.text('stream') ?? ''
  const id = isHex(owner) ? streamIdOf(owner, nameWord(text)) : text
  if (!isHex(id, 32)) throw new StreamUnnamedError(text)
  const site = findStake(input)
  const view = await viewOf(site)
  const found = await find(site, view, id)
  const facts = factsOf(site, found)
  output.json({ block: view.block, epoch: view.epoch, stream: id, ...facts })
  const { route, home } = found
  const isOpen = route.openedEpoch !== undefined
  const none = isOpen ? 'none until its owner moves it' : 'none: no network takes streams now'
  const rows: [string, string][] = [
    ['stream', id],
    ['opened', isOpen ? `in epoch ${route.openedEpoch}` : 'by nobody yet'],
    [isOpen ? 'home' : 'would begin', home === undefined ? none : whereOf(home)],
  ]
  if (home !== undefined) rows.push(['status', statusOf(home)])
  if (facts.rpc !== null) rows.push(['rpc', facts.rpc])
  if (route.next !== undefined) {
    const { network, fromEpoch } = route.next
    const clock = formatClock(startOfEpoch(view.clock, fromEpoch), view.timestamp)
    rows.push(['moves', `to network ${network} in epoch ${fromEpoch}, ${clock}`])
  }
  const cells = rows.map(([name, shown]) => [{ text: name, style: 'quiet' as const }, shown])
  for (const line of tableLines(output, cells)) output.line(line)
}

/** `zg stream migrate NAME NETWORK` */
export async function runStreamMigrate(input: CommandInput): Promise<void> {
  const name = nameOf(input)
  const network = input.values.integer('network') ?? 0
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const id = streamIdOf(account.address, name)
  const { route, home } = await find(site, view, id)
  const fromEpoch = view.epoch + noticeEpochs
  const clock = formatClock(startOfEpoch(view.clock, fromEpoch), view.timestamp)
  await carryOut(input, {
    ...migrateOrder(view, { name, network }),
    verb: `move stream "${input.values.text('name')}"`,
    endpoint: site.l1,
    account,
    facts: { stream: id, from: route.network ?? null, to: network, fromEpoch },
    rows: [
      ['stream', id],
      ['home', home === undefined ? 'none' : whereOf(home)],
      ['moves', `to network ${network} in epoch ${fromEpoch}, ${clock}`],
    ],
  })
}

function find({ l1 }: StakeSite, view: StakeView, id: Hex): Promise<Found> {
  return asking(l1, async () => {
    const route = await routeOf(view, id)
    const { network } = route
    return { route, home: network === undefined ? undefined : await readNetwork(view, network) }
  })
}

function factsOf({ networks }: StakeSite, { route, home }: Found) {
  const { openedEpoch, network, next } = route
  return {
    openedEpoch: openedEpoch ?? null,
    network: network ?? null,
    chainId: home?.chainId ?? null,
    status: home?.status ?? null,
    rpc: networks.find(({ id }) => id === network)?.rpc ?? null,
    next: next ?? null,
  }
}

function whereOf({ id, chainId, isHalted, isDead }: Network): string {
  const end = isDead ? ', which is dead' : isHalted ? ', which is halted' : ''
  return `network ${id}, chain id ${chainId}${end}`
}

function nameOf({ values }: CommandInput): Hex {
  return nameWord(values.text('name') ?? '')
}

/** A name as L1 has it: 32 bytes in hex as they are, text in UTF-8 with zeros after it. */
function nameWord(text: string): Hex {
  if (isHex(text, nameSizeBytes)) return text
  const bytes = new TextEncoder().encode(text)
  if (bytes.length === 0 || bytes.length > nameSizeBytes) throw new StreamNameInvalidError(text)
  const word = new Uint8Array(nameSizeBytes)
  word.set(bytes)
  return toHex(word)
}

export class StreamNameInvalidError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(text: string) {
    const problem = `it has not 1 to ${nameSizeBytes} bytes, nor is it as many in hex`
    const message = `Cannot use stream name "${text}": ${problem}`
    super('CLI_VALUE_INVALID', message, { what: 'name', problem })
  }
}

export class StreamUnnamedError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(text: string) {
    const problem = 'it is no id of 0x and 64 hex digits, and a name goes with --owner'
    const message = `Cannot find stream "${text}": ${problem}`
    super('CLI_VALUE_INVALID', message, { what: 'stream', problem })
  }
}
