/**
 * What a transaction can see of the block around it.
 */

import { bytesToBigint } from '@zg/primitives'

import type { ParentBlock } from './block-outcome.ts'
import { blobBaseFee } from './fees.ts'
import type { ChainConfig, Fork } from './fork.ts'
import { blobParametersAt, forkAt } from './fork.ts'
import type { Header } from './header.ts'
import { headerHash } from './header.ts'

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

/** The fields of a header that its environment is made of. */
export type EnvironmentFields = Pick<
  Header,
  'coinbase' | 'number' | 'timestamp' | 'gasLimit' | 'prevRandao' | 'baseFeePerGas'
> &
  Pick<Header, 'excessBlobGas'>

/**
 * Returns the environment of the block with that header.
 *
 * @throws {ForkUnsupportedError} `EVM_FORK_UNSUPPORTED` before Cancun.
 */
export function environmentOf(
  header: EnvironmentFields,
  {
    config,
    blockHash,
  }: { config: ChainConfig; blockHash: (number: number) => Uint8Array | undefined },
): BlockEnvironment {
  const { max, baseFeeUpdateFraction } = blobParametersAt(config, header.timestamp)
  return {
    fork: forkAt(config, header.timestamp),
    chainId: config.chainId,
    coinbase: header.coinbase,
    number: BigInt(header.number),
    timestamp: BigInt(header.timestamp),
    gasLimit: header.gasLimit,
    prevRandao: bytesToBigint(header.prevRandao),
    baseFeePerGas: header.baseFeePerGas ?? 0n,
    blobBaseFee: blobBaseFee(header.excessBlobGas ?? 0n, baseFeeUpdateFraction),
    blobCountMax: max,
    blockHash,
  }
}

/** Returns what a child's rules need of its parent's header. */
export function parentOf(header: Header, hash: Uint8Array = headerHash(header)): ParentBlock {
  const { number, timestamp, gasLimit, gasUsed } = header
  return {
    hash,
    number,
    timestamp,
    gasLimit,
    gasUsed,
    baseFeePerGas: header.baseFeePerGas ?? 0n,
    blobGasUsed: header.blobGasUsed ?? 0n,
    excessBlobGas: header.excessBlobGas ?? 0n,
  }
}
