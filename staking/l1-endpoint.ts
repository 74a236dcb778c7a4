/** What a follower asks of an Ethereum node; any JSON-RPC endpoint can answer it. */

import type { Header } from '@zg/evm'

/** The nodes of EIP-1186: of an account, and of each slot in the order asked. */
export type L1Proof = {
  readonly account: readonly Uint8Array[]
  readonly slots: readonly (readonly Uint8Array[])[]
}

/** One `Credited` of Inbox. */
export type L1Credit = {
  readonly index: bigint
  readonly address: bigint
  readonly amountGwei: bigint
}

/** Answers may be late or wrong; what is proved is checked by who asked. */
export interface L1Endpoint {
  /** The newest final block's header, and the hash it is said to have. */
  finalHeader(): Promise<L1Header>
  /** The header of a final block; undefined when it has none of that number. */
  header(number: bigint): Promise<L1Header | undefined>
  /** Proves slots of an account at a block. */
  proof(address: bigint, slots: readonly bigint[], number: bigint): Promise<L1Proof>
  /** Credits of a network, as the logs of some blocks tell them, in order. */
  credits(query: {
    readonly networkId: number
    readonly fromBlock: bigint
    readonly toBlock: bigint
  }): Promise<readonly L1Credit[]>
}

export type L1Header = { readonly header: Header; readonly hash: Uint8Array }
