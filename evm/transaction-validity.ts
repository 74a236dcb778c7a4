/**
 * Whether a transaction may stand in a block at the state before it (Yellow Paper §6.2, with the
 * EIPs up to Osaka). Nothing is changed here.
 */

import { wordMax } from '@zg/primitives'

import type { BlockEnvironment } from './block-environment.ts'
import type { RejectionReason, TransactionRejection } from './block-outcome.ts'
import { nonceMax } from './create-instructions.ts'
import { atLeast } from './fork.ts'
import {
  blobGasOf,
  initCodeSizeMax,
  intrinsicGas,
  intrinsicGasInputOf,
  maxFeePerGasOf,
  maxPriorityFeePerGasOf,
  transactionGasLimitMax,
} from './transaction.ts'
import type { Transaction } from './transaction.ts'
import type { AccountEntry, WorldState } from './world-state.ts'

/** Blobs in one transaction at most, from Osaka on (EIP-7594). */
export const transactionBlobCountMax = 6

/** The version byte of a blob's hash (EIP-4844). */
const blobHashVersion = 1n

/** What a block has left for its next transaction. */
export type BlockRoom = { readonly gas: bigint; readonly blobGas: bigint }

/** Returns a rejection with its sentence. */
export function rejection(reason: RejectionReason, message: string): TransactionRejection {
  return { status: 'rejected', reason, message }
}

/** Gas that a transaction pays before it runs, and the least it pays in the end. */
export type GasBounds = { readonly gas: number; readonly floor: number }

/** The rules that a transaction is under before a block or a state is known. */
export type AloneRules = Pick<BlockEnvironment, 'fork' | 'chainId' | 'blobCountMax'>

/**
 * Returns why the transaction can stand in no block under these rules, or its gas bounds when it
 * can: the checks a pool makes first.
 */
export function checkAlone(
  transaction: Transaction,
  rules: AloneRules,
): TransactionRejection | GasBounds {
  const wrong = checkForm(transaction, rules) ?? checkBlobForm(transaction, rules)
  if (wrong !== undefined) return wrong
  const bounds = intrinsicGas(intrinsicGasInputOf(transaction), rules.fork)
  const least = BigInt(Math.max(bounds.gas, bounds.floor))
  const { gasLimit } = transaction
  if (gasLimit < least) {
    return rejection('gas-limit-too-low', `The gas limit ${gasLimit} is below ${least}`)
  }
  return bounds
}

/**
 * Returns why the transaction may not stand in the block, or its gas bounds when it may. `sender`
 * is the account that signed it.
 */
export function checkTransaction(
  transaction: Transaction,
  {
    sender,
    state,
    block,
    room,
    isUnsigned = false,
  }: {
    readonly sender: AccountEntry
    readonly state: WorldState
    readonly block: BlockEnvironment
    readonly room: BlockRoom
    /** Whether a development chain sends it for its sender, without a key: contracts may send. */
    readonly isUnsigned?: boolean | undefined
  },
): TransactionRejection | GasBounds {
  const bounds = checkAlone(transaction, block)
  if ('status' in bounds) return bounds
  const { gasLimit } = transaction
  const maxFee = maxFeePerGasOf(transaction)
  if (maxFee < block.baseFeePerGas) {
    const message = `The max fee ${maxFee} is below the base fee ${block.baseFeePerGas}`
    return rejection('fee-below-base-fee', message)
  }
  if (transaction.type === 3 && transaction.maxFeePerBlobGas < block.blobBaseFee) {
    return rejection('blob-fee-below-base-fee', 'The max blob fee is below the blob base fee')
  }
  if (blobGasOf(transaction) > room.blobGas) {
    return rejection('block-blob-gas-exhausted', 'The block has no room for its blobs')
  }
  if (gasLimit > room.gas) {
    return rejection('block-gas-exhausted', `The block has ${room.gas} gas left, not ${gasLimit}`)
  }
  return (
    checkNonce(transaction, sender) ??
    (isUnsigned ? undefined : checkCode(sender, state)) ??
    checkFunds(transaction, sender) ??
    bounds
  )
}

function checkForm(transaction: Transaction, rules: AloneRules): TransactionRejection | undefined {
  const { type, chainId, gasLimit, to, data, nonce } = transaction
  if (type === 4 && !atLeast(rules.fork, 'prague')) {
    return rejection('type-unsupported', 'Type 4 is unknown before Prague')
  }
  if (chainId !== undefined && chainId !== rules.chainId) {
    return rejection('chain-id-wrong', `It is for chain ${chainId}, not ${rules.chainId}`)
  }
  // EIP-2681
  if (nonce >= nonceMax) return rejection('nonce-at-max', 'The nonce is the last there is')
  // EIP-7825
  if (atLeast(rules.fork, 'osaka') && gasLimit > transactionGasLimitMax) {
    return rejection('gas-limit-too-high', `The gas limit is above ${transactionGasLimitMax}`)
  }
  // EIP-3860
  if (to === undefined && data.length > initCodeSizeMax) {
    return rejection('init-code-too-large', `The init code is above ${initCodeSizeMax} bytes`)
  }
  if (type === 4 && transaction.authorizationList.length === 0) {
    return rejection('authorizations-empty', 'The authorization list is empty')
  }
  const maxFee = maxFeePerGasOf(transaction)
  if (maxPriorityFeePerGasOf(transaction) > maxFee) {
    return rejection('priority-fee-above-max-fee', 'The priority fee is above the max fee')
  }
  if (gasLimit * maxFee > wordMax) {
    return rejection('fee-overflow', 'Its gas may cost more wei than a word holds')
  }
  return undefined
}

function checkBlobForm(
  transaction: Transaction,
  rules: AloneRules,
): TransactionRejection | undefined {
  if (transaction.type !== 3) return undefined
  const { blobVersionedHashes } = transaction
  const count = blobVersionedHashes.length
  const most = atLeast(rules.fork, 'osaka') ? transactionBlobCountMax : rules.blobCountMax
  if (count === 0 || count > most) {
    return rejection('blobs-invalid', `It has ${count} blobs, not 1 to ${most}`)
  }
  for (const hash of blobVersionedHashes) {
    if (hash >> 248n !== blobHashVersion) {
      return rejection('blobs-invalid', 'A blob hash has an unknown version')
    }
  }
  return undefined
}

function checkNonce(
  { nonce }: Transaction,
  sender: AccountEntry,
): TransactionRejection | undefined {
  if (nonce === sender.nonce) return undefined
  const reason = nonce < sender.nonce ? 'nonce-too-low' : 'nonce-too-high'
  return rejection(reason, `The nonce is ${nonce}, the account's ${sender.nonce}`)
}

/** Contracts send nothing (EIP-3607); accounts that delegate do (EIP-7702). */
function checkCode(sender: AccountEntry, state: WorldState): TransactionRejection | undefined {
  const code = state.code(sender)
  if (code.bytes.length === 0 || code.delegate !== undefined) return undefined
  return rejection('sender-has-code', 'The sender is a contract')
}

function checkFunds(
  transaction: Transaction,
  sender: AccountEntry,
): TransactionRejection | undefined {
  let most = transaction.gasLimit * maxFeePerGasOf(transaction) + transaction.value
  if (transaction.type === 3) most += blobGasOf(transaction) * transaction.maxFeePerBlobGas
  if (sender.balance >= most) return undefined
  return rejection('funds-insufficient', `It may cost ${most} wei, of ${sender.balance} there`)
}
