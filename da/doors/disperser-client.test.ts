import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js'

import { blobStatus } from './disperser-messages.ts'
import {
  commitmentOfBlob,
  DisperserClient,
  DisperserRefusedError,
  DisperserSilentError,
} from './disperser-client.ts'
import { blobSizeMax } from './dispersal.ts'
import { disperserService } from '../testing/grpc-client.ts'
import { openMemoryDoor } from '../testing/memory-door.ts'

async function openDoor(t: TestContext) {
  const { layer, door } = await openMemoryDoor(t)
  return { layer, client: clientOf(t, door.port) }
}

function clientOf(t: TestContext, port: number): DisperserClient {
  const client = new DisperserClient(`http://127.0.0.1:${port}`)
  t.after(() => client.close())
  return client
}

test('DisperserClient disperses, polls and retrieves at a door of ours', async (t) => {
  const { client, layer } = await openDoor(t)
  for (const size of [1, 100_000, blobSizeMax]) {
    const blob = Buffer.alloc(size, 5)
    let sentBytes = 0
    const id = await client.disperse(blob, { onSent: (bytes) => (sentBytes = bytes) })
    assert.ok(sentBytes > size)
    const { status: confirmed, name } = await client.statusOf(id)
    assert.equal(confirmed, blobStatus.confirmed)
    assert.ok(Buffer.from(await client.retrieve(name!)).equals(blob))
    layer.settle(id, 'finalized')
    assert.equal((await client.statusOf(id)).status, blobStatus.finalized)
  }
  const requestId = new Uint8Array(32).fill(3)
  const voucher = {
    payer: new Uint8Array(20).fill(4),
    total: 5n,
    signature: new Uint8Array(65).fill(6),
  }
  assert.deepEqual(
    new Uint8Array(await client.disperse(Buffer.of(1), { requestId, voucher })),
    requestId,
  )
  const { options } = [...layer.requests.values()].at(-1)!
  assert.deepEqual(new Uint8Array(options.voucher!.payer), voucher.payer)
  assert.equal(options.voucher!.total, 5n)
})

test('DisperserClient tells what a door refuses, in its words and with its code', async (t) => {
  const { client, layer } = await openDoor(t)
  const large = client.disperse(new Uint8Array(blobSizeMax + 1))
  await assert.rejects(large, {
    code: 'DA_DISPERSER_REFUSED',
    message: `A blob has 1 to ${blobSizeMax} bytes, not ${blobSizeMax + 1}`,
    data: { reason: 'DA_BLOB_SIZE', status: status.INVALID_ARGUMENT },
  })
  layer.isDown = true
  const down = { reason: 'DA_UNAVAILABLE', status: status.UNAVAILABLE }
  await assert.rejects(client.disperse(Buffer.of(1)), { data: down })
})

test('DisperserClient is as good as before after many refusals of large blobs', async (t) => {
  const { client } = await openDoor(t)
  const large = new Uint8Array(blobSizeMax + 1)
  for (let call = 0; call < 150; call++) {
    await assert.rejects(client.disperse(large), DisperserRefusedError)
  }
  await client.disperse(Buffer.of(1))
})

test('DisperserClient speaks to a server that is not ours', async (t) => {
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  const blobs = new Map<string, Buffer>()
  const storage_root = Buffer.alloc(32, 7)
  type Answer = sendUnaryData<unknown>
  server.addService(disperserService, {
    DisperseBlob(call: ServerUnaryCall<{ data: Buffer }, unknown>, answer: Answer) {
      blobs.set('one', call.request.data)
      answer(null, { result: 'PROCESSING', request_id: Buffer.from('an id of its own') })
    },
    GetBlobStatus(_: unknown, answer: Answer) {
      const info = { blob_header: { storage_root, epoch: '300', quorum_id: '0' } }
      answer(null, { status: 'CONFIRMED', info })
    },
    RetrieveBlob(_: unknown, answer: Answer) {
      if (blobs.size > 0) answer(null, { data: blobs.get('one') })
      else answer({ code: status.NOT_FOUND, details: 'gone\u0007', metadata: new Metadata() })
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    const done = (error: Error | null, bound: number): void =>
      error ? reject(error) : resolve(bound)
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done)
  })
  t.after(() => server.forceShutdown())
  const client = clientOf(t, port)
  const blob = Buffer.alloc(3_000_000, 9)
  assert.equal(Buffer.from(await client.disperse(blob)).toString(), 'an id of its own')
  const { name } = await client.statusOf(Buffer.of(1))
  assert.deepEqual(name, { storageRoot: storage_root, epoch: 300n, quorum: 0n })
  assert.ok(Buffer.from(await client.retrieve(name!)).equals(blob))
  blobs.clear()
  await assert.rejects(client.retrieve(name!), {
    message: 'gone ',
    data: { reason: '', status: 5 },
  })
})

