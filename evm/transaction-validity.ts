/**
 * Whether a transaction may stand in a block at the state before it (Yellow Paper §6.2, with the EIPs
 * up to Osaka). Nothing is changed here.
 */

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

/**
 * Returns why the transaction may not stand in the block, or its gas bounds when it may: what it pays
 * before it runs and the least it pays in the end.
 */
export function checkTransaction(
  transaction: Transaction,
  {
    sender,
    state,
    block,
    room,
  }: {
    readonly sender: AccountEntry
    readonly state: WorldState
    readonly block: BlockEnvironment
    readonly room: BlockRoom
  },
): TransactionRejection | { readonly gas: number; readonly floor: number } {
  const wrongForm = checkForm(transaction, block) ?? checkFees(transaction, block)
  if (wrongForm !== undefined) return wrongForm
  const wrongBlobs = checkBlobs(transaction, block, room)
  if (wrongBlobs !== undefined) return wrongBlobs

  const bounds = intrinsicGas(intrinsicGasInputOf(transaction), block.fork)
  const least = BigInt(Math.max(bounds.gas, bounds.floor))
  const { gasLimit } = transaction
  if (gasLimit < least) {
    return rejection('gas-limit-too-low', `The gas limit ${gasLimit} is below ${least}`)
  }
  if (gasLimit > room.gas) {
    return rejection('block-gas-exhausted', `The block has ${room.gas} gas left, not ${gasLimit}`)
  }
  return checkSender(transaction, sender, state) ?? bounds
}

function checkForm(
  transaction: Transaction,
  block: BlockEnvironment,
): TransactionRejection | undefined {
  const { type, chainId, gasLimit, to, data } = transaction
  if (type === 4 && !atLeast(block.fork, 'prague')) {
    return rejection('type-unsupported', `Type 4 is unknown before Prague`)
  }
  if (chainId !== undefined && chainId !== block.chainId) {
    return rejection('chain-id-wrong', `It is for chain ${chainId}, not ${block.chainId}`)
  }
  // EIP-7825
  if (atLeast(block.fork, 'osaka') && gasLimit > transactionGasLimitMax) {
    return rejection('gas-limit-too-high', `The gas limit is above ${transactionGasLimitMax}`)
  }
  // EIP-3860
  if (to === undefined && data.length > initCodeSizeMax) {
    return rejection('init-code-too-large', `The init code is above ${initCodeSizeMax} bytes`)
  }
  if (type === 4 && transaction.authorizationList.length === 0) {
    return rejection('authorizations-empty', 'The authorization list is empty')
  }
  return undefined
}

function checkFees(
  transaction: Transaction,
  block: BlockEnvironment,
): TransactionRejection | undefined {
  const maxFee = maxFeePerGasOf(transaction)
  if (maxPriorityFeePerGasOf(transaction) > maxFee) {
    return rejection('priority-fee-above-max-fee', 'The priority fee is above the max fee')
  }
  if (maxFee < block.baseFeePerGas) {
    const message = `The max fee ${maxFee} is below the base fee ${block.baseFeePerGas}`
    return rejection('fee-below-base-fee', message)
  }
  return undefined
}

function checkBlobs(
  transaction: Transaction,
  block: BlockEnvironment,
  room: BlockRoom,
): TransactionRejection | undefined {
  if (transaction.type !== 3) return undefined
  const { blobVersionedHashes, maxFeePerBlobGas } = transaction
  const count = blobVersionedHashes.length
  const most = atLeast(block.fork, 'osaka') ? transactionBlobCountMax : block.blobCountMax
  if (count === 0 || count > most) {
    return rejection('blobs-invalid', `It has ${count} blobs, not 1 to ${most}`)
  }
  for (const hash of blobVersionedHashes) {
    if (hash >> 248n !== blobHashVersion) {
      return rejection('blobs-invalid', 'A blob hash has an unknown version')
    }
  }
  if (maxFeePerBlobGas < block.blobBaseFee) {
    return rejection('blob-fee-below-base-fee', 'The max blob fee is below the blob base fee')
  }
  if (blobGasOf(transaction) > room.blobGas) {
    return rejection('block-blob-gas-exhausted', 'The block has no room for its blobs')
  }
  return undefined
}

function checkSender(
  transaction: Transaction,
  sender: AccountEntry,
  state: WorldState,
): TransactionRejection | undefined {
  const { nonce, gasLimit, value } = transaction
  if (nonce < sender.nonce) {
    return rejection('nonce-too-low', `The nonce is ${nonce}, the account's ${sender.nonce}`)
  }
  if (nonce > sender.nonce) {
    return rejection('nonce-too-high', `The nonce is ${nonce}, the account's ${sender.nonce}`)
  }
  // EIP-2681
  if (nonce >= nonceMax) return rejection('nonce-at-max', 'The nonce is the last there is')
  // EIP-3607: contracts send nothing; accounts that delegate do (EIP-7702).
  const code = state.code(sender)
  if (code.bytes.length > 0 && code.delegate === undefined) {
    return rejection('sender-has-code', 'The sender is a contract')
  }
  let most = gasLimit * maxFeePerGasOf(transaction) + value
  if (transaction.type === 3) most += blobGasOf(transaction) * transaction.maxFeePerBlobGas
  if (sender.balance < most) {
    return rejection('funds-insufficient', `It may cost ${most} wei, of ${sender.balance} there`)
  }
  return undefined
}
