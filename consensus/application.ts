/**
 * What consensus asks of the chain it orders: payloads it does not understand.
 *
 * A payload is the encoding of one execution block; `executionHash` is its block hash. Consensus
 * puts the hash in its header, votes on the header, and hands the payload back when it is final.
 * All calls may take time; none may answer "invalid" for "slow" or "not yet known".
 */

import type { Credit } from './l1-view.ts'

/** What the next execution block must be built with; the consensus header fixes all of it. */
export type PayloadAttributes = {
  readonly height: bigint
  /** Execution hash of the parent, 32 bytes. */
  readonly parentExecutionHash: Uint8Array
  /** Whole seconds: floor(timestampMs / 1000). */
  readonly timestampSeconds: bigint
  /** mix(height - 1), 32 bytes. */
  readonly prevRandao: Uint8Array
  /** consensusRoot of the parent, 32 bytes: the execution header's parentBeaconBlockRoot. */
  readonly parentConsensusRoot: Uint8Array
  /** 20 bytes: where the proposer's tips go. */
  readonly feeRecipient: Uint8Array
  /** Credits from L1 that the block pays out: exactly these, in this order. */
  readonly credits: readonly Credit[]
}

export type Payload = {
  /** 32 bytes. */
  readonly executionHash: Uint8Array
  readonly bytes: Uint8Array
}

/**
 * VALID and INVALID are about the block that `executionHash` names, whoever asks. SYNCING: its
 * parent is not here yet; do not vote, ask again later. MISMATCH: the bytes are not that block, so
 * they say nothing about it; somebody may have the right ones.
 */
export type PayloadStatus = 'VALID' | 'INVALID' | 'SYNCING' | 'MISMATCH'

export interface Application {
  /** The last final block that is durable here; the genesis block at first. */
  finalHead(): { readonly height: bigint; readonly executionHash: Uint8Array }
  /**
   * Builds on a parent that was VALID, filling until about `buildBudgetMs` have passed. What it
   * returns counts as VALID here: it may be finalized without a `validatePayload` of its own.
   */
  buildPayload(attributes: PayloadAttributes, buildBudgetMs: number): Promise<Payload>
  /** Executes and checks a payload against the attributes its header implies. */
  validatePayload(attributes: PayloadAttributes, payload: Payload): Promise<PayloadStatus>
  /**
   * Makes a VALID block, its un-final ancestors before it, durable and visible. Resolves once that
   * is so; calling it again for a final block does nothing.
   */
  finalize(executionHash: Uint8Array): Promise<void>
  /**
   * Forgets an un-final block that was VALID: it lost. Should it be needed after all, it is
   * validated again. Absent: the application bounds what it keeps itself.
   */
  forget?(executionHash: Uint8Array): void
  /** Whether transactions wait: sets the pace of this node as a leader. Absent: never. */
  hasPending?(): boolean
  /** The payload of a known block, for peers that catch up; undefined when unknown or pruned. */
  payloadOf(executionHash: Uint8Array): Uint8Array | undefined
}
