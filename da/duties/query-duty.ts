/**
 * What a node does about queries (docs/specs/da.md §8), of each batch that it holds:
 *
 *     recorded ─► drawn ─► queried ─► answered ─► decided ─► settled
 *        │          │                     │           │
 *        │          └ nobody brought it: the first of the seven does, the next one a while later
 *        └ not drawn: no more of it       │           └ a row of its own was not got: it shows it
 *                                         └ the sixteen are asked of their holders, and verified
 *
 * All of it follows from what the chain says and the node has on its disk, so after a crash it
 * looks again at what it holds of three epochs. Nobody is paid for it: what the chain refuses a few
 * times is let go.
 */

import { RowVerifier } from '@zg/coding'
import type { RowsHeader } from '@zg/coding'
import { bytesEqual } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'

import { messageOf } from '../asking.ts'
import { batchKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataChain, DataRecord, DrawnQuorum } from '../chain/data-chain.ts'
import type { DataNodeApi } from '../node/data-node.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import type { Query, QueryChain, QueryRules } from './duty-chain.ts'
import type { Duty } from './duty-loop.ts'
import type { NodeClient } from '../node/node-client.ts'
import { askedRows, askingRows, isQueried, queryDrawOf } from './query-draw.ts'
import { holderOf } from '../batch/quorum.ts'
import { gotOf } from './query-round.ts'
import type { HeldBatch } from '../node/row-store.ts'
import { decodeHeader, decodeRows } from '../batch/wire.ts'

/** Batches that are looked at in one step, and that are remembered. */
const looksAtOnce = 128
const watchedMax = 65_536
/** Queries that are seen to in one step, and how many of them at the same time. */
const queriesPerStep = 256
const queriesAtOnce = 16
/** Times that something is tried of a query before it is let go. */
const triesMax = 4
/** Epochs after its own in which a batch may be asked for: rewards are settled in the next one. */
const queriedWithin = 2n
/** After how much of the time for answers the next one of the seven brings a query. */
const turnPart = 4

export type QueryDutyOptions = {
  readonly chain: Pick<DataChain, 'epoch' | 'epochAt' | 'quorumAt' | 'recordOf' | 'shape'>
  readonly queries: QueryChain
  readonly node: DataNodeApi & { heldOf(epoch: bigint): readonly HeldBatch[] }
  readonly client: Pick<NodeClient, 'rows'>
  readonly clock: Clock
  readonly log: Logger
  /** 20 bytes. */
  readonly operator: Uint8Array
}

/** A batch that is asked for, in which this node has a part. */
type Case = {
  readonly batch: BatchId
  readonly record: DataRecord
  readonly quorum: DrawnQuorum
  /** The sixteen. */
  readonly rows: readonly number[]
  /** Which of the seven slots are its own; a bit each. */
  readonly slots: number
  /** How many others of the seven come before it. */
  readonly turn: number
  /** Of the sixteen, those that it holds; a bit each. */
  readonly own: number
  /** When it was first seen to be drawn. */
  readonly sinceMs: number
  isAnswered: boolean
  tries: number
}

export class QueryDuty implements Duty {
  readonly what = 'queries'
  readonly #options: QueryDutyOptions
  /** Batches that were not looked at yet. */
  readonly #fresh = new Map<string, HeldBatch>()
  /** Others that are not recorded, or too lately; in the order in which they are looked at. */
  readonly #watched = new Map<string, HeldBatch>()
  readonly #cases = new Map<string, Case>()
  /** By epoch: batches that are done with. */
  readonly #done = new Map<bigint, Set<string>>()

  constructor(options: QueryDutyOptions) {
    this.#options = options
  }

