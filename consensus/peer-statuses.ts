/** The final heights that peers say they are at; claims, not proofs. */

import type { PeerId } from '@zg/runtime'

import type { ValidatorSet } from './validator-set.ts'
import { peerIdOf } from './validator-set.ts'

export class PeerStatuses {
  readonly #heights = new Map<PeerId, bigint>()

  /** Takes a claim; returns whether it is the peer's first since it connected. */
  update(peer: PeerId, finalHeight: bigint): boolean {
    const isFirst = !this.#heights.has(peer)
    this.#heights.set(peer, finalHeight)
    return isFirst
  }

  delete(peer: PeerId): void {
    this.#heights.delete(peer)
  }

  /** The greatest claim: good for asking, not for believing. */
  greatest(): bigint {
    let greatest = 0n
    for (const height of this.#heights.values()) if (height > greatest) greatest = height
    return greatest
  }

  /** Peers that claim a later final block, furthest ahead first. */
  ahead(height: bigint): readonly PeerId[] {
    return [...this.#heights]
      .filter(([, claimed]) => claimed > height)
      .sort(([, a], [, b]) => Number(b - a))
      .map(([peer]) => peer)
  }

  /**
   * The greatest height that validators with more than a third of the stake claim to have reached:
   * at least one of them is honest. Zero when too few have spoken.
   *
   * @param nameOf - The key in the set of the operator behind a connection.
   */
  credible(set: ValidatorSet, nameOf: (peer: PeerId) => PeerId): bigint {
    const heights = new Map([...this.#heights].map(([peer, height]) => [nameOf(peer), height]))
    const claims = set.validators
      .map(({ publicKey, stake }) => ({ stake, height: heights.get(peerIdOf(publicKey)) }))
      .flatMap(({ stake, height }) => (height === undefined ? [] : [{ stake, height }]))
      .sort((a, b) => Number(b.height - a.height))
    let stake = 0n
    for (const claim of claims) {
      stake += claim.stake
      if (3n * stake > set.totalStake) return claim.height
    }
    return 0n
  }
}
