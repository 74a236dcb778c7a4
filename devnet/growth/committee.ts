/**
 * How likely a committee drawn without return from all operators has too many bad members:
 *
 *     P[3·bad >= size],  bad ~ Hypergeometric(operators, bad operators, size)
 *
 * From a third on they can stop their network; over a third they can contradict it. Seats weigh the
 * same here, so operators of unequal stake are worse than what this says.
 */

import { assert } from '@zg/primitives'

/** Operators a draw is computed for, at most. */
const operatorsMax = 1_000_000

export type CommitteeDraw = {
  readonly operators: number
  /** Of the operators. */
  readonly bad: number
  /** Members of one committee. */
  readonly size: number
}

/** Returns the probability that a third of one committee or more is bad. */
export function corruptionProbability(draw: CommitteeDraw): number {
  assert(isDraw(draw), 'as many can be drawn')
  const { operators, bad, size } = draw
  const all = logChoose(operators, size)
  let probability = 0
  // From the greatest number down: the small terms are added first.
  for (let count = Math.min(bad, size); 3 * count >= size; count--) {
    const good = size - count
    if (good > operators - bad) break
    probability += Math.exp(logChoose(bad, count) + logChoose(operators - bad, good) - all)
  }
  return Math.min(1, probability)
}

/** Returns an upper bound that any of so many committees is (union bound). */
export function anyCorruptProbabilityMax(draw: CommitteeDraw, committees: number): number {
  return Math.min(1, committees * corruptionProbability(draw))
}

function logChoose(from: number, count: number): number {
  return logFactorial(from) - logFactorial(count) - logFactorial(from - count)
}

const logFactorials: number[] = [0]

function logFactorial(n: number): number {
  for (let next = logFactorials.length; next <= n; next++) {
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next))
  }
  return logFactorials[n] ?? Number.NaN
}

function isDraw({ operators, bad, size }: CommitteeDraw): boolean {
  return (
    [operators, bad, size].every((count) => Number.isInteger(count) && count >= 0) &&
    operators <= operatorsMax &&
    bad <= operators &&
    size >= 1 &&
    size <= operators
  )
}
