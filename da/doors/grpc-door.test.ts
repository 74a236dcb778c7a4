import assert from 'node:assert/strict'
import { test } from 'node:test'

import { status } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { bigintToBytes, concat, sha256, ZgError } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import { blobSizeMax } from './dispersal.ts'
import { DoorListenFailedError } from './door-listener.ts'
import { startGrpcDoor } from './grpc-door.ts'
import { GrpcClient } from '../testing/grpc-client.ts'
import { openMemoryDoor } from '../testing/memory-door.ts'
import { frame, RawGrpcClient } from '../testing/raw-grpc-client.ts'

async function openDoor(...[t, clock]: Parameters<typeof openMemoryDoor>) {
  const opened = await openMemoryDoor(t, clock)
  const client = new GrpcClient(opened.door.port)
  t.after(() => client.close())
  return { ...opened, client }
}

const refusedWith =
  (expected: number, code: string, sentence?: RegExp) =>
  (error: ServiceError): true => {
    assert.equal(error.code, expected, error.message)
    assert.deepEqual(error.metadata.get('zg-code'), [code])
    if (sentence !== undefined) assert.match(error.details, sentence)
    return true
  }

function randomBlob(size: number): Buffer {
  const blob = Buffer.alloc(size)
  for (let at = 0; at < size; at += 65_521) blob[at] = (at * 31 + size) & 0xff
  return blob
}

for (const size of [1, 100_000, blobSizeMax]) {
  test(`a client of 0G's disperses, polls and retrieves ${size} bytes`, async (t) => {
    const { client, layer } = await openDoor(t)
    const blob = randomBlob(size)

    const { result, request_id } = await client.call('DisperseBlob', { data: blob })
    assert.equal(result, 'PROCESSING')
    assert.deepEqual(
      new Uint8Array(request_id),
      sha256(concat(sha256(blob), bigintToBytes(layer.epoch, 8))),
    )
    const { status: first, info } = await client.call('GetBlobStatus', { request_id })
    assert.equal(first, 'CONFIRMED')
    const header = info!.blob_header
    assert.equal(header.storage_root.length, 32)
    assert.deepEqual([header.epoch, header.quorum_id], ['7', '3'])
    const { data } = await client.call('RetrieveBlob', header)
    assert.ok(data.equals(blob))

    layer.settle(request_id, 'finalized')
    assert.equal((await client.call('GetBlobStatus', { request_id })).status, 'FINALIZED')
    const [kept] = layer.requests.values()
    assert.deepEqual(kept!.options, { peer: '127.0.0.1', isAlone: true })
  })
}

test('an empty blob, and one that is too large, are refused with a sentence and a code', async (t) => {
  const { client, internalErrors } = await openDoor(t)
  const refusal = refusedWith(status.INVALID_ARGUMENT, 'DA_BLOB_SIZE', /^A blob has 1 to 32505852 /)
  await assert.rejects(client.call('DisperseBlob', { data: Buffer.alloc(0) }), refusal)
  const larger = refusedWith(status.INVALID_ARGUMENT, 'DA_BLOB_SIZE', /not 32505853$/)
  await assert.rejects(client.call('DisperseBlob', { data: Buffer.alloc(blobSizeMax + 1) }), larger)
  await assert.rejects(client.call('DisperseBlob', { data: Buffer.alloc(64 << 20) }), refusal)
  assert.deepEqual(internalErrors, [])
  // The connection is as good as before.
  await client.call('DisperseBlob', { data: Buffer.alloc(1) })
})

test('GetBlobStatus tells what became of a request, and nothing of one it does not know', async (t) => {
  const { client, layer } = await openDoor(t)
  layer.isCertifying = false
  const { request_id } = await client.call('DisperseBlob', { data: Buffer.from('blob') })
  const processing = await client.call('GetBlobStatus', { request_id })
  assert.deepEqual(processing, { status: 'PROCESSING' })
  layer.settle(request_id, { failedAs: 'DA_UNAVAILABLE' })
  const unsigned = await client.call('GetBlobStatus', { request_id })
  assert.equal(unsigned.status, 'INSUFFICIENT_SIGNATURES')
  layer.settle(request_id, { failedAs: 'DA_UNPAID' })
  assert.equal((await client.call('GetBlobStatus', { request_id })).status, 'FAILED')

  const unknown = refusedWith(status.NOT_FOUND, 'DA_REQUEST_UNKNOWN')
  for (const id of [Buffer.alloc(32), Buffer.alloc(0), Buffer.alloc(31, 1)]) {
    await assert.rejects(client.call('GetBlobStatus', { request_id: id }), unknown)
  }
})

