/**
 * What a header must be, given its parent: all that can be said before the block is executed, and
 * the comparison with what execution gave.
 *
 * The rules are Ethereum's (Yellow Paper §4.3.4, EIP-1559, 4844, 4788, 4895, 7685, 7918, 7934), and
 * what governance sets within them (governed-parameters.ts). One is a parameter: timestamps grow,
 * unless the genesis says `subSecond`; then blocks of one second repeat it, and consensus orders
 * them by milliseconds.
 */

import {
  blobParametersAt,
  effectiveGasPrice,
  gasPerBlob,
  nextBaseFee,
  nextExcessBlobGas,
  receiptsRoot,
} from '@zg/evm'
import type { BlockResult, ChainConfig, Header, ParentFees, Transaction } from '@zg/evm'
import { bytesEqual } from '@zg/primitives'

import { nextGasLimit } from './governed-parameters.ts'
import type { GovernedParameters } from './governed-parameters.ts'

/** A child's gas limit differs by less than this part of its parent's (Yellow Paper §4.3.4). */
const gasLimitBoundDivisor = 1_024n

/** The least gas limit of a block. */
const gasLimitMin = 5_000n

const gasLimitMax = (1n << 63n) - 1n

export type HeaderRules = {
  readonly config: ChainConfig
  readonly subSecond: boolean
}

/** Returns what is wrong with a header on that parent, as one sentence; undefined for nothing. */
export function headerProblem(
  header: Header,
  { parent, rules }: { parent: Header; rules: HeaderRules },
): string | undefined {
  if (header.number !== parent.number + 1) {
    return `The number is ${header.number}, the parent's ${parent.number}`
  }
  const isLate = header.timestamp > parent.timestamp
  if (!isLate && !(rules.subSecond && header.timestamp === parent.timestamp)) {
    return `The timestamp ${header.timestamp} is not after the parent's ${parent.timestamp}`
  }
  if (header.extraData.length > 32) return 'The extra data is over 32 bytes'
  return gasProblem(header, parent) ?? blobProblem(header, parent, rules.config)
}

/** Returns where a block breaks what governance set, given the state after its parent. */
export function governedProblem(
  { header, transactions }: { header: Header; transactions: readonly Transaction[] },
  { parent, governed }: { parent: Header; governed: GovernedParameters },
): string | undefined {
  const { gasLimit, gasPriceMin } = governed
  if (gasLimit !== undefined) {
    const wanted = nextGasLimit(parent.gasLimit, gasLimit)
    if (header.gasLimit !== wanted) {
      return `The gas limit is ${header.gasLimit}, not the ${wanted} that governance asks for`
    }
  }
  const { baseFeePerGas = 0n } = header
  const prices = transactions.map((transaction) => effectiveGasPrice(transaction, baseFeePerGas))
  const poor = prices.findIndex((price) => price < gasPriceMin)
  if (poor === -1) return undefined
  return `Transaction ${poor}: it pays ${prices[poor]} for gas, under the least, ${gasPriceMin}`
}

/** Returns where a header differs from what its block did, the state root aside. */
export function resultProblem(header: Header, result: BlockResult): string | undefined {
  if (header.gasUsed !== result.gasUsed) {
    return `The gas used is ${result.gasUsed}, not ${header.gasUsed}`
  }
  if (header.blobGasUsed !== result.blobGasUsed) {
    return `The blob gas used is ${result.blobGasUsed}, not ${header.blobGasUsed}`
  }
  const roots = [
    ['receipts root', header.receiptsRoot, receiptsRoot(result.receipts)],
    ['logs bloom', header.logsBloom, result.logsBloom],
    ['requests hash', header.requestsHash, result.requestsHash],
  ] as const
  for (const [name, claimed, real] of roots) {
    // Before Prague there is no requests hash, in the header or out of it.
    const isBoth = claimed !== undefined && real !== undefined
    if (isBoth ? !bytesEqual(claimed, real) : claimed !== real) return `The ${name} is wrong`
  }
  return undefined
}

/** What of a header decides its child's prices. */
export function feesOf(header: Header): ParentFees {
  const { gasLimit, gasUsed, baseFeePerGas = 0n, blobGasUsed = 0n, excessBlobGas = 0n } = header
  return { gasLimit, gasUsed, baseFeePerGas, blobGasUsed, excessBlobGas }
}

function gasProblem(header: Header, parent: Header): string | undefined {
  const { gasLimit } = header
  const difference =
    gasLimit > parent.gasLimit ? gasLimit - parent.gasLimit : parent.gasLimit - gasLimit
  const isFar = difference >= parent.gasLimit / gasLimitBoundDivisor && difference !== 0n
  if (isFar || gasLimit < gasLimitMin || gasLimit > gasLimitMax) {
    return `The gas limit ${gasLimit} is out of the bounds around the parent's ${parent.gasLimit}`
  }
  if (header.gasUsed > gasLimit) return `The gas used ${header.gasUsed} is over the limit`
  const baseFee = nextBaseFee(feesOf(parent))
  if (header.baseFeePerGas !== baseFee) {
    return `The base fee is ${header.baseFeePerGas}, not ${baseFee}`
  }
  return undefined
}

function blobProblem(header: Header, parent: Header, config: ChainConfig): string | undefined {
  const { timestamp, blobGasUsed = 0n, excessBlobGas } = header
  const { max } = blobParametersAt(config, timestamp)
  if (blobGasUsed % gasPerBlob !== 0n || blobGasUsed > BigInt(max) * gasPerBlob) {
    return `The blob gas used ${blobGasUsed} is not 0 to ${max} blobs`
  }
  const excess = nextExcessBlobGas(feesOf(parent), { config, timestamp })
  if (excessBlobGas !== excess) return `The excess blob gas is ${excessBlobGas}, not ${excess}`
  return undefined
}
