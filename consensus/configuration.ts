/**
 * What one consensus network is: its identity, its first block, its pace.
 *
 * Everything here is equal on all validators of a network; what differs from machine to machine is
 * an argument of `Validator.open`.
 */

/** Names one network for ever; part of every signed message (docs/specs/votes.md §2). */
export type NetworkIdentity = {
  /** EIP-155 chain id of the Ethereum chain that holds the stake. */
  readonly l1ChainId: bigint
  /** 20 bytes: the staking contract there; zero for a network without one. */
  readonly stakingContract: Uint8Array
  /** 32 bits. */
  readonly networkId: number
  /** 32 bytes: the hash of the execution genesis block. */
  readonly genesisHash: Uint8Array
}

/** The block at height 0: agreed upon without a vote. */
export type ConsensusGenesis = {
  readonly identity: NetworkIdentity
  /** The first epoch: whose set votes on height 1. */
  readonly epoch: bigint
  /** Milliseconds since 1970 of the genesis block. */
  readonly timestampMs: number
}

/** The pace of a network; the same on all validators. Times in milliseconds. */
export type ConsensusParameters = {
  /** Least time between two blocks while transactions wait. */
  readonly blockTimeBusyMs: number
  /** Least time between two blocks while none wait. */
  readonly blockTimeIdleMs: number
  /** Execution time after which a leader stops filling a block. */
  readonly buildBudgetMs: number
  /** Bound on one network delay, at first; grows while views fail. */
  readonly deltaMs: number
  /** The greatest bound it grows to. */
  readonly deltaMaxMs: number
  /** Whether a FinalityVote is signed at every height; the local L1 has none. */
  readonly finalityVotes: boolean
}

/** The pace of the networks; the local L1 uses it with `finalityVotes: false`. */
export const defaultParameters: ConsensusParameters = {
  blockTimeBusyMs: 500,
  blockTimeIdleMs: 1_000,
  buildBudgetMs: 250,
  deltaMs: 300,
  deltaMaxMs: 8_000,
  finalityVotes: true,
}
