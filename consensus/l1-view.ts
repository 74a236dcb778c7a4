/**
 * What consensus asks of Ethereum: which set votes in an epoch, what a header may say of L1, and
 * which credits a block pays out (docs/specs/blocks.md §4 to §6).
 *
 * A view is a node's own: it follows L1 by itself and may lag behind the views of others. All
 * answers are functions of finalized L1 data, so honest views never contradict each other; one may
 * only not know yet.
 */

import type { L1Reference } from './l1-reference.ts'
import type { ValidatorSet } from './validator-set.ts'

/** L1 blocks that `newestReference` stays behind the finalized head, so that others know it too. */
export const l1ReferenceDepth = 2n

/** One deposit from L1 that a network pays out; its index is its place in Inbox's credit tree. */
export type Credit = {
  readonly index: bigint
  /** 20 bytes. */
  readonly recipient: Uint8Array
  readonly amountGwei: bigint
}

/**
 * VALID: canonical and finalized here, and all credits below its `creditCount` are known. UNKNOWN:
 * cannot be told yet; do not vote, ask again later. INVALID: L1 holds another block there.
 */
export type ReferenceStatus = 'VALID' | 'UNKNOWN' | 'INVALID'

export interface L1View {
  /** The epoch an L1 timestamp (seconds) lies in; the first for times before it. */
  epochAt(l1TimestampSeconds: bigint): bigint
  /** The set of an epoch; undefined when it is not known here (yet, or any more). */
  validatorSet(epoch: bigint): ValidatorSet | undefined
  /**
   * What a block built now should refer to, `l1ReferenceDepth` behind the finalized head; undefined
   * while there is nothing to refer to.
   */
  newestReference(): L1Reference | undefined
  /** Whether a reference is right; the one of a block or of its parent. */
  checkReference(reference: L1Reference): ReferenceStatus
  /** Credits `from` to `until` - 1, in order; undefined when one is not known here (yet). */
  credits(from: bigint, until: bigint): readonly Credit[] | undefined
}

/** The view of a network without an L1: one set for ever, no reference and no credits. */
export function viewWithoutL1(set: ValidatorSet): L1View {
  return {
    epochAt: () => set.epoch,
    validatorSet: (epoch) => (epoch === set.epoch ? set : undefined),
    newestReference: () => undefined,
    checkReference: () => 'INVALID',
    credits: (from, until) => (from === until ? [] : undefined),
  }
}
