import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimulatedClock } from '@zg/runtime'

import type { BatchId } from '../batch/batch.ts'
import { CertificateBuilder } from '../batch/certificate.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import { DataWorld, smallShape } from './data-world.ts'

test('TableChain: certificates that come at once are each paid once, from one escrow', async () => {
  const world = new DataWorld({ clock: new SimulatedClock() })
  const { chain, scheme } = world
  const coded = await localBatchCoder(smallShape).code([new Uint8Array(9)])
  const quorum = await chain.quorumAt((await chain.epochAt(10n))!, 0)
  const disperser = new Uint8Array(20).fill(4)
  const certificateOf = (sequence: bigint) => {
    const batch: BatchId = { network: 7, epoch: 10n, quorum: 0, disperser, sequence }
    const builder = new CertificateBuilder(batch, coded, quorum, chain.identity, scheme)
    const digest = world.digestOf(batch, coded.commitment)
    for (let member = 0; member < 16; member++) builder.add(member, world.sign(member, digest))
    return builder.certificate()!
  }
  const fee = await chain.feeOf(10n, coded.header.rowSize)
  chain.fund(disperser, 2n * fee + 1n, 7n)
  const [first, second, third] = [0n, 1n, 2n].map(certificateOf)
  const brought = [first, first, second, third, second].map((each) => chain.certify(each!))
  const results = await Promise.allSettled(brought)
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal(chain.records.size, 2)
  assert.equal(await chain.balanceOf(disperser), 1n)
  // It is as old as it was.
  assert.deepEqual(
    [await chain.coverOf(disperser, 8n), await chain.coverOf(disperser, 9n)],
    [0n, 1n],
  )
})
