/**
 * Whose connection is whose, over epochs. A connection is proved by one key, and stays when its
 * operator's key in the set changes; so peers are known by operator, for every key that stood in a
 * set of the epochs around. In one set each operator has one key: the name others know it by there.
 *
 *     connection of key k ── operator of k in any epoch ──► the operator's key in this set
 */

import type { Network, PeerId } from '@zg/runtime'
import { toHex } from '@zg/primitives'

import type { L1View } from './l1-view.ts'
import type { ValidatorSet } from './validator-set.ts'
import { peerIdOf } from './validator-set.ts'

/** Epochs before the one voted in, and before L1's own, whose keys name operators. */
export const keyEpochsKept = 8n

/** Epochs after them: sets are known two epochs ahead. */
const keyEpochsAhead = 2n

/** Keys remembered, at most; the oldest goes first. */
const keysMax = 16_384

export class OperatorPeers {
  readonly #network: Network
  readonly #l1View: L1View
  /** By key, the operator in hex. */
  readonly #operators = new Map<PeerId, string>()
  readonly #learned = new WeakSet<ValidatorSet>()
  /** By set, the name of each operator in it. */
  readonly #names = new WeakMap<ValidatorSet, ReadonlyMap<string, PeerId>>()

  constructor(network: Network, l1View: L1View) {
    this.#network = network
    this.#l1View = l1View
  }

  /**
   * Takes in the keys of the epochs around the one voted in, and around the one L1 has come to: a
   * network that stood still is behind, and its operators have gone on.
   */
  learn(epoch: bigint): void {
    this.#learnAround(epoch)
    const newest = this.#l1View.newestReference()
    if (newest !== undefined) this.#learnAround(this.#l1View.epochAt(newest.timestamp))
    const excess = this.#operators.size - keysMax
    for (const key of [...this.#operators.keys()].slice(0, Math.max(0, excess))) {
      this.#operators.delete(key)
    }
  }

  /** The key in `set` of the operator behind a connection; its own key when there is none. */
  nameIn(set: ValidatorSet, peer: PeerId): PeerId {
    const operator = this.#operators.get(peer)
    return (operator === undefined ? undefined : this.#namesOf(set).get(operator)) ?? peer
  }

  /** The connection of the operator that `name` is a key of; `name` itself when there is none. */
  connectionOf(name: PeerId): PeerId {
    const peers = this.#network.peers()
    const operator = this.#operators.get(name)
    if (operator === undefined || peers.includes(name)) return name
    return peers.find((peer) => this.#operators.get(peer) === operator) ?? name
  }

  #learnAround(epoch: bigint): void {
    const first = epoch > keyEpochsKept ? epoch - keyEpochsKept : 0n
    for (let each = first; each <= epoch + keyEpochsAhead; each++) {
      const set = this.#l1View.validatorSet(each)
      if (set === undefined || this.#learned.has(set)) continue
      this.#learned.add(set)
      for (const { operator, publicKey } of set.validators) {
        this.#operators.set(peerIdOf(publicKey), toHex(operator))
      }
    }
  }

  #namesOf(set: ValidatorSet): ReadonlyMap<string, PeerId> {
    const known = this.#names.get(set)
    if (known !== undefined) return known
    const names = new Map(
      set.validators.map(({ operator, publicKey }) => [toHex(operator), peerIdOf(publicKey)]),
    )
    this.#names.set(set, names)
    return names
  }
}
