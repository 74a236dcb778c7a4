/**
 * The way from an open node to the validators behind it: their JSON-RPC. They stay out of the open
 * network; what they say is proved as any peer's is.
 *
 *     zg_getChain              final blocks, as a peer would send them
 *     zg_getHistoryProof       that one of them is of the history of a later block
 *     eth_sendRawTransaction   transactions from the open network, in one batch
 */

import { fromHex, isHex, toHex, toQuantity, ZgError } from '@zg/primitives'
import { AnswerTooLongError, postJson } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { BlockSource } from './open-follower.ts'
import type { Upstream } from './open-node.ts'

/** Time of one call. */
const callMsMax = 5_000

/** Bytes of one answer: a chain message in hex. */
const answerSizeBytesMax = 25 * 1_024 * 1_024

/** Transactions that wait to be given; beyond, the oldest go: who sent them sends them again. */
const waitingMax = 8_192

/** Transactions in one batch. */
const batchMax = 500

export class RpcUpstream implements Upstream {
  readonly #url: string
  readonly #logger: Logger
  #waiting: Uint8Array[] = []
  #isGiving = false

  constructor(url: string, logger: Logger) {
    this.#url = url
    this.#logger = logger
  }

  source(): BlockSource {
    return {
      name: this.#url,
      // It is cheap to ask, and knows first.
      isAhead: () => true,
      blocks: (fromHeight, count) => this.#blocks(fromHeight, count),
      historyProof: (height, under) => this.#historyProof(height, under),
      accuse: (reason) => this.#logger.error('An upstream lies', { url: this.#url, reason }),
    }
  }

  /** Gives transactions to the validator; what it refuses is not told. */
  forward(transactions: readonly Uint8Array[]): void {
    this.#waiting = this.#waiting.concat(transactions).slice(-waitingMax)
    if (!this.#isGiving) void this.#give()
  }

  async #give(): Promise<void> {
    this.#isGiving = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchMax).map((bytes, id) => {
        return { jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [toHex(bytes)] }
      })
      try {
        await this.#post(batch)
      } catch (error) {
        this.#logger.debug('An upstream takes no transactions', { url: this.#url, error })
      }
    }
    this.#isGiving = false
  }

  async #blocks(fromHeight: bigint, count: number): Promise<Uint8Array | undefined> {
    const result = await this.#ask('zg_getChain', [fromHeight, BigInt(count)])
    if (result === null) return undefined
    if (!isHex(result)) throw new UpstreamAnswerInvalidError(this.#url)
    return fromHex(result)
  }

  async #historyProof(height: bigint, under: bigint): Promise<readonly Uint8Array[] | undefined> {
    const result = await this.#ask('zg_getHistoryProof', [height, under])
    if (result === null) return undefined
    if (!Array.isArray(result)) throw new UpstreamAnswerInvalidError(this.#url)
    return result.map((sibling: unknown) => {
      if (!isHex(sibling, 32)) throw new UpstreamAnswerInvalidError(this.#url)
      return fromHex(sibling)
    })
  }

  async #ask(method: string, numbers: readonly bigint[]): Promise<unknown> {
    const params = numbers.map(toQuantity)
    const answer = await this.#post({ jsonrpc: '2.0', id: 1, method, params })
    return (answer as { result?: unknown } | null)?.result
  }

  async #post(body: unknown): Promise<unknown> {
    const limits = { timeoutMs: callMsMax, answerSizeBytesMax }
    try {
      return JSON.parse(await postJson(this.#url, JSON.stringify(body), limits))
    } catch (error) {
      if (error instanceof AnswerTooLongError) throw new UpstreamAnswerInvalidError(this.#url)
      throw error
    }
  }
}

export class UpstreamAnswerInvalidError extends ZgError<'CHAIN_UPSTREAM_ANSWER_INVALID'> {
  constructor(url: string) {
    const message = `Cannot use the answer of "${url}": it is too large, or not what was asked`
    super('CHAIN_UPSTREAM_ANSWER_INVALID', message, { url })
  }
}
