/** What 0G's signers sign, byte for byte (docs/specs/da.md §11): digests that are hashed to G1. */

import { bigintToBytes, concat, keccak256 } from '@zg/primitives'

import { encodeG1, hashToG1 } from './bn254.ts'
import type { G1Point } from './bn254.ts'

const registrationTag = new TextEncoder().encode('0G_BN254_Pubkey_Registration')
const wordSize = 32

/** A root that 0G's contracts know, and the quorum that holds what it stands for. */
export type RootName = {
  /** 32 bytes: the commitment to a batch's rows. */
  readonly dataRoot: Uint8Array
  readonly epoch: bigint
  readonly quorumId: bigint
}

/** That a signer of 20 bytes holds its key, on a chain. */
export function registrationDigest(signer: Uint8Array, chainId: bigint): Uint8Array {
  return keccak256(concat(signer, wordOf(chainId), registrationTag))
}

/** That it signs in an epoch. */
export function epochDigest(signer: Uint8Array, epoch: bigint, chainId: bigint): Uint8Array {
  return keccak256(concat(signer, bigintToBytes(epoch, 8), wordOf(chainId)))
}

/** That a signer holds its rows of what a root stands for. */
export function rootDigest(
  { dataRoot, epoch, quorumId }: RootName,
  commitment: G1Point = erasureCommitmentOf(dataRoot),
): Uint8Array {
  return keccak256(concat(dataRoot, wordOf(epoch), wordOf(quorumId), encodeG1(commitment)))
}

/** The only erasure commitment of a root. */
export function erasureCommitmentOf(dataRoot: Uint8Array): G1Point {
  return hashToG1(dataRoot)
}

function wordOf(number: bigint): Uint8Array {
  return bigintToBytes(number, wordSize)
}
