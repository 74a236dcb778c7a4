import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { blsSecretKeyFromSeed, concat, sha256 } from '@zg/primitives'

import { encodeBatchId } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataEvidence } from '../batch/evidence.ts'
import { EvidenceWatch } from './evidence-watch.ts'

const scheme = blsScheme()
const digestOf = (batch: BatchId, commitment: Uint8Array): Uint8Array =>
  sha256(concat(encodeBatchId(batch), commitment))
const secretKeys = [0, 1, 2].map((member) => blsSecretKeyFromSeed(sha256(Uint8Array.of(member))))
const publicKeys = secretKeys.map((secretKey) => scheme.publicKeyOf(secretKey))
/** Of nobody's, on nothing. */
const forged = scheme.sign(secretKeys[0]!, new Uint8Array(32))

function open() {
  const found: DataEvidence[] = []
  const watch = new EvidenceWatch({
    scheme,
    digestOf,
    onEvidence: (_, evidence) => void found.push(evidence),
  })
  /** What a member says, or another in its name. */
  const see = (member: number, sequence: bigint, fill: number, isForged = false): void => {
    const disperser = new Uint8Array(20)
    const batch: BatchId = { network: 1, epoch: 5n, quorum: 0, disperser, sequence }
    const commitment = new Uint8Array(32).fill(fill)
    const digest = digestOf(batch, commitment)
    const signature = isForged ? forged : scheme.sign(secretKeys[member]!, digest)
    const publicKey = publicKeys[member]!
    watch.see({ operator: new Uint8Array(20), publicKey }, { batch, commitment, signature })
  }
  return { found, see }
}

test('two commitments of one member for one batch are found, once for each that differs', () => {
  const { found, see } = open()
  see(1, 0n, 1)
  see(1, 0n, 1)
  see(2, 0n, 2)
  see(1, 1n, 2)
  assert.equal(found.length, 0)
  see(1, 0n, 2)
  assert.equal(found.length, 1)
  const [{ first, second }] = found as [DataEvidence]
  assert.deepEqual([first.commitment.slice(-2), second.commitment.slice(-2)], ['01', '02'])
})

test('nobody is accused by what others say in its name, before or behind its own word', () => {
  const { found, see } = open()
  see(1, 0n, 1, true)
  see(1, 0n, 2)
  see(1, 0n, 3, true)
  assert.equal(found.length, 0)
  see(1, 0n, 4)
  assert.equal(found.length, 1)
})

test('however much is seen, so much is remembered, and the newest of it', () => {
  const { found, see } = open()
  see(1, 0n, 1)
  for (let sequence = 1n; sequence <= 16_384n; sequence++) see(1, sequence, 1, sequence < 16_384n)
  see(1, 0n, 2)
  assert.equal(found.length, 0)
  see(1, 16_384n, 2)
  assert.equal(found.length, 1)
})
