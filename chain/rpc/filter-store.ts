/**
 * Filters: what happened since a client last asked (`eth_newFilter` and its relatives).
 *
 * A filter is a cursor. Blocks and logs are read from the chain when asked for, so a filter costs
 * nothing between two polls; hashes of pooled transactions, which the chain does not keep, go into
 * one ring that all filters of that kind read. A filter nobody asks for expires.
 */

import { randomBytes } from 'node:crypto'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import type { NodeView } from '../chain-view.ts'
import { filterChangesMax, filterLifeMs, filtersMax, logBlocksMax } from './limits.ts'
import { findLogs } from './log-filter.ts'
import type { LogFilter } from './log-filter.ts'
import { logJson } from './receipt-json.ts'
import { ParamsInvalidError, ResourceUnknownError } from './rpc-error.ts'

type Filter = {
  readonly kind: FilterKind
  /** The next block, or place in the ring, that the client has not seen. */
  next: number
  askedMs: number
}

type FilterKind =
  | { readonly name: 'block' }
  | { readonly name: 'pendingTransaction' }
  | { readonly name: 'log'; readonly filter: LogFilter }

export class FilterStore {
  readonly #node: NodeView
  readonly #clock: Clock
  /** In the order of last use: the first is the one idle the longest. */
  readonly #filters = new Map<string, Filter>()
  readonly #pending = new PendingRing()
  #stopPending: (() => void) | undefined

  constructor(node: NodeView, clock: Clock) {
    this.#node = node
    this.#clock = clock
  }

  /** Installs a filter and returns its id. */
  install(kind: FilterKind): Hex {
    this.#expire(filtersMax - 1)
    if (kind.name === 'pendingTransaction') this.#followPool()
    const id = toHex(randomBytes(16))
    const next =
      kind.name === 'pendingTransaction' ? this.#pending.end : this.#node.chain.headNumber() + 1
    this.#filters.set(id, { kind, next, askedMs: this.#clock.nowMs() })
    return id
  }

  /** Forgets a filter; false when there was none. */
  uninstall(id: string): boolean {
    const existed = this.#filters.delete(id)
    this.#unfollowPool()
    return existed
  }

  /**
   * What is new since the last call: block hashes, transaction hashes or logs.
   *
   * @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN` for no filter.
   */
  async changes(id: string): Promise<readonly unknown[]> {
    const filter = this.#use(id)
    if (filter.kind.name === 'pendingTransaction') {
      const from = filter.next
      filter.next = this.#pending.end
      return this.#pending.since(from)
    }
    const head = this.#node.chain.headNumber()
    const from = filter.next
    filter.next = head + 1
    if (filter.kind.name === 'block') return this.#blockHashes(from, head)
    try {
      return await this.#newLogs(filter.kind.filter, from, head)
    } catch (error) {
      // Nothing is lost: the next poll starts where this one did.
      filter.next = from
      throw error
    }
  }

  /** All logs of a log filter. @throws `CHAIN_RESOURCE_UNKNOWN`, `CHAIN_PARAMS_INVALID`, … */
  async logs(id: string): Promise<readonly unknown[]> {
    const { kind } = this.#use(id)
    if (kind.name !== 'log') throw new ParamsInvalidError('id', 'it is no log filter')
    return (await findLogs(this.#node.chain, kind.filter, this.#clock)).map(logJson)
  }

  #use(id: string): Filter {
    this.#expire(filtersMax)
    const filter = this.#filters.get(id)
    if (filter === undefined) {
      throw new ResourceUnknownError('the filter', 'it was never installed, or it expired')
    }
    filter.askedMs = this.#clock.nowMs()
    this.#filters.delete(id)
    this.#filters.set(id, filter)
    return filter
  }

  /** Forgets those that expired, and those idle the longest beyond `keptMax`. */
  #expire(keptMax: number): void {
    const nowMs = this.#clock.nowMs()
    for (const [id, filter] of this.#filters) {
      const expired = nowMs - filter.askedMs >= filterLifeMs
      if (!expired && this.#filters.size <= keptMax) break
      this.#filters.delete(id)
    }
    this.#unfollowPool()
  }

  #blockHashes(from: number, to: number): readonly Hex[] {
    const hashes: Hex[] = []
    for (let number = Math.max(from, to - filterChangesMax + 1); number <= to; number++) {
      const hash = this.#node.chain.hashOfNumber(number)
      if (hash !== undefined) hashes.push(toHex(hash))
    }
    return hashes
  }

  async #newLogs(filter: LogFilter, from: number, head: number): Promise<readonly unknown[]> {
    const { chain } = this.#node
    const first = Math.max(from, head - logBlocksMax + 1, numberOf(filter.fromBlock, 0))
    const last = Math.min(head, numberOf(filter.toBlock, head))
    if (first > last) return []
    const range = {
      fromBlock: { kind: 'number', number: BigInt(first) },
      toBlock: { kind: 'number', number: BigInt(last) },
    } as const
    return (await findLogs(chain, { ...filter, ...range }, this.#clock)).map(logJson)
  }

  #followPool(): void {
    this.#stopPending ??= this.#node.pool.onPending(({ hash }) => this.#pending.push(toHex(hash)))
  }

  #unfollowPool(): void {
    for (const { kind } of this.#filters.values()) if (kind.name === 'pendingTransaction') return
    this.#stopPending?.()
    this.#stopPending = undefined
  }
}

/** The last `filterChangesMax` hashes, by their place in the stream of all. */
class PendingRing {
  readonly #hashes: Hex[] = []
  /** Place after the newest hash. */
  end = 0

  push(hash: Hex): void {
    this.#hashes[this.end % filterChangesMax] = hash
    this.end++
  }

  since(from: number): readonly Hex[] {
    const hashes: Hex[] = []
    for (let place = Math.max(from, this.end - filterChangesMax); place < this.end; place++) {
      hashes.push(this.#hashes[place % filterChangesMax] as Hex)
    }
    return hashes
  }
}

function numberOf(id: LogFilter['fromBlock'], otherwise: number): number {
  return id?.kind === 'number' ? Number(id.number) : otherwise
}
