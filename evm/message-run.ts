/**
 * Messages on a state without a chain: each is a block of one transaction, from any account, signed
 * by nobody and for free. A genesis with contracts in it is made so, and contracts are tried so.
 */

import { bigintToBytes, keccak256, ZgError } from '@zg/primitives'
import { MemoryState } from '@zg/state'
import type { Allocation, StateChanges } from '@zg/state'

import { environmentOf } from './block-environment.ts'
import { BlockExecution } from './block-execution.ts'
import type { ParentBlock } from './block-outcome.ts'
import { call } from './call.ts'
import type { CallResult } from './call.ts'
import { configAtFork } from './fork.ts'
import type { ChainConfig, Fork } from './fork.ts'
import type { Log } from './receipt.ts'
import { systemContracts } from './system-calls.ts'

export type RunMessage = {
  readonly from: bigint
  /** Undefined: the data are init code. */
  readonly to: bigint | undefined
  /** In wei. */
  readonly value: bigint
  readonly data: Uint8Array
  /** @default messageGas */
  readonly gas?: bigint | undefined
}

export type RunOutcome = {
  readonly succeeded: boolean
  /** What the message returned, or why it reverted. */
  readonly output: Uint8Array
  readonly gasUsed: bigint
  readonly contractAddress: bigint | undefined
  readonly logs: readonly Log[]
}

/** What a message did, and when; of the state it is not kept yet. */
export type RanMessage = {
  readonly outcome: RunOutcome
  readonly changes: StateChanges
  readonly timestamp: number
}

const blockGasLimit = 60_000_000n
const messageGas = 16_000_000n
const zeros = new Uint8Array(32)

export class MessageRun {
  readonly state: MemoryState
  /** What blocks name as their parent's beacon root (EIP-4788). */
  parentBeaconRoot: Uint8Array = zeros
  /** Whether blocks may follow each other within a second. */
  isSubSecond = false
  readonly #config: ChainConfig
  readonly #chainId: bigint
  #parent: ParentBlock
  #timestamp: number

  /**
   * @param options.timestamp - Of the first message, in seconds since 1970; each later one is a
   *   second later at least.
   * @param options.accounts - What is there before.
   */
  constructor(options: {
    readonly fork: Fork
    readonly chainId: bigint
    readonly timestamp: number
    readonly accounts: readonly Allocation[]
  }) {
    const { fork, chainId, timestamp, accounts } = options
    const empty = { nonce: 1n, balance: 0n, code: Uint8Array.of(0), storage: [] }
    // The protocol wants its queues to be there; these are always empty.
    const queues = [systemContracts.withdrawalRequests, systemContracts.consolidationRequests]
    this.state = new MemoryState([...queues.map((address) => ({ ...empty, address })), ...accounts])
    this.#config = configAtFork(chainId, fork)
    this.#chainId = chainId
    this.#timestamp = timestamp
    this.#parent = {
      hash: zeros,
      number: 0,
      timestamp: timestamp - 1,
      gasLimit: blockGasLimit,
      gasUsed: blockGasLimit / 2n,
      baseFeePerGas: 0n,
      blobGasUsed: 0n,
      excessBlobGas: 0n,
    }
  }

  /** Of the next message, in seconds since 1970. */
  get timestamp(): number {
    return this.#timestamp
  }

  /** Of the newest message's block. */
  get number(): number {
    return this.#parent.number
  }

  advance(seconds: number): void {
    this.#timestamp += seconds
  }

  /** Has the next message stand in a block of at least that number. */
  skipTo(number: number): void {
    this.#parent = { ...this.#parent, number: Math.max(this.#parent.number, number - 1) }
  }

  /** Runs a message as a transaction of a block of its own; a revert is an outcome. */
  send(message: RunMessage): RunOutcome {
    const ran = this.run(message)
    this.keep(ran)
    return ran.outcome
  }

  /** Runs a message as `send` does, and keeps nothing. */
  run({ from, to, value, data, gas = messageGas }: RunMessage): RanMessage {
    const least = this.#parent.timestamp + (this.isSubSecond ? 0 : 1)
    const timestamp = Math.max(this.#timestamp, least)
    const execution = new BlockExecution({
      config: this.#config,
      parent: this.#parent,
      state: this.state,
      blockHash,
      attributes: {
        coinbase: 0n,
        gasLimit: blockGasLimit,
        prevRandao: mixOf(this.#parent.number + 1),
        parentBeaconBlockRoot: this.parentBeaconRoot,
        timestamp,
      },
    })
    const outcome = execution.tryTransaction({
      sender: from,
      isUnsigned: true,
      transaction: {
        type: 2,
        chainId: this.#chainId,
        nonce: this.state.account(from)?.nonce ?? 0n,
        maxFeePerGas: execution.environment.baseFeePerGas,
        maxPriorityFeePerGas: 0n,
        gasLimit: gas,
        to,
        value,
        data,
        accessList: [],
        yParity: 0,
        r: 0n,
        s: 0n,
      },
    })
    if (outcome.status === 'rejected') throw new MessageRejectedError(outcome.message)
    const { receipt, gasUsed, contractAddress, output } = outcome
    const { succeeded, logs } = receipt
    return {
      outcome: { succeeded, output, gasUsed, contractAddress, logs },
      changes: execution.finish([]).changes,
      timestamp,
    }
  }

  /** Makes the block of a message that was run on this state. */
  keep({ changes, timestamp }: RanMessage): void {
    this.state.apply(changes)
    this.#parent = { ...this.#parent, number: this.#parent.number + 1, timestamp }
    this.#timestamp = timestamp
  }

  /** Asks a message's answer; nothing is kept. */
  call({ from, to, value, data, gas = messageGas }: RunMessage): CallResult {
    const header = {
      coinbase: 0n,
      gasLimit: blockGasLimit,
      prevRandao: mixOf(this.#parent.number + 1),
      excessBlobGas: 0n,
      number: this.#parent.number + 1,
      timestamp: this.#timestamp,
      baseFeePerGas: 0n,
    }
    const block = environmentOf(header, { config: this.#config, blockHash })
    return call({ state: this.state, block, from, to, value, data, gasLimit: gas })
  }
}

/** What BLOCKHASH answers: as an EVM that knows no blocks, revm, makes it up. */
function blockHash(number: number): Uint8Array {
  return keccak256(new TextEncoder().encode(String(number)))
}

/** What PREVRANDAO answers in a block. */
function mixOf(number: number): Uint8Array {
  return keccak256(bigintToBytes(BigInt(number), 32))
}

/** No block may hold the message: its sender lacks the value, say. */
export class MessageRejectedError extends ZgError<'EVM_MESSAGE_REJECTED'> {
  constructor(reason: string) {
    super('EVM_MESSAGE_REJECTED', `Cannot run the message: ${reason}`, { reason })
  }
}
