/**
 * What validators send each other, and its bytes (docs/specs/blocks.md §7). Decoding is strict and
 * bounded; it proves nothing about signatures.
 */

import type { Certificate, FinalityCertificate } from './certificate.ts'
import {
  readCertificate,
  readFinalityCertificate,
  readFinalityVote,
  readRoundVote,
  writeCertificate,
  writeFinalityCertificate,
  writeFinalityVote,
  writeRoundVote,
} from './certificate.ts'
import { ByteReader, ByteWriter, MessageMalformedError } from './codec.ts'
import type { ConsensusHeader } from './header.ts'
import { readHeader, writeHeader } from './header.ts'
import { signatureSizeBytes } from './signature-scheme.ts'
import type { FinalityVote, RoundVote } from './votes.ts'

/** Largest execution block: EIP-7934's 10 MiB. */
export const payloadSizeBytesMax = 10 * 1_024 * 1_024

/** Largest message of all. */
export const messageSizeBytesMax = payloadSizeBytesMax + 512 * 1_024

/** Certificates in one message. */
export const certificatesPerMessageMax = 48

/** Blocks in one chain message. */
export const blocksPerMessageMax = 64

/** A block as it travels: header, the proposer's reveal, the execution block's encoding. */
export type Block = {
  readonly header: ConsensusHeader
  /** 96 bytes. */
  readonly reveal: Uint8Array
  readonly payload: Uint8Array
}

/** Proof that the last block of a chain message is final. */
export type FinalityProof =
  | { readonly kind: 'finality'; readonly certificate: FinalityCertificate }
  | { readonly kind: 'finalization'; readonly certificate: Certificate }

export type Message =
  | {
      readonly kind: 'proposal'
      /** The leader's Notarize. */
      readonly vote: RoundVote
      readonly signature: Uint8Array
      readonly block: Block
    }
  | { readonly kind: 'vote'; readonly vote: RoundVote; readonly signature: Uint8Array }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'finality-vote'; readonly vote: FinalityVote; readonly signature: Uint8Array }
  | {
      readonly kind: 'status'
      readonly epoch: bigint
      readonly view: number
      readonly finalHeight: bigint
      /** Last height with a finality certificate, plus one; zero before the first. */
      readonly certifiedHeight: bigint
    }
  | {
      readonly kind: 'certificate-request'
      readonly epoch: bigint
      readonly fromView: number
      /** Inclusive. */
      readonly toView: number
    }
  | { readonly kind: 'certificates'; readonly certificates: readonly Certificate[] }
  | { readonly kind: 'block-request'; readonly consensusRoot: Uint8Array }
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'chain-request'; readonly fromHeight: bigint; readonly count: number }
  | { readonly kind: 'chain'; readonly blocks: readonly Block[]; readonly proof: FinalityProof }

const kindBytes: Readonly<Record<Message['kind'], number>> = {
  proposal: 1,
  vote: 2,
  certificate: 3,
  'finality-vote': 4,
  status: 5,
  'certificate-request': 6,
  certificates: 7,
  'block-request': 8,
  block: 9,
  'chain-request': 10,
  chain: 11,
}

const kindOfByte = new Map<number, Message['kind']>(
  Object.entries(kindBytes).map(([kind, byte]) => [byte, kind as Message['kind']]),
)

/** The channel a message travels on. */
export function channelOf(message: Message): 'vote' | 'block' {
  const { kind } = message
  return kind === 'proposal' || kind === 'block' || kind === 'chain' ? 'block' : 'vote'
}

