/**
 * Several endpoints of one chain, of which one is asked at a time.
 *
 *     it fails          the next one is asked, and has the turn from now on
 *     `turnMs` are over the next one has the turn
 *
 * What can be checked is checked within the question, so that a lie is a failure. The rest, what
 * L1's contracts answer to who sends to them, is believed of whoever has the turn: a lie costs gas
 * or delay, for L1 itself decides what is done, and no endpoint has the turn for longer.
 */

import type { Clock } from '@zg/runtime'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { KeeperChain } from './keeper-ports.ts'
import type {
  L1Answer,
  L1GasAnswer,
  L1Head,
  L1Message,
  L1Receipt,
  L1Submission,
} from './l1-chain.ts'

/** What lies of one endpoint hold up, they hold up for so long. */
const turnMsDefault = 600_000

export class Failover<endpoint> {
  readonly #endpoints: readonly endpoint[]
  readonly #clock: Clock | undefined
  readonly #turnMs: number
  #turn = 0
  #endMs: number

  /**
   * @param endpoints - One at least.
   * @param clock - Without one, a turn lasts until a failure.
   */
  constructor(
    endpoints: readonly endpoint[],
    {
      clock,
      turnMs = turnMsDefault,
    }: {
      readonly clock?: Clock
      /** @default turnMsDefault */
      readonly turnMs?: number
    } = {},
  ) {
    this.#endpoints = endpoints
    this.#clock = clock
    this.#turnMs = turnMs
    this.#endMs = this.#endOfTurn()
  }

  get endpoints(): readonly endpoint[] {
    return this.#endpoints
  }

  /** How often the turn has passed on. */
  get turn(): number {
    if ((this.#clock?.nowMs() ?? 0) >= this.#endMs) this.#pass(this.#turn)
    return this.#turn
  }

  /**
   * Asks one endpoint after another until one answers as it should.
   *
   * @throws What the first one failed with, when all fail.
   */
  async ask<answer>(question: (endpoint: endpoint) => Promise<answer>): Promise<answer> {
    const first = this.turn
    const count = this.#endpoints.length
    let failure: unknown
    for (let turn = first; turn < first + count; turn++) {
      try {
        return await question(this.#endpoints[turn % count] as endpoint)
      } catch (error) {
        failure ??= error
        this.#pass(turn)
      }
    }
    throw failure
  }

  /** Ends a turn, unless another question has ended it. */
  #pass(turn: number): void {
    if (turn !== this.#turn || this.#endpoints.length === 1) return
    this.#turn++
    this.#endMs = this.#endOfTurn()
  }

  #endOfTurn(): number {
    return this.#clock === undefined ? Infinity : this.#clock.nowMs() + this.#turnMs
  }
}

/** The same for who sends: transactions go to all of them. */
export class FailoverChain implements KeeperChain {
  readonly #chains: Failover<KeeperChain>

  constructor(chains: Failover<KeeperChain>) {
    this.#chains = chains
  }

  get turn(): number {
    return this.#chains.turn
  }

  head(): Promise<L1Head> {
    return this.#chains.ask((chain) => chain.head())
  }

  call(message: L1Message): Promise<L1Answer> {
    return this.#chains.ask((chain) => chain.call(message))
  }

  storageAt(address: bigint, slot: bigint): Promise<bigint> {
    return this.#chains.ask((chain) => chain.storageAt(address, slot))
  }

  hasCode(address: bigint): Promise<boolean> {
    return this.#chains.ask((chain) => chain.hasCode(address))
  }

  nonceOf(address: bigint): Promise<bigint> {
    return this.#chains.ask((chain) => chain.nonceOf(address))
  }

  estimateGas(message: L1Message & { readonly from: bigint }): Promise<L1GasAnswer> {
    return this.#chains.ask((chain) => chain.estimateGas(message))
  }

  tipPerGas(): Promise<bigint> {
    return this.#chains.ask((chain) => chain.tipPerGas())
  }

  /** One that takes a transaction may keep it to itself: another one passes it on. */
  async submit(transaction: Uint8Array): Promise<L1Submission> {
    const submitted = this.#chains.endpoints.map((chain) => chain.submit(transaction))
    const taken = submitted.map(async (each) => {
      if ((await each) !== 'taken') throw new L1EndpointError('it does not take a transaction')
    })
    try {
      await Promise.any(taken)
      return 'taken'
    } catch {
      return Promise.any(submitted).catch(() => submitted[0] as Promise<L1Submission>)
    }
  }

  receipt(hash: Uint8Array): Promise<L1Receipt | undefined> {
    return this.#chains.ask((chain) => chain.receipt(hash))
  }
}
