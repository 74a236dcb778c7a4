/**
 * A message on its way through the machine: one frame a depth, used again by the next message
 * there.
 */

import { emptyBytes } from '@zg/primitives'

import { noCode } from './code.ts'
import type { Code } from './code.ts'
import { noTarget } from './program.ts'
import { callGasMax } from './gas.ts'
import { Memory } from './memory.ts'
import type { MessageKind } from './tracer.ts'
import type { AccountEntry } from './world-state.ts'

/** Words on a stack at most. */
export const stackSizeMax = 1024

/** Calls within calls at most; the outermost message is at depth 0. */
export const callDepthMax = 1024

const gasSafeMax = Number.MAX_SAFE_INTEGER
const gasInFrameMax = BigInt(gasSafeMax)

/** How a run of the interpreter ended. */
export const signalSuccess = 0
export const signalRevert = 1
/** An exceptional halt: all gas is gone, everything is undone. */
export const signalFailure = 2
/** A message inside waits to run; go on with this frame when it is done. */
export const signalEntered = 3
/** Of a call that was over at once: go on. */
export const signalDone = 4
/** The code goes on where it is not ready yet: at `target`, from the instruction `next`. */
export const signalUnready = 5

export type Signal = 0 | 1 | 2 | 3 | 4 | 5

/** Why a message ended in an exceptional halt. */
export type HaltReason =
  | 'out of gas'
  | 'stack underflow'
  | 'stack overflow'
  | 'invalid instruction'
  | 'invalid jump destination'
  | 'write in a static call'
  | 'return data out of bounds'
  | 'init code too large'
  | 'code of the new contract refused'
  | 'address of the new contract taken'
  | 'precompile refused its input'

/** The state of one message. */
export class Frame {
  readonly depth: number
  readonly stack: bigint[] = Array.from({ length: stackSizeMax }, () => 0n)
  readonly memory = new Memory()
  kind: MessageKind = 'call'
  code: Code = noCode
  /** Whose storage and balance it works on. */
  self: AccountEntry | undefined
  caller = 0n
  value = 0n
  input: Uint8Array = emptyBytes
  isStatic = false
  /** Gas left, below 2^53. */
  gas = 0
  /** Gas left beyond that. Nothing burns so much; it counts for GAS and for shares of 63/64. */
  reserve = 0n
  /** Index of the next instruction. */
  next = 0
  /** Where the code goes on, after `signalUnready`. */
  target = 0
  /** Why it halted, after `signalFailure`; gas runs out in many places, so that is the default. */
  halt: HaltReason = 'out of gas'
  /** Words on the stack. */
  size = 0
  /** What the last message inside returned. */
  returnData: Uint8Array = emptyBytes
  output: Uint8Array = emptyBytes
  /** Where the caller wants the output. */
  outputOffset = 0
  outputSize = 0
  // The checkpoint to go back to when it fails.
  journalSize = 0
  logCount = 0
  refund = 0

  constructor(depth: number) {
    this.depth = depth
  }

  /** All gas left. */
  get gasTotal(): bigint {
    return this.reserve + BigInt(this.gas)
  }

  set gasTotal(total: bigint) {
    this.gas = Number(total < gasInFrameMax ? total : gasInFrameMax)
    this.reserve = total - BigInt(this.gas)
  }

  /**
   * Takes from the gas left what a message inside gets: what it asks for, but at most all but one
   * 64th (EIP-150). The child has it afterwards, with the stipend of a transfer that costs the
   * parent no more here.
   */
  giveGas(child: Frame, asked: bigint | undefined, stipend: number): void {
    if (this.reserve === 0n) {
      const most = callGasMax(this.gas)
      const given = asked === undefined ? most : Math.min(Number(asked), most)
      this.gas -= given
      child.gas = given + stipend
      child.reserve = 0n
      return
    }
    const total = this.gasTotal
    const most = total - total / 64n
    const given = asked === undefined || asked > most ? most : asked
    this.gasTotal = total - given
    child.gasTotal = given + BigInt(stipend)
  }

  /** Takes back what a message inside has left. */
  takeGas(child: Frame): void {
    if (this.reserve === 0n && child.reserve === 0n && this.gas + child.gas < gasSafeMax) {
      this.gas += child.gas
    } else {
      this.gasTotal += child.gasTotal
    }
  }

  /** Ends a run whose instruction at `index` goes to `target`, where no instruction is (yet). */
  leaveAt(index: number, target: number): Signal {
    this.next = index
    this.target = target
    return target === noTarget ? this.fail('invalid jump destination') : signalUnready
  }

  fail(reason: HaltReason): Signal {
    this.halt = reason
    return signalFailure
  }

  /** Makes it ready for another message; its memory is as new already. */
  reset(): void {
    this.next = 0
    this.size = 0
    this.halt = 'out of gas'
    this.isStatic = false
    this.returnData = emptyBytes
    this.output = emptyBytes
    this.outputOffset = 0
    this.outputSize = 0
  }
}
