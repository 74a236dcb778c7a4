/**
 * What one validator of one network costs in processor time:
 *
 *     cpu = idle · seconds + empty · empty blocks + filled · filled blocks + transaction · count
 *
 * The four are fitted to runs of a single network at several loads and paces (relative-fit.ts).
 * `filled` holds what load costs however small it is: connections, gossip.
 */

import { dot, fitRelative } from '../measuring/relative-fit.ts'

/** Seconds of processor time, of one validator. */
export type Costs = {
  /** A second of being there. */
  readonly idleSecond: number
  readonly emptyBlock: number
  readonly filledBlock: number
  /** A transaction in a filled block. */
  readonly transaction: number
}

/** One run of a single network. */
export type CostRun = {
  readonly seconds: number
  readonly emptyBlocks: number
  readonly filledBlocks: number
  readonly transactions: number
  /** Of one validator, the mean over all. */
  readonly cpuSeconds: number
}

const terms = ['idleSecond', 'emptyBlock', 'filledBlock', 'transaction'] as const

/**
 * Returns the costs that explain the runs best.
 *
 * @throws {CostsUndeterminedError} `DEVNET_COSTS_UNDETERMINED` when the runs do not tell the four
 *   apart.
 */
export function fitCosts(runs: readonly CostRun[]): Costs {
  const costs = fitRelative(runs.map((run) => ({ amounts: amountsOf(run), total: run.cpuSeconds })))
  const [idleSecond = 0, emptyBlock = 0, filledBlock = 0, transaction = 0] = costs
  return { idleSecond, emptyBlock, filledBlock, transaction }
}

/** Returns the processor time of one validator in such a run. */
export function costOf(costs: Costs, run: Omit<CostRun, 'cpuSeconds'>): number {
  return dot(
    amountsOf(run),
    terms.map((term) => costs[term]),
  )
}

/**
 * Returns the costs in a network of other size: on the line through two sizes that were measured,
 * nothing becoming cheaper as a network grows.
 */
export function costsAtSize(
  size: number,
  small: { readonly size: number; readonly costs: Costs },
  large: { readonly size: number; readonly costs: Costs },
): Costs {
  const share = (size - small.size) / (large.size - small.size)
  const at = (term: (typeof terms)[number]): number =>
    small.costs[term] + share * Math.max(0, large.costs[term] - small.costs[term])
  return {
    idleSecond: at('idleSecond'),
    emptyBlock: at('emptyBlock'),
    filledBlock: at('filledBlock'),
    transaction: at('transaction'),
  }
}

function amountsOf(run: Omit<CostRun, 'cpuSeconds'>): readonly number[] {
  return [run.seconds, run.emptyBlocks, run.filledBlocks, run.transactions]
}
