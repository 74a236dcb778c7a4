/**
 * Consensus' view of the stake: which set votes in an epoch, and what a header may say of L1.
 */

import type { L1Reference } from './l1-reference.ts'
import { sameL1Reference } from './l1-reference.ts'
import type { ValidatorSet } from './validator-set.ts'

/**
 * What consensus asks of its view of Ethereum: the set of an epoch and the L1 reference of a block.
 * All answers are functions of finalized L1 data, so honest validators never contradict each other;
 * they may only not know yet.
 */
export interface StakeView {
  /** The set of an epoch; undefined when it is not known here (yet). */
  validatorSet(epoch: bigint): ValidatorSet | undefined
  /** The epoch an L1 timestamp (seconds) lies in. */
  epochAt(l1TimestampSeconds: bigint): bigint
  /** The reference a block built now on a parent with `parent` should carry; it or a higher one. */
  nextReference(parent: L1Reference): L1Reference
  /** UNKNOWN: cannot be checked yet; do not vote, ask again later. */
  checkReference(reference: L1Reference, parent: L1Reference): 'VALID' | 'INVALID' | 'UNKNOWN'
}

/** The view of a network without an L1: one set for ever, references that never change. */
export function fixedStakeView(set: ValidatorSet): StakeView {
  return {
    validatorSet: (epoch) => (epoch === set.epoch ? set : undefined),
    epochAt: () => set.epoch,
    nextReference: (parent) => parent,
    checkReference: (reference, parent) =>
      sameL1Reference(reference, parent) ? 'VALID' : 'INVALID',
  }
}
