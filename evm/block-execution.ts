/**
 * Blocks, one transaction at a time: the way a block is built, checked and looked ahead.
 *
 *     begin    beacon root (EIP-4788), parent hash (EIP-2935, from Prague)
 *     middle   transactions, each included or rejected without a trace
 *     end      withdrawals (EIP-4895), requests (EIP-7685, from Prague)
 *
 * Nothing here knows where blocks come from or whether a header is right: the caller compares the
 * result with the header it was given, or fills a new one.
 */

import { concat } from '@zg/primitives'
import type { StateReader } from '@zg/state'

import { environmentOf } from './block-environment.ts'
import type { BlockEnvironment } from './block-environment.ts'
import { BlockInvalidError } from './block-invalid.ts'
import type {
  BlockContext,
  BlockInput,
  BlockResult,
  SignedBy,
  TransactionOptions,
  TransactionOutcome,
  TransactionRejection,
} from './block-outcome.ts'
import { nextBaseFee, nextExcessBlobGas } from './fees.ts'
import { atLeast } from './fork.ts'
import type { Withdrawal } from './header.ts'
import { Machine } from './machine.ts'
import { addLogsToBloom, bloomOfLogs, bloomSizeBytes } from './receipt.ts'
import type { Receipt } from './receipt.ts'
import {
  consolidationRequestType,
  depositRequestType,
  depositsOfLogs,
  hashRequests,
  withdrawalRequestType,
} from './requests.ts'
import { notifySystemContract, systemContracts, takeRequests } from './system-calls.ts'
import { executeTransaction, executionInputOf } from './transaction-execution.ts'
import type { ExecutionResult } from './transaction-execution.ts'
import { checkTransaction, rejection } from './transaction-validity.ts'
import { blobGasOf, gasPerBlob } from './transaction.ts'
import { ExecutionAbortedError } from './watcher.ts'
import { WorldState } from './world-state.ts'

const weiPerGwei = 1_000_000_000n

/** A block in the making. */
export class BlockExecution {
  readonly environment: BlockEnvironment
  /** The state after the transactions so far. Valid between calls; it moves with the block. */
  readonly stateReader: StateReader
  readonly #context: BlockContext
  readonly #excessBlobGas: bigint
  readonly #state: WorldState
  readonly #machine: Machine
  readonly #receipts: Receipt[] = []
  readonly #logsBloom = new Uint8Array(bloomSizeBytes)
  #gasUsed = 0n
  #blobGasUsed = 0n
  #isFinished = false

