/**
 * Evidence as bytes, for whoever watches a node (docs/specs/votes.md §6).
 *
 *     0  operator 20 ‖ round vote 49 ‖ signature 96 ‖ round vote ‖ signature
 *     1  operator 20 ‖ finality vote 120 ‖ signature 96 ‖ finality vote ‖ signature ‖ opening
 *     2  certificate ‖ certificate
 *     3  finality certificate ‖ finality certificate ‖ opening
 *
 * One byte of kind comes first; an opening is one byte, 0 for none, or 1 ‖ leaf 32 ‖ 32 siblings of
 * 32. Reading says nothing about whether it convicts: that is `verifyEvidence`.
 */

import { incrementalTreeDepth, merkleNodeSizeBytes } from '@zg/primitives'

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
import type { Evidence, HistoryOpening, SignedFinalityVote, SignedRoundVote } from './evidence.ts'
import { signatureSizeBytes } from './signature-scheme.ts'

const operatorSizeBytes = 20

const kinds = ['round-votes', 'finality-votes', 'certificates', 'finality-certificates'] as const

/** Returns evidence as bytes. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(kinds.indexOf(evidence.kind))
  switch (evidence.kind) {
    case 'round-votes':
      writer.fixed(evidence.operator, operatorSizeBytes)
      for (const { vote, signature } of [evidence.first, evidence.second]) {
        writeRoundVote(writer, vote)
        writer.fixed(signature, signatureSizeBytes)
      }
      break
    case 'finality-votes':
      writer.fixed(evidence.operator, operatorSizeBytes)
      for (const { vote, signature } of [evidence.first, evidence.second]) {
        writeFinalityVote(writer, vote)
        writer.fixed(signature, signatureSizeBytes)
      }
      writeOpening(writer, evidence.opening)
      break
    case 'certificates':
      writeCertificate(writer, evidence.first)
      writeCertificate(writer, evidence.second)
      break
    case 'finality-certificates':
      writeFinalityCertificate(writer, evidence.first)
      writeFinalityCertificate(writer, evidence.second)
      writeOpening(writer, evidence.opening)
      break
  }
  return writer.finish()
}

/**
 * Reads evidence from bytes, to their end.
 *
 * @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED`
 */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  const reader = new ByteReader(bytes)
  const evidence = readEvidence(reader)
  reader.end()
  return evidence
}

function readEvidence(reader: ByteReader): Evidence {
  const kind = kinds[reader.u8()]
  if (kind === undefined) throw new MessageMalformedError('an unknown kind of evidence')
  switch (kind) {
    case 'round-votes': {
      const operator = reader.fixed(operatorSizeBytes)
      return { kind, operator, first: readSignedRound(reader), second: readSignedRound(reader) }
    }
    case 'finality-votes': {
      const operator = reader.fixed(operatorSizeBytes)
      const [first, second] = [readSignedFinality(reader), readSignedFinality(reader)]
      return { kind, operator, first, second, ...readOpening(reader) }
    }
    case 'certificates':
      return { kind, first: readCertificate(reader), second: readCertificate(reader) }
    case 'finality-certificates': {
      const [first, second] = [readFinalityCertificate(reader), readFinalityCertificate(reader)]
      return { kind, first, second, ...readOpening(reader) }
    }
  }
}

function readSignedRound(reader: ByteReader): SignedRoundVote {
  return { vote: readRoundVote(reader), signature: reader.fixed(signatureSizeBytes) }
}

function readSignedFinality(reader: ByteReader): SignedFinalityVote {
  return { vote: readFinalityVote(reader), signature: reader.fixed(signatureSizeBytes) }
}

function writeOpening(writer: ByteWriter, opening: HistoryOpening | undefined): void {
  writer.u8(opening === undefined ? 0 : 1)
  if (opening === undefined) return
  if (opening.proof.length !== incrementalTreeDepth) {
    throw new MessageMalformedError(`an opening of ${opening.proof.length} siblings`)
  }
  for (const node of [opening.leaf, ...opening.proof]) writer.fixed(node, merkleNodeSizeBytes)
}

function readOpening(reader: ByteReader): { readonly opening?: HistoryOpening } {
  const flag = reader.u8()
  if (flag > 1) throw new MessageMalformedError('an opening that is neither there nor not')
  if (flag === 0) return {}
  const leaf = reader.fixed(merkleNodeSizeBytes)
  const proof = Array.from({ length: incrementalTreeDepth }, () =>
    reader.fixed(merkleNodeSizeBytes),
  )
  return { opening: { leaf, proof } }
}
