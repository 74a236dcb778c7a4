/**
 * CALL, CALLCODE, DELEGATECALL and STATICCALL: what a message inside costs, how it begins and what
 * of it comes back.
 */

import { emptyBytes } from '@zg/primitives'

import type { Frame, Signal } from './frame.ts'
import {
  callDepthMax,
  signalDone,
  signalEntered,
  signalFailure,
  signalRevert,
  signalSuccess,
} from './frame.ts'
import { callStipend, callValueGas, newAccountGas } from './gas.ts'
import type { Machine } from './machine.ts'
import { growthGas } from './memory.ts'
import { precompileAt } from './precompiles/index.ts'
import { touchAddress } from './state-instructions.ts'
import type { MessageKind } from './tracer.ts'
import { addressOf } from './word.ts'
import type { AccountEntry } from './world-state.ts'

const kinds: Readonly<Record<number, MessageKind>> = {
  0xf1: 'call',
  0xf2: 'callcode',
  0xf4: 'delegatecall',
  0xfa: 'staticcall',
}

type Region = { readonly offset: number; readonly size: number }

/** Operands of the four instructions, from the stack. */
type Operands = {
  readonly kind: MessageKind
  readonly gasAsked: bigint
  readonly address: bigint
  readonly value: bigint
  readonly input: Region
  readonly output: Region
}

/**
 * Begins the message that the instruction asks for. Afterwards the operands are off the stack, and
 * either the next frame is ready (`signalEntered`) or the message is over and its result is on the
 * stack (`signalDone`).
 */
export function beginCall(machine: Machine, frame: Frame, op: number): Signal {
  const { state } = machine
  const operands = takeOperands(frame, op)
  const { kind, value, input, output } = operands
  if (frame.isStatic && kind === 'call' && value !== 0n) {
    return frame.fail('write in a static call')
  }

  frame.gas -= growthGas(frame.memory, input.offset, input.size, frame.gas)
  if (frame.gas < 0) return signalFailure
  frame.gas -= growthGas(frame.memory, output.offset, output.size, frame.gas)
  if (frame.gas < 0) return signalFailure

  const target = state.account(operands.address)
  frame.gas -= touchAddress(machine, target)
  if (value !== 0n) frame.gas -= callValueGas
  if (kind === 'call' && value !== 0n && target.isDead) frame.gas -= newAccountGas
  if (frame.gas < 0) return signalFailure
  // EIP-7702: a delegation is an access of its own.
  const code = state.code(target)
  if (code.delegate !== undefined) frame.gas -= touchAddress(machine, state.account(code.delegate))
  if (frame.gas < 0) return signalFailure

  const child = machine.frameAt(frame.depth + 1)
  frame.giveGas(child, operands.gasAsked, value === 0n ? 0 : callStipend)
  const self = frame.self as AccountEntry
  frame.returnData = emptyBytes
  // What cannot be tried at all costs nothing more and returns the gas.
  if (frame.depth >= callDepthMax || (takesValue(kind) && value > self.balance)) {
    frame.takeGas(child)
    frame.stack[frame.size++] = 0n
    return signalDone
  }
  return enter(machine, frame, { child, operands, target })
}

/** Gives the result of a message inside to the frame that sent it. */
export function settleCall(
  parent: Frame,
  child: Frame,
  { signal, isCreate }: { signal: Signal; isCreate: boolean },
): void {
  parent.takeGas(child)
  if (isCreate) {
    // A contract's code is no return data; a revert's reason is.
    parent.returnData = signal === signalRevert ? child.output : emptyBytes
    const created = child.self as AccountEntry
    parent.stack[parent.size++] = signal === signalSuccess ? created.address : 0n
    return
  }
  parent.returnData = child.output
  parent.stack[parent.size++] = signal === signalSuccess ? 1n : 0n
  const size = Math.min(child.outputSize, child.output.length)
  if (size > 0) parent.memory.bytes.set(child.output.subarray(0, size), child.outputOffset)
}

/**
 * Ends at once a message to a precompile or to no code. Returns undefined when there is code to
 * run.
 */
export function runPrecompile(
  machine: Machine,
  frame: Frame,
  codeAddress: bigint,
): Signal | undefined {
  const precompile = precompileAt(codeAddress, machine.block.fork)
  if (precompile === undefined) return frame.code.bytes.length === 0 ? signalSuccess : undefined
  const gas = precompile.gas(frame.input)
  if (gas > BigInt(frame.gas)) return signalFailure
  const output = precompile.run(frame.input)
  if (output === undefined) return frame.fail('precompile refused its input')
  frame.gas -= Number(gas)
  frame.output = output
  return signalSuccess
}

function enter(
  machine: Machine,
  frame: Frame,
  { child, operands, target }: { child: Frame; operands: Operands; target: AccountEntry },
): Signal {
  const { kind, input, output, value, address } = operands
  const { state } = machine
  const self = frame.self as AccountEntry
  const isOwnStorage = kind === 'callcode' || kind === 'delegatecall'
  child.kind = kind
  child.code = machine.codeToRun(target)
  child.self = isOwnStorage ? self : target
  child.caller = kind === 'delegatecall' ? frame.caller : self.address
  child.value = kind === 'delegatecall' ? frame.value : value
  child.input = input.size === 0 ? emptyBytes : frame.memory.slice(input.offset, input.size)
  child.isStatic = frame.isStatic || kind === 'staticcall'
  child.outputOffset = output.offset
  child.outputSize = output.size
  machine.openFrame(child)
  if (kind === 'call' || kind === 'staticcall') state.transfer(self, target, value)
  const signal = runPrecompile(machine, child, address)
  if (signal === undefined) return signalEntered
  machine.closeFrame(child, signal)
  settleCall(frame, child, { signal, isCreate: false })
  return signalDone
}

function takeOperands(frame: Frame, op: number): Operands {
  const { stack } = frame
  const kind = kinds[op] as MessageKind
  let at = frame.size
  const gasAsked = stack[--at] as bigint
  const address = addressOf(stack[--at] as bigint)
  const value = takesValue(kind) ? (stack[--at] as bigint) : 0n
  const input = { offset: Number(stack[--at]), size: Number(stack[--at]) }
  const output = { offset: Number(stack[--at]), size: Number(stack[--at]) }
  frame.size = at
  return { kind, gasAsked, address, value, input, output }
}

function takesValue(kind: MessageKind): boolean {
  return kind === 'call' || kind === 'callcode'
}
