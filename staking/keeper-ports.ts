/**
 * What a keeper asks of both ends. Its own network it asks as a relayer does, and for what the
 * RewardHub told; L1 it asks for proofs of its state and for what Inbox told. Nothing of it is
 * believed that a proof can show; the rest costs gas or delay, for the contracts decide.
 */

import type { L1Chain } from './l1-chain.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import type { NetworkEndpoint } from './network-endpoint.ts'

/** One `MessageSent` of Inbox. */
export type L1MessageLog = {
  readonly index: bigint
  readonly sender: bigint
  readonly to: bigint
  readonly data: Uint8Array
  /** Of L1. */
  readonly blockNumber: bigint
}

/** L1 as a keeper sees it. */
export interface KeeperL1 extends Pick<L1Endpoint, 'proof'> {
  /** Messages to a network, as the logs of some blocks tell them, in order. */
  messages(query: {
    readonly networkId: number
    readonly fromBlock: bigint
    readonly toBlock: bigint
  }): Promise<readonly L1MessageLog[]>
}

/** A node of the network that is kept. */
export interface KeeperEndpoint extends NetworkEndpoint {
  /** Whom RewardHub named as absent from a height (20 bytes each), in the order it did so. */
  rewardAbsences(query: {
    readonly height: bigint
    readonly fromHeight: bigint
    readonly toHeight: bigint
  }): Promise<readonly (readonly Uint8Array[])[]>
}

/** A node of another network, from which messages come. */
export interface OtherEndpoint extends NetworkEndpoint {
  /** What a message says that is an entry of the Outbox, of a height; undefined when it is gone. */
  messageData(entry: {
    readonly index: bigint
    readonly height: bigint
  }): Promise<Uint8Array | undefined>
}

/** The network as who sends to it sees it. */
export interface KeeperChain extends L1Chain {
  /** Whether a contract stands at an address. */
  hasCode(address: bigint): Promise<boolean>
}
