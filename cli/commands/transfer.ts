/**
 * `zg bridge transfer`: from one network to another, by way of L1. What finds no room where it
 * goes comes out on L1, so where it goes is looked at before anything is signed.
 */

import { readBridge, roomOf, transferOrder, weiPerGwei } from '@zg/sdk'
import type { Network } from '@zg/sdk'
import { ZgError } from '@zg/primitives'

import { formatTokens } from '../amounts.ts'
import { ValueInvalidError } from '../command.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findNetwork, findStake, networkEndpoint, viewOf } from '../stake-site.ts'
import {
  BeyondSecuredError,
  idOf,
  limitRows,
  receiverOf,
  requireBalance,
  requireWayOut,
} from './bridge.ts'
import { statusOf } from './network.ts'

const verb = 'transfer'

/** `zg bridge transfer AMOUNT --to-network ID` */
export async function runBridgeTransfer(input: CommandInput): Promise<void> {
  const site = findStake(input)
  const id = idOf(input)
  const { network, amountWei } = readWish(input, id)
  const endpoint = networkEndpoint(input, { site, id })
  const account = await signerOf(input, endpoint)
  const to = receiverOf(input, account.address)
  const view = await viewOf(site)
  const there = await findNetwork(view, { site, id: network, verb })
  requireOpen(there, amountWei)
  const bridge = await asking(site.l1, () => readBridge(view, id))
  requireWayOut(bridge, verb)
  const balance = await requireBalance(endpoint, { address: account.address, amountWei })
  const { outstandingWei, securedWei } = there
  const lives = formatTokens(outstandingWei + amountWei)
  await carryOut(input, {
    ...transferOrder({ network, to, amountWei }),
    verb,
    endpoint,
    account,
    facts: { network: id, toNetwork: network, to, amountWei },
    rows: [
      ['transfer', `${formatTokens(amountWei)} of ${formatTokens(balance)} on network ${id}`],
      ['to', `${to} on network ${network}, once the entry was claimed on L1 and L1 is final`],
      ['burned', 'at once and for ever on this network: the entry is the right to it'],
      ['there', `${lives} would live there; stake secures ${formatTokens(securedWei)}`],
      [
        'if not',
        'what cannot be taken there is paid out on L1 to the same address: hold its key, too',
      ],
      ...limitRows(bridge, amountWei),
    ],
  })
}

function readWish({ values }: CommandInput, id: number) {
  const network = values.integer('to-network')
  if (network === undefined) throw new DestinationMissingError()
  if (network === id) {
    throw new ValueInvalidError('--to-network', String(network), 'they are there already')
  }
  const amountWei = values.amount('amount') ?? 0n
  // In gwei the other network is credited.
  if (amountWei % weiPerGwei !== 0n) {
    throw new ValueInvalidError('amount', `${amountWei}wei`, 'it is no whole number of gwei')
  }
  return { network, amountWei }
}

/** What a network does not take, or not all of, would come out on L1, where nobody wants it. */
function requireOpen(network: Network, amountWei: bigint): void {
  const { id, status, isHalted, isDead } = network
  if (status !== 'active' || isHalted || isDead) throw new DestinationClosedError(network)
  const roomWei = roomOf(network)
  if (roomWei < amountWei) throw new BeyondSecuredError(verb, { id, amountWei, roomWei })
}

export class DestinationMissingError extends ZgError<'CLI_USAGE'> {
  constructor() {
    super('CLI_USAGE', 'Cannot transfer: --to-network says where to')
  }
}

export class DestinationClosedError extends ZgError<'CLI_DESTINATION_CLOSED'> {
  constructor(network: Network) {
    const { id, isHalted, isDead } = network
    const how = isDead ? 'dead' : isHalted ? 'halted for ever' : statusOf(network)
    super('CLI_DESTINATION_CLOSED', `Cannot transfer to network ${id}: it is ${how}`, { id })
  }
}
