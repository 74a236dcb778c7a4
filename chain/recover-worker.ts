/**
 * The worker thread that recovers senders: one packed batch a message, answered in order.
 */

import { parentPort } from 'node:worker_threads'

import { recoverPacked } from './recovery-batch.ts'

parentPort?.on('message', (request: Uint8Array) => {
  const answer = recoverPacked(request)
  parentPort?.postMessage(answer, [answer.buffer])
})
