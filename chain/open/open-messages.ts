/**
 * What open nodes ask each other and tell each other, and its bytes. Integers are big-endian, byte
 * strings have a 32-bit length before them; decoding is strict and bounded, and proves nothing.
 *
 *     question   kind u8, then                         answer
 *     1 status   -                                     status
 *     2 blocks   fromHeight u64 ‖ count u16            a chain message (docs/specs/blocks.md §7)
 *     3 start    height u64                            what stands beside a state (start-bundle.ts)
 *     4 accounts height u64 ‖ from 32 ‖ to 32          range
 *     5 slots    height u64 ‖ from 32 ‖ count u16 ‖ accounts 32   count u16 ‖ ranges
 *     6 codes    height u64 ‖ count u16 ‖ hashes 32    count u16 ‖ codes
 *     7 header   height u64 ‖ under u64                header 304 ‖ reveal 96 ‖ 32 siblings
 *
 * Answers to 5 and 6 hold the first of what was asked, as many as fit.
 *
 *     gossip     kind u8, then
 *     1 news           the newest finality certificate
 *     2 transactions   count u16 ‖ EIP-2718 bytes each
 *
 *     status = finalHeight u64 ‖ firstHeight u64 ‖ oldestState u64
 *              ‖ has u8 [ newest finality certificate ] ‖ has u8 [ that of the snapshot's height ]
 *     range  = to 32 ‖ count u32 ‖ ( key 32 ‖ value )… ‖ count u16 ‖ nodes of the proof
 */

import {
  ByteReader,
  ByteWriter,
  MessageMalformedError,
  readFinalityCertificate,
  writeFinalityCertificate,
} from '@zg/consensus'
import type { FinalityCertificate } from '@zg/consensus'
import { fromHex, toHex } from '@zg/primitives'
import { rangeProofNodesMax } from '@zg/state'
import type { ProvedRange, RangeEntry } from '@zg/state'

/** Blocks in one answer, as between validators. */
export const blocksPerAnswerMax = 64

/** Accounts whose slots, and codes that, one question may ask for. */
export const accountsPerQuestionMax = 64
export const codesPerQuestionMax = 64

/** Bytes of records or code in one answer, unless one alone is larger. */
export const rangeSizeBytesMax = 64 * 1_024
export const codesSizeBytesMax = 512 * 1_024

/** Entries of one range: the smallest have over 32 bytes. */
const entriesMax = 16_384

/** The greatest account record; a slot's value is smaller. */
const valueSizeBytesMax = 128

/** A branch of 16 hashes. */
const nodeSizeBytesMax = 600

/** Code of a contract (EIP-170), with room for networks that allow more. */
const codeSizeBytesMax = 64 * 1_024

/** Transactions in one message, and the bytes of one. */
export const transactionsPerMessageMax = 2_048
export const transactionSizeBytesMax = 128 * 1_024

export type OpenQuestion =
  | { readonly kind: 'status' }
  | { readonly kind: 'blocks'; readonly fromHeight: bigint; readonly count: number }
  | { readonly kind: 'start'; readonly height: bigint }
  | {
      readonly kind: 'accounts'
      readonly height: bigint
      readonly from: string
      readonly to: string
    }
  | {
      readonly kind: 'slots'
      readonly height: bigint
      /** Where the first account's slots begin; the others' begin with their first. */
      readonly from: string
      readonly accounts: readonly string[]
    }
  | { readonly kind: 'codes'; readonly height: bigint; readonly hashes: readonly Uint8Array[] }
  | { readonly kind: 'header'; readonly height: bigint; readonly under: bigint }

export type OpenStatus = {
  readonly finalHeight: bigint
  /** The lowest height whose block is held, the genesis left out. */
  readonly firstHeight: bigint
  /** The lowest height whose state is held. */
  readonly oldestState: bigint
  readonly newest: FinalityCertificate | undefined
  /** Of a height whose state is kept for longer, for those who begin. */
  readonly snapshot: FinalityCertificate | undefined
}

export type OpenNews =
  | { readonly kind: 'certificate'; readonly certificate: FinalityCertificate }
  | { readonly kind: 'transactions'; readonly transactions: readonly Uint8Array[] }

const kinds = ['status', 'blocks', 'start', 'accounts', 'slots', 'codes', 'header'] as const

/** Returns the bytes of a question. */
export function encodeQuestion(question: OpenQuestion): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(kinds.indexOf(question.kind) + 1)
  if (question.kind === 'status') return writer.finish()
  if (question.kind === 'blocks') {
    writer.u64(question.fromHeight)
    writer.u16(question.count)
    return writer.finish()
  }
  writer.u64(question.height)
  switch (question.kind) {
    case 'start':
      break
    case 'accounts':
      writeKey(writer, question.from)
      writeKey(writer, question.to)
      break
    case 'slots':
      writeKey(writer, question.from)
      writer.u16(question.accounts.length)
      for (const account of question.accounts) writeKey(writer, account)
      break
    case 'codes':
      writer.u16(question.hashes.length)
      for (const hash of question.hashes) writer.fixed(hash, 32)
      break
    case 'header':
      writer.u64(question.under)
      break
  }
  return writer.finish()
}

/**
 * Reads a question.
 *
 * @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED`
 */
export function decodeQuestion(bytes: Uint8Array): OpenQuestion {
  const reader = new ByteReader(bytes)
  const kind = kinds[reader.u8() - 1]
  if (kind === undefined) throw new MessageMalformedError('an unknown kind of question')
  const question = readQuestion(reader, kind)
  reader.end()
  return question
}

export function encodeStatus(status: OpenStatus): Uint8Array {
  const writer = new ByteWriter()
  writer.u64(status.finalHeight)
  writer.u64(status.firstHeight)
  writer.u64(status.oldestState)
  writeOptionalCertificate(writer, status.newest)
  writeOptionalCertificate(writer, status.snapshot)
  return writer.finish()
}

