/**
 * Sends transactions of one account to L1, one at a time, each until it is so deep in the chain. A
 * keeper sends to a network by it in the same way: there one block is deep enough.
 *
 *     estimate ─► sign at the nonce that L1 names ─► submit ─► receipt, `depth` deep
 *        │             ▲                                │ nothing for `bumpMs`
 *        ▼             └──────── fees · 5/4 ◄───────────┘
 *     refused: it would revert, and is not sent
 *
 * Nothing is kept on disk. After a restart L1 says which nonce is next; a transaction of an earlier
 * life that still waits there is replaced, as it can be done again: whoever sends asks L1 first
 * what is there already, so the same call is sent again or is not needed any more.
 */

import {
  encodeTransaction,
  signTransaction,
  transactionGasLimitMax,
  transactionHash,
} from '@zg/evm'
import { addressOfSecretKey, bytesToBigint, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain, L1Message, L1Receipt } from './l1-chain.ts'
import { errorNameOf } from './l1-contracts.ts'

/** L1 is asked this often whether a transaction is in. */
const pollMsDefault = 2_000

/** A transaction that is in no block by then pays more. */
const bumpMsDefault = 60_000

/** Fees of one transaction, at most so many. */
const bumpsMax = 12

/** Failed answers in a row that are waited out. */
const failuresMax = 10

/** What a node demands of a replacement is a tenth. */
const bumpPart = { numerator: 5n, denominator: 4n } as const

/**
 * How many times the estimate a transaction may use. The block it lands in may be of a later epoch,
 * and the first change of a set in an epoch writes new slots, 22,100 gas each, where the estimate
 * may have seen slots that were written already, 5,000 each: 4.42 times as much, at the most.
 */
const gasFactor = 5n

/** Sends that wait for their turn. */
const waitingMax = 64

export type L1SenderOptions = {
  readonly chain: L1Chain
  readonly chainId: bigint
  /** 32 bytes; nobody else sends with it. */
  readonly secretKey: Uint8Array
  /** Blocks a transaction must be in and under; 1 is the newest. */
  readonly depth: number
  /** More than this is never offered, in wei a gas. */
  readonly feePerGasMax: bigint
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  /** @default bumpMsDefault */
  readonly bumpMs?: number
  readonly log?: Logger
}

type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

/** A node may count a transaction so long before it has its receipt. */
const receiptLagMs = 2_000

/** A transaction that may be in a block by now. */
type Attempt = { readonly nonce: bigint; readonly hashes: readonly Uint8Array[] }

export class L1Sender {
  readonly #options: L1SenderOptions
  readonly #log: Logger
  /** Who sends. */
  readonly address: bigint
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** What was last offered for a nonce: another call at that nonce must offer more. */
  #offered: { readonly nonce: bigint; readonly fees: Fees } | undefined

  constructor(options: L1SenderOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    this.address = bytesToBigint(addressOfSecretKey(options.secretKey))
  }

