/**
 * What leaves a network: entries of its Outbox, and what L1 needs to pay one out
 * (docs/specs/stake.md §9).
 *
 *     leaf = sha256( kind ‖ network ‖ sender ‖ to ‖ amount ‖ expiry ‖ dataHash )     seven words
 */

import {
  appendLeaf,
  emptyIncrementalTree,
  fromHex,
  incrementalProof,
  incrementalRoot,
  sha256,
  toHex,
  ZgError,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, getAbiItem } from 'viem'
import type { PublicClient } from 'viem'

import { abis, outboxAddress } from './abis.ts'
import { logsOf } from './view.ts'

/** In the order of `OutboxEntry.Kind`. */
export const outboxKinds = ['withdrawal', 'reward', 'transfer', 'message'] as const

/** Entries that a proof is made over at most; who proves more keeps the tree (room staking). */
export const outboxEntriesMax = 100_000

export type OutboxEntry = {
  readonly index: bigint
  /** The network's block that holds it. */
  readonly height: bigint
  readonly kind: (typeof outboxKinds)[number]
  /** Where to, of a transfer or a message. */
  readonly network: number
  readonly sender: Hex
  /** Who is paid on L1; of a reward the operator. */
  readonly to: Hex
  readonly amountWei: bigint
  readonly expiry: bigint
  readonly dataHash: Hex
}

/** Returns all entries of a network's Outbox up to a height, in their order. */
export async function readOutbox(
  network: PublicClient,
  toHeight: bigint,
): Promise<readonly OutboxEntry[]> {
  const event = getAbiItem({ abi: abis.Outbox, name: 'Sent' })
  const logs = await logsOf(network, { address: outboxAddress, event, toBlock: toHeight })
  return logs.map(({ args: { index, entry }, blockNumber }) => ({
    index,
    height: blockNumber,
    kind: outboxKinds[entry.kind] ?? 'message',
    network: entry.network,
    sender: entry.sender,
    to: entry.to,
    amountWei: entry.amount,
    expiry: entry.expiry,
    dataHash: entry.dataHash,
  }))
}

/** An entry as `RewardBridge.claim` takes it. */
export function outboxArgs({ kind, network, sender, to, amountWei, ...rest }: OutboxEntry) {
  const { expiry, dataHash } = rest
  const number = outboxKinds.indexOf(kind)
  return { kind: number, network, sender, to, amount: amountWei, expiry, dataHash }
}

/**
 * Returns the root over entries, all there are up to some height, and the siblings of one.
 *
 * @throws {OutboxTooLongError} `SDK_OUTBOX_TOO_LONG`
 */
export function outboxProof(
  entries: readonly OutboxEntry[],
  index: number,
): { readonly root: Hex; readonly siblings: readonly Hex[] } {
  if (entries.length > outboxEntriesMax) throw new OutboxTooLongError(entries.length)
  const levels: Uint8Array[][] = []
  let tree = emptyIncrementalTree
  for (const entry of entries) {
    tree = appendLeaf(tree, outboxLeaf(entry), (level, place, node) => {
      const nodes = (levels[level] ??= [])
      nodes[place] = node
    })
  }
  const nodeAt = (level: number, place: number): Uint8Array =>
    levels[level]?.[place] ?? new Uint8Array(32)
  const siblings = incrementalProof({ index, count: tree.count, nodeAt })
  return { root: toHex(incrementalRoot(tree)), siblings: siblings.map((node) => toHex(node)) }
}

const words = [
  { type: 'uint8' },
  { type: 'uint32' },
  { type: 'address' },
  { type: 'address' },
  { type: 'uint256' },
  { type: 'uint64' },
  { type: 'bytes32' },
] as const

function outboxLeaf(entry: OutboxEntry): Uint8Array {
  const { kind, network, sender, to, amount, expiry, dataHash } = outboxArgs(entry)
  const values = [kind, network, sender, to, amount, expiry, dataHash] as const
  return sha256(fromHex(encodeAbiParameters(words, values)))
}

export class OutboxTooLongError extends ZgError<'SDK_OUTBOX_TOO_LONG'> {
  constructor(count: number) {
    const message = `Cannot prove an Outbox entry: there are ${count}, more than one call can read`
    super('SDK_OUTBOX_TOO_LONG', message, { count })
  }
}
