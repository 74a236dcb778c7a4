/**
 * Executions that no block keeps: a transaction object on a state, in an environment, within a
 * budget of gas and time.
 *
 * The environment is the block's own (its number, time and base fee), its state the one after it,
 * as geth has it. Deviation: BASEFEE is the block's even in a call without a price, where geth
 * shows 0.
 */

import { call, environmentOf } from '@zg/evm'
import type {
  AccessListEntry,
  BlockEnvironment,
  CallResult,
  ChainConfig,
  Header,
  Tracer,
} from '@zg/evm'
import { toHex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'
import type { StateChanges, StateReader } from '@zg/state'

import type { BlockOverride } from './block-override.ts'
import type { CallRequest } from './call-request.ts'
import { changedState } from './layered-state.ts'
import { callBudgetMs, callGasMax, callStepsPerLook } from './limits.ts'
import {
  CallFailedError,
  CallRevertedError,
  LimitExceededError,
  ResourceUnknownError,
} from './rpc-error.ts'
import { revertReason } from './revert-reason.ts'
import { overrideState } from './state-override.ts'
import type { StateOverride } from './state-override.ts'

/** What runs end as, refusals and time-outs thrown. */
export type Run = Extract<CallResult, { readonly gasUsed: bigint }>

/** One request on one state, ready to be run with different limits. */
export type Simulation = {
  readonly request: CallRequest
  readonly state: StateReader
  readonly block: BlockEnvironment
  readonly from: bigint
  /** What a unit of gas costs in it, in wei; 0 when the request names no price. */
  readonly gasPrice: bigint
  readonly deadline: Deadline
}

export type SimulationOverrides = {
  readonly state?: StateOverride
  readonly block?: BlockOverride
}

/** What a request is run on, as plain data: it can be handed to another thread. */
export type SimulationRequest = {
  readonly request: CallRequest
  readonly overrides: SimulationOverrides
  /** Of the block in whose environment it runs. */
  readonly header: Header
  /** That block's hash; undefined for the pending block. */
  readonly hash: Uint8Array | undefined
  /** Of the pending block: what it does to the state after its parent. */
  readonly changes: StateChanges | undefined
}

/** The chain as far as executions see it; a `ChainReader` is one. */
export type SimulationSource = {
  readonly config: ChainConfig
  stateAt(blockHash: Uint8Array): StateReader | undefined
  hashOfNumber(number: number): Uint8Array | undefined
}

/** Until when all runs of one method must be over. */
class Deadline {
  readonly #clock: Clock
  readonly #endMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#endMs = clock.nowMs() + callBudgetMs
  }

  isOver(): boolean {
    return this.#clock.nowMs() >= this.#endMs
  }
}

/**
 * Puts a request on its state; its time begins to run.
 *
 * @throws {CallFailedError} `CHAIN_CALL_FAILED` for a price under the block's base fee.
 * @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN` when the state was pruned.
 */
export function prepareSimulation(
  { request, overrides, header, hash, changes }: SimulationRequest,
  source: SimulationSource,
  clock: Clock,
): Simulation {
  const standing = source.stateAt(hash ?? header.parentHash)
  if (standing === undefined) {
    throw new ResourceUnknownError('the state', `that of block ${header.number} was pruned`)
  }
  const state = changes === undefined ? standing : changedState(standing, changes)
  const block = {
    ...environmentOf(header, {
      config: source.config,
      blockHash: (number) => (number === header.number ? hash : source.hashOfNumber(number)),
    }),
    ...overrides.block,
  }
  return {
    request,
    state: overrideState(state, overrides.state ?? []),
    block,
    from: request.from ?? 0n,
    gasPrice: priceOf(request, block.baseFeePerGas),
    deadline: new Deadline(clock),
  }
}

/**
 * The most gas a request may burn: what it asks for, what the door allows, what the sender can pay.
 *
 * @throws {CallFailedError} `CHAIN_CALL_FAILED` when the sender has not even the value.
 */
