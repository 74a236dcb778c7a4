/** A contract as a keeper sees it: its views, and calls that are sent unless it refuses them. */

import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract, L1Function } from './l1-contracts.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'

export type OfferedContractOptions = {
  readonly chain: Pick<L1Chain, 'call'>
  readonly sender: Pick<L1Sender, 'send'>
  readonly log?: Logger
}

/** `done`: someone did it before; `refused`: with the error of that name, empty for none. */
export type Offer =
  | { readonly kind: 'sent' }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly errorName: string }

export class OfferedContract {
  readonly #chain: Pick<L1Chain, 'call'>
  readonly #sender: Pick<L1Sender, 'send'>
  readonly #log: Logger
  readonly #contract: L1Contract

  constructor(contract: L1Contract, { chain, sender, log }: OfferedContractOptions) {
    this.#chain = chain
    this.#sender = sender
    this.#log = log ?? silentLogger
    this.#contract = contract
  }

  get address(): bigint {
    return this.#contract.address
  }

  /**
   * Asks a view, or what a call would return if it were sent.
   *
   * @throws {L1ReadError} `STAKING_L1_READ_FAILED`; and whatever the chain throws.
   */
  read(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return readContract(this.#chain, this.#contract, { name, args })
  }

  /**
   * Sends a call, unless it would revert.
   *
   * @param doneErrors - Refusals that say: someone did this before.
   * @throws What the sender throws, but for a refusal.
   */
  async offer(call: L1Function, doneErrors: readonly string[] = []): Promise<Offer> {
    const { artifact } = this.#contract
    try {
      await this.#sender.send(messageTo(this.#contract, call))
    } catch (error) {
      if (!(error instanceof L1RefusedError)) throw error
      const { errorName } = error
      if (doneErrors.includes(errorName)) return { kind: 'done' }
      this.#log.warn('a contract refuses', { artifact, call: call.name, errorName })
      return { kind: 'refused', errorName }
    }
    this.#log.info('a contract took a call', { artifact, call: call.name })
    return { kind: 'sent' }
  }
}
