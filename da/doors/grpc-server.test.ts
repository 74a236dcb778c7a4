import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'

import { status } from '@grpc/grpc-js'
import { concat } from '@zg/primitives'

import { blobSizeMax } from './dispersal.ts'
import * as limits from './door-limits.ts'
import { CountedClock } from '../testing/counted-clock.ts'
import { GrpcClient } from '../testing/grpc-client.ts'
import { openMemoryDoor } from '../testing/memory-door.ts'
import { frame, outcomeOf, RawGrpcClient } from '../testing/raw-grpc-client.ts'
import { until } from '../testing/until.ts'

async function openDoor(...[t, clock]: Parameters<typeof openMemoryDoor>) {
  const opened = await openMemoryDoor(t, clock)
  const client = new GrpcClient(opened.door.port)
  t.after(() => client.close())
  return { ...opened, client }
}

test('malformed calls are refused and cost nothing else', async (t) => {
  const { door, client, internalErrors } = await openDoor(t)
  const raw = new RawGrpcClient(t, door.port)
  const blob = Uint8Array.of(10, 1, 1)
  const cases: [string, Uint8Array, string][] = [
    ['DisperseBlob', new Uint8Array(0), 'DA_GRPC_MALFORMED'],
    ['DisperseBlob', frame(blob).subarray(0, 4), 'DA_GRPC_MALFORMED'],
    ['DisperseBlob', frame(blob).subarray(0, 6), 'DA_GRPC_MALFORMED'],
    ['DisperseBlob', concat(frame(blob), Uint8Array.of(0)), 'DA_GRPC_MALFORMED'],
    ['DisperseBlob', concat(frame(blob), frame(blob)), 'DA_GRPC_MALFORMED'],
    ['DisperseBlob', frame(blob, 1), 'DA_GRPC_COMPRESSED'],
    ['DisperseBlob', frame(blob, 255), 'DA_GRPC_COMPRESSED'],
    ['DisperseBlob', Uint8Array.of(0, 255, 255, 255, 255), 'DA_BLOB_SIZE'],
    ['DisperseBlob', frame(new Uint8Array(0)), 'DA_BLOB_SIZE'],
    ['DisperseBlob', frame(Uint8Array.of(10, 2, 1)), 'DA_MESSAGE'],
    ['DisperseBlob', frame(Uint8Array.of(8, 1)), 'DA_MESSAGE'],
    ['DisperseBlob', frame(Uint8Array.of(11)), 'DA_MESSAGE'],
    ['GetBlobStatus', frame(new Uint8Array(1_025)), 'DA_GRPC_SIZE'],
    ['GetBlobStatus', frame(new Uint8Array(100).fill(8)), 'DA_MESSAGE'],
    ['RetrieveBlob', frame(new Uint8Array(0)), 'DA_MESSAGE'],
    ['BatchSign', frame(blob), 'DA_GRPC_METHOD_UNKNOWN'],
  ]
  for (const [method, body, code] of cases) {
    const outcome = await raw.call(method, body)
    assert.equal(outcome['zg-code'], code, `${method} ${body.join(' ')}`)
    assert.equal(outcome[':status'], 200)
  }
  for (const timeout of ['', '1', '1s', '123456789S', '-1S', '1S1S']) {
    const outcome = await raw.call('GetBlobStatus', frame(blob), { 'grpc-timeout': timeout })
    assert.equal(outcome['zg-code'], 'DA_GRPC_MALFORMED', timeout)
  }
  const web = { 'content-type': 'application/grpc-web' }
  assert.equal((await raw.call('GetBlobStatus', frame(blob), web))[':status'], 415)
  const get = { ':method': 'GET', 'content-type': undefined }
  assert.equal((await raw.call('GetBlobStatus', new Uint8Array(0), get))[':status'], 405)

  const { request_id } = await client.call('DisperseBlob', { data: Buffer.of(1) })
  assert.equal((await client.call('GetBlobStatus', { request_id })).status, 'CONFIRMED')
  assert.deepEqual(internalErrors, [])
})

