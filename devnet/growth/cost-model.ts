/**
 * What one validator of one network costs in processor time:
 *
 *     cpu = idle · seconds + empty · empty blocks + filled · filled blocks + transaction · count
 *
 * The four are fitted to runs of a single network at several loads and paces: least squares over
 * relative errors, none below zero (every subset of the four is solved; the best one without a
 * negative wins). `filled` holds what load costs however small it is: connections, gossip.
 */

import { ZgError } from '@zg/primitives'

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

/** A determinant below this share of its terms counts as none. */
const singularMax = 1e-9

/**
 * Returns the costs that explain the runs best.
 *
 * @throws {CostsUndeterminedError} `DEVNET_COSTS_UNDETERMINED` when the runs do not tell the four
 *   apart.
 */
export function fitCosts(runs: readonly CostRun[]): Costs {
  // Each row over what it measured: errors count by their share.
  const rows = runs.map((run) => amountsOf(run).map((amount) => amount / run.cpuSeconds))
  if (solve(rows, [0, 1, 2, 3]) === undefined) throw new CostsUndeterminedError(runs.length)
  let best: { readonly costs: readonly number[]; readonly error: number } | undefined
  for (let mask = 1; mask < 1 << terms.length; mask++) {
    const chosen = terms.map((_, index) => index).filter((index) => (mask >> index) & 1)
    const solution = solve(rows, chosen)
    if (solution === undefined || solution.some((cost) => cost < 0)) continue
    const costs = terms.map((_, index) => solution[chosen.indexOf(index)] ?? 0)
    const error = rows.reduce((sum, row) => sum + (dot(row, costs) - 1) ** 2, 0)
    if (best === undefined || error < best.error) best = { costs, error }
  }
  if (best === undefined) throw new CostsUndeterminedError(runs.length)
  const [idleSecond = 0, emptyBlock = 0, filledBlock = 0, transaction = 0] = best.costs
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

/** Solves the normal equations of `rows · x = 1` for the chosen columns by Gauss. */
function solve(
  rows: readonly (readonly number[])[],
  chosen: readonly number[],
): readonly number[] | undefined {
  const columns = chosen.map((index) => rows.map((row) => row[index] ?? 0))
  // Columns of length 1, so that what is singular does not depend on units.
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)))
  if (lengths.some((length) => length === 0)) return undefined
  const units = columns.map((column, index) => column.map((value) => value / (lengths[index] ?? 1)))
  const matrix = units.map((left) => [
    ...units.map((right) => dot(left, right)),
    left.reduce((sum, value) => sum + value, 0),
  ])
  for (let pivot = 0; pivot < chosen.length; pivot++) {
    const head = matrix[pivot] ?? []
    const diagonal = head[pivot] ?? 0
    if (Math.abs(diagonal) < singularMax) return undefined
    for (const [index, row] of matrix.entries()) {
      if (index === pivot) continue
      const factor = (row[pivot] ?? 0) / diagonal
      for (let column = pivot; column <= chosen.length; column++) {
        row[column] = (row[column] ?? 0) - factor * (head[column] ?? 0)
      }
    }
  }
  return matrix.map((row, index) => {
    const value = (row[chosen.length] ?? 0) / (row[index] ?? 1)
    return value / (lengths[index] ?? 1)
  })
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}

export class CostsUndeterminedError extends ZgError<'DEVNET_COSTS_UNDETERMINED'> {
  constructor(runs: number) {
    const message = `Cannot tell idle seconds, blocks and transactions apart: ${runs} runs do not`
    super('DEVNET_COSTS_UNDETERMINED', message, { runs })
  }
}
