import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimulatedClock } from '@zg/runtime'

import type { BlobHandle } from '../batch/batch.ts'
import { DataWorld } from '../testing/data-world.ts'
import { bn254KeyOf, bn254Verify, decodeG1 } from './bn254.ts'
import { rootDigest } from './messages.ts'
import { RootSigner } from './root-signer.ts'

const key = bn254KeyOf(new Uint8Array(32).fill(3), 7n)

/** Four nodes that hold two batches of one size; one more batch that none has seen. */
async function openWorld() {
  const clock = new SimulatedClock()
  const world = new DataWorld({ clock, nodeCount: 4 })
  await world.run(world.openNodes())
  const disperser = await world.run(world.openDisperser())
  const handles: BlobHandle[] = []
  for (const fill of [5, 6]) {
    const blob = new Uint8Array(900).fill(fill)
    const id = await world.run(disperser.submit(blob, { peer: 'p' }))
    handles.push(await world.run(disperser.certified(id)))
  }
  const handle = handles[0]!
  await world.run(disperser.close())
  return { world, handle, second: handles[1]!, unseen: { ...handle.batch, sequence: 77n } }
}

test('RootSigner signs what its node holds, as 0G’s contracts verify it, and nothing else', async () => {
  const { world, handle, unseen } = await openWorld()
  const { batch, commitment } = handle
  const node = await world.run(world.openNode(2))
  const signer = new RootSigner(node, key)
  const signature = await world.run(signer.sign(batch))
  const name = { dataRoot: commitment, epoch: batch.epoch, quorumId: BigInt(batch.quorum) }
  assert.ok(bn254Verify(key.pkG2, rootDigest(name), decodeG1(signature!)))
  assert.deepEqual(await world.run(signer.sign(batch)), signature)
  assert.equal(await world.run(signer.sign(unseen)), undefined)
  assert.equal(await world.run(node.held(unseen)), undefined)
})

test('RootSigner signs nothing of which a row is damaged on the disk', async () => {
  const { world, handle, second } = await openWorld()
  const path = `rows/${handle.batch.epoch}`
  const disk = world.nodeDisks[2]!.mount()
  const bytes = (await world.run(disk.readFile(path)))!
  // In the last of the first one's rows: the second lies behind it.
  bytes[bytes.length / 2 - 1]! ^= 1
  await world.run(disk.writeFile(path, bytes))
  const node = await world.run(world.openNode(2))
  assert.equal(node.status.batches, 2)
  const signer = new RootSigner(node, key)
  assert.equal(await world.run(signer.sign(handle.batch)), undefined)
  assert.notEqual(await world.run(signer.sign(second.batch)), undefined)
})
