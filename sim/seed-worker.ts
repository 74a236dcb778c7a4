/**
 * A thread that runs the seeds it is told to, with the planted bugs it was made with. It says that
 * it is ready by an answer of no results.
 */

import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '@zg/primitives'
import type { EngineFaults } from '@zg/consensus'

import { runSeed } from './world.ts'
import type { SeedResult } from './world.ts'

const port = parentPort
assert(port !== null, 'this file runs as a thread')

port.on('message', ({ from, count }: { from: number; count: number }) => {
  void answer(from, count)
})

// The first answer, to nothing: from now on it listens.
port.postMessage([])

async function answer(from: number, count: number): Promise<void> {
  const results: SeedResult[] = []
  for (let seed = from; seed < from + count; seed++) {
    results.push(await runSeed(seed, workerData as EngineFaults))
  }
  port?.postMessage(results)
}