/** Returns the bytes of a message. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(kindBytes[message.kind])
  switch (message.kind) {
    case 'proposal':
      writeRoundVote(writer, message.vote)
      writer.fixed(message.signature, signatureSizeBytes)
      writeBlock(writer, message.block)
      break
    case 'vote':
      writeRoundVote(writer, message.vote)
      writer.fixed(message.signature, signatureSizeBytes)
      break
    case 'certificate':
      writeCertificate(writer, message.certificate)
      break
    case 'finality-vote':
      writeFinalityVote(writer, message.vote)
      writer.fixed(message.signature, signatureSizeBytes)
      break
    case 'status':
      writer.u64(message.epoch)
      writer.u64(BigInt(message.view))
      writer.u64(message.finalHeight)
      writer.u64(message.certifiedHeight)
      break
    case 'certificate-request':
      writer.u64(message.epoch)
      writer.u64(BigInt(message.fromView))
      writer.u64(BigInt(message.toView))
      break
    case 'certificates':
      writer.u16(message.certificates.length)
      for (const certificate of message.certificates) writeCertificate(writer, certificate)
      break
    case 'block-request':
      writer.fixed(message.consensusRoot, 32)
      break
    case 'block':
      writeBlock(writer, message.block)
      break
    case 'chain-request':
      writer.u64(message.fromHeight)
      writer.u16(message.count)
      break
    case 'chain':
      writeChain(writer, message.blocks, message.proof)
      break
  }
  return writer.finish()
}

/**
 * Returns the message that `bytes` encode.
 *
 * @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED`
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > messageSizeBytesMax) throw new MessageMalformedError('it is too large')
  const reader = new ByteReader(bytes)
  const kind = kindOfByte.get(reader.u8())
  if (kind === undefined) throw new MessageMalformedError('an unknown kind')
  const message = readBody(reader, kind)
  reader.end()
  return message
}

export function writeBlock(writer: ByteWriter, block: Block): void {
  writeHeader(writer, block.header)
  writer.fixed(block.reveal, signatureSizeBytes)
  writer.variable(block.payload)
}

export function readBlock(reader: ByteReader): Block {
  return {
    header: readHeader(reader),
    reveal: reader.fixed(signatureSizeBytes),
    payload: reader.variable(payloadSizeBytesMax),
  }
}

function readBody(reader: ByteReader, kind: Message['kind']): Message {
  switch (kind) {
    case 'proposal':
      return readProposal(reader)
    case 'vote':
      return { kind, vote: readVoteOfView(reader), signature: reader.fixed(signatureSizeBytes) }
    case 'certificate':
      return { kind, certificate: readCertificate(reader) }
    case 'finality-vote':
      return { kind, vote: readFinalityVote(reader), signature: reader.fixed(signatureSizeBytes) }
    case 'status':
      return {
        kind,
        epoch: reader.u64(),
        view: reader.safeInteger(),
        finalHeight: reader.u64(),
        certifiedHeight: reader.u64(),
      }
    case 'certificate-request':
      return {
        kind,
        epoch: reader.u64(),
        fromView: reader.safeInteger(),
        toView: reader.safeInteger(),
      }
    case 'certificates':
      return {
        kind,
        certificates: readList(reader, certificatesPerMessageMax, () => readCertificate(reader)),
      }
    case 'block-request':
      return { kind, consensusRoot: reader.fixed(32) }
    case 'block':
      return { kind, block: readBlock(reader) }
    case 'chain-request':
      return { kind, fromHeight: reader.u64(), count: readCount(reader, blocksPerMessageMax) }
    case 'chain': {
      const blocks = readList(reader, blocksPerMessageMax, () => readBlock(reader))
      return { kind, blocks, proof: readProof(reader) }
    }
  }
}

function readProposal(reader: ByteReader): Message {
  const vote = readVoteOfView(reader)
  // A proposal is the leader's Notarize.
  if (vote.kind !== 'notarize') throw new MessageMalformedError('a proposal without a notarize')
  return {
    kind: 'proposal',
    vote,
    signature: reader.fixed(signatureSizeBytes),
    block: readBlock(reader),
  }
}

function readVoteOfView(reader: ByteReader): RoundVote {
  const vote = readRoundVote(reader)
  // View 0 is where an epoch begins; nobody votes in it.
  if (vote.view === 0) throw new MessageMalformedError('a vote in view 0')
  return vote
}

function readCount(reader: ByteReader, countMax: number): number {
  const count = reader.u16()
  if (count === 0 || count > countMax) throw new MessageMalformedError(`a count of ${count}`)
  return count
}

function readList<item>(reader: ByteReader, countMax: number, read: () => item): readonly item[] {
  return Array.from({ length: readCount(reader, countMax) }, read)
}

function writeChain(writer: ByteWriter, blocks: readonly Block[], proof: FinalityProof): void {
  writer.u16(blocks.length)
  for (const block of blocks) writeBlock(writer, block)
  if (proof.kind === 'finality') {
    writer.u8(0)
    writeFinalityCertificate(writer, proof.certificate)
  } else {
    writer.u8(1)
    writeCertificate(writer, proof.certificate)
  }
}

function readProof(reader: ByteReader): FinalityProof {
  const kind = reader.u8()
  if (kind === 0) return { kind: 'finality', certificate: readFinalityCertificate(reader) }
  if (kind !== 1) throw new MessageMalformedError('an unknown kind of proof')
  const certificate = readCertificate(reader)
  if (certificate.vote.kind !== 'finalize') {
    throw new MessageMalformedError('a proof that is no finalization')
  }
  return { kind: 'finalization', certificate }
}
