/** The thread that checks KZG proofs with the native library: see kzg-thread.ts. */

import { workerData } from 'node:worker_threads'

import { DasContextJs } from '@crate-crypto/node-eth-kzg'

import { asked, isFalse, isTrue, kzgParts, readyAt, stateAt } from './kzg-thread.ts'
import type { KzgShared } from './kzg-thread.ts'

const { control, input } = workerData as KzgShared
const context = DasContextJs.create({ usePrecomp: false })
Atomics.store(control, readyAt, 1)

for (;;) {
  const state = Atomics.load(control, stateAt)
  if (state !== asked) {
    Atomics.wait(control, stateAt, state)
    continue
  }
  Atomics.store(control, stateAt, isProof() ? isTrue : isFalse)
  Atomics.notify(control, stateAt)
}

function isProof(): boolean {
  const { commitment, z, y, proof } = kzgParts(input.slice())
  try {
    return context.verifyKzgProof(commitment, z, y, proof)
  } catch {
    // Bytes that are no point of the group.
    return false
  }
}
