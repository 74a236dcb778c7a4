/**
 * What the blocks of a network did to its supply, and what the accounts that stand in them hold.
 *
 * An account stands in a block as sender, receiver, created contract, proposer or receiver of a
 * credit. One that only contracts ever paid stands in none: what is seen is at most what there is.
 */

import type { Hex } from '@zg/primitives'
import { getContractAddress } from 'viem'
import type { PublicClient } from 'viem'

import { outboxAddress } from './abis.ts'
import { readKeptSupply } from './kept-supply.ts'
import type { KeptSupply } from './kept-supply.ts'
import { weiPerGwei } from './view.ts'

/** Blocks that are asked for at once. */
const blocksAtOnce = 100n

/** Accounts that are looked at; of more, what they hold is not said. */
export const accountsSeenMax = 10_000

export type Issue = {
  readonly height: bigint
  /** Credits that consensus paid out, in their order, in wei. */
  readonly paidOut: readonly bigint[]
  readonly burnedWei: bigint
  /** What lies in the Outbox. */
  readonly outboxWei: bigint
  /** What all accounts seen hold, the Outbox not among them; undefined of too many. */
  readonly seenWei: bigint | undefined
  /** What the node keeps by itself; undefined of one that keeps nothing. */
  readonly kept: KeptSupply | undefined
}

type Tally = { readonly paidOut: bigint[]; readonly seen: Set<string>; burnedWei: bigint }

/** Reads every block of a network up to its newest; `genesis` are accounts of its first. */
export async function readIssue(client: PublicClient, genesis: readonly Hex[]): Promise<Issue> {
  const tally: Tally = { paidOut: [], seen: new Set(), burnedWei: 0n }
  for (const address of genesis) tally.seen.add(address.toLowerCase())
  let height = 0n
  let isCaughtUp = false
  // Nodes forget old states: what lies where is asked at the last block that was read.
  while (!isCaughtUp) {
    const newest = await client.getBlockNumber({ cacheTime: 0 })
    const last = newest - height > blocksAtOnce ? height + blocksAtOnce : newest
    if (last > height) await tallyBlocks(client, tally, { from: height + 1n, last })
    height = last
    isCaughtUp = last === newest
  }
  const outboxWei = await client.getBalance({ address: outboxAddress, blockNumber: height })
  const seenWei = await balancesOf(client, tally.seen, height)
  const kept = await readKeptSupply(client, height)
  const { paidOut, burnedWei } = tally
  return { height, paidOut, burnedWei, outboxWei, seenWei, kept }
}

async function tallyBlocks(
  client: PublicClient,
  tally: Tally,
  { from, last }: { readonly from: bigint; readonly last: bigint },
): Promise<void> {
  const numbers = Array.from({ length: Number(last - from) + 1 }, (_, at) => from + BigInt(at))
  const blocks = await Promise.all(
    numbers.map((blockNumber) => client.getBlock({ blockNumber, includeTransactions: true })),
  )
  for (const { baseFeePerGas, gasUsed, withdrawals, miner, transactions } of blocks) {
    tally.burnedWei += (baseFeePerGas ?? 0n) * gasUsed
    tally.seen.add(miner.toLowerCase())
    for (const { amount, address } of withdrawals ?? []) {
      tally.paidOut.push(BigInt(amount) * weiPerGwei)
      tally.seen.add(address.toLowerCase())
    }
    for (const { from: sender, to, nonce } of transactions) {
      tally.seen.add(sender.toLowerCase())
      const target = to ?? getContractAddress({ from: sender, nonce: BigInt(nonce) })
      tally.seen.add(target.toLowerCase())
    }
  }
}

async function balancesOf(
  client: PublicClient,
  seen: ReadonlySet<string>,
  blockNumber: bigint,
): Promise<bigint | undefined> {
  const accounts = [...seen].filter((address) => address !== outboxAddress) as Hex[]
  if (accounts.length > accountsSeenMax) return undefined
  const balances = await Promise.all(
    accounts.map((address) => client.getBalance({ address, blockNumber })),
  )
  return balances.reduce((sum, balance) => sum + balance, 0n)
}
