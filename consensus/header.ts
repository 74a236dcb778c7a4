/**
 * The consensus header: a fixed binary Merkle tree of sixteen 32-byte leaves over SHA-256, whose
 * root (the consensusRoot) is what validators vote on. Layout and reasons: docs/specs/blocks.md §2.
 *
 * The header names no view, so a block keeps its root when a later leader proposes it again, and no
 * parent: `histRoot` commits to the consensusRoots of all heights below, the parent's the last.
 */

import {
  bigintToBytes,
  concat,
  emptyIncrementalTree,
  incrementalRoot,
  keccak256,
  merkleProof,
  merkleRoot,
  sha256,
  ZgError,
} from '@zg/primitives'

import { ByteReader, ByteWriter } from './codec.ts'
import type { ConsensusGenesis } from './configuration.ts'
import type { L1Reference } from './l1-reference.ts'
import { sameL1Reference, zeroL1Reference } from './l1-reference.ts'
import type { L1View } from './l1-view.ts'

/** Credits the withdrawals of one block take, at most (EIP-4895's bound). */
export const creditsPerBlockMax = 16n

/** Index of each leaf in the tree, for proofs (docs/specs/blocks.md §2). */
export const headerLeafIndex = {
  networkId: 0,
  epoch: 1,
  height: 2,
  timestampMs: 3,
  proposer: 4,
  l1Number: 5,
  l1Hash: 6,
  l1Timestamp: 7,
  l1StateRoot: 8,
  creditRoot: 9,
  creditCount: 10,
  messageRoot: 11,
  creditNext: 12,
  histRoot: 13,
  mix: 14,
  executionHash: 15,
} as const

/** Bytes of an encoded header: 304. */
export const headerSizeBytes = 4 + 7 * 8 + 20 + 7 * 32

export type ConsensusHeader = {
  readonly networkId: number
  readonly epoch: bigint
  readonly height: bigint
  /** Milliseconds since 1970; greater than the parent's. */
  readonly timestampMs: number
  /** 20 bytes: the operator that built the block; its tips go there. */
  readonly proposer: Uint8Array
  readonly l1: L1Reference
  /** Index of the first credit not yet paid out after this block. */
  readonly creditNext: bigint
  /** Root over the consensusRoots of heights 0 .. height - 1. */
  readonly histRoot: Uint8Array
  /** mix(height) = sha256(mix(height - 1) ‖ reveal(height)). */
  readonly mix: Uint8Array
  /** Hash of the execution block. */
  readonly executionHash: Uint8Array
}

/** The header of height 0: mix = keccak256(genesis hash), empty history, no proposer. */
export function genesisHeader(genesis: ConsensusGenesis): ConsensusHeader {
  return {
    networkId: genesis.identity.networkId,
    epoch: genesis.epoch,
    height: 0n,
    timestampMs: genesis.timestampMs,
    proposer: new Uint8Array(20),
    l1: zeroL1Reference,
    creditNext: 0n,
    histRoot: incrementalRoot(emptyIncrementalTree),
    mix: keccak256(genesis.identity.genesisHash),
    executionHash: genesis.identity.genesisHash,
  }
}

/** The sixteen leaves in order, each 32 bytes, integers and addresses big-endian to the right. */
export function headerLeaves(header: ConsensusHeader): readonly Uint8Array[] {
  const { l1 } = header
  return [
    bigintToBytes(BigInt(header.networkId), 32),
    bigintToBytes(header.epoch, 32),
    bigintToBytes(header.height, 32),
    bigintToBytes(BigInt(header.timestampMs), 32),
    concat(new Uint8Array(12), header.proposer),
    bigintToBytes(l1.number, 32),
    l1.hash,
    bigintToBytes(l1.timestamp, 32),
    l1.stateRoot,
    l1.creditRoot,
    bigintToBytes(l1.creditCount, 32),
    l1.messageRoot,
    bigintToBytes(header.creditNext, 32),
    header.histRoot,
    header.mix,
    header.executionHash,
  ]
}

/** Returns the consensusRoot of a header, 32 bytes. */
export function consensusRoot(header: ConsensusHeader): Uint8Array {
  return merkleRoot(headerLeaves(header))
}

/** Returns the four siblings, leaf upwards, that prove one field against the consensusRoot. */
export function headerProof(
  header: ConsensusHeader,
  field: keyof typeof headerLeafIndex,
): readonly Uint8Array[] {
  return merkleProof(headerLeaves(header), headerLeafIndex[field])
}

