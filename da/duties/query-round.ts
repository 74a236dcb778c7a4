/** The sixteen rows of a query, asked of their holders by one who is drawn to. */

import type { ProvedRow, RowVerifier } from '@zg/coding'
import type { Clock } from '@zg/runtime'

import { answerWithin, pause } from '../asking.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import { decodeRows } from '../batch/wire.ts'

/** How long a holder has to answer, and how often it is asked: a lost packet is no lost row. */
const answerWithinMs = 4_000
const triesMax = 2
const betweenTriesMs = 1_000

export type QueryRoundOptions = {
  readonly clock: Clock
  readonly shape: DataShape
  readonly verifier: RowVerifier
  /** Urls of those that let all their time pass: not asked again; the next ones come here. */
  readonly late: Set<string>
  readonly end: AbortSignal
  /** Where the holder of a row answers. */
  readonly urlOf: (row: number) => string
  readonly rowsAt: (
    url: string,
    indexes: readonly number[],
    signal: AbortSignal,
  ) => Promise<Uint8Array>
}

/**
 * A bit for each of the rows that its holder gave and that verifies.
 *
 * @throws {UnavailableError} `DA_UNAVAILABLE` when it is ended meanwhile.
 */
export async function gotOf(rows: readonly number[], options: QueryRoundOptions): Promise<number> {
  const wanted = new Map<string, Set<number>>()
  for (const row of rows) {
    const url = options.urlOf(row)
    wanted.set(url, (wanted.get(url) ?? new Set()).add(row))
  }
  const { clock, end, late } = options
  const got = new Set<number>()
  const silent: string[] = []
  await Promise.all(
    [...wanted].map(async ([url, own]) => {
      if (late.has(url)) return
      let isLate = true
      for (let tries = 0; tries < triesMax && own.size > 0; tries++) {
        if (tries > 0) await pause(clock, betweenTriesMs, end)
        const askedMs = clock.nowMs()
        const indexes = [...own].sort((a, b) => a - b)
        for (const index of await goodOf(url, indexes, options)) {
          own.delete(index)
          got.add(index)
        }
        isLate &&= clock.nowMs() - askedMs >= answerWithinMs
      }
      if (isLate) silent.push(url)
    }),
  )
  if (end.aborted) throw new UnavailableError('it is ended')
  for (const url of silent) late.add(url)
  return rows.reduce((bits, row, place) => (got.has(row) ? bits | (1 << place) : bits), 0)
}

/** Those of the rows that a holder gives and that verify; none when it does not answer. */
async function goodOf(
  url: string,
  indexes: readonly number[],
  { clock, shape, verifier, rowsAt, end }: QueryRoundOptions,
): Promise<readonly number[]> {
  let rows: readonly ProvedRow[]
  try {
    const ask = (signal: AbortSignal): Promise<Uint8Array> => rowsAt(url, indexes, signal)
    const bytes = await answerWithin(clock, answerWithinMs, ask, end)
    rows = decodeRows(bytes, verifier.header.rowSize, shape)
  } catch {
    return []
  }
  const wanted = new Set(indexes)
  const given = rows.filter(({ index }) => wanted.delete(index))
  const wrong = new Set(verifier.wrongOf(given))
  return given.filter((row) => !wrong.has(row)).map(({ index }) => index)
}