  /**
   * Opens the block: its system calls are made.
   *
   * @throws {ForkUnsupportedError} `EVM_FORK_UNSUPPORTED`
   */
  constructor(context: BlockContext) {
    const { config, parent, attributes, state, blockHash } = context
    const { timestamp } = attributes
    this.#context = context
    this.#excessBlobGas = nextExcessBlobGas(parent, { config, timestamp })
    const fields = {
      ...attributes,
      number: parent.number + 1,
      baseFeePerGas: nextBaseFee(parent),
      excessBlobGas: this.#excessBlobGas,
    }
    this.environment = environmentOf(fields, { config, blockHash })
    this.#state = new WorldState(state, this.environment.fork)
    this.stateReader = this.#state.reader()
    this.#machine = new Machine(this.#state, this.environment)
    const { beaconRoots, historyStorage } = systemContracts
    notifySystemContract(this.#machine, beaconRoots, attributes.parentBeaconBlockRoot)
    if (atLeast(this.environment.fork, 'prague')) {
      notifySystemContract(this.#machine, historyStorage, parent.hash)
    }
  }

  /** Gas that the next transaction may still ask for. */
  get gasLeft(): bigint {
    return this.environment.gasLimit - this.#gasUsed
  }

  get gasUsed(): bigint {
    return this.#gasUsed
  }

  get receipts(): readonly Receipt[] {
    return this.#receipts
  }

  /**
   * Executes a transaction as the block's next, or says why it may not stand there. Nothing of a
   * rejected one is left, an aborted one included.
   */
  tryTransaction(
    { transaction, sender, isUnsigned }: SignedBy,
    options: TransactionOptions = {},
  ): TransactionOutcome | TransactionRejection {
    if (this.#isFinished) throw new BlockInvalidError('it is finished already')
    const { environment: block } = this
    const state = this.#state
    const account = state.account(sender)
    const blobGasMax = BigInt(block.blobCountMax) * gasPerBlob
    const room = { gas: this.gasLeft, blobGas: blobGasMax - this.#blobGasUsed }
    const rules = { sender: account, state, block, room, isUnsigned }
    const bounds = checkTransaction(transaction, rules)
    if ('status' in bounds) return bounds

    const input = executionInputOf(transaction, { sender: account, bounds, block })
    const { gasPrice } = input
    const blobGas = blobGasOf(transaction)
    try {
      const result = executeTransaction(this.#machine, { ...input, ...options })
      return this.#include(transaction.type, result, { gasPrice, blobGas })
    } catch (error) {
      if (error instanceof ExecutionAbortedError) return rejection('aborted', error.message)
      throw error
    }
  }

  /**
   * Closes the block.
   *
   * @throws {BlockInvalidError} `EVM_BLOCK_INVALID` when requests cannot be had.
   */
  finish(withdrawals: readonly Withdrawal[]): BlockResult {
    if (this.#isFinished) throw new BlockInvalidError('it is finished already')
    this.#isFinished = true
    const state = this.#state
    for (const { address, amountGwei } of withdrawals) {
      const account = state.account(address)
      state.setBalance(account, account.balance + amountGwei * weiPerGwei)
    }
    state.endTransaction()
    const hasRequests = atLeast(this.environment.fork, 'prague')
    const requests = hasRequests ? this.#requests() : []
    return {
      receipts: this.#receipts,
      gasUsed: this.#gasUsed,
      blobGasUsed: this.#blobGasUsed,
      excessBlobGas: this.#excessBlobGas,
      baseFeePerGas: this.environment.baseFeePerGas,
      logsBloom: this.#logsBloom,
      requests,
      requestsHash: hasRequests ? hashRequests(requests) : undefined,
      burntWei: state.burntWei,
      changes: state.changes(),
    }
  }

  #include(
    type: Receipt['type'],
    result: ExecutionResult,
    { gasPrice, blobGas }: { gasPrice: bigint; blobGas: bigint },
  ): TransactionOutcome {
    const { gasUsed, logs, output, contractAddress, outcome } = result
    this.#gasUsed += gasUsed
    this.#blobGasUsed += blobGas
    const logsBloom = bloomOfLogs(logs)
    if (logs.length > 0) addLogsToBloom(this.#logsBloom, logs)
    const succeeded = outcome === 'success'
    const receipt = { type, succeeded, cumulativeGasUsed: this.#gasUsed, logsBloom, logs }
    this.#receipts.push(receipt)
    return {
      status: 'included',
      receipt,
      gasUsed,
      effectiveGasPrice: gasPrice,
      contractAddress,
      output,
    }
  }

  #requests(): Uint8Array[] {
    const { depositContractAddress } = this.#context.config
    const logs = this.#receipts.flatMap((receipt) => receipt.logs)
    const { withdrawalRequests, consolidationRequests } = systemContracts
    const deposits =
      depositContractAddress === undefined
        ? new Uint8Array(0)
        : depositsOfLogs(logs, depositContractAddress)
    const all = [
      [depositRequestType, deposits],
      [withdrawalRequestType, takeRequests(this.#machine, withdrawalRequests)],
      [consolidationRequestType, takeRequests(this.#machine, consolidationRequests)],
    ] as const
    return all
      .filter(([, data]) => data.length > 0)
      .map(([type, data]) => concat(Uint8Array.of(type), data))
  }
}

/**
 * Executes a whole block.
 *
 * @throws {BlockInvalidError} `EVM_BLOCK_INVALID` when a transaction may not stand where it does.
 */
export function executeBlock({ transactions, withdrawals, ...context }: BlockInput): BlockResult {
  const execution = new BlockExecution(context)
  for (const [index, signed] of transactions.entries()) {
    const outcome = execution.tryTransaction(signed)
    if (outcome.status === 'rejected') {
      throw new BlockInvalidError(`transaction ${index} is rejected: ${outcome.message}`)
    }
  }
  return execution.finish(withdrawals)
}
