/**
 * Where the contracts of L1, and the Inbox of a network, keep what a node proves or a relayer
 * reads: slots as solc lays them out. A test asks the compiler whether it still does.
 *
 *     value at p of mapping(key => …)      keccak(key u256 ‖ p u256)
 *     element i of an array at p           keccak(p u256) + i · words of an element
 */

import { bigintToBytes, bytesToBigint, concat, keccak256 } from '@zg/primitives'

/** Positions of the variables that are read. */
export const layout = {
  NetworkRegistry: {
    _networks: 0n,
    _sets: 1n,
    _members: 2n,
    _stint: 3n,
    _earlierStints: 4n,
    _ids: 7n,
  },
  OperatorRegistry: { _latest: 1n, _key: 2n, _earlierKeys: 3n, _earlierWeights: 4n },
  Inbox: { _boxes: 0n },
  Streams: { _streams: 0n },
  FinalityOracle: { _final: 0n },
  RewardBridge: { _claimed: 4n, _refunded: 5n },
  NetworkInbox: { _delivered: 0n, _deliveredFromL1: 1n },
} as const

/** Words of `Bls.Key`, and of `OperatorRegistry.Period`: its epoch before its key. */
export const keyWordCount = 3n
export const periodWordCount = 4n

/** From a network's `Box` on: the roots and counts of its two trees. */
export const boxOffsets = {
  creditRoot: 0n,
  creditCount: 1n,
  messageRoot: 34n,
  messageCount: 35n,
} as const

/** Words of a `Final`: its head, then the hashes of a block. */
export const finalWordCount = 4n

/** Words of a `Network` that are told elsewhere, by offset from its first. */
export const networkOffsets = { epochs: 0n, opening: 1n, genesisHash: 2n, genesisRoot: 3n } as const

/** Ids of networks in a word of the list of them. */
export const idsPerWord = 8n

/** A `SetRing`: how many points it keeps, and words of one: its head, then the aggregate key. */
export const setPointsMax = 64n
export const pointWordCount = 4n

/** Slot of a mapping's value. */
export function mappingSlot(position: bigint, key: bigint): bigint {
  return bytesToBigint(keccak256(concat(bigintToBytes(key, 32), bigintToBytes(position, 32))))
}

/** Slot of the head of the point of a number in the ring at `ring`. */
export function pointSlot(ring: bigint, number: bigint): bigint {
  return ring + 1n + (number % setPointsMax) * pointWordCount
}

/** Slot of the first element of an array whose length is at `position`. */
export function arraySlot(position: bigint): bigint {
  return bytesToBigint(keccak256(bigintToBytes(position, 32)))
}

/** An operator in a network, from an epoch until before another. */
export type Stint = { readonly fromEpoch: bigint; readonly untilEpoch: bigint }

/** In which epochs there is a network: the first word of its `Network`. */
export type Life = { readonly firstEpoch: bigint; readonly endEpoch: bigint }

/** The two newest weights of an operator and the age of its newest key. */
export type Latest = {
  readonly weightFrom: bigint
  readonly weightBeforeFrom: bigint
  readonly weight: bigint
  readonly weightBefore: bigint
  readonly keyFrom: bigint
}

export function stintOf(word: bigint): Stint {
  return { fromEpoch: bitsOf(word, 0n, 64n), untilEpoch: bitsOf(word, 64n, 64n) }
}

/** Id of a place in a word of the list of networks. */
export function networkIdOf(word: bigint, place: bigint): number {
  return Number(bitsOf(word, 32n * place, 32n))
}

export function chainIdOf(word: bigint): bigint {
  return bitsOf(word, 0n, 64n)
}

/** From which epoch on a network takes no new streams, by the second word of it; 0 for none. */
export function drainingEpochOf(word: bigint): bigint {
  return bitsOf(word, 224n, 32n)
}

/** What is kept of a stream. */
export type StreamWord = {
  readonly openedEpoch: bigint
  readonly homeFrom: bigint
  readonly home: number
  readonly homeBefore: number
  readonly homeCount: number
}

export function streamOf(word: bigint): StreamWord {
  return {
    openedEpoch: bitsOf(word, 0n, 64n),
    homeFrom: bitsOf(word, 64n, 64n),
    home: Number(bitsOf(word, 128n, 32n)),
    homeBefore: Number(bitsOf(word, 160n, 32n)),
    homeCount: Number(bitsOf(word, 192n, 32n)),
  }
}

export function lifeOf(word: bigint): Life {
  return { firstEpoch: bitsOf(word, 64n, 64n), endEpoch: bitsOf(word, 192n, 64n) }
}

/** From which epoch on a point of a set holds, and what the set weighs, in gwei. */
export function pointOf(word: bigint): { readonly fromEpoch: bigint; readonly total: bigint } {
  return { fromEpoch: bitsOf(word, 0n, 64n), total: bitsOf(word, 64n, 64n) }
}

/** How high L1 knows a network, by a block of which epoch, and whether nothing follows. */
export function finalHeadOf(word: bigint): {
  readonly epoch: bigint
  readonly height: bigint
  /** Of a block that closes its epoch; 0 otherwise. */
  readonly nextEpoch: bigint
  readonly isHalted: boolean
  readonly isDead: boolean
} {
  return {
    epoch: bitsOf(word, 0n, 64n),
    height: bitsOf(word, 64n, 64n),
    nextEpoch: bitsOf(word, 128n, 64n),
    isHalted: bitsOf(word, 192n, 8n) !== 0n,
    isDead: bitsOf(word, 200n, 8n) !== 0n,
  }
}

export function latestOf(word: bigint): Latest {
  return {
    weightFrom: bitsOf(word, 0n, 48n),
    weightBeforeFrom: bitsOf(word, 48n, 48n),
    weight: bitsOf(word, 96n, 64n),
    weightBefore: bitsOf(word, 160n, 64n),
    keyFrom: bitsOf(word, 224n, 32n),
  }
}

/** A checkpoint of OpenZeppelin's Trace208. */
export function checkpointOf(word: bigint): { readonly key: bigint; readonly value: bigint } {
  return { key: bitsOf(word, 0n, 48n), value: bitsOf(word, 48n, 208n) }
}

function bitsOf(word: bigint, offset: bigint, size: bigint): bigint {
  return (word >> offset) & ((1n << size) - 1n)
}
