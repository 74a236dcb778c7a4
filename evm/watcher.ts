/**
 * Looks on at every basic block: counts them for the limit and shows steps to the tracer.
 */

import { ZgError } from '@zg/primitives'

import type { Frame } from './frame.ts'
import type { StepLimit, Tracer } from './tracer.ts'
import type { AccountEntry } from './world-state.ts'

/** Called by the interpreter at the beginning of every basic block. */
export type Watcher = { onBlock(frame: Frame, pc: number): void }

/** Returns a watcher for what there is to watch, or undefined: then watching costs nothing. */
export function watcherOf(
  tracer: Tracer | undefined,
  limit: StepLimit | undefined,
): Watcher | undefined {
  if (tracer?.onStep === undefined && limit === undefined) return undefined
  let stepsLeft = limit?.everySteps ?? Infinity
  return {
    onBlock(frame, pc) {
      if (--stepsLeft <= 0 && limit !== undefined) {
        if (limit.shouldAbort()) throw new ExecutionAbortedError()
        stepsLeft = limit.everySteps
      }
      tracer?.onStep?.({
        depth: frame.depth,
        pc,
        opcode: frame.code.bytes[pc] ?? 0,
        gas: frame.gas,
        address: (frame.self as AccountEntry).address,
        stack: frame.stack,
        stackSize: frame.size,
        memory: frame.memory.bytes,
        memorySize: frame.memory.size,
      })
    },
  }
}

export class ExecutionAbortedError extends ZgError<'EVM_EXECUTION_ABORTED'> {
  constructor() {
    super('EVM_EXECUTION_ABORTED', 'Cannot finish the execution: its limit was reached')
  }
}
