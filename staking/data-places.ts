/** The places of a network's DataSigners as a keeper reads them (docs/specs/da.md §1). */

import { fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** DataSigners.PLACES_MAX. */
export const placesMax = 2_048

/** Places that are asked for at once. */
const placesPerCall = 256

/** A number that is changed with notice (`Scheduled.Number`). */
type Scheduled = {
  readonly newest: bigint
  readonly former: bigint
  readonly earlier: bigint
  readonly newestFrom: number
  readonly formerFrom: number
}

export type DataPlace = {
  readonly place: number
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** In gwei. */
  readonly votes: Scheduled
  /** The words of its key. */
  readonly key: readonly bigint[]
  /** As the operator set it. */
  readonly url: Uint8Array
}

type SignerAnswer = {
  readonly operator: Hex
  readonly votes: Scheduled
  readonly key: { readonly a: Hex; readonly b: Hex; readonly c: Hex }
  readonly url: Hex
}

export class DataPlaces {
  readonly signers: SystemContract
  readonly #stake: SystemContract

  constructor(options: SystemContractOptions) {
    this.signers = new SystemContract('DataSigners', options)
    this.#stake = new SystemContract('SharedStake', options)
  }

  /** The epoch of the network's newest block, by the clock of L1. */
  async epoch(): Promise<bigint> {
    return (await this.#stake.read('epoch')) as bigint
  }

  /** Places from one on, so many at most. */
  async from(first: number, count: number): Promise<readonly DataPlace[]> {
    const found = await this.signers.read('placesOf', first, first + count)
    return (found as readonly SignerAnswer[]).map(({ operator, votes, key, url }, index) => ({
      place: first + index,
      operator: fromHex(operator.toLowerCase() as Hex),
      votes,
      key: [key.a, key.b, key.c].map(BigInt),
      url: fromHex(url),
    }))
  }

  async all(): Promise<readonly DataPlace[]> {
    const places: DataPlace[] = []
    while (places.length < placesMax) {
      const page = await this.from(places.length, placesPerCall)
      places.push(...page)
      if (page.length < placesPerCall) break
    }
    return places
  }
}

/** What holds in an epoch: the present one or one that comes. */
export function votesAt({ votes }: DataPlace, epoch: bigint): bigint {
  if (epoch >= BigInt(votes.newestFrom)) return votes.newest
  return epoch >= BigInt(votes.formerFrom) ? votes.former : votes.earlier
}

/** Whether a place has this key. */
export function hasKey({ key }: DataPlace, words: readonly bigint[]): boolean {
  return key.every((word, index) => word === words[index])
}
