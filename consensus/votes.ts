/**
 * What validators sign: 32-byte SHA-256 digests of fixed layouts, each beginning with the 16-byte
 * tag of its kind and the network it belongs to (docs/specs/votes.md).
 *
 * A round vote names a view and a consensusRoot, not the parent: the header under the root commits
 * to its parent, so a parent field would only make two encodings of one vote.
 */

import { bigintToBytes, concat, sha256 } from '@zg/primitives'

import type { NetworkIdentity } from './configuration.ts'

/** The 16-byte tags of all messages that operators' BLS keys sign. */
export const tags = {
  notarize: tagOf('zg/notarize'),
  nullify: tagOf('zg/nullify'),
  finalize: tagOf('zg/finalize'),
  finality: tagOf('zg/finality'),
  beacon: tagOf('zg/beacon'),
  pop: tagOf('zg/pop'),
  da: tagOf('zg/da'),
  tls: tagOf('zg/tls'),
} as const

/** The votes of one view. */
export type RoundVoteKind = 'notarize' | 'nullify' | 'finalize'

export type RoundVote = {
  readonly kind: RoundVoteKind
  readonly epoch: bigint
  /** From 1; at most 2^53 - 1. */
  readonly view: number
  /** consensusRoot voted on; 32 zero bytes in a nullify. */
  readonly digest: Uint8Array
}

/** One statement a validator makes at every final height; no view in it. */
export type FinalityVote = {
  readonly epoch: bigint
  readonly height: bigint
  /** Hash of the execution block. */
  readonly blockHash: Uint8Array
  readonly consensusRoot: Uint8Array
  readonly histRoot: Uint8Array
  /** The epoch after this block when it closes its epoch; zero otherwise. */
  readonly nextEpoch: bigint
}

/** That a DA signer holds its rows of a batch (docs/specs/da.md). */
export type DataVote = {
  readonly epoch: bigint
  readonly quorum: number
  /** 20 bytes: the account that pays. */
  readonly disperser: Uint8Array
  readonly sequence: bigint
  /** 32 bytes: to all rows of the batch. */
  readonly commitment: Uint8Array
}

/** The digest of a nullify. */
export const zeroDigest = new Uint8Array(32)

/** Message of a round vote: sha256(tag ‖ network ‖ epoch ‖ view ‖ digest), 128 bytes hashed. */
export function roundVoteDigest(identity: NetworkIdentity, vote: RoundVote): Uint8Array {
  return sha256(
    concat(
      domain(tags[vote.kind], identity, vote.epoch),
      bigintToBytes(BigInt(vote.view), 8),
      vote.digest,
    ),
  )
}

/** Message of a finality vote: 200 bytes hashed. */
export function finalityVoteDigest(identity: NetworkIdentity, vote: FinalityVote): Uint8Array {
  return sha256(
    concat(
      domain(tags.finality, identity, vote.epoch),
      bigintToBytes(vote.height, 8),
      vote.blockHash,
      vote.consensusRoot,
      vote.histRoot,
      bigintToBytes(vote.nextEpoch, 8),
    ),
  )
}

/** Message of a DA vote: 152 bytes hashed. */
export function dataVoteDigest(identity: NetworkIdentity, vote: DataVote): Uint8Array {
  return sha256(
    concat(
      domain(tags.da, identity, vote.epoch),
      bigintToBytes(BigInt(vote.quorum), 4),
      vote.disperser,
      bigintToBytes(vote.sequence, 8),
      vote.commitment,
    ),
  )
}

/** Message of a proposer's reveal at a height: its signature is unique, so it has no choice. */
export function beaconDigest(identity: NetworkIdentity, epoch: bigint, height: bigint): Uint8Array {
  return sha256(concat(domain(tags.beacon, identity, epoch), bigintToBytes(height, 8)))
}

/** Message of the proof that an operator holds the secret of a key it registers. */
export function possessionDigest(proof: {
  readonly l1ChainId: bigint
  /** 20 bytes: the OperatorRegistry. */
  readonly registry: Uint8Array
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** 48 bytes, compressed. */
  readonly publicKey: Uint8Array
}): Uint8Array {
  const { l1ChainId, registry, operator, publicKey } = proof
  return sha256(concat(tags.pop, bigintToBytes(l1ChainId, 8), registry, operator, publicKey))
}

/** tag ‖ l1ChainId ‖ stakingContract ‖ networkId ‖ genesisHash ‖ epoch: 88 bytes. */
function domain(tag: Uint8Array, identity: NetworkIdentity, epoch: bigint): Uint8Array {
  return concat(
    tag,
    bigintToBytes(identity.l1ChainId, 8),
    identity.stakingContract,
    bigintToBytes(BigInt(identity.networkId), 4),
    identity.genesisHash,
    bigintToBytes(epoch, 8),
  )
}

function tagOf(name: string): Uint8Array {
  const tag = new Uint8Array(16)
  tag.set(new TextEncoder().encode(name))
  return tag
}
