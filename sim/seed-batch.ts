/**
 * Many seeds, one summary. Seeds do not know of each other, so they may run on several threads; the
 * summary is put together in the order of the seeds and does not depend on how many threads there
 * were.
 */

import { Worker } from 'node:worker_threads'

import { assert, sha256, toHex } from '@zg/primitives'
import type { EngineFaults } from '@zg/consensus'

import { runSeed } from './world.ts'
import type { FaultCounts, SeedResult } from './world.ts'

/** Seeds a thread is given at once. */
const seedsPerTask = 4

/** What a run of many seeds prints. */
export type BatchSummary = {
  readonly seeds: number
  readonly from: number
  /** Seeds in which an invariant broke. */
  readonly violations: number
  /** Seeds in which an honest node did not go on after the heal. */
  readonly stalls: number
  /** SHA-256 over the trace hashes of all seeds in order, 16 hex digits. */
  readonly traceHash: string
  readonly faults: FaultCounts
  /** Blocks made final and events of the virtual clocks, over all seeds. */
  readonly heights: number
  /** Epochs that closed, over all seeds. */
  readonly epochs: number
  readonly events: number
  readonly virtualSeconds: number
  /** The seeds that failed, each with its first reason. */
  readonly failures: readonly { readonly seed: number; readonly reason: string }[]
}

/**
 * Runs `count` seeds from `from` on.
 *
 * @param options.threads - Threads beside this one; 0 runs them here, one after the other.
 * @param options.onResult - Told of each seed as it ends, in no particular order.
 */
export async function runSeeds(options: {
  from: number
  count: number
  threads?: number
  faults?: EngineFaults
  onResult?: (result: SeedResult) => void
}): Promise<BatchSummary> {
  const { from, count, threads = 0, faults = {}, onResult } = options
  const results = new Map<number, SeedResult>()
  const take = (result: SeedResult): void => {
    results.set(result.seed, result)
    onResult?.(result)
  }
  if (threads === 0) {
    for (let seed = from; seed < from + count; seed++) take(await runSeed(seed, faults))
  } else {
    await runOnThreads({ from, count, threads, faults, take })
  }
  return summarize(from, count, results)
}

/** Why a seed failed, in one line; undefined when it did not. */
export function failureOf(result: SeedResult): string | undefined {
  const [violation] = result.violations
  if (violation !== undefined) {
    return `${violation.rule} at ${violation.atMs} ms: ${violation.detail}`
  }
  return result.isStalled ? `stall: ${result.stall}` : undefined
}

async function runOnThreads(options: {
  from: number
  count: number
  threads: number
  faults: EngineFaults
  take: (result: SeedResult) => void
}): Promise<void> {
  const { from, count, threads, faults, take } = options
  let next = from
  const serve = async (): Promise<void> => {
    const worker = new Worker(new URL('seed-worker.ts', import.meta.url), { workerData: faults })
    try {
      await new Promise<void>((resolve, reject) => {
        const giveTask = (): void => {
          if (next >= from + count) return resolve()
          const seeds = Math.min(seedsPerTask, from + count - next)
          worker.postMessage({ from: next, count: seeds })
          next += seeds
        }
        worker.on('error', reject)
        worker.on('message', (results: readonly SeedResult[]) => {
          for (const result of results) take(result)
          giveTask()
        })
      })
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: threads }, serve))
}

function summarize(
  from: number,
  count: number,
  results: ReadonlyMap<number, SeedResult>,
): BatchSummary {
  const ordered = Array.from({ length: count }, (_, index) => {
    const result = results.get(from + index)
    assert(result !== undefined, 'every seed has a result')
    return result
  })
  const sum = (of: (result: SeedResult) => number): number =>
    ordered.reduce((total, result) => total + of(result), 0)
  const hashes = ordered.map(({ traceHash }) => traceHash).join()
  return {
    seeds: count,
    from,
    violations: sum(({ violations }) => (violations.length > 0 ? 1 : 0)),
    stalls: sum(({ isStalled }) => (isStalled ? 1 : 0)),
    traceHash: toHex(sha256(new TextEncoder().encode(hashes))).slice(2, 18),
    faults: {
      crashes: sum(({ faults }) => faults.crashes),
      partitions: sum(({ faults }) => faults.partitions),
      resets: sum(({ faults }) => faults.resets),
      traitors: sum(({ faults }) => faults.traitors),
      twins: sum(({ faults }) => faults.twins),
      liars: sum(({ faults }) => faults.liars),
      rotations: sum(({ faults }) => faults.rotations),
      lost: sum(({ faults }) => faults.lost),
      duplicated: sum(({ faults }) => faults.duplicated),
    },
    heights: sum(({ height }) => Number(height)),
    epochs: sum(({ epochCount }) => epochCount),
    events: sum(({ eventCount }) => eventCount),
    virtualSeconds: Math.round(sum(({ virtualMs }) => virtualMs) / 1_000),
    failures: ordered.flatMap((result) => {
      const reason = failureOf(result)
      return reason === undefined ? [] : [{ seed: result.seed, reason }]
    }),
  }
}
