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
 * times is let go, and what comes after it is seen to all the same.
 */

import { RowVerifier } from '@zg/coding'
import type { RowsHeader } from '@zg/coding'
import { bytesEqual } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'

import { inGroups, messageOf } from '../asking.ts'
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
/** Times that each thing to do about a query is tried, once a step; what is urgent, oftener. */
const triesMax = { query: 4, answer: 16, clear: 16, settle: 4 } as const
/** How often the node is asked for all that it holds of three epochs. */
const noticeEveryMs = 3_000
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
  /** What its holders gave, once they were asked. */
  got: number | undefined
  /**
   * How often something was tried. What is refused may be there already: an answer of before a
   * restart, or one whose receipt was lost.
   */
  readonly tries: Map<Act, number>
}

type Act = keyof typeof triesMax

type Looked = { readonly key: string; readonly found: Case; readonly query: Query | undefined }
type Now = { readonly rules: QueryRules; readonly seconds: number }
/** Of one step: who is not asked again in it, and when it is to end. */
type Gathering = { readonly late: Set<string>; readonly end: AbortSignal }

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
  #noticeAtMs = 0

  constructor(options: QueryDutyOptions) {
    this.#options = options
  }

  async step(end: AbortSignal): Promise<boolean> {
    const { chain, queries, clock } = this.#options
    const rules = await queries.queryRules()
    if (rules === undefined || rules.every === 0) return false
    if (clock.nowMs() >= this.#noticeAtMs) {
      this.#notice(await chain.epoch())
      this.#noticeAtMs = clock.nowMs() + noticeEveryMs
    }
    const some = [this.#fresh, this.#watched].flatMap((held) => {
      return [...held.entries()].slice(0, looksAtOnce)
    })
    await Promise.all(some.map(([key, held]) => this.#look(key, held, rules)))
    await this.#see(rules, end)
    return this.#fresh.size > 0
  }

  /**
   * Sees to some of what is asked for. To gather rows takes long where holders are silent, so
   * before each few that are gathered, whatever takes no gathering is done of all of them: rows
   * that were not got are to be shown in time.
   */
  async #see(rules: QueryRules, end: AbortSignal): Promise<void> {
    const open = [...this.#cases.entries()].slice(0, queriesPerStep)
    // What is seen to next is what was not for longest.
    for (const [key, found] of open) {
      this.#cases.delete(key)
      this.#cases.set(key, found)
    }
    const by: Gathering = { late: new Set(), end }
    const tried = new Set<string>()
    for (let from = 0; from <= queriesPerStep && !end.aborted; from += queriesAtOnce) {
      const looked = await this.#looked(open)
      const seconds = await this.#options.queries.timeSeconds()
      const due = looked.flatMap((each) => {
        const act = this.#nextOf(each, { rules, seconds })
        if (act === 'end') this.#end(each.key, each.found.batch)
        return act === undefined || act === 'end' ? [] : [{ act, each }]
      })
      const fresh = due.filter(({ act, each }) => !tried.has(`${act} ${each.key}`))
      const quick = fresh.filter(({ act }) => act !== 'answer')
      const slow = fresh.filter(({ act }) => act === 'answer').slice(0, queriesAtOnce)
      for (const { act, each } of [...quick, ...slow]) tried.add(`${act} ${each.key}`)
      await inGroups(quick, queriesAtOnce, ({ act, each }) => this.#try(act, each, by))
      if (slow.length === 0 || end.aborted) return
      await Promise.all(slow.map(({ act, each }) => this.#try(act, each, by)))
    }
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
    const parts = { batch, record, quorum, rows, slots, turn, own, sinceMs }
    return { ...parts, got: undefined, tries: new Map() }
  }

  /** What the chain says now of some cases; those of which it does not are left out. */
  async #looked(open: readonly (readonly [string, Case])[]): Promise<readonly Looked[]> {
    const { queries } = this.#options
    const looked: Looked[] = []
    await inGroups(open, queriesAtOnce, async ([key, found]) => {
      if (!this.#cases.has(key)) return
      try {
        looked.push({ key, found, query: await queries.queryOf(found.batch) })
      } catch {
        // It is asked again.
      }
    })
    return looked
  }

  /** What is to be done next of a batch that is asked for. */
  #nextOf({ found, query }: Looked, now: Now): Act | 'end' | undefined {
    const { rules, seconds } = now
    const { slots, turn, own, tries } = found
    const isOpen = (act: Act): boolean => (tries.get(act) ?? 0) < triesMax[act]
    const turnSeconds = (turn * rules.answerSeconds) / turnPart
    if (query === undefined) {
      const isDue = this.#options.clock.nowMs() >= found.sinceMs + turnSeconds * 1_000
      return slots !== 0 && isDue && isOpen('query') ? 'query' : undefined
    }
    const isOver = seconds > query.untilSeconds
    if (query.isSettled || (isOver && !query.isDecided)) return 'end'
    if (!query.isDecided) return slots !== 0 && isOpen('answer') ? 'answer' : undefined
    if (query.missing === 0) return 'end'
    if (!isOver) {
      if ((query.missing & own) !== 0 && isOpen('clear')) return 'clear'
      return slots === 0 ? 'end' : undefined
    }
    if (!isOpen('settle')) return 'end'
    return seconds > query.untilSeconds + turnSeconds ? 'settle' : undefined
  }

  /** Tries what is to be done. That is let go after some times, and what comes after it is not. */
  async #try(act: Act, { key, found, query }: Looked, by: Gathering): Promise<void> {
    const { queries, log } = this.#options
    const { batch, record, slots, tries } = found
    tries.set(act, (tries.get(act) ?? 0) + 1)
    try {
      if (act === 'query') await queries.query(batch, record)
      if (act === 'clear') await this.#clear(found, (query?.missing ?? 0) & found.own)
      if (act === 'settle') await queries.settle(batch, record)
      if (act !== 'answer') return
      const got = (found.got ??= await this.#got(found, by))
      await queries.answer(batch, slots, got)
      tries.set(act, triesMax[act])
      log.info('a query is answered', { batch: key, slots, got })
    } catch (error) {
      log.warn('a query could not be seen to', { batch: key, act, error: messageOf(error) })
    }
  }

  /** Which of the sixteen rows their holders give, verified. */
  async #got({ batch, record, quorum, rows }: Case, by: Gathering): Promise<number> {
    const { node, client, clock, chain } = this.#options
    const header = await this.#header(batch)
    if (header === undefined) throw new UnavailableError('the header of the batch is lost')
    const verifier = new RowVerifier(record.commitment, header)
    const ownUrl = quorum.signers.find(({ operator }) => {
      return bytesEqual(operator, this.#options.operator)
    })?.url
    return gotOf(rows, {
      ...by,
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
    const shown = rows.map(async (index, place) => {
      if (((missing >> place) & 1) === 0) return
      const bytes = await node.rows(batch, [index])
      const row = decodeRows(bytes, header.rowSize, chain.shape).find((one) => one.index === index)
      if (row === undefined) return
      await queries.clear(batch, { place, row, header })
      log.info('a row is shown that was not got', { batch: batchKey(batch), row: index })
    })
    // One that cannot be shown keeps no other from it.
    const failed = (await Promise.allSettled(shown)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  async #header(batch: BatchId): Promise<RowsHeader | undefined> {
    const { node, chain } = this.#options
    const bytes = await node.header(batch)
    return bytes && decodeHeader(bytes, chain.shape)
  }

  #end(key: string, { epoch }: BatchId): void {
    this.#cases.delete(key)
    const done = this.#done.get(epoch) ?? new Set()
    done.add(key)
    this.#done.set(epoch, done)
  }
}

/** Bit i for the i-th that is true. */
function bitsOf(flags: readonly boolean[]): number {
  return flags.reduce((bits, flag, at) => (flag ? bits | (1 << at) : bits), 0)
}
