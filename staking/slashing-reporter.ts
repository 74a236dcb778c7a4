/**
 * Sends evidence to SlashingManager, call after call (docs/specs/stake.md §6). What others reported
 * before is found done, and costs nothing: a call that would revert is not sent, and evidence
 * against those who paid for it already is left out. Two certificates cost more than statements of
 * one's own did, and halt a network: they are brought until those who signed both were convicted.
 */

import type { Evidence, ValidatorSet } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import { evidenceCalls } from './evidence-calls.ts'
import type { EvidenceSink } from './evidence-watcher.ts'
import type { L1Chain } from './l1-chain.ts'
import { L1ReadError, messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'

/** Refusals that say: someone did this before. */
const doneErrors: readonly string[] = ['AlreadyPunished', 'AlreadyProven']

export type SlashingReporterOptions = {
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  /** SlashingManager. */
  readonly address: bigint
  readonly networkId: number
  /** The sets that L1 proved. */
  readonly validatorSet: (epoch: bigint) => ValidatorSet | undefined
  readonly log?: Logger
}

export class SlashingReporter implements EvidenceSink {
  readonly #options: SlashingReporterOptions
  readonly #contract: L1Contract
  readonly #log: Logger

  constructor(options: SlashingReporterOptions) {
    this.#options = options
    this.#contract = { artifact: 'SlashingManager', address: options.address }
    this.#log = options.log ?? silentLogger
  }

  /** @throws What chain and sender throw, but for a refusal. */
  async report(evidence: Evidence, operators: readonly Uint8Array[]): Promise<'taken' | 'refused'> {
    const { kind, first, second } = evidence
    // The fault lies in the later epoch.
    const epoch = first.vote.epoch > second.vote.epoch ? first.vote.epoch : second.vote.epoch
    const isConflict = kind === 'certificates' || kind === 'finality-certificates'
    const name = isConflict ? 'isConvicted' : 'isPunished'
    const done = await Promise.all(operators.map((each) => this.#ask(name, each, epoch)))
    if (done.every(Boolean)) return 'taken'
    const { networkId, validatorSet } = this.#options
    for (const call of evidenceCalls(evidence, { networkId, validatorSet })) {
      try {
        await this.#options.sender.send(messageTo(this.#contract, call))
      } catch (error) {
        if (!(error instanceof L1RefusedError)) throw error
        if (doneErrors.includes(error.errorName)) continue
        this.#log.error('L1 refuses evidence', { call: call.name, errorName: error.errorName })
        return 'refused'
      }
    }
    return 'taken'
  }

  async #ask(name: string, operator: Uint8Array, epoch: bigint): Promise<boolean> {
    const { chain, networkId } = this.#options
    const args = [networkId, toHex(operator), epoch]
    try {
      const found = await readContract(chain, this.#contract, { name, args })
      return found === true
    } catch (error) {
      // L1 knows no such member; it says so of the evidence, too.
      if (error instanceof L1ReadError) return false
      throw error
    }
  }
}
