/**
 * How quickly each peer brought final blocks when it was last asked: who is asked next in a
 * catch-up. One that does not answer costs its timeout once, not in every round.
 */

import type { PeerId } from '@zg/runtime'

/** Peers remembered; of more, the one asked longest ago is forgotten. */
const peersMax = 1_024

/** What a peer is taken to need for a block at the most, however often it failed. */
const paceMsMax = 3_600_000

export class PeerPaces {
  /** Milliseconds a block. */
  readonly #paces = new Map<PeerId, number>()
  /** @param failureMs - What the first failure counts as; each further one doubles it. */
  readonly #failureMs: number

  constructor(failureMs: number) {
    this.#failureMs = failureMs
  }

  /** One never asked before, else the quickest; of equals, the first. */
  quickest(peers: readonly PeerId[]): PeerId | undefined {
    const paceOf = (peer: PeerId): number => this.#paces.get(peer) ?? -1
    return peers.reduce<PeerId | undefined>(
      (best, peer) => (best === undefined || paceOf(peer) < paceOf(best) ? peer : best),
      undefined,
    )
  }

  answered(peer: PeerId, blocks: number, elapsedMs: number): void {
    this.#set(peer, elapsedMs / blocks)
  }

  /** It did not answer, or nothing that helps. */
  failed(peer: PeerId): void {
    const pace = this.#paces.get(peer) ?? 0
    this.#set(peer, Math.min(paceMsMax, Math.max(this.#failureMs, 2 * pace)))
  }

  #set(peer: PeerId, pace: number): void {
    this.#paces.delete(peer)
    this.#paces.set(peer, pace)
    const [oldest] = this.#paces.keys()
    if (this.#paces.size > peersMax && oldest !== undefined) this.#paces.delete(oldest)
  }
}
