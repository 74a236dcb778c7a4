/**
 * The five kinds of transaction and what is true of each before any state is seen.
 *
 *     0  legacy (Yellow Paper, EIP-155)        1  access list (EIP-2930)
 *     2  fee market (EIP-1559)                 3  blobs (EIP-4844)
 *     4  set code (EIP-7702)
 *
 * Addresses, storage keys, versioned hashes, r and s are words. The byte forms are in
 * `transaction-codec.ts`.
 */

import type { Fork } from './fork.ts'
import { atLeast } from './fork.ts'

/** An address and the slots of it that a transaction announces (EIP-2930). */
export type AccessListEntry = {
  readonly address: bigint
  readonly storageKeys: readonly bigint[]
}

/** Leave of an account's key to run the code at `address` as the account's (EIP-7702). */
export type Authorization = {
  /** The chain it holds on; 0 for every chain. */
  readonly chainId: bigint
  /** Whose code; 0 takes a delegation back. */
  readonly address: bigint
  readonly nonce: bigint
  /** Any byte on the wire; only 0 and 1 can be valid. */
  readonly yParity: number
  readonly r: bigint
  readonly s: bigint
}

type Common = {
  readonly nonce: bigint
  readonly gasLimit: bigint
  readonly value: bigint
  readonly data: Uint8Array
}

export type EcdsaFields = { readonly yParity: number; readonly r: bigint; readonly s: bigint }

export type UnsignedLegacyTransaction = Common & {
  readonly type: 0
  /** Undefined for a signature that any chain accepts (before EIP-155). */
  readonly chainId: bigint | undefined
  readonly gasPrice: bigint
  /** Undefined to create a contract. */
  readonly to: bigint | undefined
}

export type UnsignedAccessListTransaction = Common & {
  readonly type: 1
  readonly chainId: bigint
  readonly gasPrice: bigint
  readonly to: bigint | undefined
  readonly accessList: readonly AccessListEntry[]
}

type FeeMarketFields = Common & {
  readonly chainId: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly maxFeePerGas: bigint
  readonly accessList: readonly AccessListEntry[]
}

export type UnsignedFeeMarketTransaction = FeeMarketFields & {
  readonly type: 2
  readonly to: bigint | undefined
}

export type UnsignedBlobTransaction = FeeMarketFields & {
  readonly type: 3
  readonly to: bigint
  readonly maxFeePerBlobGas: bigint
  readonly blobVersionedHashes: readonly bigint[]
}

export type UnsignedSetCodeTransaction = FeeMarketFields & {
  readonly type: 4
  readonly to: bigint
  readonly authorizationList: readonly Authorization[]
}

export type UnsignedTransaction =
  | UnsignedLegacyTransaction
  | UnsignedAccessListTransaction
  | UnsignedFeeMarketTransaction
  | UnsignedBlobTransaction
  | UnsignedSetCodeTransaction

export type LegacyTransaction = UnsignedLegacyTransaction & EcdsaFields
export type AccessListTransaction = UnsignedAccessListTransaction & EcdsaFields
export type FeeMarketTransaction = UnsignedFeeMarketTransaction & EcdsaFields
export type BlobTransaction = UnsignedBlobTransaction & EcdsaFields
export type SetCodeTransaction = UnsignedSetCodeTransaction & EcdsaFields

/** A signed transaction. */
export type Transaction =
  | LegacyTransaction
  | AccessListTransaction
  | FeeMarketTransaction
  | BlobTransaction
  | SetCodeTransaction

/** Blob gas of one blob (EIP-4844 GAS_PER_BLOB). */
export const gasPerBlob = 131_072n

/** The most gas one transaction may ask for from Osaka on (EIP-7825). */
export const transactionGasLimitMax = 16_777_216n

/** The most bytes of init code (EIP-3860). */
export const initCodeSizeMax = 49_152

const noAccessList: readonly AccessListEntry[] = []

/** The most a unit of gas may cost the sender, in wei. */
export function maxFeePerGasOf(transaction: UnsignedTransaction): bigint {
  return transaction.type <= 1
    ? (transaction as UnsignedLegacyTransaction).gasPrice
    : (transaction as UnsignedFeeMarketTransaction).maxFeePerGas
}

/** The most that the block's maker gets of it, in wei a unit of gas. */
export function maxPriorityFeePerGasOf(transaction: UnsignedTransaction): bigint {
  return transaction.type <= 1
    ? (transaction as UnsignedLegacyTransaction).gasPrice
    : (transaction as UnsignedFeeMarketTransaction).maxPriorityFeePerGas
}

/** What a unit of gas costs the sender under that base fee (EIP-1559), in wei. */
export function effectiveGasPrice(transaction: UnsignedTransaction, baseFeePerGas: bigint): bigint {
  const limit = maxFeePerGasOf(transaction)
  const wanted = baseFeePerGas + maxPriorityFeePerGasOf(transaction)
  return wanted < limit ? wanted : limit
}

export function accessListOf(transaction: UnsignedTransaction): readonly AccessListEntry[] {
  return transaction.type === 0 ? noAccessList : transaction.accessList
}

/** Blob gas that the transaction uses: 131,072 a blob. */
export function blobGasOf(transaction: UnsignedTransaction): bigint {
  return transaction.type === 3 ? gasPerBlob * BigInt(transaction.blobVersionedHashes.length) : 0n
}

/** What decides the gas of a transaction before it runs. */
export type IntrinsicGasInput = {
  readonly data: Uint8Array
  readonly isCreate: boolean
  readonly accessList: readonly AccessListEntry[]
  readonly authorizationCount: number
}

export function intrinsicGasInputOf(transaction: UnsignedTransaction): IntrinsicGasInput {
  return {
    data: transaction.data,
    isCreate: transaction.to === undefined,
    accessList: accessListOf(transaction),
    authorizationCount: transaction.type === 4 ? transaction.authorizationList.length : 0,
  }
}

/**
 * Returns the gas that a transaction pays before it runs, and the least it pays in the end.
 *
 *     tokens = zero bytes + 4 · other bytes of data
 *     gas    = 21,000 + 4 · tokens + 2,400 an address + 1,900 a key + 25,000 an authorization
 *              + (create: 32,000 + 2 · words of init code)
 *     floor  = 21,000 + 10 · tokens from Prague on (EIP-7623), else 0
 */
export function intrinsicGas(
  input: IntrinsicGasInput,
  fork: Fork,
): { readonly gas: number; readonly floor: number } {
  const { data, isCreate, accessList, authorizationCount } = input
  let tokens = 4 * data.length
  for (const byte of data) if (byte === 0) tokens -= 3
  let gas = 21_000 + 4 * tokens + 25_000 * authorizationCount
  for (const entry of accessList) gas += 2_400 + 1_900 * entry.storageKeys.length
  if (isCreate) gas += 32_000 + 2 * Math.ceil(data.length / 32)
  return { gas, floor: atLeast(fork, 'prague') ? 21_000 + 10 * tokens : 0 }
}
