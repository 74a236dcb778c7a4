/**
 * What gas costs: the base fee the next block will have, what others paid on top lately, and the
 * history of both (EIP-1559, EIP-4844).
 */

import { setImmediate as nextTurn } from 'node:timers/promises'

import {
  blobBaseFee,
  blobParametersAt,
  effectiveGasPrice,
  gasPerBlob,
  nextBaseFee,
  nextExcessBlobGas,
} from '@zg/evm'
import type { ChainConfig, Header, Receipt } from '@zg/evm'
import { toHex, toQuantity } from '@zg/primitives'

import type { Block, ChainReader, NodeView } from '../chain-view.ts'
import { governedParametersOf } from '../governed-parameters.ts'
import { readBlockNumberOrTag, requireHeader } from './block-id.ts'
import type { RpcMethod } from './json-rpc.ts'
import { feeHistoryBlocksMax, feeHistoryPercentilesMax } from './limits.ts'
import { checkCount, isAbsent, readArray, readCount } from './params.ts'
import { ParamsInvalidError } from './rpc-error.ts'

/** Blocks whose tips the suggestion looks at. */
const tipBlocks = 20
/** Lowest tips taken of each of them: one expensive transaction says little. */
const tipsPerBlock = 3
/** Percentile of those tips that is suggested. */
const tipPercentile = 60n
/** Suggested where nobody paid a tip lately, in wei. */
const tipDefault = 1_000_000n
/** Greatest suggestion, in wei: 500 gwei. */
const tipMax = 500_000_000_000n

/** The methods by name. */
export function feeMethods(
  { chain }: NodeView,
  suggestTip: () => bigint,
): readonly [string, RpcMethod][] {
  return [
    [
      'eth_gasPrice',
      (params) => {
        checkCount(params, 0, 0)
        return toQuantity(nextBaseFeeOf(chain.head().header) + suggestTip())
      },
    ],
    [
      'eth_maxPriorityFeePerGas',
      (params) => {
        checkCount(params, 0, 0)
        return toQuantity(suggestTip())
      },
    ],
    [
      'eth_blobBaseFee',
      (params) => {
        checkCount(params, 0, 0)
        return toQuantity(nextBlobBaseFeeOf(chain.head().header, chain.config))
      },
    ],
    [
      'eth_feeHistory',
      (params) => {
        checkCount(params, 2, 3)
        const count = readCount(params[0], 'blockCount')
        const newest = requireHeader(chain, readBlockNumberOrTag(params[1], 'newestBlock'))
        const percentiles = isAbsent(params[2]) ? [] : readPercentiles(params[2])
        return feeHistory(chain, { count, newest: newest.header.number, percentiles })
      },
    ],
  ]
}

/** The base fee that a child of `header` has. */
export function nextBaseFeeOf(header: Header): bigint {
  return nextBaseFee(feesOf(header))
}

/** Suggests a tip from recent blocks; looks again only after a new head. */
export function tipSuggestion(chain: ChainReader): () => bigint {
  let known: { readonly headHash: string; readonly tip: bigint } | undefined
  return () => {
    const headHash = toHex(chain.head().hash)
    if (known?.headHash !== headHash) known = { headHash, tip: enoughTip(chain) }
    return known.tip
  }
}

/** What is usual, and no less than governance asks for. */
function enoughTip(chain: ChainReader): bigint {
  const { header, hash } = chain.head()
  const state = chain.stateAt(hash)
  const least = state === undefined ? 0n : governedParametersOf(state).gasPriceMin
  const [usual, missing] = [recentTip(chain), least - nextBaseFeeOf(header)]
  return usual > missing ? usual : missing
}

function recentTip(chain: ChainReader): bigint {
  const tips: bigint[] = []
  const head = chain.headNumber()
  for (let number = head; number > Math.max(0, head - tipBlocks); number--) {
    const block = chain.blockByNumber(number)
    if (block !== undefined) tips.push(...tipsOf(block).toSorted(compare).slice(0, tipsPerBlock))
  }
  if (tips.length === 0) return tipDefault
  const rank = Number((BigInt(tips.length - 1) * tipPercentile) / 100n)
  const tip = tips.toSorted(compare)[rank] as bigint
  return tip < tipMax ? tip : tipMax
}

