/**
 * A quorum drawn from what the chain says of votes and seed, of any epoch there was, beside what
 * DataSigners wrote down of it (docs/specs/da.md §2).
 *
 * Of this epoch, the one before and the next one, places say who had which votes; of older ones the
 * events do by which every change of them was told.
 */

import { fromHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createPublicClient, getAbiItem, http } from 'viem'
import type { PublicClient } from 'viem'

import { entranceAbi, signersAbi, stakeAbi } from './contract-abis.ts'
import { orReverted } from './or-reverted.ts'
import { logPages } from './log-pages.ts'
import { drawQuorum } from '../batch/quorum.ts'
import type { Quorum } from '../batch/quorum.ts'
import { placesOf, votesAt } from './quorum-reader.ts'

/** Who had a place in an epoch, and what it weighed there. */
export type Placed = {
  readonly place: number
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** In gwei. */
  readonly votes: bigint
}

export type QuorumAudit = {
  readonly epoch: bigint
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly drawn: Quorum
  /** In the order of members. */
  readonly holders: readonly Placed[]
  /** Undefined where nobody had DataSigners write it down. */
  readonly isAsWritten: boolean | undefined
}

type At = { readonly client: PublicClient; readonly signers: Hex; readonly epoch: bigint }

/**
 * Without an epoch it is of the present one.
 *
 * @throws {QuorumUndrawnError} `DA_QUORUM_UNDRAWN` · {QuorumEmptyError} `DA_QUORUM_EMPTY` ·
 *   {UnavailableError} `DA_UNAVAILABLE` when there are more blocks than can be looked through
 */
export async function auditQuorum(
  { rpc, entrance }: { readonly rpc: string; readonly entrance: Hex },
  { epoch: named, quorum }: { readonly epoch?: bigint | undefined; readonly quorum: number },
): Promise<QuorumAudit> {
  const client = createPublicClient({ transport: http(rpc, { batch: true }), cacheTime: 0 })
  const read = { address: entrance, abi: entranceAbi } as const
  const signers = await client.readContract({ ...read, functionName: 'signersOf' })
  const contract = { address: signers, abi: signersAbi } as const
  const stake = {
    address: await client.readContract({ ...contract, functionName: 'stake' }),
    abi: stakeAbi,
  } as const
  const present = await client.readContract({ ...stake, functionName: 'epoch' })
  const epoch = named ?? present
  const args = [epoch] as const
  const [seed, slots, count, written] = await Promise.all([
    orReverted(client.readContract({ ...stake, functionName: 'seedOf', args })),
    client.readContract({ ...contract, functionName: 'rowCount' }),
    client.readContract({ ...contract, functionName: 'quorumCountOf', args }),
    orReverted(
      client.readContract({ ...contract, functionName: 'quorumOf', args: [epoch, quorum] }),
    ),
  ])
  if (seed === undefined) throw new QuorumUndrawnError(epoch, quorum, 'its seed is not known')
  const isRecent = epoch + 1n >= present
  // How many an older epoch had is not told for ever.
  if (isRecent && BigInt(quorum) >= count) {
    throw new QuorumUndrawnError(epoch, quorum, `there are ${count}, from 0 on`)
  }
  const at: At = { client, signers, epoch }
  let placed = isRecent ? await placedNow(at) : await placedThen(at)
  // Another epoch may have begun meanwhile, in which places say no more what held.
  const now = await client.readContract({ ...stake, functionName: 'epoch' })
  if (isRecent && epoch + 1n < now) placed = await placedThen(at)
  const byPlace = new Map(placed.map((each) => [each.place, each]))
  const active = placed.filter(({ votes }) => votes > 0n)
  const drawn = drawQuorum({ active, seed: fromHex(seed), quorum, slots: Number(slots) })
  return {
    epoch,
    seed: fromHex(seed),
    drawn,
    holders: drawn.members.map(({ place }) => byPlace.get(place)!),
    isAsWritten: written && isSame(drawn, written),
  }
}

function isSame({ members }: Quorum, [places, slots]: readonly (readonly number[])[]): boolean {
  if (places?.length !== members.length || slots?.length !== members.length) return false
  return members.every((member, at) => member.place === places[at] && member.slots === slots[at])
}

async function placedNow({ client, signers, epoch }: At): Promise<readonly Placed[]> {
  const places = await placesOf({ client, signers })
  return places.map(({ operator, votes }, place) => {
    return { place, operator: fromHex(operator), votes: votesAt(votes, epoch) }
  })
}

/** The last word on each place that holds in the epoch; what was told later came later. */
export async function placedThen({ client, signers, epoch }: At): Promise<readonly Placed[]> {
  const event = getAbiItem({ abi: signersAbi, name: 'VotesSet' })
  const found = new Map<number, Placed>()
  const pages = logPages({
    newest: await client.getBlockNumber(),
    ask: (fromBlock, toBlock) =>
      client.getLogs({ address: signers, event, fromBlock, toBlock, strict: true }),
  })
  for await (const logs of pages) {
    for (const { args } of logs.toReversed()) {
      const { place, fromEpoch, votes } = args
      if (fromEpoch > epoch || found.has(place)) continue
      found.set(place, { place, operator: fromHex(args.operator), votes })
    }
  }
  return [...found.values()].sort((a, b) => a.place - b.place)
}

/** Nobody can draw it. */
export class QuorumUndrawnError extends ZgError<'DA_QUORUM_UNDRAWN'> {
  constructor(epoch: bigint, quorum: number, why: string) {
    const message = `Cannot draw quorum ${quorum} of epoch ${epoch}: ${why}`
    super('DA_QUORUM_UNDRAWN', message, { epoch: String(epoch), quorum })
  }
}
