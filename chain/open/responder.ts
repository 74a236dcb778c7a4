/**
 * Answers what open nodes ask, from the chain that this node has. Every answer is bounded;
 * undefined refuses what is not here (any more).
 *
 * States are kept for who begins: every `snapshotIntervalBlocks` the newest height with a
 * certificate becomes the one that is offered, and the one before it stays readable for as long.
 */

import { chainAnswerSizeBytesMax, encodeMessage, isClosing } from '@zg/consensus'
import type { Block, FinalityCertificate, Ledger, L1View } from '@zg/consensus'
import { encodeHeader } from '@zg/evm'
import { firstKey, lastKey, StateUnavailableError } from '@zg/state'
import type { ProvedRange, SnapshotReader } from '@zg/state'

import type { ChainDatabase } from '../chain-database.ts'
import { encodeHeaderProof } from './header-proof.ts'
import {
  blocksPerAnswerMax,
  codesSizeBytesMax,
  encodeCodes,
  encodeRanges,
  encodeStatus,
  rangeSizeBytesMax,
} from './open-messages.ts'
import type { OpenQuestion } from './open-messages.ts'
import { earlierHeadersMax, encodeStartBundle } from './start-bundle.ts'

/** Heights below a boundary that are looked through for a certificate. */
const certificateSearchMax = 64

export type ChainSource = {
  readonly chain: ChainDatabase
  readonly ledger: Ledger
  readonly l1View: L1View
}

export type OpenSource = ChainSource & {
  /** The lowest height whose block is here. */
  readonly firstHeight: bigint
  readonly snapshotIntervalBlocks: number
}

/** Returns the answer's bytes. */
export function answerQuestion(source: OpenSource, question: OpenQuestion): Uint8Array | undefined {
  switch (question.kind) {
    case 'status':
      return encodeStatus(statusOf(source))
    case 'blocks':
      return answerBlocks(source, question)
    case 'start':
      return answerStart(source, question.height)
    case 'header':
      return answerHeader(source, question)
    case 'accounts':
    case 'slots':
    case 'codes':
      return answerState(source, question)
  }
}

/**
 * Final blocks from a height on as a chain message, proved by the finality certificate of the last;
 * undefined when there is none in reach.
 */
export function answerBlocks(
  { chain, ledger, l1View }: ChainSource,
  request: { readonly fromHeight: bigint; readonly count: number },
): Uint8Array | undefined {
  const blocks: Block[] = []
  let certified: { readonly count: number; readonly certificate: FinalityCertificate } | undefined
  let sizeBytes = 0
  const count = Math.min(request.count, blocksPerAnswerMax)
  for (let height = request.fromHeight; blocks.length < count; height++) {
    const found = height < 1n ? undefined : ledger.block(height)
    const payload = found && chain.payloadOf(found.header.executionHash)
    if (found === undefined || payload === undefined) break
    sizeBytes += payload.length
    if (blocks.length > 0 && sizeBytes > chainAnswerSizeBytesMax) break
    blocks.push({ header: found.header, reveal: found.reveal, payload })
    const certificate = ledger.finalityCertificate(height)
    if (certificate !== undefined) certified = { count: blocks.length, certificate }
    // One certificate proves blocks of its own epoch only.
    if (isClosing(found.header, l1View)) break
  }
  if (certified === undefined) return undefined
  const { certificate } = certified
  const proof = { kind: 'finality', certificate } as const
  return encodeMessage({ kind: 'chain', blocks: blocks.slice(0, certified.count), proof })
}

/** The lowest height whose state is to be kept for who begins; undefined while there is none. */
export function keptStateHeight(headNumber: number, intervalBlocks: number): number | undefined {
  const boundary = headNumber - (headNumber % intervalBlocks)
  const kept = boundary - intervalBlocks - certificateSearchMax
  return boundary === 0 ? undefined : Math.max(1, kept)
}

