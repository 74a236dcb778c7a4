/** The rules of DataQueries and of rewards over a `TableChain`; each operator has its own hands. */

import { RowVerifier } from '@zg/coding'
import { bytesEqual, sha256, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { batchKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { rewardKey } from '../duties/duty-chain.ts'
import type { Query, QueryChain, Reward, RewardChain } from '../duties/duty-chain.ts'
import { askedRows, askedRowsCount, askersCount, askingRows } from '../duties/query-draw.ts'
import { isQueried, queryDrawOf } from '../duties/query-draw.ts'
import { holderOf } from '../batch/quorum.ts'
import type { TableChain } from './table-chain.ts'

const equalCount = 5

type Kept = { -readonly [field in keyof Query]: Query[field] } & {
  answered: number
  readonly counts: Map<number, number>
}

/** What somebody brought, in order. */
export type Brought = { readonly what: string; readonly by: Hex; readonly bits?: number }

export class TableDuties {
  readonly every: number
  readonly answerSeconds = 20
  readonly queries = new Map<string, Kept>()
  readonly brought: Brought[] = []
  /** Operators whose transactions get nowhere. */
  readonly mute = new Set<Hex>()
  /** By operator and epoch. */
  readonly rewards: Reward[] = []
  /** Keys of rewards of which every claim reverts. */
  readonly stuck = new Set<string>()
  readonly #chain: TableChain
  readonly #clock: Clock

  constructor(chain: TableChain, clock: Clock, every = 1) {
    this.#chain = chain
    this.#clock = clock
    this.every = every
  }

  /** What a block has drawn. */
  mixOf(height: bigint): Uint8Array {
    return sha256(new TextEncoder().encode(`mix ${height}`))
  }

  /** As an operator sees it. */
  of(operator: Uint8Array): QueryChain & RewardChain {
    const by = toHex(operator)
    const send = (what: string, bits?: number): void => {
      if (this.mute.has(by)) throw new DutyRefusedError('no transaction gets there')
      this.brought.push({ what, by, ...(bits !== undefined && { bits }) })
    }
    return {
      queryRules: async () => ({ every: this.every, answerSeconds: this.answerSeconds }),
      timeSeconds: async () => this.#seconds,
      mixOf: async (height) => this.mixOf(height),
      queryOf: async (batch) => this.#queryOf(batch),
      query: async (batch, { height }) => {
        const draw = queryDrawOf(this.mixOf(height + 1n), batch)
        refuse(this.queries.has(batchKey(batch)), 'AlreadyQueried')
        refuse(!isQueried(draw, this.every), 'NotDrawn')
        send('query')
        this.#begin(batch, draw)
      },
      answer: async (batch, slots, got) => {
        const found = this.#open(batch)
        await this.#checkAsker(batch, operator, slots)
        send('answer', got)
        this.#count(found, slots, got)
      },
      clear: async (batch, { place, row, header }) => {
        const found = this.#open(batch)
        refuse(((found.missing >> place) & 1) === 0, 'NotMissing')
        const { commitment } = this.#chain.records.get(batchKey(batch))!
        const isRow = row.index === askedRows(found.draw, this.#codedRows)[place]
        const wrong = new RowVerifier(commitment, header).wrongOf([row])
        refuse(!isRow || wrong.length > 0, 'RowUnproven')
        send('clear', 1 << place)
        found.missing &= ~(1 << place)
      },
      settle: async (batch) => {
        const found = this.queries.get(batchKey(batch))
        refuse(found?.isDecided !== true || found.isSettled, 'NothingToSettle')
        refuse(this.#seconds <= found!.untilSeconds, 'TooEarly')
        send('settle')
        found!.isSettled = true
      },
      rewardsOf: async (_, epoch) => this.rewards.filter((reward) => reward.epoch === epoch),
      leftOf: async (reward) => {
        return this.rewards.find((one) => rewardKey(one) === rewardKey(reward))?.amount ?? 0n
      },
      claim: async (reward) => {
        const at = this.rewards.findIndex((one) => rewardKey(one) === rewardKey(reward))
        refuse(at < 0, 'NothingFree')
        refuse(this.stuck.has(rewardKey(reward)), 'the operator takes no payment')
        send('claim')
        this.rewards.splice(at, 1)
      },
    }
  }

  #queryOf(batch: BatchId): Query | undefined {
    if (this.#chain.isDown) throw new DutyRefusedError('the chain does not answer')
    const found = this.queries.get(batchKey(batch))
    return found && { ...found }
  }

  #begin(batch: BatchId, draw: Uint8Array): void {
    this.queries.set(batchKey(batch), {
      draw,
      untilSeconds: this.#seconds + this.answerSeconds,
      missing: 0,
      isDecided: false,
      isSettled: false,
      answered: 0,
      counts: new Map(),
    })
  }

  async #checkAsker(batch: BatchId, operator: Uint8Array, slots: number): Promise<void> {
    const found = this.#open(batch)
    refuse(found.isDecided, 'AlreadyDecided')
    const askers = await this.#holders(batch, askingRows(found.draw, this.#codedRows))
    for (let slot = 0; slot < askersCount; slot++) {
      if (((slots >> slot) & 1) === 0) continue
      const isOwn = bytesEqual(askers[slot]!, operator) && ((found.answered >> slot) & 1) === 0
      refuse(!isOwn, 'NotAnAsker')
    }
  }

  #count(found: Kept, slots: number, got: number): void {
    found.answered |= slots
    let count = found.counts.get(got) ?? 0
    for (let slot = 0; slot < askersCount; slot++) count += (slots >> slot) & 1
    found.counts.set(got, count)
    if (count < equalCount) return
    found.isDecided = true
    found.missing = ~got & (2 ** askedRowsCount - 1)
    found.untilSeconds = this.#seconds + this.answerSeconds
  }

  /** Whose the rows of a batch are. */
  async #holders(batch: BatchId, rows: readonly number[]): Promise<readonly Uint8Array[]> {
    const epoch = await this.#chain.epochAt(batch.epoch)
    const quorum = await this.#chain.quorumAt(epoch!, batch.quorum)
    return rows.map((row) => quorum.signers[holderOf(quorum, row)]!.operator)
  }

  #open(batch: BatchId): Kept {
    const found = this.queries.get(batchKey(batch))
    refuse(found === undefined, 'NotQueried')
    refuse(this.#seconds > found!.untilSeconds, 'TooLate')
    return found!
  }

  get #seconds(): number {
    return Math.floor(this.#clock.nowMs() / 1_000)
  }

  get #codedRows(): number {
    return this.#chain.shape.codedRows
  }
}

function refuse(is: boolean, reason: string): void {
  if (is) throw new DutyRefusedError(reason)
}

/** What the contracts would revert with. */
class DutyRefusedError extends ZgError<'DA_TABLE_DUTY'> {
  constructor(reason: string) {
    super('DA_TABLE_DUTY', `It is refused: ${reason}`, { reason })
  }
}
