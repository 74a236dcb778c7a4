/**
 * What a node knows of L1: the stake, for consensus, and what L1 gave this network to pay out.
 *
 * Whoever implements it follows L1 by its own endpoint and proves what it reads there; a node takes
 * it as an argument, so that tests and the simulator can bring their own.
 */

import { fixedStakeView } from '@zg/consensus'
import type { CreditRange, StakeView, ValidatorSet } from '@zg/consensus'

/** Tokens that L1 gave up for an account here. */
export type Credit = {
  readonly address: bigint
  /** In gwei, as EIP-4895 counts. */
  readonly amountGwei: bigint
}

export interface L1View extends StakeView {
  /** Credits of a range, in order; undefined while one of them is not known here. */
  creditsOf(range: CreditRange): readonly Credit[] | undefined
}

/** The view of a network without an L1: one set for ever, and no credits. */
export function withoutL1(set: ValidatorSet): L1View {
  return { ...fixedStakeView(set), creditsOf: ({ count }) => (count === 0 ? [] : undefined) }
}
