/**
 * Reads the block of a network that FinalityOracle keeps out of L1's state: the newest that a
 * certificate proved there (docs/specs/stake.md §4). Whoever begins to follow the network holds its
 * history against it.
 */

import { finalHeadOf, finalWordCount, layout, mappingSlot } from './l1-layout.ts'
import { wordBytes } from './proved-state.ts'
import type { ProvedState } from './proved-state.ts'

/** Before any certificate: height 0, and the roots are zero. */
export type ReadFinal = ReturnType<typeof finalHeadOf> & {
  /** 32 bytes each. */
  readonly consensusRoot: Uint8Array
  readonly histRoot: Uint8Array
}

/** @throws {L1ProofError} `STAKING_L1_PROOF_INVALID`; and whatever the endpoints throw. */
export async function readFinal(
  state: ProvedState,
  { finalityOracle, networkId }: { readonly finalityOracle: bigint; readonly networkId: number },
): Promise<ReadFinal> {
  const place = mappingSlot(layout.FinalityOracle._final, BigInt(networkId))
  const slots = Array.from({ length: Number(finalWordCount) }, (_, index) => place + BigInt(index))
  const [head = 0n, , root = 0n, histRoot = 0n] = await state.read(finalityOracle, slots)
  return {
    ...finalHeadOf(head),
    consensusRoot: wordBytes(root),
    histRoot: wordBytes(histRoot),
  }
}
