/** Where this node stands in a set, and with which of its keys: an operator's key may change. */

import { assert } from '@zg/primitives'

import type { Signer } from './signer.ts'
import type { ValidatorSet } from './validator-set.ts'
import { validatorIndexOf } from './validator-set.ts'

export type Seat = { readonly index: number; readonly signer: Signer }

/** The seat of the first signer whose key stands in the set; undefined when none does. */
export function seatIn(set: ValidatorSet, signers: readonly Signer[]): Seat | undefined {
  for (const signer of signers) {
    const index = validatorIndexOf(set, signer.publicKey)
    if (index >= 0) return { index, signer }
  }
  return undefined
}

/** The signer of a seat that must be there. */
export function signerIn(set: ValidatorSet, signers: readonly Signer[]): Signer {
  const seat = seatIn(set, signers)
  assert(seat !== undefined, 'only who stands in a set signs as one of it')
  return seat.signer
}
