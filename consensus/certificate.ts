/**
 * Certificates: the aggregate of one vote by a quorum, with the bitmap of its signers
 * (docs/specs/votes.md §5).
 *
 * Bit i of the bitmap is bit (i mod 8), least significant first, of byte (i div 8); it is exactly
 * ceil(n / 8) bytes and its spare bits are zero, so one signer set has one encoding.
 */

import { ByteReader, ByteWriter, MessageMalformedError } from './codec.ts'
import type { NetworkIdentity } from './configuration.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { signatureSizeBytes } from './signature-scheme.ts'
import type { ValidatorSet } from './validator-set.ts'
import { isQuorum, validatorCountMax } from './validator-set.ts'
import type { FinalityVote, RoundVote, RoundVoteKind } from './votes.ts'
import { finalityVoteDigest, roundVoteDigest } from './votes.ts'

const bitmapSizeMaxBytes = validatorCountMax / 8

/** A quorum's one signature. */
export type QuorumSignature = {
  /** Little-endian bits over the set's order. */
  readonly signers: Uint8Array
  /** 96 bytes. */
  readonly signature: Uint8Array
}

/** Notarization, nullification or finalization, by the kind of its vote. */
export type Certificate = QuorumSignature & { readonly vote: RoundVote }

/** What L1, light clients and other networks trust. */
export type FinalityCertificate = QuorumSignature & { readonly vote: FinalityVote }

const kinds: readonly RoundVoteKind[] = ['notarize', 'nullify', 'finalize']

/** Returns the bitmap of some indexes in a set of `count` validators. */
export function bitmapOf(indexes: Iterable<number>, count: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(count / 8))
  for (const index of indexes) {
    const byte = index >> 3
    bitmap[byte] = (bitmap[byte] ?? 0) | (1 << (index & 7))
  }
  return bitmap
}

/**
 * Returns the indexes of a bitmap, rising; undefined when its size or spare bits do not fit a set
 * of `count` validators.
 */
export function indexesOf(bitmap: Uint8Array, count: number): readonly number[] | undefined {
  if (bitmap.length !== Math.ceil(count / 8)) return undefined
  const indexes: number[] = []
  for (let index = 0; index < 8 * bitmap.length; index++) {
    if ((((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 0) continue
    if (index >= count) return undefined
    indexes.push(index)
  }
  return indexes
}

/**
 * Whether the signature is by a quorum of `set` on `message`.
 *
 * @param isEnough - Tests only: another rule for what a quorum is.
 */
export function verifyQuorumSignature(
  scheme: SignatureScheme,
  set: ValidatorSet,
  message: Uint8Array,
  quorum: QuorumSignature,
  isEnough: typeof isQuorum = isQuorum,
): boolean {
  const indexes = indexesOf(quorum.signers, set.validators.length)
  if (indexes === undefined) return false
  const publicKeys: Uint8Array[] = []
  let stake = 0n
  for (const index of indexes) {
    const validator = set.validators[index]
    if (validator === undefined) return false
    publicKeys.push(validator.publicKey)
    stake += validator.stake
  }
  return isEnough(stake, set) && scheme.verifyAggregate(publicKeys, message, quorum.signature)
}

/** Whether a certificate is by a quorum of the set of its epoch. */
export function verifyCertificate(
  scheme: SignatureScheme,
  identity: NetworkIdentity,
  set: ValidatorSet,
  certificate: Certificate,
): boolean {
  if (certificate.vote.epoch !== set.epoch) return false
  const digest = roundVoteDigest(identity, certificate.vote)
  return verifyQuorumSignature(scheme, set, digest, certificate)
}

/** Whether a finality certificate is by a quorum of the set of its epoch. */
export function verifyFinalityCertificate(
  scheme: SignatureScheme,
  identity: NetworkIdentity,
  set: ValidatorSet,
  certificate: FinalityCertificate,
): boolean {
  if (certificate.vote.epoch !== set.epoch) return false
  const digest = finalityVoteDigest(identity, certificate.vote)
  return verifyQuorumSignature(scheme, set, digest, certificate)
}

export function writeRoundVote(writer: ByteWriter, vote: RoundVote): void {
  writer.u8(kinds.indexOf(vote.kind))
  writer.u64(vote.epoch)
  writer.u64(BigInt(vote.view))
  writer.fixed(vote.digest, 32)
}

export function readRoundVote(reader: ByteReader): RoundVote {
  const kind = kinds[reader.u8()]
  if (kind === undefined) throw new MessageMalformedError('an unknown kind of vote')
  const vote = { kind, epoch: reader.u64(), view: reader.safeInteger(), digest: reader.fixed(32) }
  // A nullify names no block: one vote, one encoding.
  if (kind === 'nullify' && vote.digest.some((byte) => byte !== 0)) {
    throw new MessageMalformedError('a nullify with a digest')
  }
  return vote
}

export function writeFinalityVote(writer: ByteWriter, vote: FinalityVote): void {
  writer.u64(vote.epoch)
  writer.u64(vote.height)
  writer.fixed(vote.blockHash, 32)
  writer.fixed(vote.consensusRoot, 32)
  writer.fixed(vote.histRoot, 32)
  writer.u64(vote.nextEpoch)
}

export function readFinalityVote(reader: ByteReader): FinalityVote {
  return {
    epoch: reader.u64(),
    height: reader.u64(),
    blockHash: reader.fixed(32),
    consensusRoot: reader.fixed(32),
    histRoot: reader.fixed(32),
    nextEpoch: reader.u64(),
  }
}

export function writeCertificate(writer: ByteWriter, certificate: Certificate): void {
  writeRoundVote(writer, certificate.vote)
  writeQuorumSignature(writer, certificate)
}

export function readCertificate(reader: ByteReader): Certificate {
  return { vote: readRoundVote(reader), ...readQuorumSignature(reader) }
}

export function writeFinalityCertificate(
  writer: ByteWriter,
  certificate: FinalityCertificate,
): void {
  writeFinalityVote(writer, certificate.vote)
  writeQuorumSignature(writer, certificate)
}

export function readFinalityCertificate(reader: ByteReader): FinalityCertificate {
  return { vote: readFinalityVote(reader), ...readQuorumSignature(reader) }
}

function writeQuorumSignature(writer: ByteWriter, quorum: QuorumSignature): void {
  writer.variable(quorum.signers)
  writer.fixed(quorum.signature, signatureSizeBytes)
}

function readQuorumSignature(reader: ByteReader): QuorumSignature {
  return {
    signers: reader.variable(bitmapSizeMaxBytes),
    signature: reader.fixed(signatureSizeBytes),
  }
}