test('DisperserClient believes nothing that is no answer, and keeps no more than it asked for', async (t) => {
  let answer: (stream: ServerHttp2Stream) => void = () => undefined
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.resume()
    answer(stream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = clientOf(t, (server.address() as AddressInfo).port)
  const respond = (
    bytes: Uint8Array,
    trailers: Record<string, string> = { 'grpc-status': '0' },
  ) => {
    return (stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(trailers))
      stream.end(bytes)
    }
  }
  const ask = () => client.statusOf(Buffer.of(1))
  answer = respond(Uint8Array.of(0, 0, 0, 0, 2, 8, 2))
  assert.equal((await ask()).status, blobStatus.confirmed)
  answer = respond(Uint8Array.of(0, 0, 0, 0, 2, 8, 99))
  assert.equal((await ask()).status, undefined)

  answer = respond(new Uint8Array(0))
  await assert.rejects(ask(), DisperserSilentError)
  answer = respond(Uint8Array.of(0, 0, 0, 0, 2, 8))
  await assert.rejects(ask(), DisperserSilentError)
  answer = respond(Uint8Array.of(0, 0, 0, 0, 2, 8, 2), {})
  await assert.rejects(ask(), DisperserSilentError)
  answer = respond(Uint8Array.of(0, 255, 255, 255, 255, 0))
  await assert.rejects(ask(), { code: 'DA_GRPC_SIZE' })
  answer = respond(Uint8Array.of(1, 0, 0, 0, 2, 8, 2))
  await assert.rejects(ask(), { code: 'DA_GRPC_COMPRESSED' })
  answer = respond(Uint8Array.of(0, 0, 0, 0, 1, 8))
  await assert.rejects(ask(), { code: 'DA_MESSAGE' })
  answer = respond(new Uint8Array(0), { 'grpc-status': '13', 'grpc-message': '%1b[31m%zz' })
  await assert.rejects(ask(), DisperserRefusedError)
  answer = (stream) => stream.respond({ ':status': 404 }, { endStream: true })
  await assert.rejects(ask(), DisperserSilentError)
  answer = (stream) => stream.session!.destroy()
  await assert.rejects(ask(), DisperserSilentError)
  // It connects again by itself.
  answer = respond(Uint8Array.of(0, 0, 0, 0, 2, 8, 2))
  assert.equal((await ask()).status, blobStatus.confirmed)
})

test('DisperserClient says where nobody answers', async (t) => {
  const client = clientOf(t, 1)
  await assert.rejects(client.disperse(Buffer.alloc(1 << 20)), {
    code: 'DA_DISPERSER_SILENT',
    message: /^Cannot ask the disperser at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
  })
})

test('commitmentOfBlob is another one for another blob', async () => {
  const shape = { dataRows: 16, codedRows: 64 }
  const one = await commitmentOfBlob(Uint8Array.of(1, 2, 3), shape)
  assert.equal(one.length, 32)
  assert.deepEqual(await commitmentOfBlob(Uint8Array.of(1, 2, 3), shape), one)
  assert.notDeepEqual(await commitmentOfBlob(Uint8Array.of(1, 2, 4), shape), one)
  assert.notDeepEqual(await commitmentOfBlob(Uint8Array.of(1, 2, 3, 0), shape), one)
})
