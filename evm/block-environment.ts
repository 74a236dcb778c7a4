/**
 * What a transaction can see of the block around it.
 */

import type { Fork } from './fork.ts'

/** The block as the opcodes read it. */
export type BlockEnvironment = {
  readonly fork: Fork
  readonly chainId: bigint
  readonly coinbase: bigint
  readonly number: bigint
  /** In seconds. */
  readonly timestamp: bigint
  readonly gasLimit: bigint
  readonly prevRandao: bigint
  /** In wei a unit of gas. */
  readonly baseFeePerGas: bigint
  /** In wei a unit of blob gas. */
  readonly blobBaseFee: bigint
  /** The most blobs in the block, and in one transaction before Osaka. */
  readonly blobCountMax: number
  /** The hash of one of the last 256 blocks, or undefined when unknown. */
  readonly blockHash: (number: number) => Uint8Array | undefined
}
