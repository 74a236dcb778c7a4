/**
 * The chain of a seed of data availability: signers that come, go and are contested; and what each
 * party sees of it, which may be old, slow to come, or nothing.
 */

import { batchKey, drawQuorum } from '@zg/da'
import type { BatchId, Certificate, DataChain, DataEpoch, DataRecord, DrawnQuorum } from '@zg/da'
import { TableChain } from '@zg/da/testing'
import type { TableChainOptions } from '@zg/da/testing'
import type { Rng, SimulatedClock } from '@zg/runtime'

import { healMs } from './data-scenario.ts'
import type { ChainSpell, ChainWeather, Contest } from './data-scenario.ts'
import type { Tally } from './data-tally.ts'

/** As the table has it. */
const firstEpoch = 10n
/** How long an answer takes at most while the chain is slow. */
const slowMs = 2_500

export type SimulatedDataChainOptions = TableChainOptions & {
  readonly clock: SimulatedClock
  readonly epochMs: number
  /** As a scenario has it. */
  readonly votesByEpoch: readonly (readonly bigint[])[]
  readonly contests: readonly Contest[]
}

export class SimulatedDataChain extends TableChain {
  readonly startMs: number
  readonly epochMs: number
  /** By batch: when it was recorded. */
  readonly recordedAtMs = new Map<string, number>()
  readonly #own: SimulatedDataChainOptions

  constructor(options: SimulatedDataChainOptions) {
    super(options)
    this.#own = options
    this.startMs = options.clock.nowMs()
    this.epochMs = options.epochMs
  }

  /** The epoch that it was so long ago. */
  epochAgo(lagMs: number): bigint {
    const passedMs = Math.max(0, this.#own.clock.nowMs() - this.startMs - lagMs)
    return firstEpoch + BigInt(Math.floor(passedMs / this.epochMs))
  }

  /** As it was seen so long ago: who is contested later is not yet. */
  quorumAgo({ epoch, seed }: DataEpoch, quorum: number, lagMs: number): DrawnQuorum {
    const { votesByEpoch, contests, clock } = this.#own
    const votes = votesByEpoch[Math.min(Number(epoch - firstEpoch), votesByEpoch.length - 1)]!
    const active = votes.flatMap((own, place) => (own > 0n ? [{ place, votes: own }] : []))
    const drawn = drawQuorum({ active, seed, quorum, slots: this.shape.codedRows })
    const seenMs = clock.nowMs() - this.startMs - lagMs
    const contested = contests.filter(({ atMs }) => {
      const from = firstEpoch + BigInt(Math.floor(atMs / this.epochMs))
      return atMs <= seenMs && (epoch === from || epoch === from + 1n)
    })
    const signers = drawn.members.map(({ place }) => {
      const isContested = contested.some((contest) => contest.place === place)
      return { ...this.signers[place]!, isContested }
    })
    return { ...drawn, signers }
  }

  override async quorumAt(epoch: DataEpoch, quorum: number): Promise<DrawnQuorum> {
    return this.quorumAgo(epoch, quorum, 0)
  }

  override async certify(certificate: Certificate): Promise<void> {
    await super.certify(certificate)
    const key = batchKey(certificate.batch)
    if (this.records.has(key) && !this.recordedAtMs.has(key)) {
      this.recordedAtMs.set(key, this.#own.clock.nowMs())
    }
  }
}

export type DataChainViewOptions = {
  readonly chain: SimulatedDataChain
  readonly clock: SimulatedClock
  readonly rng: Rng
  readonly weather: ChainWeather
  readonly party: number
  readonly tally: Tally
  /** How old what it sees always is. */
  readonly lagMs: number
}

export class DataChainView implements DataChain {
  readonly #options: DataChainViewOptions

  constructor(options: DataChainViewOptions) {
    this.#options = options
  }

  get identity() {
    return this.#options.chain.identity
  }

  get shape() {
    return this.#options.chain.shape
  }

  get retentionEpochs() {
    return this.#options.chain.retentionEpochs
  }

  get vouchers() {
    return this.#options.chain.vouchers
  }

  epoch(): Promise<bigint> {
    return this.#ask((chain, lagMs) => chain.epochAgo(lagMs))
  }

  finalEpoch(): Promise<bigint> {
    const { finalityMs } = this.#options.weather
    return this.#ask((chain, lagMs) => chain.epochAgo(lagMs + finalityMs))
  }

  epochAt(epoch: bigint): Promise<DataEpoch | undefined> {
    return this.#ask((chain, lagMs) => {
      return epoch > chain.epochAgo(lagMs) + 1n ? undefined : chain.epochAt(epoch)
    })
  }