test('a refused call is over, whatever of it the client has still to send', async (t) => {
  const { door, client } = await openDoor(t)
  const raw = new RawGrpcClient(t, door.port)
  const large = frame(new Uint8Array(blobSizeMax + 6)).subarray(0, 2 * limits.callWindowSize)
  for (let call = 0; call < 3 * limits.connectionCallsMax; call++) {
    const stream = raw.open('DisperseBlob')
    stream.write(large)
    assert.equal((await outcomeOf(stream))['zg-code'], 'DA_BLOB_SIZE', `call ${call}`)
  }
  // A session of Node's client stops after 10 MB that it could not send.
  const second = new RawGrpcClient(t, door.port)
  const web = { 'content-type': 'application/grpc-web' }
  for (let call = 0; call < 3 * limits.connectionCallsMax; call++) {
    const stream = second.open('DisperseBlob', web)
    stream.write(large)
    assert.equal((await outcomeOf(stream))[':status'], 415, `call ${call}`)
  }
  await client.call('DisperseBlob', { data: Buffer.of(1) })
})

test('what is no HTTP/2 at all is hung up on', async (t) => {
  const { door } = await openDoor(t)
  const socket = connectTcp(door.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  socket.end('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(9))
  await new Promise((resolve) => socket.once('close', resolve))
})

test('of one client only so many blobs wait or go at once, and who ends makes room', async (t) => {
  const { client, layer } = await openDoor(t)
  let release = (): void => undefined
  layer.hold = new Promise((resolve) => (release = resolve))
  const blobs = Array.from({ length: limits.uploadTurns.peerMax }, (_, at) =>
    Buffer.from(`blob ${at}`),
  )
  const going = blobs.map((data) => client.call('DisperseBlob', { data }))
  const overloaded = { code: status.RESOURCE_EXHAUSTED }
  const over = client.call('DisperseBlob', { data: Buffer.from('one more') })
  await assert.rejects(over, overloaded)
  // Polling is not held up by it.
  await assert.rejects(client.call('GetBlobStatus', { request_id: Buffer.alloc(32) }), {
    code: status.NOT_FOUND,
  })
  release()
  await Promise.all(going)
  await client.call('DisperseBlob', { data: Buffer.from('one more') })
})

test('uploads that wait for others hold up neither polls of their connection nor each other', async (t) => {
  const { layer, door } = await openDoor(t)
  const call = async (raw: RawGrpcClient, at: number) => {
    const data = Buffer.alloc(1 << 20, at)
    const message = concat(Uint8Array.of(10, 0x80, 0x80, 0x40), data)
    return (await raw.call('DisperseBlob', frame(message)))['grpc-status']
  }
  let release = (): void => undefined
  layer.hold = new Promise((resolve) => (release = resolve))
  const { peerMax, atOnceMax } = limits.uploadTurns
  const calls: Promise<unknown>[] = []
  const raws = Array.from({ length: atOnceMax / peerMax + 1 }, (_, at) => {
    return new RawGrpcClient(t, door.port, `127.0.0.${at + 2}`)
  })
  for (const raw of raws) {
    for (let at = 0; at < peerMax; at++) calls.push(call(raw, calls.length))
    await until(() => layer.submitCount >= Math.min(calls.length, atOnceMax))
  }
  // The last one's uploads have no turn, and fill their windows.
  const poll = await raws.at(-1)!.call('GetBlobStatus', frame(Uint8Array.of(10, 1, 1)))
  assert.equal(poll['zg-code'], 'DA_REQUEST_UNKNOWN')
  assert.equal(layer.submitCount, atOnceMax)
  release()
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['0']))
  assert.equal(layer.requests.size, calls.length)
})

