/**
 * Asks a quorum for rows of a batch and believes nothing: a header counts when it is what the
 * commitment stands for, a row when it verifies. Who lies or does not answer is asked no further.
 */

import { commitmentOf, RowVerifier } from '@zg/coding'
import type { ProvedRow, RowsHeader } from '@zg/coding'
import { bytesEqual } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'

import { answerWithin, messageOf, pause } from '../asking.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataShape, DrawnQuorum } from '../chain/data-chain.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import type { NodeClient } from '../node/node-client.ts'
import { rowsOf } from '../batch/quorum.ts'
import { rowBytesMax } from '../batch/row-list.ts'
import { decodeHeader, decodeRows } from '../batch/wire.ts'

/** How long a node has to answer. */
const answerWithinMs = 4_000
/** Members whose header is asked for at once, and how long before the next ones are. */
const headersAtOnce = 4
const headersEveryMs = 300
/** How long the holders of data rows are waited for before all others are asked, too. */
const hedgeMs = 500

export type GathererOptions = {
  readonly shape: DataShape
  readonly client: NodeClient
  readonly clock: Clock
  readonly log: Logger
}

/** What is asked of one member. */
type Share = { readonly url: string; readonly indexes: readonly number[] }

export class RowGatherer {
  readonly #options: GathererOptions

  constructor(options: GathererOptions) {
    this.#options = options
  }

  /**
   * A verifier of the batch's rows, by the first header that is what the commitment stands for. A
   * few members are asked at a time, the next few when none of them has answered well.
   *
   * @throws {UnavailableError} `DA_UNAVAILABLE`
   */
  async verifier(
    batch: BatchId,
    commitment: Uint8Array,
    quorum: DrawnQuorum,
  ): Promise<RowVerifier> {
    const { clock } = this.#options
    const urls = quorum.signers
      .filter((_, index) => quorum.members[index]!.slots > 0)
      .map(({ url }) => url)
    const end = new AbortController()
    const found = Promise.withResolvers<RowsHeader>()
    let lies = 0
    const ask = async (url: string): Promise<void> => {
      const header = await this.#headerAt(url, batch, end.signal)
      if (header === undefined) return
      if (bytesEqual(commitmentOf(header), commitment)) found.resolve(header)
      else lies++
    }
    const asked: Promise<void>[] = []
    const isFound = found.promise.then(() => true)
    for (let from = 0; from < urls.length; from += headersAtOnce) {
      asked.push(...urls.slice(from, from + headersAtOnce).map(ask))
      const isOver = pause(clock, headersEveryMs, end.signal).then(() => false)
      if (await Promise.race([isFound, isOver])) break
    }
    const header = await Promise.race([found.promise, Promise.all(asked).then(() => undefined)])
    end.abort()
    if (header !== undefined) return new RowVerifier(commitment, header)
    throw new UnavailableError(`of ${urls.length} members none has its header, ${lies} lie`)
  }

  /**
   * At least K rows that verify: data rows first, any others when those do not come.
   *
   * @throws {UnavailableError} `DA_UNAVAILABLE`
   */
  async enough(
    batch: BatchId,
    verifier: RowVerifier,
    quorum: DrawnQuorum,
  ): Promise<readonly ProvedRow[]> {
    const { clock, shape } = this.#options
    const { dataRows } = shape
    const found = new Map<number, ProvedRow>()
    const done = Promise.withResolvers<void>()
    const end = new AbortController()
    const ask = (shares: readonly Share[]): Promise<unknown> =>
      Promise.all(
        shares.map(async (share) => {
          const rows = await this.#good(batch, verifier, share, end.signal)
          for (const row of rows) found.set(row.index, row)
          if (found.size >= dataRows) done.resolve()
        }),
      )
    const { rowSize } = verifier.header
    const first = ask(sharesOf(quorum, rowSize, (index) => index < dataRows))
    await Promise.race([first, done.promise, pause(clock, hedgeMs, end.signal)])
    if (found.size < dataRows) {
      const others = ask(sharesOf(quorum, rowSize, (index) => index >= dataRows))
      await Promise.race([Promise.all([first, others]), done.promise])
    }
    // What is not answered yet is not waited for.
    end.abort()
    if (found.size < dataRows) {
      throw new UnavailableError(`${found.size} of ${dataRows} rows came`)
    }
    return [...found.values()]
  }

  /** A header as a member has it; undefined when it gives none that can be read. */
  async #headerAt(url: string, batch: BatchId, end: AbortSignal): Promise<RowsHeader | undefined> {
    const { client, clock, shape } = this.#options
    try {
      const ask = (signal: AbortSignal) => client.header(url, batch, signal)
      const bytes = await answerWithin(clock, answerWithinMs, ask, end)
      return bytes && decodeHeader(bytes, shape)
    } catch {
      return undefined
    }
  }

  /** Those of a member's rows that verify. Of one that lies the rest is not asked for. */
  async #good(
    batch: BatchId,
    verifier: RowVerifier,
    { url, indexes }: Share,
    end: AbortSignal,
  ): Promise<readonly ProvedRow[]> {
    const { client, clock, shape, log } = this.#options
    const { rowSize } = verifier.header
    try {
      const ask = (signal: AbortSignal) => client.rows(url, batch, indexes, signal)
      const bytes = await answerWithin(clock, answerWithinMs, ask, end)
      const rows = decodeRows(bytes, rowSize, shape)
      // MUST be bounded by what was asked: each row is hashed and combined.
      if (end.aborted || rows.length > indexes.length) return []
      const wanted = new Set(indexes)
      const given = rows.filter(({ index }) => wanted.delete(index))
      const wrong = new Set(verifier.wrongOf(given))
      return given.filter((row) => !wrong.has(row))
    } catch (error) {
      log.debug('a node gave no rows', { url, error: messageOf(error) })
      return []
    }
  }
}

/** Who holds which of the rows that are wanted, in questions of bounded size. */
export function sharesOf(
  quorum: DrawnQuorum,
  rowSize: number,
  isWanted: (index: number) => boolean,
): readonly Share[] {
  const most = Math.max(1, Math.floor(rowBytesMax / rowSize))
  const shares: Share[] = []
  for (const [at, member] of quorum.members.entries()) {
    const indexes = rowsOf(quorum, member)
      .flatMap(({ from, count }) => Array.from({ length: count }, (_, step) => from + step))
      .filter(isWanted)
    for (let from = 0; from < indexes.length; from += most) {
      shares.push({ url: quorum.signers[at]!.url, indexes: indexes.slice(from, from + most) })
    }
  }
  return shares
}