  opening(): Promise<bigint | undefined> {
    return this.#ask((chain, lagMs) => chain.epochAgo(lagMs))
  }

  quorumAt(epoch: DataEpoch, quorum: number): Promise<DrawnQuorum> {
    return this.#ask((chain, lagMs) => chain.quorumAgo(epoch, quorum, lagMs))
  }

  feeOf(epoch: bigint, rowSize: number): Promise<bigint> {
    return this.#ask((chain) => chain.feeOf(epoch, rowSize))
  }

  coverOf(account: Uint8Array, epoch: bigint): Promise<bigint> {
    return this.#ask((chain) => chain.coverOf(account, epoch))
  }

  balanceOf(account: Uint8Array): Promise<bigint> {
    return this.#ask((chain) => chain.balanceOf(account))
  }

  redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint> {
    return this.#ask((chain) => chain.redeemedOf(payer, disperser))
  }

  /** Of a final block, as this party sees it. */
  recordOf(batch: BatchId): Promise<DataRecord | undefined> {
    const { clock, weather } = this.#options
    return this.#ask((chain, lagMs) => {
      const atMs = chain.recordedAtMs.get(batchKey(batch))
      const isFinal = atMs !== undefined && atMs + weather.finalityMs + lagMs <= clock.nowMs()
      return isFinal ? chain.recordOf(batch) : undefined
    })
  }

  finalRecordsOf(
    epoch: bigint,
    batches: readonly BatchId[],
  ): Promise<readonly (DataRecord | undefined)[] | undefined> {
    const { finalityMs } = this.#options.weather
    return this.#ask(async (chain, lagMs) => {
      const isFinal = chain.epochAgo(lagMs + finalityMs) >= epoch + 2n
      return isFinal ? Promise.all(batches.map((batch) => chain.recordOf(batch))) : undefined
    })
  }

  findBatch(name: Parameters<DataChain['findBatch']>[0]): Promise<BatchId | undefined> {
    return this.#ask((chain) => chain.findBatch(name))
  }

  async certify(certificate: Certificate): Promise<void> {
    const { rng, weather, tally } = this.#options
    const isLost = !this.#isHealed() && rng.chance(weather.lostReceipts)
    await this.#ask((chain) => chain.certify(certificate))
    if (!isLost) return
    tally.add('lost receipt')
    throw new Error('the chain does not answer')
  }

  async #ask<T>(
    answer: (chain: SimulatedDataChain, lagMs: number) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const { chain, clock, rng, weather, tally, lagMs } = this.#options
    const slow = this.#spell('slow')
    if (slow !== undefined) tally.add('chain slow')
    await clock.delay(1 + rng.below(slow === undefined ? weather.latencyMsMax : slowMs))
    if (this.#spell('down') !== undefined) {
      tally.add('chain down')
      throw new Error('the chain does not answer')
    }
    const stale = this.#spell('stale')
    if (stale !== undefined) tally.add('chain stale')
    return await answer(chain, Math.max(lagMs, stale?.lagMs ?? 0))
  }

  #spell(kind: ChainSpell['kind']): ChainSpell | undefined {
    const { chain, clock, weather, party } = this.#options
    const nowMs = clock.nowMs() - chain.startMs
    return weather.spells.find((spell) => {
      const isOurs = spell.party === undefined || spell.party === party
      return spell.kind === kind && isOurs && spell.fromMs <= nowMs && nowMs < spell.toMs
    })
  }

  #isHealed(): boolean {
    const { chain, clock } = this.#options
    return clock.nowMs() - chain.startMs >= healMs
  }
}
