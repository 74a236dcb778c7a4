import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bytesToBigint, keccak256, secp256k1Order, signDigest } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'

import type { RecoveryItem } from './recovery-batch.ts'
import { inlineRecovery, WorkerRecovery } from './sender-recovery.ts'
import { testAddresses, testKeys } from './testing/test-chain.ts'

function itemOf(secretKey: Uint8Array, number: number): RecoveryItem {
  const digest = keccak256(Uint8Array.of(number))
  const { r, s, yParity } = signDigest(digest, secretKey)
  return { digest, r: bytesToBigint(r), s: bytesToBigint(s), yParity }
}

const items = testKeys.map(itemOf)
const [first] = items as [RecoveryItem]

/** One of each kind that no key can have made. */
const impossible: RecoveryItem[] = [
  { ...first, r: 0n },
  { ...first, s: 0n },
  { ...first, r: secp256k1Order },
  { ...first, s: secp256k1Order - first.s, yParity: first.yParity ^ 1 },
  { ...first, yParity: 2 },
]

test('inlineRecovery and WorkerRecovery find the same senders, in order', async () => {
  const worker = new WorkerRecovery(silentLogger)
  try {
    const mixed = [...items, ...impossible, ...items]
    const expected = [...testAddresses, ...impossible.map(() => undefined), ...testAddresses]
    assert.deepEqual(await inlineRecovery.recover(mixed), expected)
    assert.deepEqual(await worker.recover(mixed), expected)
    const singles = await Promise.all(mixed.map((item) => worker.recover([item])))
    assert.deepEqual(singles.flat(), expected)
    assert.deepEqual(await worker.recover([]), [])
  } finally {
    await worker.close()
  }
})

test('WorkerRecovery goes on in place once its worker is gone', async () => {
  const worker = new WorkerRecovery(silentLogger)
  const under = worker.recover(items)
  await worker.close()
  assert.deepEqual(await under, testAddresses)
  assert.deepEqual(await worker.recover(items), testAddresses)
})
