/**
 * Costs that explain measured totals: least squares over relative errors, no cost below zero. Every
 * subset of the columns is solved; the best one without a negative wins.
 */

import { assert, ZgError } from '@zg/primitives'

/** Columns at most: every subset of them is tried. */
const columnsMax = 8

/** A determinant below this share of its terms counts as none. */
const singularMax = 1e-9

/** One measurement: what there was of each thing, and what all of it cost together. */
export type MeasuredTotal = { readonly amounts: readonly number[]; readonly total: number }

/**
 * Returns the cost of one of each thing, in the order of `amounts`.
 *
 * @throws {CostsUndeterminedError} `DEVNET_COSTS_UNDETERMINED` when the measurements do not tell
 *   the things apart.
 */
export function fitRelative(measured: readonly MeasuredTotal[]): readonly number[] {
  // Each row over what it measured: errors count by their share.
  const rows = measured.map(({ amounts, total }) => amounts.map((amount) => amount / total))
  const columns = (rows[0] ?? []).map((_, index) => index)
  assert(columns.length <= columnsMax, 'all subsets of the columns can be tried')
  if (columns.length === 0 || solve(rows, columns) === undefined) {
    throw new CostsUndeterminedError(measured.length)
  }
  let best: { readonly costs: readonly number[]; readonly error: number } | undefined
  for (let mask = 1; mask < 1 << columns.length; mask++) {
    const chosen = columns.filter((index) => (mask >> index) & 1)
    const solution = solve(rows, chosen)
    if (solution === undefined || solution.some((cost) => cost < 0)) continue
    const costs = columns.map((index) => solution[chosen.indexOf(index)] ?? 0)
    const error = rows.reduce((sum, row) => sum + (dot(row, costs) - 1) ** 2, 0)
    if (best === undefined || error < best.error) best = { costs, error }
  }
  if (best === undefined) throw new CostsUndeterminedError(measured.length)
  return best.costs
}

/** Returns the sum of the products, element by element. */
export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
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

export class CostsUndeterminedError extends ZgError<'DEVNET_COSTS_UNDETERMINED'> {
  constructor(runs: number) {
    super('DEVNET_COSTS_UNDETERMINED', `Cannot tell costs apart: ${runs} runs do not`, { runs })
  }
}
