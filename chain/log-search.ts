/**
 * Finds logs in a range of final blocks: the bloom of each block with logs first, its receipts only
 * when the bloom may hold a match.
 *
 * The three bit places of every address and topic asked for are computed once a query, so a query
 * of many alternatives costs a few byte reads a block and alternative, never a hash.
 */

import type { Log } from '@zg/evm'
import { bigintToBytes, keccak256, WordSet, ZgError } from '@zg/primitives'

import type { BlockStore } from './block-store.ts'
import type { HeaderRecord, LogQuery, LogRecord } from './chain-view.ts'

/** The three bits of a word or address in a bloom: byte index and mask, one after the other. */
type BloomPlaces = readonly number[]

/** Alternatives by position: the address first, then the topics; none for "any". */
type BloomQuery = readonly (readonly BloomPlaces[])[]

/** The same words as sets; undefined for "any". */
type Wanted = readonly (WordSet | undefined)[]

/**
 * @param headerOf - The final header of a number that exists.
 * @throws {LogResultsTooManyError} `CHAIN_LOG_RESULTS_TOO_MANY`
 */
export function searchLogs(
  query: LogQuery,
  store: BlockStore,
  headerOf: (number: number) => HeaderRecord | undefined,
): LogRecord[] {
  const blooms = bloomQueryOf(query)
  const wanted: Wanted = [setOf(query.addresses), ...query.topics.map(setOf)]
  const found: LogRecord[] = []
  for (const [number, bloom] of store.blooms(query.fromNumber, query.toNumber)) {
    if (!bloomMatches(bloom, blooms)) continue
    const record = headerOf(number)
    if (record !== undefined) collectFromBlock(found, { query, wanted, store, record })
  }
  return found
}

function collectFromBlock(
  found: LogRecord[],
  search: { query: LogQuery; wanted: Wanted; store: BlockStore; record: HeaderRecord },
): void {
  const { query, wanted, store, record } = search
  const { number, timestamp } = record.header
  const hashes = store.transactionHashes(number)
  let logIndex = 0
  store.receipts(number)?.forEach(({ logs }, transactionIndex) => {
    for (const log of logs) {
      const index = logIndex++
      if (!isWanted(log, wanted)) continue
      if (found.length >= query.resultsMax) {
        throw new LogResultsTooManyError(query.resultsMax, number)
      }
      const transactionHash = hashes[transactionIndex] as Uint8Array
      const place = { blockNumber: number, blockHash: record.hash, timestamp, logIndex: index }
      found.push({ log, ...place, transactionHash, transactionIndex })
    }
  })
}

function isWanted(log: Log, [addresses, ...topics]: Wanted): boolean {
  if (addresses !== undefined && !addresses.has(log.address)) return false
  if (topics.length > log.topics.length) return false
  return topics.every((any, index) => any === undefined || any.has(log.topics[index] as bigint))
}

function setOf(words: readonly bigint[]): WordSet | undefined {
  if (words.length === 0) return undefined
  const set = new WordSet()
  for (const word of words) set.add(word)
  return set
}

function bloomQueryOf({ addresses, topics }: LogQuery): BloomQuery {
  return [
    addresses.map((address) => placesOf(bigintToBytes(address, 20))),
    ...topics.map((any) => any.map((topic) => placesOf(bigintToBytes(topic, 32)))),
  ]
}

function placesOf(entry: Uint8Array): BloomPlaces {
  const hash = keccak256(entry)
  const places: number[] = []
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = (((hash[pair] as number) << 8) | (hash[pair + 1] as number)) & 2047
    places.push(255 - (bit >> 3), 1 << (bit & 7))
  }
  return places
}

function bloomMatches(bloom: Uint8Array, query: BloomQuery): boolean {
  return query.every((any) => any.length === 0 || any.some((places) => bloomHas(bloom, places)))
}

function bloomHas(bloom: Uint8Array, places: BloomPlaces): boolean {
  for (let index = 0; index < places.length; index += 2) {
    const byte = bloom[places[index] as number] as number
    if ((byte & (places[index + 1] as number)) === 0) return false
  }
  return true
}

/** `data.blockNumber` is the first block that did not fit whole. */
export class LogResultsTooManyError extends ZgError<'CHAIN_LOG_RESULTS_TOO_MANY'> {
  constructor(resultsMax: number, blockNumber: number) {
    const message = `Cannot return over ${resultsMax} logs: end the range below ${blockNumber}`
    super('CHAIN_LOG_RESULTS_TOO_MANY', message, { resultsMax, blockNumber })
  }
}
