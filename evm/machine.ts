/**
 * Runs one message and all messages inside it, over the state of a block.
 *
 * Messages nest 1,024 deep, so they never nest on the stack of JavaScript: the interpreter returns
 * when a message inside begins, and this loop runs it in the frame one deeper. Frames are kept for
 * the next message at their depth.
 */

import { assert, emptyBytes } from '@zg/primitives'

import type { BlockEnvironment } from './block-environment.ts'
import { runPrecompile, settleCall } from './call-instructions.ts'
import type { Code } from './code.ts'
import { createdAddress, settleCreate, startCreate } from './create-instructions.ts'
import type { HaltReason, Signal } from './frame.ts'
import {
  Frame,
  signalEntered,
  signalUnready,
  signalFailure,
  signalRevert,
  signalSuccess,
} from './frame.ts'
import { interpret } from './interpreter.ts'
import { noTarget } from './program.ts'
import type { StepLimit, Tracer } from './tracer.ts'
import { wordOfBytes } from './word.ts'
import { watcherOf } from './watcher.ts'
import type { Watcher } from './watcher.ts'
import type { AccountEntry, WorldState } from './world-state.ts'

/** The outermost message. */
export type Message = {
  readonly caller: AccountEntry
  /** Undefined to create a contract. */
  readonly to: AccountEntry | undefined
  readonly value: bigint
  readonly input: Uint8Array
  readonly gas: bigint
}

/** How it ended. State changes of a failed or reverted message are undone already. */
export type MessageResult = {
  readonly outcome: 'success' | 'revert' | 'failure'
  readonly gasLeft: bigint
  readonly output: Uint8Array
  /** The contract that a creation was to make. */
  readonly contractAddress: bigint | undefined
  /** Of a failure. */
  readonly halt: HaltReason | undefined
}

/** What a transaction sets for all its messages. */
export type TransactionEnvironment = {
  readonly origin: bigint
  /** In wei. */
  readonly gasPrice: bigint
  readonly blobVersionedHashes: readonly bigint[]
  readonly tracer?: Tracer | undefined
  readonly limit?: StepLimit | undefined
}

const noHashes: readonly bigint[] = []

/** The machine of a block. One message runs at a time. */
export class Machine {
  readonly state: WorldState
  readonly block: BlockEnvironment
  readonly coinbase: AccountEntry
  readonly frames: Frame[] = [new Frame(0)]
  origin = 0n
  gasPrice = 0n
  blobVersionedHashes: readonly bigint[] = noHashes
  tracer: Tracer | undefined
  watcher: Watcher | undefined
  isTraced = false

  constructor(state: WorldState, block: BlockEnvironment) {
    this.state = state
    this.block = block
    this.coinbase = state.account(block.coinbase)
  }

  /** Sets what the next messages see of their transaction. */
  beginTransaction(environment: TransactionEnvironment): void {
    const { origin, gasPrice, blobVersionedHashes, tracer, limit } = environment
    this.origin = origin
    this.gasPrice = gasPrice
    this.blobVersionedHashes = blobVersionedHashes
    this.tracer = tracer
    this.isTraced = tracer?.onStep !== undefined
    this.watcher = watcherOf(tracer, limit)
  }

  /**
   * Runs a message to its end.
   *
   * @throws {ExecutionAbortedError} `EVM_EXECUTION_ABORTED` when the limit says so. The state is
   * then
   *   in between: the caller goes back to a checkpoint of its own.
   */
  run(message: Message): MessageResult {
    const frame = this.frames[0] as Frame
    try {
      const { to } = message
      const entered = to === undefined ? this.#create(message) : this.#call(message, to)
      if (typeof entered === 'object') return entered
      let signal: Signal = entered
      if (signal === signalEntered) signal = this.#loop()
      const outcome = outcomeOf(signal)
      return {
        outcome,
        gasLeft: frame.gasTotal,
        output: frame.output,
        contractAddress: to === undefined ? (frame.self as AccountEntry).address : undefined,
        halt: outcome === 'failure' ? frame.halt : undefined,
      }
    } catch (error) {
      // Frames must be as new for the next message, however this one ended.
      for (const used of this.frames) used.memory.clear()
      throw error
    }
  }

