/**
 * What a relayer asks of a node of a network; any node's JSON-RPC can answer it.
 *
 * Answers may be late, missing or wrong: certificates are verified, headers, history, state and
 * entries proved, by who asked.
 */

import type { ConsensusHeader, FinalityCertificate } from '@zg/consensus'

import type { OutboxEntry } from './outbox-entry.ts'

/** The nodes of EIP-1186: of an account, and of each slot in the order asked. */
export type NetworkProof = {
  readonly account: readonly Uint8Array[]
  readonly slots: readonly (readonly Uint8Array[])[]
}

/** One `Sent` of Outbox, and the height of its block. */
export type OutboxLog = {
  readonly index: bigint
  readonly height: bigint
  readonly entry: OutboxEntry
}

/** Entries of whole blocks, in order; those after `toHeight` were not looked for. */
export type OutboxLogs = { readonly logs: readonly OutboxLog[]; readonly toHeight: bigint }

export interface NetworkEndpoint {
  /** The finality certificate of a height, or the newest; undefined when it has none. */
  finalityCertificate(height: bigint | 'latest'): Promise<FinalityCertificate | undefined>
  /** The consensus header of a final height; undefined when it does not hold it. */
  header(height: bigint): Promise<ConsensusHeader | undefined>
  /** 32 siblings of a height's consensusRoot under the histRoot of a later one. */
  historyProof(place: {
    readonly height: bigint
    readonly under: bigint
  }): Promise<readonly Uint8Array[] | undefined>
  /** The RLP of the execution header of a height. */
  executionHeader(height: bigint): Promise<Uint8Array | undefined>
  /** Proves slots of an account at a height; undefined when that state is gone. */
  proof(query: {
    readonly address: bigint
    readonly slots: readonly bigint[]
    readonly height: bigint
  }): Promise<NetworkProof | undefined>
  /** Outbox entries from a height on, at most until another: as many as one answer holds. */
  outboxLogs(query: { readonly fromHeight: bigint; readonly toHeight: bigint }): Promise<OutboxLogs>
}
