/**
 * The finalized block of L1 that a consensus header names: the clock of epochs and the source of
 * credits and messages (docs/specs/blocks.md §2).
 */

import { bytesEqual } from '@zg/primitives'

const zeroHash = new Uint8Array(32)

/** A finalized L1 block, as a header names it; all zero while a network has no L1. */
export type L1Reference = {
  readonly number: bigint
  readonly hash: Uint8Array
  /** Seconds since 1970. */
  readonly timestamp: bigint
  readonly stateRoot: Uint8Array
  readonly creditRoot: Uint8Array
  readonly creditCount: bigint
  readonly messageRoot: Uint8Array
}

/** The reference of a network without an L1. */
export const zeroL1Reference: L1Reference = {
  number: 0n,
  hash: zeroHash,
  timestamp: 0n,
  stateRoot: zeroHash,
  creditRoot: zeroHash,
  creditCount: 0n,
  messageRoot: zeroHash,
}

/** Whether two L1 references are the same. */
export function sameL1Reference(a: L1Reference, b: L1Reference): boolean {
  return (
    a.number === b.number &&
    a.timestamp === b.timestamp &&
    a.creditCount === b.creditCount &&
    bytesEqual(a.hash, b.hash) &&
    bytesEqual(a.stateRoot, b.stateRoot) &&
    bytesEqual(a.creditRoot, b.creditRoot) &&
    bytesEqual(a.messageRoot, b.messageRoot)
  )
}