  /**
   * Sends a message; resolves when it is `depth` deep.
   *
   * @param nonce - Of which of the account's transactions it must be; any next one when absent.
   * @throws {L1RefusedError} `STAKING_L1_REFUSED`: it would revert and was not sent, or it did.
   * @throws {L1SendFailedError} `STAKING_L1_SEND_FAILED`: it may still come in; ask L1.
   */
  send(message: L1Message, nonce?: bigint): Promise<L1Receipt> {
    if (this.#waiting >= waitingMax) {
      return Promise.reject(new L1SendFailedError(`${waitingMax} wait for their turn`))
    }
    this.#waiting++
    const sent = this.#turn.then(() => this.#send(message, nonce))
    this.#turn = sent.then(
      () => this.#waiting--,
      () => this.#waiting--,
    )
    return sent
  }

  async #send(message: L1Message, wanted: bigint | undefined): Promise<L1Receipt> {
    const { chain } = this.#options
    const gasLimit = await this.#gasLimit(message)
    const nonce = wanted ?? (await chain.nonceOf(this.address))
    const hashes: Uint8Array[] = []
    let fees = await this.#fees(nonce)
    for (let bumps = 0; bumps < bumpsMax; bumps++) {
      const { hash, bytes } = this.#signed({ message, gasLimit, nonce, fees })
      hashes.push(hash)
      this.#offered = { nonce, fees }
      const submission = await chain.submit(bytes)
      this.#log.debug('sent to L1', { nonce, submission, ...fees })
      if (submission !== 'underpriced') {
        const receipt = await this.#receipt({ nonce, hashes })
        if (receipt !== undefined) return checked(receipt)
        // Another may have done it meanwhile: what now reverts must not pay more to come in.
        await this.#gasLimit(message)
      }
      fees = this.#bumped(fees)
    }
    throw new L1SendFailedError('it is in no block, whatever it pays')
  }

  async #gasLimit(message: L1Message): Promise<bigint> {
    const { chain } = this.#options
    const estimate = await chain.estimateGas({ ...message, from: this.address })
    if (estimate.kind === 'reverted') throw new L1RefusedError(errorNameOf(estimate.data))
    const gasLimit = estimate.gas * gasFactor
    return gasLimit < transactionGasLimitMax ? gasLimit : transactionGasLimitMax
  }

  async #fees(nonce: bigint): Promise<Fees> {
    const { chain } = this.#options
    const { baseFeePerGas } = await chain.head()
    const tip = await chain.tipPerGas()
    // Twice the base fee lasts for six full blocks.
    const fees = { maxFeePerGas: 2n * baseFeePerGas + tip, maxPriorityFeePerGas: tip }
    const offered = this.#offered?.nonce === nonce ? this.#bumped(this.#offered.fees) : undefined
    return this.#capped(
      offered !== undefined && offered.maxFeePerGas > fees.maxFeePerGas ? offered : fees,
    )
  }

  #bumped({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Fees {
    const { numerator, denominator } = bumpPart
    const raised = (fee: bigint): bigint => (fee * numerator) / denominator + 1n
    return this.#capped({
      maxFeePerGas: raised(maxFeePerGas),
      maxPriorityFeePerGas: raised(maxPriorityFeePerGas),
    })
  }

  #capped({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Fees {
    const { feePerGasMax } = this.#options
    const capped = maxFeePerGas < feePerGasMax ? maxFeePerGas : feePerGasMax
    // MUST NOT be above the fee (EIP-1559).
    const tip = maxPriorityFeePerGas < capped ? maxPriorityFeePerGas : capped
    return { maxFeePerGas: capped, maxPriorityFeePerGas: tip }
  }

  #signed({
    message: { to, data, value = 0n },
    gasLimit,
    nonce,
    fees,
  }: {
    readonly message: L1Message
    readonly gasLimit: bigint
    readonly nonce: bigint
    readonly fees: Fees
  }) {
    const { chainId, secretKey } = this.#options
    const fields = {
      type: 2,
      chainId,
      nonce,
      gasLimit,
      to,
      value,
      data,
      accessList: [],
    } as const
    const transaction = signTransaction({ ...fields, ...fees }, secretKey)
    return { hash: transactionHash(transaction), bytes: encodeTransaction(transaction) }
  }

  /** Waits for one of an attempt; undefined when none is in a block by the time to pay more. */
  async #receipt(attempt: Attempt): Promise<L1Receipt | undefined> {
    const { clock, bumpMs = bumpMsDefault, pollMs = pollMsDefault } = this.#options
    const untilMs = clock.nowMs() + bumpMs
    let failures = 0
    let takenUntilMs = Infinity
    while (true) {
      try {
        const found = await this.#look(attempt)
        failures = 0
        if (found.receipt !== undefined) return found.receipt
        if (!found.isTaken) takenUntilMs = Infinity
        else if (takenUntilMs === Infinity) takenUntilMs = clock.nowMs() + receiptLagMs
        if (!found.isTaken && !found.isIncluded && clock.nowMs() >= untilMs) return undefined
      } catch (error) {
        if (++failures >= failuresMax) throw error
        this.#log.warn('L1 does not say whether a transaction is in', { error })
      }
      if (clock.nowMs() >= takenUntilMs) {
        throw new L1SendFailedError('another transaction took its nonce')
      }
      await new Promise<void>((resolve) => {
        clock.setTimer(pollMs, resolve)
      })
    }
  }

  /** A receipt that is deep enough; else whether one is in a block at all. */
  async #look({ nonce, hashes }: Attempt): Promise<{
    readonly receipt?: L1Receipt
    readonly isIncluded: boolean
    /** Whether the nonce is used, and by none of these as far as L1 says. */
    readonly isTaken: boolean
  }> {
    const { chain, depth } = this.#options
    const next = await chain.nonceOf(this.address)
    for (const hash of hashes.toReversed()) {
      const receipt = await chain.receipt(hash)
      if (receipt === undefined) continue
      const { number } = await chain.head()
      const isDeep = number - receipt.blockNumber + 1n >= BigInt(depth)
      return { ...(isDeep ? { receipt } : {}), isIncluded: true, isTaken: false }
    }
    // Asked before the receipts, so none of ours can have come in between.
    return { isIncluded: false, isTaken: next > nonce }
  }
}

function checked(receipt: L1Receipt): L1Receipt {
  // A receipt does not say why; the next estimate does.
  if (!receipt.succeeded) throw new L1RefusedError('', receipt.gasUsed)
  return receipt
}

/** L1 does not take a call: its contracts revert. `errorName` is empty when they do not say why. */
export class L1RefusedError extends ZgError<'STAKING_L1_REFUSED'> {
  readonly errorName: string
  /** What it cost: nothing, unless it was sent and reverted. */
  readonly gasUsed: bigint

  constructor(errorName: string, gasUsed = 0n) {
    const why = errorName === '' ? 'it reverts' : `it reverts with ${errorName}`
    super('STAKING_L1_REFUSED', `Cannot send to L1: ${why}`, { errorName })
    this.errorName = errorName
    this.gasUsed = gasUsed
  }
}

/** What became of a transaction is not known; L1 must be asked what is there. */
export class L1SendFailedError extends ZgError<'STAKING_L1_SEND_FAILED'> {
  constructor(problem: string) {
    super('STAKING_L1_SEND_FAILED', `Cannot send to L1: ${problem}`, { problem })
  }
}
