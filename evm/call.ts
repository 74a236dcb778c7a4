/**
 * Messages that no block keeps: what `eth_call`, gas estimates and access lists are made of.
 *
 * A call runs as a transaction does, with its intrinsic gas, but nonce, signature, fee caps and the
 * sender's being a contract are not looked at. The state given is only read.
 */

import { emptyBytes } from '@zg/primitives'
import type { StateReader } from '@zg/state'

import type { BlockEnvironment } from './block-environment.ts'
import { Machine } from './machine.ts'
import type { MessageResult } from './machine.ts'
import type { Log } from './receipt.ts'
import type { StepLimit, Tracer } from './tracer.ts'
import { executeTransaction } from './transaction-execution.ts'
import { intrinsicGas } from './transaction.ts'
import type { AccessListEntry, Authorization } from './transaction.ts'
import { ExecutionAbortedError } from './watcher.ts'
import { WorldState } from './world-state.ts'

/** A message and the state and block it sees. */
export type CallInput = {
  readonly state: StateReader
  readonly block: BlockEnvironment
  readonly from: bigint
  /** Absent to create a contract. */
  readonly to?: bigint | undefined
  readonly value?: bigint
  readonly data?: Uint8Array
  readonly gasLimit: bigint
  /** In wei; 0, the default, makes gas free. */
  readonly gasPrice?: bigint
  readonly accessList?: readonly AccessListEntry[]
  readonly authorizationList?: readonly Authorization[]
  readonly blobVersionedHashes?: readonly bigint[]
  readonly tracer?: Tracer
  readonly limit?: StepLimit
}

export type CallResult =
  | {
      readonly status: MessageResult['outcome']
      /** Refunds taken off; what a transaction would pay. */
      readonly gasUsed: bigint
      /** Return data, or revert data. */
      readonly output: Uint8Array
      readonly logs: readonly Log[]
      readonly contractAddress: bigint | undefined
      /** Why a failure is one. */
      readonly halt: MessageResult['halt']
    }
  | {
      /** It cannot begin: too little gas for its data, or too little ether. */
      readonly status: 'rejected'
      readonly reason: 'gas-limit-too-low' | 'funds-insufficient'
    }
  /** Its limit stopped it. */
  | { readonly status: 'aborted' }

/** Runs a message on top of a state, of which nothing changes. */
export function call(input: CallInput): CallResult {
  const { block, from, to, value = 0n, data = emptyBytes, gasLimit, gasPrice = 0n } = input
  const { accessList = [], authorizationList = [], blobVersionedHashes = [] } = input
  const authorizationCount = authorizationList.length
  const isCreate = to === undefined
  const bounds = intrinsicGas({ data, isCreate, accessList, authorizationCount }, block.fork)
  if (gasLimit < BigInt(Math.max(bounds.gas, bounds.floor))) {
    return { status: 'rejected', reason: 'gas-limit-too-low' }
  }
  const state = new WorldState(input.state, block.fork)
  const sender = state.account(from)
  if (sender.balance < gasLimit * gasPrice + value) {
    return { status: 'rejected', reason: 'funds-insufficient' }
  }
  const tip = gasPrice > block.baseFeePerGas ? gasPrice - block.baseFeePerGas : 0n
  try {
    const { outcome, ...rest } = executeTransaction(new Machine(state, block), {
      sender,
      to,
      value,
      data,
      gasLimit,
      bounds,
      gasPrice,
      tip,
      blobFee: 0n,
      accessList,
      authorizationList,
      blobVersionedHashes,
      tracer: input.tracer,
      limit: input.limit,
    })
    return { status: outcome, ...rest }
  } catch (error) {
    if (error instanceof ExecutionAbortedError) return { status: 'aborted' }
    throw error
  }
}
