/**
 * One transaction from its fee to its receipt (Yellow Paper §6, with the EIPs up to Osaka).
 */

import { emptyBytes } from '@zg/primitives'

import type { BlockEnvironment } from './block-environment.ts'
import { delegationTo } from './code.ts'
import { nonceMax } from './create-instructions.ts'
import { authorizationRefund, refundQuotient } from './gas.ts'
import type { Machine, MessageResult } from './machine.ts'
import type { Log } from './receipt.ts'
import type { StepLimit, Tracer } from './tracer.ts'
import { recoverAuthority } from './transaction-codec.ts'
import { accessListOf, blobGasOf, effectiveGasPrice } from './transaction.ts'
import type { AccessListEntry, Authorization, Transaction } from './transaction.ts'
import type { GasBounds } from './transaction-validity.ts'
import type { AccountEntry } from './world-state.ts'

/** A transaction stripped to what its execution needs; its checks are behind it. */
export type ExecutionInput = {
  readonly sender: AccountEntry
  readonly to: bigint | undefined
  readonly value: bigint
  readonly data: Uint8Array
  readonly gasLimit: bigint
  /** What it pays before it runs, and the least in the end. */
  readonly bounds: GasBounds
  /** In wei a unit of gas. */
  readonly gasPrice: bigint
  /** The part of the gas price that goes to the coinbase, in wei. */
  readonly tip: bigint
  /** Paid for blobs, in wei. */
  readonly blobFee: bigint
  readonly accessList: readonly AccessListEntry[]
  readonly authorizationList: readonly Authorization[]
  readonly blobVersionedHashes: readonly bigint[]
  readonly tracer?: Tracer | undefined
  readonly limit?: StepLimit | undefined
}

/** Returns what the execution of a transaction that passed its checks needs. */
export function executionInputOf(
  transaction: Transaction,
  {
    sender,
    bounds,
    block,
  }: {
    sender: AccountEntry
    bounds: ExecutionInput['bounds']
    block: BlockEnvironment
  },
): ExecutionInput {
  const { to, value, data, gasLimit } = transaction
  const gasPrice = effectiveGasPrice(transaction, block.baseFeePerGas)
  return {
    sender,
    to,
    value,
    data,
    gasLimit,
    bounds,
    gasPrice,
    tip: gasPrice - block.baseFeePerGas,
    blobFee: blobGasOf(transaction) * block.blobBaseFee,
    accessList: accessListOf(transaction),
    authorizationList: transaction.type === 4 ? transaction.authorizationList : [],
    blobVersionedHashes: transaction.type === 3 ? transaction.blobVersionedHashes : [],
  }
}

/** What came of it. */
export type ExecutionResult = {
  readonly outcome: MessageResult['outcome']
  readonly gasUsed: bigint
  readonly output: Uint8Array
  readonly logs: readonly Log[]
  readonly contractAddress: bigint | undefined
  readonly halt: MessageResult['halt']
}

/**
 * Executes a checked transaction and ends it: its changes stand in the state.
 *
 * @throws {ExecutionAbortedError} `EVM_EXECUTION_ABORTED`; the transaction has left no trace then.
 */
export function executeTransaction(machine: Machine, input: ExecutionInput): ExecutionResult {
  const { state } = machine
  const before = state.checkpoint()
  try {
    const message = runMessage(machine, input)
    const gasUsed = settleGas(machine, input, message.gasLeft)
    const { outcome, output, contractAddress, halt } = message
    const logs = state.logs
    state.endTransaction()
    return { outcome, gasUsed, output, logs, contractAddress, halt }
  } catch (error) {
    state.revert(before)
    throw error
  }
}

function runMessage(machine: Machine, input: ExecutionInput): MessageResult {
  const { state } = machine
  const { sender, value, data, gasLimit, gasPrice, bounds } = input
  const to = input.to === undefined ? undefined : state.account(input.to)
  const { blobVersionedHashes, tracer, limit } = input
  machine.beginTransaction({ origin: sender.address, gasPrice, blobVersionedHashes, tracer, limit })
  state.setBalance(sender, sender.balance - gasLimit * gasPrice - input.blobFee)
  state.setNonce(sender, sender.nonce + 1n)
  state.warmAccount(sender)
  // EIP-3651
  state.warmAccount(machine.coinbase)
  if (to !== undefined) state.warmAccount(to)
  for (const { address, storageKeys } of input.accessList) {
    const account = state.account(address)
    state.warmAccount(account)
    for (const key of storageKeys) state.warmSlot(state.slot(account, key))
  }
  for (const authorization of input.authorizationList) delegate(machine, authorization)
  if (to !== undefined) {
    // EIP-7702: the account that a delegating recipient names is warm, free of charge.
    const { delegate: target } = state.code(to)
    if (target !== undefined) state.warmAccount(state.account(target))
  }

  const gas = gasLimit - BigInt(bounds.gas)
  return machine.run({ caller: sender, to, value, input: data, gas })
}

/** Gives back what is left, pays the coinbase; returns the gas used. */
function settleGas(
  { state, coinbase }: Machine,
  { sender, gasLimit, gasPrice, tip, bounds }: ExecutionInput,
  gasLeft: bigint,
): bigint {
  let gasUsed = gasLimit - gasLeft
  const refundMax = gasUsed / BigInt(refundQuotient)
  const refund = BigInt(state.refund)
  gasUsed -= refund < refundMax ? refund : refundMax
  // EIP-7623
  const floor = BigInt(bounds.floor)
  if (gasUsed < floor) gasUsed = floor
  if (gasPrice !== 0n) {
    state.setBalance(sender, sender.balance + (gasLimit - gasUsed) * gasPrice)
  }
  state.setBalance(coinbase, coinbase.balance + gasUsed * tip)
  return gasUsed
}

/** Makes one delegation if its authorization holds; else nothing (EIP-7702). */
function delegate({ state, block }: Machine, authorization: Authorization): void {
  const { chainId, address, nonce } = authorization
  if ((chainId !== 0n && chainId !== block.chainId) || nonce >= nonceMax) return
  const authority = recoverAuthority(authorization)
  if (authority === undefined) return
  const account = state.account(authority)
  state.warmAccount(account)
  const code = state.code(account)
  if (code.bytes.length > 0 && code.delegate === undefined) return
  if (account.nonce !== nonce) return
  if (!account.isDead) state.refund += authorizationRefund
  state.setCode(account, address === 0n ? emptyBytes : delegationTo(address))
  state.setNonce(account, nonce + 1n)
}