  async step(): Promise<boolean> {
    const { chain, queries } = this.#options
    const rules = await queries.queryRules()
    if (rules === undefined || rules.every === 0) return false
    const present = await chain.epoch()
    this.#notice(present)
    const some = [this.#fresh, this.#watched].flatMap((held) => {
      return [...held.entries()].slice(0, looksAtOnce)
    })
    await Promise.all(some.map(([key, held]) => this.#look(key, held, rules)))
    const open = [...this.#cases.entries()].slice(0, queriesPerStep)
    for (let from = 0; from < open.length; from += queriesAtOnce) {
      const seconds = await queries.timeSeconds()
      const few = open.slice(from, from + queriesAtOnce)
      await Promise.all(few.map(([key, found]) => this.#see(key, found, { rules, seconds })))
    }
    return this.#fresh.size > 0
  }

  /** Takes in what the node holds now, and forgets what can no longer be asked for. */
  #notice(present: bigint): void {
    const first = present - queriedWithin
    for (const known of [this.#fresh, this.#watched, this.#cases]) {
      for (const [key, { batch }] of known) {
        if (batch.epoch < first) known.delete(key)
      }
    }
    for (const epoch of this.#done.keys()) {
      if (epoch < first) this.#done.delete(epoch)
    }
    for (let epoch = first; epoch <= present; epoch++) {
      for (const held of this.#options.node.heldOf(epoch)) {
        const key = batchKey(held.batch)
        const isOpen = this.#fresh.has(key) || this.#watched.has(key) || this.#cases.has(key)
        if (isOpen || this.#done.get(epoch)?.has(key) === true) continue
        const size = this.#fresh.size + this.#watched.size + this.#cases.size
        if (size >= watchedMax) return
        this.#fresh.set(key, held)
      }
    }
  }

  /** Whether a batch is recorded, and asked for; if that is not known, it is looked at again. */
  async #look(key: string, held: HeldBatch, rules: QueryRules): Promise<void> {
    this.#fresh.delete(key)
    this.#watched.delete(key)
    this.#watched.set(key, held)
    try {
      await this.#judge(key, held, rules)
    } catch (error) {
      const { log } = this.#options
      log.debug('a batch could not be looked at', { batch: key, error: messageOf(error) })
    }
  }

  async #judge(key: string, held: HeldBatch, { every }: QueryRules): Promise<void> {
    const { chain, queries } = this.#options
    const { batch, commitment } = held
    const record = await chain.recordOf(batch)
    if (record === undefined) return
    const mix = await queries.mixOf(record.height + 1n)
    if (mix === undefined) return
    const draw = queryDrawOf(mix, batch)
    const isAsked = bytesEqual(record.commitment, commitment) && isQueried(draw, every)
    const found = isAsked ? await this.#caseOf(batch, record, draw) : undefined
    this.#watched.delete(key)
    if (found === undefined) this.#end(key, batch)
    else this.#cases.set(key, found)
  }

  /** Undefined where this node has no part in it. */
  async #caseOf(batch: BatchId, record: DataRecord, draw: Uint8Array): Promise<Case | undefined> {
    const { chain, clock, operator } = this.#options
    const epoch = await chain.epochAt(batch.epoch)
    if (epoch === undefined) return undefined
    const quorum = await chain.quorumAt(epoch, batch.quorum)
    const { codedRows } = chain.shape
    const rows = askedRows(draw, codedRows)
    const holdersOf = (of: readonly number[]): readonly number[] =>
      of.map((row) => holderOf(quorum, row))
    const isOwn = (member: number): boolean =>
      bytesEqual(quorum.signers[member]!.operator, operator)
    const askers = holdersOf(askingRows(draw, codedRows))
    const slots = bitsOf(askers.map(isOwn))
    const own = bitsOf(holdersOf(rows).map(isOwn))
    if (slots === 0 && own === 0) return undefined
    const first = askers.findIndex(isOwn)
    const turn = new Set(first < 0 ? askers : askers.slice(0, first)).size
    const sinceMs = clock.nowMs()
    return { batch, record, quorum, rows, slots, turn, own, sinceMs, isAnswered: false, tries: 0 }
  }

  /** Does what is to be done next of a batch that is asked for. */
  async #see(
    key: string,
    found: Case,
    now: { readonly rules: QueryRules; readonly seconds: number },
  ): Promise<void> {
    const { queries, log } = this.#options
    // What is seen to next is what was not for longest.
    this.#cases.delete(key)
    this.#cases.set(key, found)
    let query: Query | undefined
    try {
      query = await queries.queryOf(found.batch)
    } catch {
      return
    }
    try {
      if (!(await this.#act(found, query, now))) return
    } catch (error) {
      log.warn('a query could not be seen to', { batch: key, error: messageOf(error) })
      if (++found.tries < triesMax) return
    }
    this.#cases.delete(key)
    this.#end(key, found.batch)
  }

  /** Returns whether nothing more is to be done. */
  async #act(
    found: Case,
    query: Query | undefined,
    { rules, seconds }: { readonly rules: QueryRules; readonly seconds: number },
  ): Promise<boolean> {
    const { queries, clock, log } = this.#options
    const { batch, record, slots, turn, own } = found
    const turnSeconds = (turn * rules.answerSeconds) / turnPart
    if (query === undefined) {
      const isDue = slots !== 0 && clock.nowMs() >= found.sinceMs + turnSeconds * 1_000
      if (isDue) await queries.query(batch, record)
      return false
    }
    const isOver = seconds > query.untilSeconds
    if (query.isSettled || (isOver && !query.isDecided)) return true
    if (!query.isDecided) {
      if (slots === 0 || found.isAnswered) return false
      const got = await this.#got(found)
      await queries.answer(batch, slots, got)
      found.isAnswered = true
      log.info('a query is answered', { batch: batchKey(batch), slots, got })
      return false
    }
    if (query.missing === 0) return true
    if (!isOver) {
      await this.#clear(found, query.missing & own)
      return slots === 0
    }
    if (seconds > query.untilSeconds + turnSeconds) await queries.settle(batch, record)
    return false
  }

  /** Which of the sixteen rows their holders give, verified. */
  async #got({ batch, record, quorum, rows }: Case): Promise<number> {
    const { node, client, clock, chain } = this.#options
    const header = await this.#header(batch)
    if (header === undefined) throw new UnavailableError('the header of the batch is lost')
    const verifier = new RowVerifier(record.commitment, header)
    const ownUrl = quorum.signers.find(({ operator }) => {
      return bytesEqual(operator, this.#options.operator)
    })?.url
    return gotOf(rows, {
      clock,
      shape: chain.shape,
      verifier,
      urlOf: (row) => quorum.signers[holderOf(quorum, row)]!.url,
      rowsAt: (url, indexes, signal) => {
        return url === ownUrl ? node.rows(batch, indexes) : client.rows(url, batch, indexes, signal)
      },
    })
  }

  /** Shows those of the rows that this node holds, though somebody said that it does not. */
  async #clear({ batch, rows }: Case, missing: number): Promise<void> {
    const { node, queries, chain, log } = this.#options
    const header = missing === 0 ? undefined : await this.#header(batch)
    if (header === undefined) return
    for (const [place, index] of rows.entries()) {
      if (((missing >> place) & 1) === 0) continue
      const bytes = await node.rows(batch, [index])
      const row = decodeRows(bytes, header.rowSize, chain.shape).find((one) => one.index === index)
      if (row === undefined) continue
      await queries.clear(batch, { place, row, header })
      log.info('a row is shown that was not got', { batch: batchKey(batch), row: index })
    }
  }

  async #header(batch: BatchId): Promise<RowsHeader | undefined> {
    const { node, chain } = this.#options
    const bytes = await node.header(batch)
    return bytes && decodeHeader(bytes, chain.shape)
  }

  #end(key: string, { epoch }: BatchId): void {
    const done = this.#done.get(epoch) ?? new Set()
    done.add(key)
    this.#done.set(epoch, done)
  }
}

/** Bit i for the i-th that is true. */
function bitsOf(flags: readonly boolean[]): number {
  return flags.reduce((bits, flag, at) => (flag ? bits | (1 << at) : bits), 0)
}
