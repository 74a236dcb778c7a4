/** Proofs of operators for SharedStake, from the tries of an L1 world. */

import type { Hex } from '@zg/primitives'

import { encodeOperatorProof } from '../operator-proof.ts'
import type { HeaderProof, ReferredL1 } from './network-world.ts'

/** Proves an operator's weight and newest key by a header and the state that it refers to. */
export async function operatorProofOf(
  header: HeaderProof,
  { proofs }: ReferredL1,
  operator: Hex,
): Promise<Hex> {
  return encodeOperatorProof(header, await proofs.operator(operator, await proofs.key(operator)))
}
