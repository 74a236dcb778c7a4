/**
 * Which transactions the pool takes: the rules that need no other transaction, and the refusal that
 * every rule ends in.
 *
 * The machine would refuse most of these in a block as well; here they are refused before they cost
 * memory, gossip or a recovery. Two rules are the pool's own: blob transactions never enter (blocks
 * of our networks carry no blobs), and one transaction is at most 128 KiB.
 */

import {
  atLeast,
  decodeTransaction,
  effectiveGasPrice,
  forkAt,
  initCodeSizeMax,
  intrinsicGas,
  intrinsicGasInputOf,
  maxFeePerGasOf,
  maxPriorityFeePerGasOf,
  transactionGasLimitMax,
} from '@zg/evm'
import type { ChainConfig, Transaction } from '@zg/evm'
import { ZgError } from '@zg/primitives'

/** The most bytes of one pooled transaction (as in geth). */
export const pooledTransactionSizeBytesMax = 128 * 1024

/** Authorizations in one pooled transaction: each costs a recovery before it is paid for. */
export const pooledAuthorizationsMax = 128

/** Why the pool does not take a transaction. */
export type RefusalReason =
  | 'malformed'
  | 'too-large'
  | 'blobs-unsupported'
  | 'type-unsupported'
  | 'chain-id-wrong'
  | 'signature-invalid'
  | 'gas-limit-too-low'
  | 'gas-limit-too-high'
  | 'init-code-too-large'
  | 'priority-fee-above-max-fee'
  | 'fee-too-low'
  | 'authorizations-empty'
  | 'authorizations-too-many'
  | 'already-known'
  | 'nonce-too-low'
  | 'nonce-at-max'
  | 'nonce-gap-too-large'
  | 'funds-insufficient'
  | 'sender-has-code'
  | 'delegated-in-flight'
  | 'authority-in-flight'
  | 'replacement-underpriced'
  | 'sender-full'
  | 'pool-full'
  | 'pool-busy'

/** What the block under construction allows. */
export type AdmissionRules = {
  readonly config: ChainConfig
  /** Of the head, in seconds: decides the fork. */
  readonly timestamp: number
  /** Of a block. */
  readonly gasLimit: bigint
  /** Least priority fee, in wei a unit of gas. */
  readonly priorityFeeMin: bigint
  /** Base fee of the next block, and what governance has a unit of gas cost there at least. */
  readonly nextBaseFee: bigint
  readonly gasPriceMin: bigint
}

/**
 * Decodes a transaction and checks all that needs no state.
 *
 * @throws {TransactionRefusedError} `CHAIN_TRANSACTION_REFUSED`
 */
export function admitTransaction(bytes: Uint8Array, rules: AdmissionRules): Transaction {
  if (bytes.length > pooledTransactionSizeBytesMax) {
    refuse('too-large', `it has ${bytes.length} bytes of at most ${pooledTransactionSizeBytesMax}`)
  }
  // Type 3 is refused before it is decoded: over RPC it arrives with its blobs around it.
  if (bytes[0] === 3) refuse('blobs-unsupported', 'blocks of this network carry no blobs')
  let transaction: Transaction
  try {
    transaction = decodeTransaction(bytes)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : 'it is no transaction'
    throw new TransactionRefusedError('malformed', problem, { cause })
  }
  checkTransaction(transaction, rules)
  return transaction
}

function checkTransaction(transaction: Transaction, rules: AdmissionRules): void {
  const { config, timestamp, gasLimit, priorityFeeMin } = rules
  const fork = forkAt(config, timestamp)
  if (transaction.type === 4 && !atLeast(fork, 'prague')) {
    refuse('type-unsupported', 'set-code transactions come with Prague')
  }
  if (transaction.chainId !== undefined && transaction.chainId !== config.chainId) {
    const { chainId } = transaction
    const problem = `it is for chain ${chainId}, not ${config.chainId}`
    throw new TransactionRefusedError('chain-id-wrong', problem, { chainId })
  }
  // MUST stay below 2^64 - 1, which no account can pass (EIP-2681).
  if (transaction.nonce >= (1n << 64n) - 1n) refuse('nonce-at-max', 'its nonce is the last one')
  if (transaction.gasLimit > gasLimit) {
    refuse('gas-limit-too-high', `it asks for more gas than a block's ${gasLimit}`)
  }
  if (atLeast(fork, 'osaka') && transaction.gasLimit > transactionGasLimitMax) {
    refuse('gas-limit-too-high', `it asks for more gas than ${transactionGasLimitMax} (EIP-7825)`)
  }
  if (transaction.to === undefined && transaction.data.length > initCodeSizeMax) {
    refuse('init-code-too-large', `its init code is over ${initCodeSizeMax} bytes (EIP-3860)`)
  }
  const { gas, floor } = intrinsicGas(intrinsicGasInputOf(transaction), fork)
  const gasMin = BigInt(Math.max(gas, floor))
  if (transaction.gasLimit < gasMin) {
    refuse('gas-limit-too-low', `it needs ${gasMin} gas and allows ${transaction.gasLimit}`)
  }
  checkFees(transaction, priorityFeeMin)
  const price = effectiveGasPrice(transaction, rules.nextBaseFee)
  if (price < rules.gasPriceMin) {
    refuse('fee-too-low', `it would pay ${price} for gas, under the least, ${rules.gasPriceMin}`)
  }
}

function checkFees(transaction: Transaction, priorityFeeMin: bigint): void {
  const maxFee = maxFeePerGasOf(transaction)
  const priorityFee = maxPriorityFeePerGasOf(transaction)
  if (priorityFee > maxFee) {
    refuse(
      'priority-fee-above-max-fee',
      `its priority fee ${priorityFee} is over its fee ${maxFee}`,
    )
  }
  if (priorityFee < priorityFeeMin) {
    refuse('fee-too-low', `its priority fee ${priorityFee} is under ${priorityFeeMin}`)
  }
  if (transaction.type !== 4) return
  const count = transaction.authorizationList.length
  if (count === 0) refuse('authorizations-empty', 'its authorization list is empty (EIP-7702)')
  if (count > pooledAuthorizationsMax) {
    refuse('authorizations-too-many', `it has ${count} of at most ${pooledAuthorizationsMax}`)
  }
}

/** @throws {TransactionRefusedError} `CHAIN_TRANSACTION_REFUSED` */
export function refuse(reason: RefusalReason, problem: string): never {
  throw new TransactionRefusedError(reason, problem)
}

/** `data.reason` is one of `RefusalReason`; `data.chainId` that of one for another chain. */
export class TransactionRefusedError extends ZgError<'CHAIN_TRANSACTION_REFUSED'> {
  readonly reason: RefusalReason

  constructor(
    reason: RefusalReason,
    problem: string,
    { chainId, cause }: { readonly chainId?: bigint; readonly cause?: unknown } = {},
  ) {
    const message = `Cannot take the transaction: ${problem}`
    super('CHAIN_TRANSACTION_REFUSED', message, { reason, problem, chainId }, cause)
    this.reason = reason
  }
}