export function gasLimitOf(simulation: Simulation, most: bigint = callGasMax): bigint {
  const { request, gasPrice } = simulation
  const wanted = request.gas ?? most
  const limit = wanted < most ? wanted : most
  if (gasPrice === 0n) return limit
  const balance = simulation.state.account(simulation.from)?.balance ?? 0n
  if (balance < request.value) throw new CallFailedError('insufficient funds for transfer')
  const affordable = (balance - request.value) / gasPrice
  return affordable < limit ? affordable : limit
}

/**
 * Runs a simulation once.
 *
 * @throws {CallFailedError} `CHAIN_CALL_FAILED` when it cannot begin.
 * @throws {LimitExceededError} `CHAIN_LIMIT_EXCEEDED` when its time is over.
 */
export function runSimulation(
  simulation: Simulation,
  gasLimit: bigint,
  options: {
    readonly tracer?: Tracer
    readonly accessList?: readonly AccessListEntry[]
  } = {},
): Run {
  const result = tryRun(simulation, gasLimit, options)
  if (result.status === 'rejected') throw new CallFailedError(rejectionMessage(result, gasLimit))
  return result
}

/** As `runSimulation`, but a run that cannot begin is returned. */
export function tryRun(
  { request, state, block, from, gasPrice, deadline }: Simulation,
  gasLimit: bigint,
  options: {
    readonly tracer?: Tracer
    readonly accessList?: readonly AccessListEntry[]
  } = {},
): Exclude<CallResult, { readonly status: 'aborted' }> {
  const result = call({
    state,
    block,
    from,
    to: request.to,
    value: request.value,
    data: request.data,
    gasLimit,
    gasPrice,
    accessList: options.accessList ?? request.accessList ?? [],
    authorizationList: request.authorizationList ?? [],
    blobVersionedHashes: request.blobVersionedHashes ?? [],
    limit: { everySteps: callStepsPerLook, shouldAbort: () => deadline.isOver() },
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
  })
  if (result.status === 'aborted') throw new LimitExceededError('ms for an execution', callBudgetMs)
  return result
}

/**
 * What a run returned.
 *
 * @throws {CallRevertedError} `CHAIN_CALL_REVERTED`, with the revert data.
 * @throws {CallFailedError} `CHAIN_CALL_FAILED` for an exceptional halt.
 */
export function outputOf(run: Run): Uint8Array {
  if (run.status === 'success') return run.output
  if (run.status === 'revert') {
    throw new CallRevertedError(toHex(run.output), revertReason(run.output))
  }
  throw new CallFailedError(haltMessage(run))
}

/** Why a run halted, in the phrase that clients know where geth has one. */
export function haltMessage({ halt = 'out of gas' }: Run): string {
  return phraseOfHalt[halt] ?? halt
}

/** Where geth says it in other words than ours. */
const phraseOfHalt: Readonly<Partial<Record<NonNullable<Run['halt']>, string>>> = {
  'stack overflow': 'stack limit reached',
  'invalid instruction': 'invalid opcode: INVALID, or one that this fork does not know',
  'write in a static call': 'write protection',
  'init code too large': 'max initcode size exceeded',
  'code of the new contract refused': 'max code size exceeded, or code that begins with 0xef',
  'address of the new contract taken': 'contract address collision',
}

/** Why a run could not begin, in the phrase that clients know. */
export function rejectionMessage(
  { reason }: Extract<CallResult, { readonly status: 'rejected' }>,
  gasLimit: bigint,
): string {
  return reason === 'gas-limit-too-low'
    ? `intrinsic gas too low: ${gasLimit} is less than the transaction pays before it runs`
    : 'insufficient funds for gas * price + value'
}

function priceOf(request: CallRequest, baseFeePerGas: bigint): bigint {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas = 0n } = request
  const limit = gasPrice ?? maxFeePerGas ?? 0n
  if (limit === 0n) return 0n
  if (limit < baseFeePerGas) {
    const fees = `${limit} is below ${baseFeePerGas}`
    throw new CallFailedError(`max fee per gas less than block base fee: ${fees}`)
  }
  const wanted = gasPrice ?? baseFeePerGas + maxPriorityFeePerGas
  return wanted < limit ? wanted : limit
}
