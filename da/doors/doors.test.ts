import assert from 'node:assert/strict'
import { test } from 'node:test'

import { status } from '@grpc/grpc-js'
import { toHex } from '@zg/primitives'

import type { DataShape } from '../chain/data-chain.ts'
import type { DataNodeApi } from '../node/data-node.ts'
import { commitmentOfBlob } from './disperser-client.ts'
import { blobSizeMax } from './dispersal.ts'
import { smallShape } from '../testing/data-world.ts'
import { openDoorWorld } from '../testing/door-world.ts'
import { GrpcClient } from '../testing/grpc-client.ts'
import { OpClient } from '../testing/op-client.ts'

async function openWorld(...[t, options]: Parameters<typeof openDoorWorld>) {
  const { world, grpcPort, altDaPort } = await openDoorWorld(t, options)
  const grpc = new GrpcClient(grpcPort)
  t.after(() => grpc.close())
  return { world, grpc, op: new OpClient(altDaPort) }
}

function blobOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + size) & 0xff)
}

/** A node that answers with rows of which each has a wrong byte. */
function lying(node: DataNodeApi): DataNodeApi {
  return {
    store: (request) => node.store(request),
    header: (batch) => node.header(batch),
    async rows(batch, indexes) {
      const rows = (await node.rows(batch, indexes)).slice()
      for (let at = 11; at < rows.length; at += 97) rows[at]! ^= 1
      return rows
    },
  }
}

/** Disperses, polls until the record is final, and retrieves. */
async function passThrough(grpc: GrpcClient, data: Uint8Array, shape: DataShape): Promise<void> {
  const { request_id } = await grpc.call('DisperseBlob', { data })
  let reply = await grpc.call('GetBlobStatus', { request_id })
  while (reply.status !== 'FINALIZED') {
    assert.ok(['PROCESSING', 'CONFIRMED'].includes(reply.status), reply.status)
    reply = await grpc.call('GetBlobStatus', { request_id })
  }
  const { blob_header } = reply.info!
  const retrieved = await grpc.call('RetrieveBlob', blob_header)
  assert.ok(retrieved.data.equals(data))
  // Whoever has the root need not believe the door.
  const root = await commitmentOfBlob(retrieved.data, shape)
  assert.ok(blob_header.storage_root.equals(root))
}

test('a client of 0G comes through all of it: batches, nodes, certificate, record, reader', async (t) => {
  const { grpc } = await openWorld(t)
  for (const size of [1, 100_000, 400_000]) await passThrough(grpc, blobOf(size), smallShape)
})

test('the largest blob comes through all of it, in 1,024 rows of 4,096', async (t) => {
  const shape = { dataRows: 1_024, codedRows: 4_096 }
  const { grpc } = await openWorld(t, { shape, nodeCount: 4, chain: { pricePerByte: 0n } })
  await passThrough(grpc, blobOf(blobSizeMax), shape)
})

test('a rollup puts and gets while a third of the nodes lies or is gone, and never wrong bytes', async (t) => {
  const { op, world } = await openWorld(t)
  const before = blobOf(9_000)
  const generic = await op.put(before)
  const keccak = await op.putKeccak(blobOf(8_000))
  for (const index of [0, 5, 9]) world.stop(index)
  for (const index of [2, 7]) {
    const { url } = world.chain.signers[index]!
    world.nodes.set(url, lying(world.nodes.get(url)!))
  }
  assert.deepEqual(await op.get(generic), before)
  assert.deepEqual(await op.get(keccak), blobOf(8_000))
  const after = blobOf(7_000)
  assert.deepEqual(await op.get(await op.put(after)), after)
})

test('without two thirds of the nodes a put is 503, and INSUFFICIENT_SIGNATURES to a client of 0G', async (t) => {
  const { op, grpc, world } = await openWorld(t, { pace: 20 })
  for (const index of [0, 1, 2, 3, 4, 5]) world.stop(index)
  assert.equal(await op.statusOf('POST', '/put', blobOf(100)), 503)
  const { request_id } = await grpc.call('DisperseBlob', { data: blobOf(101) })
  let reply = await grpc.call('GetBlobStatus', { request_id })
  while (reply.status === 'PROCESSING') {
    reply = await grpc.call('GetBlobStatus', { request_id })
  }
  assert.equal(reply.status, 'INSUFFICIENT_SIGNATURES')
  // When they are back, the same put is certified.
  await world.openNodes()
  const commitment = await op.put(blobOf(100))
  assert.deepEqual(await op.get(commitment), blobOf(100))
})

test('a handle of nothing, and a root of nothing, are not found', async (t) => {
  const { op, grpc } = await openWorld(t)
  const commitment = await op.put(blobOf(50))
  const other = commitment.slice()
  other[45]! ^= 1
  assert.equal(await op.statusOf('GET', `/get/${toHex(other)}`), 404)
  const name = { storage_root: Buffer.alloc(32), epoch: 10, quorum_id: 0 }
  await assert.rejects(grpc.call('RetrieveBlob', name), { code: status.NOT_FOUND })
})