/** mix(height), from the parent's mix and the proposer's reveal. */
export function nextMix(parentMix: Uint8Array, reveal: Uint8Array): Uint8Array {
  return sha256(concat(parentMix, reveal))
}

/** The creditNext a block must hold: its withdrawals are the next 16 credits, or all if fewer. */
export function nextCredit(parentCreditNext: bigint, creditCount: bigint): bigint {
  const waiting = creditCount - parentCreditNext
  return parentCreditNext + (waiting < creditsPerBlockMax ? waiting : creditsPerBlockMax)
}

/** Whether a block closes its epoch: its L1 reference lies in a later one. */
export function isClosing(header: ConsensusHeader, l1View: L1View): boolean {
  return l1View.epochAt(header.l1.timestamp) > header.epoch
}

/** The nextEpoch of a FinalityVote on `header`: zero unless the block closes its epoch. */
export function nextEpochOf(header: ConsensusHeader, l1View: L1View): bigint {
  return isClosing(header, l1View) ? l1View.epochAt(header.l1.timestamp) : 0n
}

export function writeHeader(writer: ByteWriter, header: ConsensusHeader): void {
  const { l1 } = header
  writer.u32(header.networkId)
  writer.u64(header.epoch)
  writer.u64(header.height)
  writer.u64(BigInt(header.timestampMs))
  writer.fixed(header.proposer, 20)
  writer.u64(l1.number)
  writer.fixed(l1.hash, 32)
  writer.u64(l1.timestamp)
  writer.fixed(l1.stateRoot, 32)
  writer.fixed(l1.creditRoot, 32)
  writer.u64(l1.creditCount)
  writer.fixed(l1.messageRoot, 32)
  writer.u64(header.creditNext)
  writer.fixed(header.histRoot, 32)
  writer.fixed(header.mix, 32)
  writer.fixed(header.executionHash, 32)
}

export function readHeader(reader: ByteReader): ConsensusHeader {
  const networkId = reader.u32()
  const epoch = reader.u64()
  const height = reader.u64()
  const timestampMs = reader.safeInteger()
  const proposer = reader.fixed(20)
  const l1 = {
    number: reader.u64(),
    hash: reader.fixed(32),
    timestamp: reader.u64(),
    stateRoot: reader.fixed(32),
    creditRoot: reader.fixed(32),
    creditCount: reader.u64(),
    messageRoot: reader.fixed(32),
  }
  const creditNext = reader.u64()
  const histRoot = reader.fixed(32)
  const mix = reader.fixed(32)
  const executionHash = reader.fixed(32)
  return {
    networkId,
    epoch,
    height,
    timestampMs,
    proposer,
    l1,
    creditNext,
    histRoot,
    mix,
    executionHash,
  }
}

/**
 * Checks all that a header says by itself and about its parent; not its L1 reference, its reveal or
 * its payload.
 *
 * @throws {HeaderInvalidError} `CONSENSUS_HEADER_INVALID`
 */
export function checkHeader(header: ConsensusHeader, parent: ConsensusHeader): void {
  // MUST be of this network, one above its parent, never of an earlier epoch.
  if (header.networkId !== parent.networkId) throw new HeaderInvalidError('networkId')
  if (header.height !== parent.height + 1n) throw new HeaderInvalidError('height')
  if (header.epoch < parent.epoch) throw new HeaderInvalidError('epoch')
  // MUST be strictly later than its parent.
  if (header.timestampMs <= parent.timestampMs) throw new HeaderInvalidError('timestampMs')
  // MUST repeat the parent's L1 reference or name a higher L1 block.
  if (header.l1.number === parent.l1.number && !sameL1Reference(header.l1, parent.l1)) {
    throw new HeaderInvalidError('l1')
  }
  if (header.l1.number < parent.l1.number) throw new HeaderInvalidError('l1')
  if (header.l1.timestamp < parent.l1.timestamp) throw new HeaderInvalidError('l1')
  if (header.l1.creditCount < parent.creditNext) throw new HeaderInvalidError('creditCount')
  // MUST pay out exactly the next credits.
  if (header.creditNext !== nextCredit(parent.creditNext, header.l1.creditCount)) {
    throw new HeaderInvalidError('creditNext')
  }
}

export class HeaderInvalidError extends ZgError<'CONSENSUS_HEADER_INVALID'> {
  constructor(field: string) {
    super('CONSENSUS_HEADER_INVALID', `Cannot accept the header: its ${field} is wrong`, { field })
  }
}
