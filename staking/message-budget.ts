/**
 * How much gas a keeper spends on messages. Anyone sends one for little, and who delivers it pays
 * for what its receiver does; delivery is open to all, so what is dear is left to whom it is for.
 *
 *     a receiver that asks for more than `gasMax`      passed over, said once
 *     a source that spent `gasPerHour`                 its messages wait; the hour's gas comes back
 *                                                      evenly, in an hour
 *
 * A receiver may ask for little and take all that it is left, so what receipts say is counted, with
 * the certificates, roots and sets that were brought for a message. A source is L1, another
 * network, or the timeouts of one's own: who spends one holds up no other. What governance says on
 * L1 is outside of all this, and goes first.
 */

import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Message, L1Receipt } from './l1-chain.ts'
import { L1RefusedError, L1SendFailedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
import { receiverGasMax } from './message-receiver.ts'

/** What a receiver may ask for, the cost and data of a transaction included. */
const messageGasMaxDefault = 500_000n

/** What the messages of a source may cost in an hour. */
const messageGasPerHourDefault = 100_000_000n

const secondsPerHour = 3_600n

export type MessageBudgetOptions = {
  /** Where messages come from, for the log. */
  readonly source: string
  readonly sender: Pick<L1Sender, 'send'>
  /** @default messageGasMaxDefault */
  readonly gasMax?: bigint | undefined
  /** @default messageGasPerHourDefault */
  readonly gasPerHour?: bigint | undefined
  readonly log?: Logger
}

export class MessageBudget {
  readonly #source: string
  readonly #gasMax: bigint
  readonly #gasPerHour: bigint
  readonly #log: Logger
  /** Below zero by one transaction, at most. */
  #left: bigint
  #filledAt: bigint | undefined
  #isSpent = false
  /** Sends as the keeper's own, and counts. */
  readonly sender: Pick<L1Sender, 'send'>

  constructor({ source, sender, gasMax, gasPerHour, log }: MessageBudgetOptions) {
    this.#source = source
    this.#gasMax = gasMax ?? messageGasMaxDefault
    this.#gasPerHour = gasPerHour ?? messageGasPerHourDefault
    this.#log = log ?? silentLogger
    this.#left = this.#gasPerHour
    this.sender = { send: (message) => this.#send(sender, message) }
  }

  /** Whether a receiver asks for more than is paid for it. */
  isTooDear(gas: bigint): boolean {
    return gas > this.#gasMax
  }

  /**
   * Whether nothing more is sent for now.
   *
   * @param now - By the chain that is paid, in seconds.
   */
  isSpent(now: bigint): boolean {
    this.#fill(now)
    const isSpent = this.#left <= 0n
    if (isSpent && !this.#isSpent) {
      const gasPerHour = this.#gasPerHour
      this.#log.warn('messages wait for gas', { source: this.#source, gasPerHour })
    }
    this.#isSpent = isSpent
    return isSpent
  }

  /** Says of a message that it is left to whom it is for. */
  tellDear(index: number, gas: bigint): void {
    const fields = { source: this.#source, index, gas, gasMax: this.#gasMax }
    this.#log.warn('a message is left to who wants it delivered', fields)
  }

  #fill(now: bigint): void {
    const seconds = now - (this.#filledAt ?? now)
    if (seconds < 0n) return
    const gained = (this.#gasPerHour * seconds) / secondsPerHour
    // Less than a unit of gas is not lost: the time of it counts at the next look.
    if (gained === 0n && this.#filledAt !== undefined) return
    this.#filledAt = now
    const left = this.#left + gained
    this.#left = left < this.#gasPerHour ? left : this.#gasPerHour
  }

  async #send(sender: Pick<L1Sender, 'send'>, message: L1Message): Promise<L1Receipt> {
    try {
      const receipt = await sender.send(message)
      this.#left -= receipt.gasUsed
      return receipt
    } catch (error) {
      if (error instanceof L1RefusedError) this.#left -= error.gasUsed
      // It may come in yet, and cost as much as one can.
      if (error instanceof L1SendFailedError) this.#left -= receiverGasMax
      throw error
    }
  }
}