test('a flood of calls that are reset ends its connection, and nobody else’s', async (t) => {
  const { client, door } = await openDoor(t)
  await client.call('DisperseBlob', { data: Buffer.of(1) })
  const raw = new RawGrpcClient(t, door.port)
  const over = new Promise((resolve) => raw.session.once('close', resolve))
  let isOver = false
  void over.then(() => (isOver = true))
  const { connectionCallsMax } = limits
  for (let round = 0; round < 1_000 && !isOver; round++) {
    const streams = Array.from({ length: connectionCallsMax }, () => raw.open('DisperseBlob'))
    const closed = streams.map((one) => new Promise((resolve) => one.once('close', resolve)))
    // Not before they are on their way.
    await new Promise((resolve) => setImmediate(resolve))
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
    await Promise.all(closed)
  }
  assert.ok(isOver)
  await client.call('DisperseBlob', { data: Buffer.of(2) })
})

test('more calls than a connection may have wait in the client', async (t) => {
  const { client, layer } = await openDoor(t)
  const { request_id } = await client.call('DisperseBlob', { data: Buffer.of(1) })
  const polls = Array.from({ length: 200 }, () => client.call('GetBlobStatus', { request_id }))
  for (const { status: own } of await Promise.all(polls)) assert.equal(own, 'CONFIRMED')
  assert.equal(layer.requests.size, 1)
})

test('of one client only so many connections are taken', async (t) => {
  const { door, client } = await openDoor(t)
  await client.call('DisperseBlob', { data: Buffer.of(1) })
  const raws = Array.from(
    { length: limits.peerConnectionsMax },
    () => new RawGrpcClient(t, door.port),
  )
  const closed = raws.map(({ session }) => new Promise((resolve) => session.once('close', resolve)))
  await Promise.race(closed)
  await client.call('DisperseBlob', { data: Buffer.of(2) })
  const open = raws.filter(({ session }) => !session.destroyed)
  assert.equal(open.length, limits.peerConnectionsMax - 1)
})

test('a cancelled call has the read called off, and gives its turn back when that is over', async (t) => {
  const { client, layer } = await openDoor(t)
  const { request_id } = await client.call('DisperseBlob', { data: Buffer.from('blob') })
  const { info } = await client.call('GetBlobStatus', { request_id })
  for (let round = 0; round < 3; round++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    layer.hold = promise
    const cancel = new AbortController()
    const reads = Array.from({ length: limits.uploadTurns.peerMax }, () =>
      client.call('RetrieveBlob', info!.blob_header, cancel),
    )
    const refused = client.call('RetrieveBlob', info!.blob_header)
    await assert.rejects(refused, { code: status.RESOURCE_EXHAUSTED })
    cancel.abort()
    const outcomes = await Promise.allSettled(reads)
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected'))
    await until(() => layer.abortedReadCount === (round + 1) * limits.uploadTurns.peerMax)
    // The read goes on, and so does its turn.
    const stillTaken = client.call('RetrieveBlob', info!.blob_header)
    await assert.rejects(stillTaken, { code: status.RESOURCE_EXHAUSTED })
    resolve()
    await new Promise((done) => setImmediate(done))
  }
  const { data } = await client.call('RetrieveBlob', info!.blob_header)
  assert.equal(data.toString(), 'blob')
})

test('a connection on which many answers are cancelled half-way is as good as before', async (t) => {
  const { client, door } = await openDoor(t)
  const { request_id } = await client.call('DisperseBlob', { data: Buffer.alloc(4 << 20) })
  const { info } = await client.call('GetBlobStatus', { request_id })
  const { storage_root } = info!.blob_header
  const request = frame(concat(Uint8Array.of(10, 32), storage_root, Uint8Array.of(16, 7, 24, 3)))
  const raw = new RawGrpcClient(t, door.port)
  for (let call = 0; call < 100; call++) {
    const stream = raw.open('RetrieveBlob')
    stream.end(request)
    await new Promise((resolve) => stream.once('data', resolve))
    stream.close(constants.NGHTTP2_CANCEL)
    await new Promise((resolve) => stream.once('close', resolve))
  }
  const outcome = await raw.call('RetrieveBlob', request)
  assert.equal(outcome['grpc-status'], '0')
})

