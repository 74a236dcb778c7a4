/**
 * The worker thread that recovers senders: one packed batch a message, answered in order; `null`
 * ends it. (Ended from outside while it still loads its native library, it could take the process
 * with it.)
 */

import { parentPort } from 'node:worker_threads'

import { recoverPacked } from './recovery-batch.ts'

parentPort?.on('message', (request: Uint8Array | null) => {
  if (request === null) return parentPort?.close()
  const answer = recoverPacked(request)
  parentPort?.postMessage(answer, [answer.buffer])
})
