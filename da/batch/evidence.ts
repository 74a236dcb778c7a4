/**
 * Two commitments that one member signed for one batch (S9): what SlashingManager.reportDataVotes
 * and BondedStake.report take.
 */

import { signatureWords } from '@zg/contracts'
import type { SignatureScheme } from '@zg/consensus'
import { bytesEqual, isHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { batchKey } from './batch.ts'
import type { BatchId } from './batch.ts'

/** What a member said of a batch. */
export type SignedBatch = {
  readonly batch: BatchId
  /** 32 bytes. */
  readonly commitment: Uint8Array
  /** 96 bytes. */
  readonly signature: Uint8Array
}

/** Votes.DataVote. */
export type DataVoteArgs = {
  readonly epoch: bigint
  readonly quorum: number
  readonly disperser: Hex
  readonly sequence: bigint
  readonly commitment: Hex
}

export type DataEvidence = {
  readonly first: DataVoteArgs
  readonly second: DataVoteArgs
  /** 256 bytes: the sum of both. */
  readonly signature: Hex
}

/** Undefined where there is no fault: of two batches, or the same commitment twice. */
export function dataEvidence(
  first: SignedBatch,
  second: SignedBatch,
  scheme: SignatureScheme,
): DataEvidence | undefined {
  if (batchKey(first.batch) !== batchKey(second.batch)) return undefined
  if (bytesEqual(first.commitment, second.commitment)) return undefined
  const sum = scheme.aggregate([first.signature, second.signature])
  if (sum === undefined) return undefined
  return { first: argsOf(first), second: argsOf(second), signature: signatureWords(sum) }
}

function argsOf({ batch, commitment }: SignedBatch): DataVoteArgs {
  const { epoch, quorum, disperser, sequence } = batch
  return { epoch, quorum, disperser: toHex(disperser), sequence, commitment: toHex(commitment) }
}

/** Evidence as a log or a file has it: of whom, on which network. */
export type NamedEvidence = {
  readonly network: number
  readonly operator: Hex
  readonly evidence: DataEvidence
}

/** Characters that are read of it at most. */
export const evidenceTextMax = 16_384

/** Returns it in words that JSON has: what `parseEvidence` reads. */
export function evidenceFields({ network, operator, evidence }: NamedEvidence) {
  const { first, second, signature } = evidence
  const fieldsOf = ({ epoch, sequence, ...vote }: DataVoteArgs) => {
    return { ...vote, epoch: String(epoch), sequence: String(sequence) }
  }
  return { network, operator, first: fieldsOf(first), second: fieldsOf(second), signature }
}

/**
 * Reads the JSON of a line of a disperser's log, or of a file: other fields are passed over.
 *
 * @throws {EvidenceMalformedError} `DA_EVIDENCE_MALFORMED`
 */
export function parseEvidence(text: string): NamedEvidence {
  if (text.length > evidenceTextMax) throw new EvidenceMalformedError('it is too long')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new EvidenceMalformedError('it is no JSON')
  }
  const of = fieldsReader(value)
  return {
    network: of.uint32('network'),
    operator: of.hex('operator', 20),
    evidence: {
      first: voteOf(of.field('first')),
      second: voteOf(of.field('second')),
      signature: of.hex('signature', 256),
    },
  }
}

function voteOf(value: unknown): DataVoteArgs {
  const of = fieldsReader(value)
  return {
    epoch: of.uint64('epoch'),
    quorum: of.uint32('quorum'),
    disperser: of.hex('disperser', 20),
    sequence: of.uint64('sequence'),
    commitment: of.hex('commitment', 32),
  }
}

function fieldsReader(value: unknown) {
  const field = (name: string): unknown => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      throw new EvidenceMalformedError(`"${name}" is missing`)
    }
    return Object.getOwnPropertyDescriptor(value, name)?.value
  }
  return {
    field,
    hex(name: string, sizeBytes: number): Hex {
      const found = field(name)
      if (typeof found === 'string' && isHex(found) && found.length === 2 + 2 * sizeBytes) {
        return found
      }
      throw new EvidenceMalformedError(`"${name}" is not of ${sizeBytes} bytes`)
    },
    uint32(name: string): number {
      const found = field(name)
      if (typeof found === 'number' && Number.isInteger(found) && found === found >>> 0) {
        return found
      }
      throw new EvidenceMalformedError(`"${name}" is no number of 32 bits`)
    },
    uint64(name: string): bigint {
      const found = field(name)
      const isDecimal = typeof found === 'string' && /^\d{1,20}$/.test(found)
      const number = isDecimal ? BigInt(found) : -1n
      if (number >= 0n && number < 2n ** 64n) return number
      throw new EvidenceMalformedError(`"${name}" is no decimal number of 64 bits`)
    },
  }
}

/** This is not what a disperser logs of a member that signed twice. */
export class EvidenceMalformedError extends ZgError<'DA_EVIDENCE_MALFORMED'> {
  constructor(why: string) {
    super('DA_EVIDENCE_MALFORMED', `Cannot read the evidence: ${why}`, { why })
  }
}