/** @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED` */
export function decodeStatus(bytes: Uint8Array): OpenStatus {
  const reader = new ByteReader(bytes)
  const status = {
    finalHeight: reader.u64(),
    firstHeight: reader.u64(),
    oldestState: reader.u64(),
    newest: readOptionalCertificate(reader),
    snapshot: readOptionalCertificate(reader),
  }
  reader.end()
  return status
}

export function encodeRanges(ranges: readonly ProvedRange[]): Uint8Array {
  const writer = new ByteWriter()
  writer.u16(ranges.length)
  for (const { to, entries, proof } of ranges) {
    writeKey(writer, to)
    writer.u32(entries.length)
    for (const { key, value } of entries) {
      writeKey(writer, key)
      writer.variable(value)
    }
    writer.u16(proof.length)
    for (const node of proof) writer.variable(node)
  }
  return writer.finish()
}

/**
 * Reads ranges that begin where they were asked to.
 *
 * @param froms - Where each begins, in order; there may be fewer ranges.
 * @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED`
 */
export function decodeRanges(bytes: Uint8Array, froms: readonly string[]): readonly ProvedRange[] {
  const reader = new ByteReader(bytes)
  const count = boundedCount(reader.u16(), froms.length)
  const ranges = Array.from({ length: count }, (_, index) =>
    readRange(reader, froms[index] as string),
  )
  reader.end()
  return ranges
}

export function encodeCodes(codes: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter()
  writeList(writer, codes)
  return writer.finish()
}

/** @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED` */
export function decodeCodes(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(bytes)
  const codes = readList(reader, codesPerQuestionMax, codeSizeBytesMax)
  reader.end()
  return codes
}

export function encodeNews(news: OpenNews): Uint8Array {
  const writer = new ByteWriter()
  if (news.kind === 'certificate') {
    writer.u8(1)
    writeFinalityCertificate(writer, news.certificate)
  } else {
    writer.u8(2)
    writeList(writer, news.transactions)
  }
  return writer.finish()
}

/** @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED` */
export function decodeNews(bytes: Uint8Array): OpenNews {
  const reader = new ByteReader(bytes)
  const kind = reader.u8()
  if (kind !== 1 && kind !== 2) throw new MessageMalformedError('an unknown kind of news')
  const news: OpenNews =
    kind === 1
      ? { kind: 'certificate', certificate: readFinalityCertificate(reader) }
      : {
          kind: 'transactions',
          transactions: readList(reader, transactionsPerMessageMax, transactionSizeBytesMax),
        }
  reader.end()
  return news
}

function readQuestion(reader: ByteReader, kind: (typeof kinds)[number]): OpenQuestion {
  switch (kind) {
    case 'status':
      return { kind }
    case 'blocks':
      return {
        kind,
        fromHeight: reader.u64(),
        count: boundedCount(reader.u16(), blocksPerAnswerMax),
      }
    case 'start':
      return { kind, height: reader.u64() }
    case 'accounts':
      return { kind, height: reader.u64(), from: readKey(reader), to: readKey(reader) }
    case 'slots': {
      const [height, from] = [reader.u64(), readKey(reader)]
      const count = boundedCount(reader.u16(), accountsPerQuestionMax)
      return { kind, height, from, accounts: Array.from({ length: count }, () => readKey(reader)) }
    }
    case 'codes': {
      const height = reader.u64()
      const count = boundedCount(reader.u16(), codesPerQuestionMax)
      return { kind, height, hashes: Array.from({ length: count }, () => reader.fixed(32)) }
    }
    case 'header':
      return { kind, height: reader.u64(), under: reader.u64() }
  }
}

function readRange(reader: ByteReader, from: string): ProvedRange {
  const to = readKey(reader)
  const count = reader.u32()
  if (count > entriesMax) throw new MessageMalformedError(`${count} entries`)
  const entries: RangeEntry[] = []
  for (let index = 0; index < count; index++) {
    entries.push({ key: readKey(reader), value: reader.variable(valueSizeBytesMax) })
  }
  const nodeCount = reader.u16()
  if (nodeCount > rangeProofNodesMax) throw new MessageMalformedError(`${nodeCount} nodes`)
  const proof = Array.from({ length: nodeCount }, () => reader.variable(nodeSizeBytesMax))
  return { from, to, entries, proof }
}

function writeOptionalCertificate(
  writer: ByteWriter,
  certificate: FinalityCertificate | undefined,
): void {
  writer.u8(certificate === undefined ? 0 : 1)
  if (certificate !== undefined) writeFinalityCertificate(writer, certificate)
}

function readOptionalCertificate(reader: ByteReader): FinalityCertificate | undefined {
  const has = reader.u8()
  if (has > 1) throw new MessageMalformedError('a flag that is neither 0 nor 1')
  return has === 0 ? undefined : readFinalityCertificate(reader)
}

function writeList(writer: ByteWriter, list: readonly Uint8Array[]): void {
  writer.u16(list.length)
  for (const bytes of list) writer.variable(bytes)
}

function readList(reader: ByteReader, countMax: number, sizeBytesMax: number): Uint8Array[] {
  const count = boundedCount(reader.u16(), countMax)
  return Array.from({ length: count }, () => reader.variable(sizeBytesMax))
}

function boundedCount(count: number, countMax: number): number {
  if (count === 0 || count > countMax) throw new MessageMalformedError(`a count of ${count}`)
  return count
}

function writeKey(writer: ByteWriter, key: string): void {
  writer.fixed(fromHex(`0x${key}`), 32)
}

function readKey(reader: ByteReader): string {
  return toHex(reader.fixed(32)).slice(2)
}