  /** The frame one deeper than `depth`, ready to be filled. */
  frameAt(depth: number): Frame {
    const frame = (this.frames[depth] ??= new Frame(depth))
    frame.reset()
    return frame
  }

  /** BLOCKHASH: of the last 256 blocks only, else 0. */
  blockHash(word: bigint): bigint {
    const { number, blockHash } = this.block
    if (word >= number || word + 256n < number) return 0n
    const hash = blockHash(Number(word))
    return hash === undefined ? 0n : wordOfBytes(hash)
  }

  #call({ caller, value, input, gas }: Message, self: AccountEntry): Signal {
    const code = this.codeToRun(self)
    const frame = this.frameAt(0)
    frame.kind = 'call'
    frame.code = code
    frame.self = self
    frame.caller = caller.address
    frame.value = value
    frame.input = input
    frame.gasTotal = gas
    this.openFrame(frame)
    this.state.transfer(caller, self, value)
    const precompiled = runPrecompile(this, frame, self.address)
    if (precompiled === undefined) return signalEntered
    this.closeFrame(frame, precompiled)
    return precompiled
  }

  #create({ caller, value, input, gas }: Message): Signal | MessageResult {
    // The nonce of the sender stands one further already: the transaction took it.
    const address = createdAddress(caller.address, caller.nonce - 1n)
    const frame = this.frameAt(0)
    frame.kind = 'create'
    frame.caller = caller.address
    frame.value = value
    frame.gasTotal = gas
    if (startCreate(this, frame, { sender: caller, address, initCode: input })) return signalEntered
    return {
      outcome: 'failure',
      gasLeft: 0n,
      output: emptyBytes,
      contractAddress: address,
      halt: 'address of the new contract taken',
    }
  }

  /** The code that a call to the account runs: its own, or that it delegates to (EIP-7702). */
  codeToRun(account: AccountEntry): Code {
    const code = this.state.code(account)
    if (code.delegate === undefined) return code
    return this.state.code(this.state.account(code.delegate))
  }

  /** Marks where the frame's changes begin. */
  openFrame(frame: Frame): void {
    const { state, tracer } = this
    frame.journalSize = state.journalSize
    frame.logCount = state.logs.length
    frame.refund = state.refund
    if (tracer?.onEnter !== undefined) {
      const { depth, kind, caller, value, gas, input } = frame
      const to = (frame.self as AccountEntry).address
      tracer.onEnter({ depth, kind, from: caller, to, value, gas, input })
    }
  }

  /** Undoes a frame that did not succeed, takes the gas of one that failed, and cleans up. */
  closeFrame(frame: Frame, signal: Signal): void {
    if (signal !== signalSuccess) this.state.revert(frame)
    if (signal === signalFailure) {
      frame.gas = 0
      frame.reserve = 0n
      frame.output = emptyBytes
    }
    frame.memory.clear()
    this.tracer?.onExit?.({
      depth: frame.depth,
      gasLeft: frame.gas,
      output: frame.output,
      outcome: outcomeOf(signal),
    })
  }

  #loop(): Signal {
    let frame = this.frames[0] as Frame
    for (;;) {
      let signal = interpret(this, frame)
      if (signal === signalEntered) {
        frame = this.frames[frame.depth + 1] as Frame
        continue
      }
      if (signal === signalUnready) {
        const program = frame.code.program(this.block.fork, this.isTraced)
        frame.next = program.prepare(frame.next, frame.target)
        if (frame.next !== noTarget) continue
        signal = frame.fail('invalid jump destination')
      }
      const isCreate = frame.kind === 'create' || frame.kind === 'create2'
      if (isCreate) signal = settleCreate(this, frame, signal)
      this.closeFrame(frame, signal)
      if (frame.depth === 0) return signal
      const parent = this.frames[frame.depth - 1]
      assert(parent !== undefined, 'every frame but the first has a parent')
      settleCall(parent, frame, { signal, isCreate })
      frame = parent
    }
  }
}

function outcomeOf(signal: Signal): MessageResult['outcome'] {
  if (signal === signalSuccess) return 'success'
  return signal === signalRevert ? 'revert' : 'failure'
}
