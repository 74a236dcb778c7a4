/**
 * Contests who signs for data with less at stake than its place in DataSigners says, by more than a
 * sixteenth, or by another key (docs/specs/da.md §1): L1 is read once an epoch for all places, some
 * of them each step.
 */

import { encodeOperatorProof } from '@zg/contracts'
import type { Hex } from '@zg/primitives'

import type { ShownL1 } from './admission-keeper.ts'
import { DataPlaces, hasKey, votesAt } from './data-places.ts'
import type { DataPlace } from './data-places.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** DataSigners.SHARE_PARTS: one part less is let pass. */
const shareParts = 16n

/** Places that one step looks at: two or three proofs each. */
const placesPerStep = 64

export type DataStep = {
  /** Places that were contested. */
  readonly contested: readonly number[]
}

export class DataKeeper {
  readonly #places: DataPlaces
  /** The newest epoch of L1 in which all places were looked at. */
  #doneEpoch: bigint | undefined
  /** Which place comes next. */
  #next = 0

  constructor(options: SystemContractOptions) {
    this.#places = new DataPlaces(options)
  }

  /**
   * Looks at the next places.
   *
   * @throws What endpoints and sender throw.
   */
  async step({ l1 }: { readonly l1: ShownL1 }): Promise<DataStep> {
    const contested: number[] = []
    if (this.#doneEpoch === l1.prover.epoch) return { contested }
    const epoch = await this.#places.epoch()
    // MUST be settled by the state: what holds in the present epoch may change after an older one.
    if (!l1.prover.settles(epoch)) return { contested }
    const places = await this.#places.from(this.#next, placesPerStep)
    for (const place of places) {
      const proof = await this.#shortfallOf(place, epoch, l1)
      if (proof === undefined) continue
      const call = { name: 'contest', args: [place.place, proof] }
      const offer = await this.#places.signers.offer(call, ['NothingToContest'])
      if (offer.kind === 'sent') contested.push(place.place)
    }
    this.#next += places.length
    if (places.length < placesPerStep) {
      this.#next = 0
      this.#doneEpoch = l1.prover.epoch
    }
    return { contested }
  }

  /** That an operator has too few votes in the epoch for what its place says, or another key. */
  async #shortfallOf(
    place: DataPlace,
    epoch: bigint,
    { prover, header }: ShownL1,
  ): Promise<Hex | undefined> {
    const told = votesAt(place, epoch)
    if (told === 0n) return undefined
    const proved = await prover.operator(place.operator, epoch)
    if (proved === undefined) return undefined
    const isLess = proved.votes * shareParts < told * (shareParts - 1n)
    if (!isLess && hasKey(place, proved.key)) return undefined
    return encodeOperatorProof(header, proved.args)
  }
}
