/**
 * The two prices a block sets: the base fee of gas (EIP-1559) and of blob gas (EIP-4844, EIP-7918).
 */

import type { ChainConfig } from './fork.ts'
import { atLeast, blobParametersAt, forkAt } from './fork.ts'
import { gasPerBlob } from './transaction.ts'

/** A block's gas target is its limit divided by this. */
const elasticity = 2n

/** The base fee moves by at most 1/8 a block. */
const baseFeeChangeDenominator = 8n

/** The least price of a unit of blob gas, in wei. */
const blobBaseFeeMin = 1n

/** Execution gas that a blob should cost at least (EIP-7918 BLOB_BASE_COST). */
const blobBaseCost = 8_192n

/** What of a parent decides its child's prices. */
export type ParentFees = {
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  readonly baseFeePerGas: bigint
  readonly blobGasUsed: bigint
  readonly excessBlobGas: bigint
}

/**
 * Returns the base fee of the child, in wei a unit of gas:
 *
 *     used = target: b      used > target: b + max(1, b · (used - target) / target / 8)
 *                           used < target: b - b · (target - used) / target / 8
 */
export function nextBaseFee(parent: ParentFees): bigint {
  const { gasUsed, baseFeePerGas } = parent
  const target = parent.gasLimit / elasticity
  if (gasUsed === target || target === 0n) return baseFeePerGas
  if (gasUsed > target) {
    const delta = (baseFeePerGas * (gasUsed - target)) / target / baseFeeChangeDenominator
    return baseFeePerGas + (delta > 1n ? delta : 1n)
  }
  return baseFeePerGas - (baseFeePerGas * (target - gasUsed)) / target / baseFeeChangeDenominator
}

/**
 * Returns the excess blob gas of a child with that timestamp. From Osaka on, when a blob's
 * execution cost exceeds its price, the excess does not fall below the target's drift (EIP-7918).
 */
export function nextExcessBlobGas(
  parent: ParentFees,
  { config, timestamp }: { config: ChainConfig; timestamp: number },
): bigint {
  const { target, max, baseFeeUpdateFraction } = blobParametersAt(config, timestamp)
  const total = parent.excessBlobGas + parent.blobGasUsed
  const targetGas = BigInt(target) * gasPerBlob
  if (total < targetGas) return 0n
  if (atLeast(forkAt(config, timestamp), 'osaka')) {
    const price = blobBaseFee(parent.excessBlobGas, baseFeeUpdateFraction)
    if (blobBaseCost * parent.baseFeePerGas > gasPerBlob * price) {
      return parent.excessBlobGas + (parent.blobGasUsed * BigInt(max - target)) / BigInt(max)
    }
  }
  return total - targetGas
}

/** Returns the price of a unit of blob gas in wei: e^(excess / fraction), at least 1 (EIP-4844). */
export function blobBaseFee(excessBlobGas: bigint, updateFraction: bigint): bigint {
  // fake_exponential: the Taylor series of factor · e^(numerator / denominator) in integers.
  let sum = 0n
  let term = blobBaseFeeMin * updateFraction
  for (let index = 1n; term > 0n; index++) {
    sum += term
    term = (term * excessBlobGas) / (updateFraction * index)
  }
  return sum / updateFraction
}