test('an upload that is cancelled half-way leaves nothing behind', async (t) => {
  const { client, door, layer } = await openDoor(t)
  const raw = new RawGrpcClient(t, door.port)
  for (let round = 0; round < 3 * limits.uploadTurns.peerMax; round++) {
    const stream = raw.open('DisperseBlob')
    stream.write(frame(new Uint8Array(300_000)).subarray(0, 200_000))
    stream.close(constants.NGHTTP2_CANCEL)
    await new Promise((resolve) => stream.once('close', resolve))
  }
  await client.call('DisperseBlob', { data: Buffer.of(1) })
  assert.equal(layer.requests.size, 1)
})

test('a deadline of the client ends a call that takes longer', async (t) => {
  const clock = new CountedClock()
  const { door, layer } = await openDoor(t, clock)
  layer.hold = new Promise(() => undefined)
  const raw = new RawGrpcClient(t, door.port)
  const body = frame(Uint8Array.of(10, 1, 1))
  const late = raw.call('DisperseBlob', body, { 'grpc-timeout': '5S' })
  await until(() => clock.armedCount > 0)
  await clock.pass(5_000)
  assert.equal((await late)['grpc-status'], String(status.DEADLINE_EXCEEDED))
})

test('who sends slowly loses its turn', async (t) => {
  const clock = new CountedClock()
  const { door, client, layer } = await openDoor(t, clock)
  const raw = new RawGrpcClient(t, door.port)
  const slow = Array.from({ length: limits.uploadTurns.peerMax }, () => {
    const stream = raw.open('DisperseBlob')
    stream.write(frame(new Uint8Array(blobSizeMax)).subarray(0, 1_000))
    return outcomeOf(stream)
  })
  const blob = { data: Buffer.of(1) }
  await until(() => clock.armedCount >= slow.length)
  await assert.rejects(client.call('DisperseBlob', blob), { code: status.RESOURCE_EXHAUSTED })
  await clock.pass(limits.sendingFreeMs)
  for (const outcome of await Promise.all(slow)) assert.equal(outcome['zg-code'], 'DA_GRPC_LATE')
  await client.call('DisperseBlob', blob)
  assert.equal(layer.requests.size, 1)
})

test('who does not read its answer is cut off, and held up nobody meanwhile', async (t) => {
  const clock = new CountedClock()
  const { door, client } = await openDoor(t, clock)
  const { request_id } = await client.call('DisperseBlob', { data: Buffer.alloc(8 << 20) })
  const { info } = await client.call('GetBlobStatus', { request_id })
  const { storage_root } = info!.blob_header
  const request = frame(concat(Uint8Array.of(10, 32), storage_root, Uint8Array.of(16, 7, 24, 3)))
  const raw = new RawGrpcClient(t, door.port)
  const streams = Array.from({ length: limits.uploadTurns.peerMax }, () => {
    const stream = raw.open('RetrieveBlob')
    stream.end(request)
    return stream
  })
  await Promise.all(streams.map((one) => new Promise((resolve) => one.once('response', resolve))))
  await client.call('GetBlobStatus', { request_id })
  const closed = streams.map((one) => new Promise((resolve) => one.once('close', resolve)))
  await clock.pass(limits.answerMsMax)
  for (const stream of streams) stream.resume()
  await Promise.all(closed)
  assert.ok(streams.every((one) => one.rstCode === constants.NGHTTP2_CANCEL))
  assert.equal(clock.armedCount, 0)
  const { data } = await client.call('RetrieveBlob', info!.blob_header)
  assert.equal(data.length, 8 << 20)
})
