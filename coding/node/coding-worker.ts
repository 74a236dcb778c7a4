/** The thread that commits to batches (coding-pool.ts is its other end), one after the other. */

import { parentPort, workerData } from 'node:worker_threads'

import { RowCommitter } from '../commitment.ts'
import type { CodingAsked, CodingWorkerData } from './coding-pool.ts'

const { code, memories } = workerData as CodingWorkerData
const committers = memories.map((memory) => new RowCommitter({ ...code, memory }))

parentPort?.on('message', ({ memory, rowSize }: CodingAsked) => {
  const committer = committers[memory] as RowCommitter
  committer.coder.resize(rowSize)
  parentPort?.postMessage(committer.commit())
})
