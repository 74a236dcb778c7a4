/**
 * Whether there is as much of the token as there may be.
 *
 *     L1         supply + sum of outstanding <= 10^27
 *                outstanding of all = sum of outstanding of each
 *     network    outstanding = genesis + credited - claimed - returned
 *                paid out there = the first of the credits, to the wei
 *                living = genesis + paid out - base fees burned - destroyed - Outbox  >= 0
 *                what accounts hold that stand in its blocks <= living
 *                what its node keeps from block to block = living + Outbox
 *                Outbox >= claimed
 *
 * L1 is read before the networks and after them: claims of the first reading and credits of the
 * second bound what a network, which is ahead of one and behind the other, may have done.
 */

import type { Hex } from '@zg/primitives'
import type { PublicClient } from 'viem'

import { readIssue } from './issue.ts'
import type { Issue } from './issue.ts'
import { readNetworkIds } from './networks.ts'
import { genesisOf, noPassage, passageWith, readFlows } from './passage.ts'
import type { Passage } from './passage.ts'
import { on, openView } from './view.ts'
import type { StakeView } from './view.ts'

/** A network whose supply is to be counted. */
export type SupplyNetwork = {
  readonly id: number
  readonly client: PublicClient
  /** What its genesis allots; undefined for one that takes L1's word. */
  readonly genesisWei?: bigint
  /** Accounts of its genesis. */
  readonly genesisAccounts?: readonly Hex[]
}

export type L1Supply = {
  readonly block: bigint
  readonly supplyWei: bigint
  readonly outstandingWei: bigint
  readonly capWei: bigint
  /** What was slashed or burned for good: the cap less the other two. */
  readonly goneWei: bigint
  readonly broken: readonly string[]
}

export type NetworkSupply = {
  readonly id: number
  readonly height: bigint
  readonly genesisWei: bigint
  /** Paid out by consensus, as withdrawals of blocks. */
  readonly paidOutWei: bigint
  readonly burnedWei: bigint
  /** What SELFDESTRUCT ended, by the word of a node that saw all blocks; 0 without one. */
  readonly destroyedWei: bigint
  /** What lies in its Outbox for ever. */
  readonly outboxWei: bigint
  /** What accounts there hold, by what came and went. */
  readonly livingWei: bigint
  /** What those hold that stand in its blocks; undefined of too many. */
  readonly seenWei: bigint | undefined
  /** As L1 counts. */
  readonly outstandingWei: bigint
  readonly creditedWei: bigint
  readonly claimedWei: bigint
  readonly broken: readonly string[]
}

export type Supply = {
  readonly l1: L1Supply
  readonly networks: readonly NetworkSupply[]
  readonly holds: boolean
}

/** Counts the supply of L1 and of networks, at the newest block of each. */
export async function readSupply(
  before: StakeView,
  networks: readonly SupplyNetwork[],
): Promise<Supply> {
  const addresses = before.addresses
  const former = await readFlows(before.client, addresses, { fromBlock: 0n, toBlock: before.block })
  const counted = await Promise.all(
    networks.map(({ client, genesisAccounts = [] }) => readIssue(client, genesisAccounts)),
  )
  const after = await openView(before.client, addresses)
  const l1 = await readL1Supply(after)
  const range = { fromBlock: before.block + 1n, toBlock: after.block }
  const later = await readFlows(after.client, addresses, range)
  const supplies = await Promise.all(
    networks.map(async ({ id, genesisWei }, place) => {
      const issue = counted[place]
      if (issue === undefined) return undefined
      const earlier = passageWith(noPassage, id, former)
      const passage = passageWith(earlier, id, later)
      const outstandingWei = await after.client.readContract({
        ...on(after, 'RewardBridge'),
        functionName: 'outstanding',
        args: [id],
      })
      const l1Word = { outstandingWei, passage, claimedBefore: earlier.claimedWei }
      return networkSupply({ id, genesisWei, ...l1Word, ...issue })
    }),
  )
  const known = supplies.filter((supply) => supply !== undefined)
  const holds = [l1, ...known].every(({ broken }) => broken.length === 0)
  return { l1, networks: known, holds }
}

async function readL1Supply(view: StakeView): Promise<L1Supply> {
  const { client, block } = view
  const [token, bridge] = [on(view, 'ZgToken'), on(view, 'RewardBridge')]
  const [supplyWei, capWei, outstandingWei, ids] = await Promise.all([
    client.readContract({ ...token, functionName: 'totalSupply' }),
    client.readContract({ ...token, functionName: 'CAP' }),
    client.readContract({ ...bridge, functionName: 'outstandingTotal' }),
    readNetworkIds(view),
  ])
  const each = await Promise.all(
    ids.map((id) => client.readContract({ ...bridge, functionName: 'outstanding', args: [id] })),
  )
  return l1Supply({ block, supplyWei, capWei, outstandingWei, eachWei: each })
}

/** Judges what was read of L1. */
export function l1Supply(read: {
  readonly block: bigint
  readonly supplyWei: bigint
  readonly capWei: bigint
  readonly outstandingWei: bigint
  readonly eachWei: readonly bigint[]
}): L1Supply {
  const { eachWei, ...supply } = read
  const goneWei = supply.capWei - supply.supplyWei - supply.outstandingWei
  const broken: string[] = []
  if (goneWei < 0n) broken.push('supply and outstanding are more than the cap')
  if (sumOf(eachWei) !== supply.outstandingWei) {
    broken.push('outstanding of all is not the sum of outstanding of each')
  }
  return { ...supply, goneWei, broken }
}

/** Judges what was read of a network. */
export function networkSupply(
  read: Issue & {
    readonly id: number
    readonly genesisWei: bigint | undefined
    readonly outstandingWei: bigint
    readonly passage: Passage
    readonly claimedBefore: bigint
  },
): NetworkSupply {
  const { id, height, outboxWei, burnedWei, paidOut, seenWei, kept } = read
  const { outstandingWei, passage, claimedBefore } = read
  const { credits, creditedWei, claimedWei } = passage
  const genesisWei = read.genesisWei ?? genesisOf(passage, outstandingWei)
  const paidOutWei = sumOf(paidOut)
  const whole = kept?.fromNumber === 0n ? kept : undefined
  const destroyedWei = whole?.destroyedWei ?? 0n
  const livingWei = genesisWei + paidOutWei - burnedWei - destroyedWei - outboxWei
  const broken: string[] = []
  if (genesisOf(passage, outstandingWei) !== genesisWei) {
    broken.push('outstanding is not genesis + credited - claimed - returned')
  }
  if (paidOut.some((amount, index) => amount !== credits[index])) {
    broken.push('consensus paid out what was not credited')
  }
  if (seenWei !== undefined && seenWei > livingWei) {
    broken.push('accounts hold more than there is')
  }
  if (livingWei < 0n) broken.push('more is gone than ever came')
  if (whole !== undefined && whole.heldWei !== livingWei + outboxWei) {
    broken.push('the node keeps another supply than its blocks say')
  }
  if (outboxWei < claimedBefore) broken.push('more was claimed than the Outbox holds')
  return {
    id,
    height,
    genesisWei,
    paidOutWei,
    burnedWei,
    destroyedWei,
    outboxWei,
    livingWei,
    seenWei,
    outstandingWei,
    creditedWei,
    claimedWei,
    broken,
  }
}

function sumOf(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}