test('a request id and a voucher travel as metadata, and other metadata of that name is refused', async (t) => {
  const { client, layer } = await openDoor(t)
  layer.peerBytesMax = 3
  const requestId = new Uint8Array(32).fill(9)
  const voucher = concat(
    new Uint8Array(20).fill(1),
    bigintToBytes(5n ** 30n, 32),
    new Uint8Array(65).fill(2),
  )
  const paid = { 'zg-request-id-bin': requestId, 'zg-voucher-bin': voucher }
  const reply = await client.call('DisperseBlob', { data: Buffer.from('paid') }, { metadata: paid })
  assert.deepEqual(new Uint8Array(reply.request_id), requestId)
  const [kept] = layer.requests.values()
  assert.deepEqual(kept!.options.voucher!.payer, new Uint8Array(20).fill(1))
  assert.equal(kept!.options.voucher!.total, 5n ** 30n)
  assert.equal(kept!.options.voucher!.signature.length, 65)
  // The same id is the same request: nothing is taken in again.
  const again = { 'zg-request-id-bin': requestId }
  await client.call('DisperseBlob', { data: Buffer.from('other') }, { metadata: again })
  assert.equal(layer.requests.size, 1)

  const malformed = refusedWith(status.INVALID_ARGUMENT, 'DA_METADATA')
  for (const metadata of [
    { 'zg-request-id-bin': new Uint8Array(31) },
    { 'zg-voucher-bin': new Uint8Array(118) },
  ]) {
    await assert.rejects(
      client.call('DisperseBlob', { data: Buffer.of(1) }, { metadata }),
      malformed,
    )
  }
  const raw = new RawGrpcClient(t, (await openDoor(t)).door.port)
  const twice = [Buffer.alloc(32).toString('base64'), Buffer.alloc(32, 1).toString('base64')]
  for (const value of [twice, '*'.repeat(43), 'é']) {
    const outcome = await raw.call('DisperseBlob', frame(Uint8Array.of(10, 1, 1)), {
      'zg-request-id-bin': value,
    })
    assert.equal(outcome['zg-code'], 'DA_METADATA')
  }
})

test('what the layer refuses has a status and a code of its own', async (t) => {
  const { client, layer, internalErrors } = await openDoor(t)
  const blob = { data: Buffer.from('blob') }
  const { request_id } = await client.call('DisperseBlob', blob)
  const { info } = await client.call('GetBlobStatus', { request_id })
  const name = info!.blob_header

  layer.peerBytesMax = 4
  const second = { data: Buffer.from('second') }
  const unpaid = refusedWith(status.RESOURCE_EXHAUSTED, 'DA_UNPAID')
  await assert.rejects(client.call('DisperseBlob', second), unpaid)
  layer.peerBytesMax = 100
  layer.processingMax = 0
  const overloaded = refusedWith(status.RESOURCE_EXHAUSTED, 'DA_OVERLOADED')
  await assert.rejects(client.call('DisperseBlob', second), overloaded)
  const submit = layer.submit.bind(layer)
  layer.submit = async () => {
    throw new ZgError('DA_REQUEST_DIFFERS', 'The request was sent with other bytes', {})
  }
  const differs = refusedWith(status.INVALID_ARGUMENT, 'DA_REQUEST_DIFFERS')
  await assert.rejects(client.call('DisperseBlob', second), differs)
  layer.submit = submit
  layer.isDown = true
  const down = refusedWith(status.UNAVAILABLE, 'DA_UNAVAILABLE')
  await assert.rejects(client.call('DisperseBlob', second), down)
  await assert.rejects(client.call('RetrieveBlob', name), down)
  layer.isDown = false
  layer.makeVoid()
  const isVoid = refusedWith(status.DATA_LOSS, 'DA_BATCH_VOID')
  await assert.rejects(client.call('RetrieveBlob', name), isVoid)

  const unknown = refusedWith(status.NOT_FOUND, 'DA_BLOB_UNKNOWN')
  for (const other of [{ epoch: 8 }, { quorum_id: 4 }, { quorum_id: '18446744073709551615' }]) {
    await assert.rejects(client.call('RetrieveBlob', { ...name, ...other }), unknown)
  }
  const malformed = refusedWith(status.INVALID_ARGUMENT, 'DA_MESSAGE')
  await assert.rejects(
    client.call('RetrieveBlob', { ...name, storage_root: Buffer.alloc(31) }),
    malformed,
  )

  // A fault of ours is told to us, and not to the client.
  assert.deepEqual(internalErrors, [])
  layer.readsInstead = new Error('a secret')
  await assert.rejects(client.call('RetrieveBlob', name), (error: ServiceError) => {
    assert.doesNotMatch(error.details, /secret/)
    return refusedWith(status.INTERNAL, 'DA_INTERNAL')(error)
  })
  assert.equal(internalErrors.length, 1)
})

test('close ends what is under way', async (t) => {
  const { door, client, layer } = await openDoor(t)
  layer.hold = new Promise(() => undefined)
  const call = client.call('DisperseBlob', { data: Buffer.of(1) })
  const refused = assert.rejects(call)
  await new Promise((resolve) => setImmediate(resolve))
  await door.close()
  await refused
})

test('a port that is taken is an error with a code', async (t) => {
  const { door, layer } = await openDoor(t)
  const options = { dispersal: layer, reader: layer, clock: createSystemClock() }
  const second = startGrpcDoor({
    ...options,
    host: '127.0.0.1',
    port: door.port,
    onInternalError: assert.ifError,
  })
  await assert.rejects(second, DoorListenFailedError)
})
