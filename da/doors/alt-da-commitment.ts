/**
 * Commitments as an OP Stack rollup writes them on L1 (docs/specs/da.md §10).
 *
 *     keccak    0x00 ‖ keccak256(input)                  33 bytes; the rollup itself checks it
 *     generic   0x01 ‖ layer ‖ handle (da.md §3)         83 bytes; only we know what it means
 */

import { concat, fromHex, toHex, ZgError } from '@zg/primitives'

import { decodeHandle, encodeHandle } from '../batch/batch.ts'
import type { BlobHandle } from '../batch/batch.ts'

/** The byte that says whose generic commitment it is: `z`. */
export const altDaLayer = 0x7a

/** Bytes of the input of a keccak commitment at most: it must fit into a transaction of L1. */
export const keccakInputSizeMax = 130_672

const keccakKind = 0x00
const genericKind = 0x01
const keccakSize = 32
/** Longest hexadecimal text that is looked at. */
const hexLengthMax = 1_024

export type AltDaCommitment =
  | { readonly kind: 'keccak'; readonly hash: Uint8Array }
  | { readonly kind: 'generic'; readonly handle: BlobHandle }

export function encodeGenericCommitment(handle: BlobHandle): Uint8Array {
  return concat(Uint8Array.of(genericKind, altDaLayer), encodeHandle(handle))
}

/**
 * Reads the text of a commitment, `0x…`.
 *
 * @throws {CommitmentMalformedError} `DA_COMMITMENT`: no hexadecimal, or of another layer, which
 *   may have it · {HandleMalformedError} `DA_HANDLE`: of ours, and nobody ever has it
 */
export function parseCommitment(text: string): AltDaCommitment {
  if (text.length > hexLengthMax || !/^0x([0-9a-fA-F]{2})+$/.test(text)) {
    throw new CommitmentMalformedError('it is not hexadecimal', text)
  }
  const bytes = fromHex(text.toLowerCase())
  if (bytes[0] === keccakKind && bytes.length === 1 + keccakSize) {
    return { kind: 'keccak', hash: bytes.slice(1) }
  }
  if (bytes[0] === genericKind && bytes[1] === altDaLayer) {
    return { kind: 'generic', handle: decodeHandle(bytes.subarray(2)) }
  }
  throw new CommitmentMalformedError(
    `it begins neither with 0x00 and 32 bytes nor with ${toHex(Uint8Array.of(1, altDaLayer))}`,
    text,
  )
}

export class CommitmentMalformedError extends ZgError<'DA_COMMITMENT'> {
  constructor(problem: string, text: string) {
    const commitment = text.slice(0, 80)
    super('DA_COMMITMENT', `Cannot read the commitment "${commitment}": ${problem}`, { problem })
  }
}
