/**
 * Watching and stopping an execution. Both cost one comparison a basic block when absent.
 */

/** The machine before one instruction. The views hold only during the call. */
export type TraceStep = {
  readonly depth: number
  readonly pc: number
  readonly opcode: number
  /** Gas left before the instruction. */
  readonly gas: number
  readonly address: bigint
  /** Stack of the frame; its top is at `stackSize - 1`. */
  readonly stack: readonly bigint[]
  readonly stackSize: number
  /** Memory of the frame, `memorySize` bytes of it in use. */
  readonly memory: Uint8Array
  readonly memorySize: number
}

/** The beginning of a message call or a contract creation. */
export type TraceEnter = {
  readonly depth: number
  readonly kind: MessageKind
  readonly from: bigint
  readonly to: bigint
  readonly value: bigint
  readonly gas: number
  readonly input: Uint8Array
}

/** The end of it. */
export type TraceExit = {
  readonly depth: number
  readonly gasLeft: number
  readonly output: Uint8Array
  readonly outcome: 'success' | 'revert' | 'failure'
}

export type MessageKind = 'call' | 'callcode' | 'delegatecall' | 'staticcall' | 'create' | 'create2'

/** Called as the machine goes; what it throws ends the execution and undoes it. */
export type Tracer = {
  onStep?(step: TraceStep): void
  onEnter?(enter: TraceEnter): void
  onExit?(exit: TraceExit): void
}

/** A guard on the wall clock, which belongs to the caller. */
export type StepLimit = {
  /** Basic blocks (runs of instructions without a jump) between two questions. */
  readonly everySteps: number
  /** Returns true to abort the execution. */
  readonly shouldAbort: () => boolean
}
