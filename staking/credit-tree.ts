/**
 * All credits of a network that is dead, as Inbox's logs tell them, held to the root that Inbox
 * keeps; from it the 32 siblings of each (docs/specs/stake.md §8, §10). Nothing goes to a dead
 * network any more, so they are read once.
 */

import {
  appendLeaf,
  bytesEqual,
  emptyIncrementalTree,
  incrementalProof,
  incrementalRoot,
  ZgError,
} from '@zg/primitives'

import type { L1Credit, L1Endpoint } from './l1-endpoint.ts'
import { creditLeaf } from './l1-follower.ts'

/** Credits of a network that are read: some hundred megabytes. */
const creditsMax = 1_048_576n

/** Blocks whose logs are asked for at once. */
const blocksPerAnswerMax = 10_000n

/** The root of a network's credits, 32 bytes, and how many there are. */
export type CreditRoot = { readonly root: Uint8Array; readonly count: bigint }

export type CreditTree = {
  /** Those from the first wanted on, in order. */
  readonly credits: readonly L1Credit[]
  /** Proves a credit under the root of all. */
  readonly siblings: (index: bigint) => readonly Uint8Array[]
}

/**
 * Reads the credits under a root.
 *
 * @throws {CreditsUnprovedError} `STAKING_CREDITS_UNPROVED`; and whatever the endpoint throws.
 */
export async function readCreditTree({
  l1,
  networkId,
  fromBlock,
  root: { root, count },
  first,
}: {
  readonly l1: Pick<L1Endpoint, 'credits' | 'finalHeader'>
  readonly networkId: number
  /** The block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
  readonly root: CreditRoot
  /** The index of the first one wanted. */
  readonly first: bigint
}): Promise<CreditTree> {
  if (count > creditsMax) throw new CreditsUnprovedError(networkId, 'there are too many')
  const toBlock = BigInt((await l1.finalHeader()).header.number)
  const credits: L1Credit[] = []
  const nodes: Uint8Array[][] = []
  let tree = emptyIncrementalTree
  for (let from = fromBlock; from <= toBlock; from += blocksPerAnswerMax) {
    const last = from + blocksPerAnswerMax - 1n
    const until = last < toBlock ? last : toBlock
    for (const credit of await l1.credits({ networkId, fromBlock: from, toBlock: until })) {
      const isNext = credit.index === BigInt(tree.count) && credit.index < count
      if (!isNext) throw new CreditsUnprovedError(networkId, 'they are out of order')
      if (credit.index >= first) credits.push(credit)
      const leaf = creditLeaf(credit.address, credit.amountGwei)
      tree = appendLeaf(tree, leaf, (level, _index, node) => {
        ;(nodes[level] ??= []).push(node)
      })
    }
  }
  const isProved = BigInt(tree.count) === count && bytesEqual(incrementalRoot(tree), root)
  if (count > 0n && !isProved) throw new CreditsUnprovedError(networkId, 'their root is another')
  const nodeAt = (level: number, at: number) => nodes[level]?.[at] as Uint8Array
  return {
    credits,
    siblings: (index) => incrementalProof({ index: Number(index), count: tree.count, nodeAt }),
  }
}

/** An endpoint tells other credits than Inbox's root holds, or not all of them. */
export class CreditsUnprovedError extends ZgError<'STAKING_CREDITS_UNPROVED'> {
  constructor(networkId: number, problem: string) {
    const message = `Cannot take the credits of network ${networkId}: ${problem}`
    super('STAKING_CREDITS_UNPROVED', message, { networkId, problem })
  }
}
