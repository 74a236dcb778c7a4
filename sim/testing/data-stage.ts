/** Where a seed of data availability is played: clock, chain and its views, wires, what broke. */

import { blsScheme, keyedHashScheme } from '@zg/consensus'
import { drawQuorum, UnavailableError } from '@zg/da'
import type { DataNodeApi, DataShape, NodeClient } from '@zg/da'
import { DataWorld } from '@zg/da/testing'
import { sha256 } from '@zg/primitives'
import { createSeededRng, SimulatedClock } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { DataChainView, SimulatedDataChain } from './data-chain.ts'
import { drawDataScenario, healMs } from './data-scenario.ts'
import type { DataScenario } from './data-scenario.ts'
import { Tally } from './data-tally.ts'

/** A draw of a thousand divided by this is a time within a sync, which takes up to 0.8 ms. */
export const tearParts = 1_500

export class DataStage {
  readonly seed: number
  readonly scenario: DataScenario
  readonly clock = new SimulatedClock()
  readonly startMs = this.clock.nowMs()
  readonly tally = new Tally()
  readonly violations: string[] = []
  readonly world: DataWorld
  readonly chain: SimulatedDataChain
  /** Told of each step of a node's disk. */
  onNodeDiskStep: (index: number) => void = () => undefined
  readonly #rng: Rng

  constructor(seed: number) {
    this.seed = seed
    this.#rng = createSeededRng(seed)
    this.scenario = drawDataScenario(this.fork('scenario'), slotsByPlace)
    const { scenario, clock } = this
    const { shape, votes, contests, epochMs, quorumCount, retentionEpochs } = scenario
    const wires = this.fork('wires')
    let chain: SimulatedDataChain | undefined
    this.world = new DataWorld({
      clock,
      seed,
      shape,
      nodeCount: votes[0]!.length,
      scheme: scenario.isBls ? blsScheme() : keyedHashScheme(),
      signingKeyOf,
      chain: { quorumCount, retentionEpochs: BigInt(retentionEpochs) },
      openChain: (options) => {
        chain = new SimulatedDataChain({
          ...options,
          clock,
          epochMs,
          votesByEpoch: votes,
          contests,
        })
        return chain
      },
      client: (nodes) => this.#wires(nodes, wires),
      onDiskStep: (index) => this.onNodeDiskStep(index),
    })
    this.chain = chain!
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.clock.nowMs() - this.startMs
  }

  get isHealed(): boolean {
    return this.nowMs >= healMs
  }

  fork(label: string): Rng {
    return this.#rng.fork(label)
  }

  violate(rule: string, what: string): void {
    this.violations.push(`${rule}: ${what}`)
  }

  at(atMs: number, fire: () => void): void {
    this.clock.setTimer(atMs - this.nowMs, fire)
  }

  runTo(atMs: number): Promise<void> {
    return this.clock.run({ untilMs: this.startMs + atMs })
  }

  /** What a party sees of the chain; `lagMs` is how old it always is. */
  view(party: number, lagMs?: number): DataChainView {
    const { chain, clock, tally, scenario } = this
    const { weather } = scenario
    const rng = this.fork(`view ${party}`)
    const drawnMs = weather.lagMsMax === 0 ? 0 : rng.below(weather.lagMsMax)
    const options = { chain, clock, tally, weather, rng, party }
    return new DataChainView({ ...options, lagMs: lagMs ?? drawnMs })
  }

  /** Answers take their time, or never come; who is down does not answer. */
  #wires(nodes: ReadonlyMap<string, DataNodeApi>, rng: Rng): NodeClient {
    const exchange = async <T>(
      url: string,
      work: (node: DataNodeApi) => Promise<T>,
    ): Promise<T> => {
      await this.#wire(rng)
      const node = nodes.get(url)
      if (node === undefined) throw new UnavailableError('nobody answers')
      const answer = await work(node)
      await this.#wire(rng)
      return answer
    }
    return {
      store: (url, request, signal) =>
        orCalledOff(
          exchange(url, (node) => node.store(request)),
          signal,
        ),
      header: (url, batch, signal) =>
        orCalledOff(
          exchange(url, (node) => node.header(batch)),
          signal,
        ),
      rows: (url, batch, indexes, signal) =>
        orCalledOff(
          exchange(url, (node) => node.rows(batch, indexes)),
          signal,
        ),
    }
  }

  #wire(rng: Rng): Promise<void> {
    const { latencyMsMax, loss } = this.scenario
    if (!this.isHealed && rng.chance(loss)) {
      this.tally.add('message lost')
      return new Promise(() => undefined)
    }
    return this.clock.delay(1 + rng.below(latencyMsMax))
  }
}

/** Below the order of the curve. */
function signingKeyOf(index: number): Uint8Array {
  return sha256(Uint8Array.of(77, index)).with(0, 0)
}

/** Rows that each place holds for given votes. */
export function slotsByPlace(votes: readonly bigint[], shape: DataShape): readonly number[] {
  const active = votes.flatMap((own, place) => (own > 0n ? [{ place, votes: own }] : []))
  const draw = { active, seed: new Uint8Array(32), quorum: 0, slots: shape.codedRows }
  const slots = votes.map(() => 0)
  for (const { place, slots: own } of drawQuorum(draw).members) slots[place] = own
  return slots
}

function orCalledOff<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const stop = (): void => reject(new UnavailableError('it was called off'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  asked.then(resolve, reject)
  return promise
}