function statusOf(source: OpenSource): Parameters<typeof encodeStatus>[0] {
  const { chain, ledger, firstHeight } = source
  const finalHeight = BigInt(chain.headNumber())
  const { certifiedHeight } = ledger
  return {
    finalHeight,
    firstHeight,
    oldestState: BigInt(chain.states.oldestHeight),
    newest: certifiedHeight > finalHeight ? undefined : ledger.finalityCertificate(certifiedHeight),
    snapshot: snapshotCertificate(source, finalHeight),
  }
}

function snapshotCertificate(
  { chain, ledger, firstHeight, snapshotIntervalBlocks }: OpenSource,
  finalHeight: bigint,
): FinalityCertificate | undefined {
  const boundary = finalHeight - (finalHeight % BigInt(snapshotIntervalBlocks))
  const oldest = BigInt(Math.max(1, chain.states.oldestHeight, Number(firstHeight)))
  for (let step = 0n; step < certificateSearchMax && boundary - step >= oldest; step++) {
    const certificate = ledger.finalityCertificate(boundary - step)
    if (certificate !== undefined) return certificate
  }
  return undefined
}

function answerStart({ chain, ledger }: OpenSource, height: bigint): Uint8Array | undefined {
  const block = height < 1n ? undefined : ledger.block(height)
  const payload = block && chain.payloadOf(block.header.executionHash)
  if (block === undefined || payload === undefined) return undefined
  const earlierHeaders: Uint8Array[] = []
  const lowest = Math.max(1, Number(height) - earlierHeadersMax)
  for (let number = Number(height) - 1; number >= lowest; number--) {
    const record = chain.headerByNumber(number)
    if (record === undefined) return undefined
    earlierHeaders.push(encodeHeader(record.header))
  }
  const history = ledger.historyAt(Number(height))
  return encodeStartBundle({ block, history, payload, earlierHeaders })
}

function answerHeader(
  { ledger, firstHeight }: OpenSource,
  { height, under }: { readonly height: bigint; readonly under: bigint },
): Uint8Array | undefined {
  const block = height < firstHeight ? undefined : ledger.block(height)
  if (block === undefined || under <= height || under > ledger.height) return undefined
  return encodeHeaderProof(block, ledger.historyProof(height, under))
}

function answerState(
  { chain }: OpenSource,
  question: Extract<OpenQuestion, { kind: 'accounts' | 'slots' | 'codes' }>,
): Uint8Array | undefined {
  const hash = chain.hashOfNumber(Number(question.height))
  const reader = hash && chain.states.snapshotAt(chain.stateKeyOf(hash))
  if (reader === undefined) return undefined
  try {
    switch (question.kind) {
      case 'accounts': {
        const { from, to } = question
        if (to < from) return undefined
        return encodeRanges([reader.accounts({ from, to, sizeBytesMax: rangeSizeBytesMax })])
      }
      case 'slots':
        return encodeRanges(slotRanges(reader, question))
      case 'codes':
        return encodeCodes(codesOf(reader, question.hashes))
    }
  } catch (error) {
    // The chain went on meanwhile.
    if (error instanceof StateUnavailableError) return undefined
    throw error
  }
}

/** Slots of the accounts in order, until the answer is full; the last one may be cut. */
function slotRanges(
  reader: SnapshotReader,
  { from, accounts }: { readonly from: string; readonly accounts: readonly string[] },
): readonly ProvedRange[] {
  const ranges: ProvedRange[] = []
  let left = rangeSizeBytesMax
  for (const [index, account] of accounts.entries()) {
    const wanted = { from: index === 0 ? from : firstKey, to: lastKey, sizeBytesMax: left }
    const range = reader.slots(account, wanted)
    ranges.push(range)
    for (const { value } of range.entries) left -= 32 + value.length
    if (left <= 0 || range.to !== lastKey) break
  }
  return ranges
}

function codesOf(reader: SnapshotReader, hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const codes: Uint8Array[] = []
  let sizeBytes = 0
  for (const hash of hashes) {
    const code = reader.code(hash)
    if (code === undefined) break
    sizeBytes += code.length
    if (codes.length > 0 && sizeBytes > codesSizeBytesMax) break
    codes.push(code)
  }
  return codes
}
