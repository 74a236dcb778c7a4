/**
 * Quorums over JSON-RPC: drawn here from places and seed, as anyone may, while places say what held
 * in the epoch; later, as DataSigners wrote them down.
 */

import { publicKeyOfWords } from '@zg/contracts'
import { assert, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { PublicClient } from 'viem'

import { signersAbi } from './contract-abis.ts'
import type { DataEpoch, DataShape, DataSigner, DrawnQuorum } from './data-chain.ts'
import { drawQuorum, placesMax, shiftOf } from '../batch/quorum.ts'
import type { Member } from '../batch/quorum.ts'

/** Places asked for at once. */
const placesAtOnce = 256

/** Nobody signs for an epoch that is over. */
const noKey = new Uint8Array(48)

export type SignersPlace = {
  readonly client: PublicClient
  /** DataSigners. */
  readonly signers: Hex
  readonly shape: DataShape
}

type Votes = {
  readonly newest: bigint
  readonly former: bigint
  readonly earlier: bigint
  readonly newestFrom: number
  readonly formerFrom: number
}

/** Of this epoch, the one before it, or the next one. */
export async function drawnQuorum(
  place: SignersPlace,
  { epoch, seed }: DataEpoch,
  quorum: number,
): Promise<DrawnQuorum> {
  const { client, signers: address, shape } = place
  const places = await placesOf(place)
  const active = places
    .map(({ votes }, index) => ({ place: index, votes: votesAt(votes, epoch) }))
    .filter(({ votes }) => votes > 0n)
  const drawn = drawQuorum({ active, seed, quorum, slots: shape.codedRows })
  const signers = await Promise.all(
    drawn.members.map(async (member): Promise<DataSigner> => {
      const { operator, key, url } = places[member.place]!
      const isContested = await client.readContract({
        address,
        abi: signersAbi,
        functionName: 'isContested',
        args: [member.place, epoch],
      })
      return {
        operator: fromHex(operator),
        publicKey: publicKeyOfWords([BigInt(key.a), BigInt(key.b), BigInt(key.c)]),
        url: textOf(url),
        isContested,
      }
    }),
  )
  return { ...drawn, signers }
}

/** Of an epoch that is over. */
export async function writtenQuorum(
  { client, signers: address, shape }: SignersPlace,
  { epoch, seed }: DataEpoch,
  quorum: number,
): Promise<DrawnQuorum> {
  const contract = { address, abi: signersAbi, args: [epoch, quorum] as const }
  const [[places, slots], [operators, urls]] = await Promise.all([
    client.readContract({ ...contract, functionName: 'quorumOf' }),
    client.readContract({ ...contract, functionName: 'holdersOf' }),
  ])
  let from = 0
  const members = places.map((place, index): Member => {
    const member = { place, slots: slots[index]!, from }
    from += member.slots
    return member
  })
  const signers = operators.map((operator, index): DataSigner => {
    const url = textOf(urls[index]!)
    return { operator: fromHex(operator), publicKey: noKey, url, isContested: false }
  })
  const { codedRows } = shape
  return { members, slots: codedRows, shift: shiftOf(seed, quorum, codedRows), signers }
}

/** All places there are. */
export async function placesOf({ client, signers }: Pick<SignersPlace, 'client' | 'signers'>) {
  const contract = { address: signers, abi: signersAbi }
  const count = await client.readContract({ ...contract, functionName: 'placeCount' })
  assert(count <= placesMax, 'places are few')
  const pages = Array.from({ length: Math.ceil(count / placesAtOnce) }, (_, page) => {
    const from = BigInt(page * placesAtOnce)
    const args = [from, from + BigInt(placesAtOnce)] as const
    return client.readContract({ ...contract, functionName: 'placesOf', args })
  })
  return (await Promise.all(pages)).flat()
}

/** In the present epoch, the one before it, and those that come. */
export function votesAt(votes: Votes, epoch: bigint): bigint {
  if (epoch >= BigInt(votes.newestFrom)) return votes.newest
  return epoch >= BigInt(votes.formerFrom) ? votes.former : votes.earlier
}

/** The first epoch from one on that has votes; undefined when none has. */
export function firstVotesFrom(votes: Votes, epoch: bigint): bigint | undefined {
  if (votesAt(votes, epoch) > 0n) return epoch
  return votes.newest > 0n ? BigInt(votes.newestFrom) : undefined
}

function textOf(bytes: Hex): string {
  return new TextDecoder().decode(fromHex(bytes))
}
