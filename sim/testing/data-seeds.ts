/** Many seeds of data availability, on threads, and one score. */

import { Worker } from 'node:worker_threads'

import type { DataBug } from './data-bugs.ts'
import type { DataRunResult } from './data-run.ts'
import { happenings } from './data-tally.ts'

/** Seeds that a thread is given at once. */
const seedsPerTask = 4

export type DataScore = {
  readonly seeds: number
  readonly virtualSeconds: number
  /** What happened, by kind. */
  readonly counts: Readonly<Record<string, number>>
  /** Kinds of which nothing happened: where there is one, less was tested than is said. */
  readonly missing: readonly string[]
  readonly failures: readonly { readonly seed: number; readonly reason: string }[]
}

/** The score does not depend on how many threads there are. */
export async function runDataSeeds(options: {
  readonly from: number
  readonly count: number
  readonly threads: number
  readonly onResult?: (result: DataRunResult) => void
}): Promise<DataScore> {
  const { from, count, threads, onResult } = options
  const results = new Map<number, DataRunResult>()
  let next = from
  const serve = async (): Promise<void> => {
    await withWorker([], async (run) => {
      while (next < from + count) {
        const seeds = Math.min(seedsPerTask, from + count - next)
        next += seeds
        for (const result of await run(next - seeds, seeds)) {
          results.set(result.seed, result)
          onResult?.(result)
        }
      }
    })
  }
  await Promise.all(Array.from({ length: threads }, serve))
  const ordered = Array.from({ length: count }, (_, at) => results.get(from + at)!)
  return scoreOf(ordered)
}

/** The first seed of the given ones that catches a bug, and by what; undefined when none does. */
export function findBug(
  { edits }: DataBug,
  seeds: readonly number[],
): Promise<{ readonly seed: number; readonly reason: string } | undefined> {
  return withWorker(edits, async (run) => {
    for (const seed of seeds) {
      const [result] = await run(seed, 1)
      const [reason] = result?.violations ?? []
      if (reason !== undefined) return { seed, reason }
    }
    return undefined
  })
}

function scoreOf(results: readonly DataRunResult[]): DataScore {
  const sum = (of: (result: DataRunResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0)
  const names = Object.keys(results[0]?.counts ?? {})
  const counts = Object.fromEntries(
    names.map((name) => [name, sum((result) => result.counts[name] ?? 0)]),
  )
  return {
    seeds: results.length,
    virtualSeconds: Math.round(sum(({ virtualMs }) => virtualMs) / 1_000),
    counts,
    missing: happenings.filter((name) => counts[name] === 0),
    failures: results.flatMap(({ seed, violations }) =>
      violations.slice(0, 1).map((reason) => ({ seed, reason })),
    ),
  }
}

type RunSeeds = (from: number, count: number) => Promise<readonly DataRunResult[]>

async function withWorker<T>(
  edits: DataBug['edits'],
  work: (run: RunSeeds) => Promise<T>,
): Promise<T> {
  const worker = new Worker(new URL('data-worker.ts', import.meta.url), { workerData: { edits } })
  let answer = Promise.withResolvers<readonly DataRunResult[]>()
  worker.on('message', (results: readonly DataRunResult[]) => answer.resolve(results))
  worker.on('error', (error) => answer.reject(error))
  try {
    await answer.promise
    return await work((from, count) => {
      answer = Promise.withResolvers()
      worker.postMessage({ from, count })
      return answer.promise
    })
  } finally {
    await worker.terminate()
  }
}
