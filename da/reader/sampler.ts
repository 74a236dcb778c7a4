/**
 * Light sampling: some rows of a batch, drawn by who asks, each checked by itself. Runs in a
 * browser as in Node (browser.ts).
 *
 * What it proves: if all rows pass, then all n rows are near one codeword but for a chance of
 * 2^`chanceLog2` (docs/specs/coding.md), and as many were there to be had. If not all do, it proves
 * nothing: rows of a batch that is far from every codeword pass as well, but for some.
 */

import {
  CommitmentMismatchError,
  passChanceLog2,
  RowVerifier,
  sampledIndices,
} from '@zg/coding/browser'
import type { ProvedRow } from '@zg/coding/browser'
import { ZgError } from '@zg/primitives/errors'

import type { BatchId } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import type { NodeClient } from '../node/node-client.ts'
import { holderOf } from '../batch/quorum.ts'
import type { Quorum } from '../batch/quorum.ts'
import { rowBytesMax } from '../batch/row-list.ts'
import { decodeHeader, decodeRows } from '../batch/wire.ts'

/** Rows that leave a chance below 2^-60 by what the specification proves. */
export const sampleCountDefault = 148

/** Members that are asked for the header at a time, and how long before the next are. */
const headersAtOnce = 4
const headerWaitMs = 300

export type SampleOptions = {
  readonly client: Pick<NodeClient, 'header' | 'rows'>
  readonly shape: DataShape
  readonly batch: BatchId
  /** 32 bytes. */
  readonly commitment: Uint8Array
  readonly quorum: Quorum & { readonly signers: readonly { readonly url: string }[] }
  /** 32 bytes that nobody else knows before. */
  readonly seed: Uint8Array
  readonly count?: number
  /** Resolves after so many milliseconds. */
  readonly pause: (timeMs: number) => Promise<unknown>
  /** Ends what is not answered by then. */
  readonly signal: AbortSignal
  /** Told as answers come. */
  readonly onProgress?: (answered: number) => void
}

export type SampleReport = {
  readonly asked: number
  readonly good: number
  /** Rows that did not come. */
  readonly missing: readonly number[]
  /** Rows that came and are not what was committed to, and who gave them. */
  readonly wrong: readonly { readonly index: number; readonly url: string }[]
  /** Bytes of rows that were checked. */
  readonly bytes: number
  /** Log2 of the chance that all rows pass of a batch far from every codeword; 0 if not all did. */
  readonly chanceLog2: number
}

/** @throws {SampleHeaderError} `DA_SAMPLE_HEADER` when nobody gives a header that is good. */
export async function sampleBatch(options: SampleOptions): Promise<SampleReport> {
  const { shape, quorum, seed, onProgress } = options
  const count = Math.min(options.count ?? sampleCountDefault, shape.codedRows)
  const indexes = sampledIndices(seed, shape.codedRows, count)
  const verifier = await openVerifier(options)
  const byHolder = new Map<number, number[]>()
  for (const index of indexes.toSorted((a, b) => a - b)) {
    const holder = holderOf(quorum, index)
    byHolder.set(holder, [...(byHolder.get(holder) ?? []), index])
  }
  const good = new Set<number>()
  const wrong: { readonly index: number; readonly url: string }[] = []
  let answered = 0
  await Promise.all(
    [...byHolder].map(async ([holder, wanted]) => {
      const { url } = quorum.signers[holder]!
      const rows = await rowsFrom(options, verifier, url, wanted)
      const bad = new Set(verifier.wrongOf(rows))
      for (const row of rows) {
        if (bad.has(row)) wrong.push({ index: row.index, url })
        else good.add(row.index)
      }
      answered += wanted.length
      onProgress?.(answered)
    }),
  )
  const failed = new Set(wrong.map(({ index }) => index))
  return {
    asked: count,
    good: good.size,
    missing: indexes.filter((index) => !good.has(index) && !failed.has(index)),
    wrong,
    bytes: good.size * verifier.header.rowSize,
    chanceLog2: good.size === count ? passChanceLog2(shape, count, 'third') : 0,
  }
}

/** Those of the rows that a node gives, by questions of bounded size. */
async function rowsFrom(
  options: SampleOptions,
  verifier: RowVerifier,
  url: string,
  wanted: readonly number[],
): Promise<readonly ProvedRow[]> {
  const atOnce = Math.max(1, Math.floor(rowBytesMax / verifier.header.rowSize))
  const rows: ProvedRow[] = []
  for (let from = 0; from < wanted.length; from += atOnce) {
    const asked = wanted.slice(from, from + atOnce)
    rows.push(...(await answerOf(options, verifier.header.rowSize, url, asked)))
  }
  return rows
}

/** None when a node gives no answer that can be read, or other rows than it was asked for. */
async function answerOf(
  { client, batch, shape, signal }: SampleOptions,
  rowSize: number,
  url: string,
  asked: readonly number[],
): Promise<readonly ProvedRow[]> {
  try {
    const rows = decodeRows(await client.rows(url, batch, asked, signal), rowSize, shape)
    const open = new Set(asked)
    // Each once: a check costs more than a row costs to send.
    return rows.every(({ index }) => open.delete(index)) ? rows : []
  } catch {
    return []
  }
}

/** By the first header that is what the commitment stands for, of a few members at a time. */
async function openVerifier(options: SampleOptions): Promise<RowVerifier> {
  const { client, pause, shape, batch, commitment, quorum, signal } = options
  const found = Promise.withResolvers<RowVerifier>()
  let isFound = false
  let lieCount = 0
  const ask = async ({ url }: { readonly url: string }): Promise<void> => {
    try {
      const bytes = await client.header(url, batch, signal)
      if (bytes === undefined || isFound) return
      const verifier = new RowVerifier(commitment, decodeHeader(bytes, shape))
      isFound = true
      found.resolve(verifier)
    } catch (error) {
      if (error instanceof CommitmentMismatchError) lieCount++
    }
  }
  const asked: Promise<void>[] = []
  for (let from = 0; from < quorum.signers.length && !isFound; from += headersAtOnce) {
    const few = quorum.signers.slice(from, from + headersAtOnce).map(ask)
    asked.push(...few)
    await Promise.race([found.promise, Promise.all(few), pause(headerWaitMs)])
  }
  void Promise.all(asked).then(() => found.reject(new SampleHeaderError(lieCount)))
  return found.promise
}

/** No member gave the header of the batch's rows. */
export class SampleHeaderError extends ZgError<'DA_SAMPLE_HEADER'> {
  constructor(lieCount: number) {
    const lies = lieCount === 0 ? '' : `; ${lieCount} gave another one`
    super('DA_SAMPLE_HEADER', `No member has the header of the batch${lies}`, { lieCount })
  }
}
