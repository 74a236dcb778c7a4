/** Which logs a client asks for: the filter of `eth_getLogs`, filters and subscriptions. */

import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Log } from '@zg/evm'
import { toQuantity, WordSet, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import type { ChainReader, LogQuery, LogRecord } from '../chain-view.ts'
import { headerOf, readBlockNumberOrTag } from './block-id.ts'
import type { BlockId } from './block-id.ts'
import {
  logBlocksMax,
  logBudgetMs,
  logFilterAlternativesMax,
  logResultsMax,
  logStepBlocks,
} from './limits.ts'
import {
  isAbsent,
  readAddress,
  readArray,
  readHash,
  readObject,
  readOptional,
  readWord,
} from './params.ts'
import { logsOfBlock } from './receipt-json.ts'
import { LimitExceededError, ParamsInvalidError, ResourceUnknownError } from './rpc-error.ts'

/** A log has at most four topics (LOG4). */
const topicPositionsMax = 4

/** Addresses and topics: any of each list, all where it is empty. */
export type LogPattern = {
  readonly addresses: readonly bigint[]
  readonly topics: readonly (readonly bigint[])[]
}

export type LogFilter = LogPattern & {
  readonly fromBlock: BlockId | undefined
  readonly toBlock: BlockId | undefined
  /** Instead of a range: one block. */
  readonly blockHash: Uint8Array | undefined
}

/** Reads a filter object. @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` */
export function readLogFilter(value: unknown): LogFilter {
  const known = ['fromBlock', 'toBlock', 'blockHash', 'address', 'topics']
  const object = readObject(value, 'filter', known)
  const fromBlock = readOptional(object, 'fromBlock', readFinalBlockId)
  const toBlock = readOptional(object, 'toBlock', readFinalBlockId)
  const blockHash = readOptional(object, 'blockHash', readHash)
  if (blockHash !== undefined && (fromBlock !== undefined || toBlock !== undefined)) {
    throw new ParamsInvalidError('filter', 'it has both "blockHash" and a range of blocks')
  }
  const addresses = readOptional(object, 'address', readAddresses) ?? []
  const topics = readOptional(object, 'topics', readTopics) ?? []
  return { fromBlock, toBlock, blockHash, addresses, topics }
}

/** Returns a test of a log against a pattern, the same cost however many alternatives it has. */
export function logMatcher({ addresses, topics }: LogPattern): (log: Log) => boolean {
  const wantedAddresses = setOf(addresses)
  const wantedTopics = topics.map(setOf)
  return (log) => {
    if (wantedAddresses?.has(log.address) === false) return false
    if (wantedTopics.length > log.topics.length) return false
    return wantedTopics.every((any, place) => any?.has(log.topics[place] as bigint) !== false)
  }
}

/**
 * The logs that fit a filter, within the limits. A long search gives way to the rest of the node.
 *
 * @throws {LimitExceededError} `CHAIN_LIMIT_EXCEEDED`; its hint is a range that is within them.
 * @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` for a range that is reversed or past the
 *   head.
 * @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN` for an unknown block hash.
 */
export async function findLogs(
  chain: ChainReader,
  filter: LogFilter,
  clock: Clock,
): Promise<readonly LogRecord[]> {
  if (filter.blockHash !== undefined) return logsOfHash(chain, filter.blockHash, filter)
  const fromNumber = numberOf(chain, filter.fromBlock)
  const toNumber = numberOf(chain, filter.toBlock)
  if (fromNumber > toNumber) throw new ParamsInvalidError('filter', 'its range is reversed')
  if (toNumber > BigInt(chain.headNumber())) {
    throw new ParamsInvalidError('filter', 'its range ends after the newest block')
  }
  const range = { from: Number(fromNumber), to: Number(toNumber) }
  if (toNumber - fromNumber >= BigInt(logBlocksMax)) {
    const hint = rangeHint({ from: range.from, to: range.from + logBlocksMax - 1 })
    throw new LimitExceededError('blocks in one log query', logBlocksMax, hint)
  }
  return logsOfRange(chain, filter, { range, clock })
}

type Range = { readonly from: number; readonly to: number }

async function logsOfRange(
  chain: ChainReader,
  { addresses, topics }: LogPattern,
  { range, clock }: { readonly range: Range; readonly clock: Clock },
): Promise<readonly LogRecord[]> {
  const found: LogRecord[] = []
  const startMs = clock.nowMs()
  let blocks = logStepBlocks
  for (let from = range.from; from <= range.to;) {
    const to = Math.min(from + blocks - 1, range.to)
    const resultsMax = logResultsMax - found.length
    const step = stepLogs(chain, { fromNumber: from, toNumber: to, addresses, topics, resultsMax })
    if (step !== 'tooMany') {
      for (const record of step) found.push(record)
      from = to + 1
    } else if (blocks > 1) {
      // Smaller steps, so that the hint ends at the last block that fits.
      blocks = Math.ceil(blocks / 2)
    } else {
      throw new LimitExceededError('logs in one answer', logResultsMax, hintBefore(range, from))
    }
    if (clock.nowMs() - startMs > logBudgetMs) {
      throw new LimitExceededError('ms for a log query', logBudgetMs, hintBefore(range, from))
    }
    await nextTurn()
  }
  return found
}

function stepLogs(chain: ChainReader, query: LogQuery): readonly LogRecord[] | 'tooMany' {
  try {
    return chain.logs(query)
  } catch (error) {
    if (error instanceof ZgError && error.code === 'CHAIN_LOG_RESULTS_TOO_MANY') return 'tooMany'
    throw error
  }
}

/** The part of the range before a block; none when nothing is before it. */
function hintBefore({ from }: Range, end: number): unknown {
  return end === from ? undefined : rangeHint({ from, to: end - 1 })
}

function logsOfHash(
  chain: ChainReader,
  hash: Uint8Array,
  pattern: LogPattern,
): readonly LogRecord[] {
  const block = chain.blockByHash(hash)
  const receipts = chain.receiptsByHash(hash)
  if (block === undefined || receipts === undefined) {
    throw new ResourceUnknownError('the block', 'no final block has this hash')
  }
  const matches = logMatcher(pattern)
  return logsOfBlock(block, receipts).filter(({ log }) => matches(log))
}

/** Undefined for "any". */
function setOf(words: readonly bigint[]): WordSet | undefined {
  if (words.length === 0) return undefined
  const set = new WordSet()
  for (const word of words) set.add(word)
  return set
}

function numberOf(chain: ChainReader, id: BlockId | undefined): bigint {
  if (id === undefined) return BigInt(chain.headNumber())
  return id.kind === 'number' ? id.number : BigInt(headerOf(chain, id)?.header.number ?? 0)
}

function rangeHint({ from, to }: Range): unknown {
  return { fromBlock: toQuantity(from), toBlock: toQuantity(to) }
}

function readFinalBlockId(value: unknown, name: string): BlockId {
  return readBlockNumberOrTag(value, name)
}

function readAddresses(value: unknown, name: string): readonly bigint[] {
  if (!Array.isArray(value)) return [readAddress(value, name)]
  const items = readArray(value, name, logFilterAlternativesMax)
  return items.map((item) => readAddress(item, name))
}

function readTopics(value: unknown, name: string): readonly (readonly bigint[])[] {
  return readArray(value, name, topicPositionsMax).map((position) => {
    if (isAbsent(position)) return []
    if (!Array.isArray(position)) return [readWord(position, name)]
    const alternatives = readArray(position, name, logFilterAlternativesMax)
    // A null among the alternatives fits every topic, as the whole position being null does.
    if (alternatives.some(isAbsent)) return []
    return alternatives.map((topic) => readWord(topic, name))
  })
}