function tipsOf({ header, transactions }: Block): readonly bigint[] {
  const baseFee = header.baseFeePerGas ?? 0n
  return transactions.map(({ transaction }) => effectiveGasPrice(transaction, baseFee) - baseFee)
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

type FeeHistoryRequest = {
  readonly count: bigint
  readonly newest: number
  readonly percentiles: readonly number[]
}

async function feeHistory(
  chain: ChainReader,
  { count, newest, percentiles }: FeeHistoryRequest,
): Promise<unknown> {
  const wanted = Number(count < feeHistoryBlocksMax ? count : feeHistoryBlocksMax)
  const blocks = Math.min(wanted, newest + 1)
  if (blocks === 0) return { oldestBlock: '0x0', gasUsedRatio: [] }
  const oldest = newest - blocks + 1
  const headers: Header[] = []
  const rewards: (readonly string[])[] = []
  for (let number = oldest; number <= newest; number++) {
    const { header } = requireHeader(chain, { kind: 'number', number: BigInt(number) })
    headers.push(header)
    if (percentiles.length === 0) continue
    rewards.push(rewardsOf(chain, number, percentiles))
    // Whole blocks are read for the rewards: the rest of the node goes on in between.
    await nextTurn()
  }
  const last = headers.at(-1) as Header
  const history = {
    oldestBlock: toQuantity(oldest),
    baseFeePerGas: [
      ...headers.map(({ baseFeePerGas }) => toQuantity(baseFeePerGas ?? 0n)),
      toQuantity(nextBaseFeeOf(last)),
    ],
    gasUsedRatio: headers.map(({ gasUsed, gasLimit }) => Number(gasUsed) / Number(gasLimit)),
    baseFeePerBlobGas: [
      ...headers.map((header) => toQuantity(blobBaseFeeOf(header, chain.config))),
      toQuantity(nextBlobBaseFeeOf(last, chain.config)),
    ],
    blobGasUsedRatio: headers.map((header) => blobGasUsedRatio(header, chain.config)),
  }
  return percentiles.length === 0 ? history : { ...history, reward: rewards }
}

/** Tips by share of the block's gas: at percentile p, what the unit of gas there paid on top. */
function rewardsOf(
  chain: ChainReader,
  number: number,
  percentiles: readonly number[],
): readonly string[] {
  const block = chain.blockByNumber(number)
  const receipts = block === undefined ? undefined : chain.receiptsByHash(block.hash)
  if (block === undefined || receipts === undefined || receipts.length === 0) {
    return percentiles.map(() => '0x0')
  }
  const byTip = tipsOf(block)
    .map((tip, index) => ({ tip, gas: gasUsedAt(receipts, index) }))
    .toSorted((a, b) => compare(a.tip, b.tip))
  let index = 0
  let gasSum = byTip[0]?.gas ?? 0n
  return percentiles.map((percentile) => {
    const threshold = (Number(block.header.gasUsed) * percentile) / 100
    while (Number(gasSum) < threshold && index < byTip.length - 1) {
      index++
      gasSum += byTip[index]?.gas ?? 0n
    }
    return toQuantity(byTip[index]?.tip ?? 0n)
  })
}

function gasUsedAt(receipts: readonly Receipt[], index: number): bigint {
  const before = receipts[index - 1]?.cumulativeGasUsed ?? 0n
  return (receipts[index]?.cumulativeGasUsed ?? before) - before
}

function readPercentiles(value: unknown): readonly number[] {
  let previous = 0
  return readArray(value, 'rewardPercentiles', feeHistoryPercentilesMax).map((percentile) => {
    if (typeof percentile !== 'number' || percentile < previous || percentile > 100) {
      throw new ParamsInvalidError('rewardPercentiles', 'they must rise, from 0 to 100')
    }
    previous = percentile
    return percentile
  })
}

function feesOf(header: Header) {
  return {
    gasLimit: header.gasLimit,
    gasUsed: header.gasUsed,
    baseFeePerGas: header.baseFeePerGas ?? 0n,
    blobGasUsed: header.blobGasUsed ?? 0n,
    excessBlobGas: header.excessBlobGas ?? 0n,
  }
}

/** Whether the header is of a block with blobs, in a chain whose config knows them. */
function hasBlobs(header: Header): boolean {
  return header.excessBlobGas !== undefined
}

function blobBaseFeeOf(header: Header, config: ChainConfig): bigint {
  if (!hasBlobs(header)) return 0n
  const { baseFeeUpdateFraction } = blobParametersAt(config, header.timestamp)
  return blobBaseFee(header.excessBlobGas ?? 0n, baseFeeUpdateFraction)
}

function nextBlobBaseFeeOf(header: Header, config: ChainConfig): bigint {
  if (!hasBlobs(header)) return 0n
  const { timestamp } = header
  const excess = nextExcessBlobGas(feesOf(header), { config, timestamp })
  return blobBaseFee(excess, blobParametersAt(config, timestamp).baseFeeUpdateFraction)
}

function blobGasUsedRatio(header: Header, config: ChainConfig): number {
  if (!hasBlobs(header)) return 0
  const max = BigInt(blobParametersAt(config, header.timestamp).max) * gasPerBlob
  return max === 0n ? 0 : Number(header.blobGasUsed ?? 0n) / Number(max)
}
