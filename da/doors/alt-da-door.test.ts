import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { bigintToBytes, toHex, ZgError } from '@zg/primitives'
import { createNodeDisk, createSystemClock } from '@zg/runtime'
import type { Clock } from '@zg/runtime'

import { startAltDaDoor } from './alt-da-door.ts'
import { decodeHandle } from '../batch/batch.ts'
import { blobSizeMax } from './dispersal.ts'
import * as limits from './door-limits.ts'
import { CountedClock } from '../testing/counted-clock.ts'
import { MemoryDispersal } from '../testing/memory-dispersal.ts'
import { keccakCommitment, OpClient } from '../testing/op-client.ts'
import { until } from '../testing/until.ts'

const keccakInputSizeMax = 130_672

async function openDoor(
  t: TestContext,
  { clock = createSystemClock(), folder }: { clock?: Clock; folder?: string } = {},
) {
  const own = folder ?? mkdtempSync(join(tmpdir(), 'zg-alt-da-'))
  const layer = new MemoryDispersal()
  const internalErrors: unknown[] = []
  const door = await startAltDaDoor({
    dispersal: layer,
    reader: layer,
    disk: await createNodeDisk(own),
    keptEpochs: 14n,
    presentEpoch: async () => layer.epoch,
    clock,
    host: '127.0.0.1',
    port: 0,
    onInternalError: (error) => internalErrors.push(error),
  })
  t.after(async () => {
    await door.close()
    if (folder === undefined) rmSync(own, { recursive: true })
  })
  return { layer, door, client: new OpClient(door.port), internalErrors }
}

test('a blob that is put is got by the commitment that put answers, raw both times', async (t) => {
  const { client, layer } = await openDoor(t)
  for (const size of [1, 100_000, blobSizeMax]) {
    const blob = Buffer.alloc(size, size & 0xff)
    const commitment = await client.put(blob)
    assert.deepEqual(commitment.subarray(0, 3), Uint8Array.of(1, 0x7a, 0))
    assert.equal(commitment.length, 83)
    assert.equal(decodeHandle(commitment.subarray(2)).batch.epoch, 7n)
    assert.ok(Buffer.from(await client.get(commitment)).equals(blob))
  }
  const [kept] = layer.requests.values()
  assert.deepEqual(kept!.options, { peer: '127.0.0.1' })
  // Older clients write a slash behind it, and the method is not looked at in the original.
  assert.equal(await client.statusOf('POST', '/put/', Buffer.of(1)), 200)
  assert.equal(await client.statusOf('PUT', '/put', Buffer.of(1)), 200)
  assert.equal(layer.requests.size, 3)
})

test('a keccak commitment is checked, and known again after a restart', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zg-alt-da-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { client, layer, door } = await openDoor(t, { folder })
  const blob = Buffer.alloc(keccakInputSizeMax, 3)
  const commitment = await client.putKeccak(blob)
  assert.deepEqual(await client.get(commitment), new Uint8Array(blob))
  const upper = `/get/0x${toHex(commitment).slice(2).toUpperCase()}?l1_inclusion_block_number=9`
  assert.equal(await client.statusOf('GET', upper), 200)

  const other = toHex(keccakCommitment(Buffer.of(1)))
  assert.equal(await client.statusOf('POST', `/put/${other}`, blob), 400)
  assert.equal(await client.statusOf('GET', `/get/${other}`), 404)
  assert.equal(layer.requests.size, 1)

  await door.close()
  const second = await openDoor(t, { folder })
  for (const [id, request] of layer.requests) second.layer.requests.set(id, request)
  assert.deepEqual(await second.client.get(commitment), new Uint8Array(blob))
})

test('sizes have bounds: none is 400, too much 413, whether it says so before or not', async (t) => {
  const { client, layer, door } = await openDoor(t)
  assert.equal(await client.statusOf('POST', '/put', new Uint8Array(0)), 400)
  const nothing = toHex(keccakCommitment(new Uint8Array(0)))
  assert.equal(await client.statusOf('POST', `/put/${nothing}`, new Uint8Array(0)), 400)
  assert.equal(await client.statusOf('POST', '/put', Buffer.alloc(blobSizeMax + 1)), 413)
  const large = Buffer.alloc(keccakInputSizeMax + 1)
  const path = `/put/${toHex(keccakCommitment(large))}`
  assert.equal(await client.statusOf('POST', path, large), 413)
  const status = await new Promise((resolve, reject) => {
    const request = httpRequest({ port: door.port, path, method: 'POST' }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', reject)
    for (let at = 0; at < 3; at++) request.write(large.subarray(0, 60_000))
    request.end()
  })
  assert.equal(status, 413)
  assert.equal(layer.requests.size, 0)
  await client.put(Buffer.of(1))
})

test('while the layer is down a put is 503, and the batcher goes to L1', async (t) => {
  const { client, layer } = await openDoor(t)
  const commitment = await client.put(Buffer.from('before'))
  layer.isDown = true
  const response = await client.send('POST', '/put', Buffer.from('during'))
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('zg-code'), 'DA_UNAVAILABLE')
  assert.match(await response.text(), /^Data availability is down/)
  assert.equal(await client.statusOf('GET', `/get/${toHex(commitment)}`), 503)
  layer.isDown = false
  assert.deepEqual(await client.get(commitment), new Uint8Array(Buffer.from('before')))
})

test('a quota that is used up, and too much under way, are 429', async (t) => {
  const { client, layer } = await openDoor(t)
  layer.peerBytesMax = 3
  assert.equal(await client.statusOf('POST', '/put', Buffer.from('four')), 429)
  layer.peerBytesMax = 100
  layer.processingMax = 0
  assert.equal(await client.statusOf('POST', '/put', Buffer.from('four')), 429)
})

test('a request that is there already, with other bytes, is 409', async (t) => {
  const { client, layer, internalErrors } = await openDoor(t)
  layer.submit = async () => {
    throw new ZgError('DA_REQUEST_DIFFERS', 'The request was sent with other bytes', {})
  }
  const response = await client.send('POST', '/put', Buffer.of(1))
  assert.equal(response.status, 409)
  assert.equal(response.headers.get('zg-code'), 'DA_REQUEST_DIFFERS')
  await response.text()
  assert.deepEqual(internalErrors, [])
})

test('a put whose request fails is 503, and the same put again is another request', async (t) => {
  const { client, layer } = await openDoor(t)
  layer.isCertifying = false
  const blob = Buffer.from('unlucky')
  for (let sends = 1; sends <= 16; sends++) {
    const put = client.statusOf('POST', '/put', blob)
    await until(() => layer.requests.size === sends)
    const [id] = [...layer.requests.keys()].slice(-1)
    layer.settle(Buffer.from(id!.slice(2), 'hex'), { failedAs: 'DA_UNAVAILABLE' })
    assert.equal(await put, 503)
  }
  // Not for ever: the failure stands until the epoch is over.
  assert.equal(await client.statusOf('POST', '/put', blob), 503)
  assert.equal(layer.requests.size, 16)
})

test('a put that is not certified in time is 503, and found by the same put later', async (t) => {
  const clock = new CountedClock()
  const { client, layer } = await openDoor(t, { clock })
  layer.isCertifying = false
  const late = client.send('POST', '/put', Buffer.from('slow'))
  await until(() => layer.requests.size === 1)
  await until(() => clock.armedCount === 1)
  await clock.pass(limits.certificateMsMax)
  const response = await late
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('zg-code'), 'DA_PUT_LATE')
  await response.text()
  const [id] = layer.requests.keys()
  layer.settle(Buffer.from(id!.slice(2), 'hex'), 'confirmed')
  assert.equal((await client.put(Buffer.from('slow'))).length, 83)
  assert.equal(layer.requests.size, 1)
})

test('a wrong commitment: 400 of another layer, 404 unknown, 418 what nobody ever has', async (t) => {
  const { client, layer } = await openDoor(t)
  const commitment = await client.put(Buffer.from('blob'))
  const changed = (at: number, byte: number): string => {
    const other = commitment.slice()
    other[at] = byte
    return `/get/${toHex(other)}`
  }
  assert.equal(await client.statusOf('GET', changed(1, 0x0c)), 400)
  assert.equal(await client.statusOf('GET', changed(0, 2)), 400)
  assert.equal(await client.statusOf('GET', changed(60, 0)), 404)
  const dropped = async (path: string): Promise<unknown> => {
    const response = await client.send('GET', path)
    assert.equal(response.status, 418)
    assert.equal(response.headers.get('content-type'), 'application/json')
    return ((await response.json()) as { StatusCode: number }).StatusCode
  }
  assert.equal(await dropped(changed(2, 1)), 1)
  assert.equal(await dropped(`${changed(2, 0)}00`), 1)
  const never = { why: 'its batch holds 1 blob', isForever: true }
  layer.readsInstead = new ZgError('DA_BLOB_UNKNOWN', 'There is no such blob', never)
  assert.equal(await dropped(changed(2, 0)), 3)
  layer.readsInstead = new ZgError('DA_BLOB_UNKNOWN', 'There is no such blob', {})
  assert.equal(await client.statusOf('GET', changed(2, 0)), 404)
  layer.makeVoid()
  assert.equal(await dropped(changed(2, 0)), 4)
})

test('a reader that lies never gets wrong bytes out under a keccak commitment', async (t) => {
  const { client, layer, internalErrors } = await openDoor(t)
  const blob = Buffer.from('the truth')
  const commitment = await client.putKeccak(blob)
  for (const lie of [Buffer.from('the trutH'), Buffer.alloc(0), Buffer.concat([blob, blob])]) {
    layer.readsInstead = lie
    const response = await client.send('GET', `/get/${toHex(commitment)}`)
    assert.equal(response.status, 500)
    assert.ok(!(await response.text()).includes('trut'))
  }
  assert.equal(internalErrors.length, 3)
  layer.readsInstead = undefined
  assert.deepEqual(await client.get(commitment), new Uint8Array(blob))
})

test('a disperser that names the blob of another gets no wrong bytes out', async (t) => {
  const { client, layer } = await openDoor(t)
  await client.put(Buffer.from('another'))
  const [other] = layer.requests.values()
  layer.certified = async () => other!.handle
  const commitment = await client.putKeccak(Buffer.from('mine'))
  assert.equal(await client.statusOf('GET', `/get/${toHex(commitment)}`), 500)
})

test('malformed routes, methods and hexadecimal are refused', async (t) => {
  const { client, door, layer, internalErrors } = await openDoor(t)
  const hash = toHex(keccakCommitment(Buffer.of(1))).slice(2)
  const routes: [string, string, number][] = [
    ['GET', '/get', 400],
    ['GET', '/get/', 400],
    ['GET', '/get/0x', 400],
    ['GET', '/get/0x0', 400],
    ['GET', `/get/${hash}`, 400],
    ['GET', `/get/0x${hash}0`, 400],
    ['GET', `/get/0x${hash}00`, 400],
    ['GET', `/get/0x${hash}/`, 400],
    ['GET', `/get/0x${hash}%00`, 400],
    ['GET', `/get/0X${hash}`, 400],
    ['GET', `/get/0x${'zz'.repeat(33)}`, 400],
    ['GET', `/get/0x00${'00'.repeat(5_000)}`, 400],
    ['GET', '/get/..%2fhealth', 400],
    ['GET', '/', 404],
    ['GET', '/getting/0x00', 404],
    ['GET', '//get/0x00', 404],
    ['GET', '/GET/0x00', 404],
    ['GET', '/health/', 404],
    ['GET', '/put', 405],
    ['DELETE', `/get/0x${hash}`, 405],
    ['POST', `/get/0x${hash}`, 405],
    ['POST', '/health', 405],
    ['POST', '/put/0x', 400],
    ['POST', '/put/0x017a00', 418],
    ['POST', `/put/0x017a${'00'.repeat(81)}`, 400],
  ]
  for (const [method, path, status] of routes) {
    const body = method === 'POST' ? Buffer.of(1) : undefined
    assert.equal(await client.statusOf(method, path, body), status, `${method} ${path}`)
  }
  // As they stand on the wire: no client of ours would send these.
  for (const target of [`/put/../get/0x${hash}`, `http://other/get/0x${hash}`, '*']) {
    assert.match(await rawAnswer(door.port, `GET ${target} HTTP/1.1\r\nhost: x\r\n`), / 40[045] /)
  }
  assert.equal(await client.statusOf('GET', '/health'), 200)
  assert.equal(layer.requests.size, 0)
  assert.deepEqual(internalErrors, [])
})

test('no page of a browser spends what the server pays for', async (t) => {
  const { client, layer } = await openDoor(t)
  const response = await fetch(`${client.url}/put`, {
    method: 'POST',
    body: 'blob',
    headers: { origin: 'https://page.example', 'content-type': 'text/plain' },
  })
  assert.equal(response.status, 403)
  await response.text()
  assert.equal(layer.requests.size, 0)
})

/** Sends a request head by hand and resolves with all that comes back. */
function rawAnswer(port: number, head: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.write(`${head}connection: close\r\n\r\n`)
  })
}

test('headers without end, garbage and two lengths are refused before anything is read', async (t) => {
  const { client, door } = await openDoor(t)
  const long = `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(limits.headersSizeMax)}\r\n`
  assert.match(await rawAnswer(door.port, long), /^HTTP\/1\.1 (400|431) /)
  assert.match(await rawAnswer(door.port, '\0\0\0 garbage\r\n'), /^HTTP\/1\.1 400 /)
  const smuggled =
    'POST /put HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n'
  assert.match(await rawAnswer(door.port, smuggled), /^HTTP\/1\.1 400 /)
  assert.equal(await client.statusOf('GET', '/health'), 200)
})

test('who sends its body slowly loses its turn, and of one client only so many wait', async (t) => {
  const clock = new CountedClock()
  const { client, door, layer } = await openDoor(t, { clock })
  const { peerMax } = limits.uploadTurns
  const head = 'POST /put HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n'
  const slow = Array.from({ length: peerMax }, () => rawAnswer(door.port, head))
  await until(() => clock.armedCount === peerMax)
  const refused = await client.send('POST', '/put', Buffer.of(1))
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('zg-code'), 'DA_OVERLOADED')
  await refused.text()
  // Reading is not held up by it.
  assert.equal(await client.statusOf('GET', `/get/0x00${'00'.repeat(32)}`), 404)
  await clock.pass(limits.sendingFreeMs)
  for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 /)
  await client.put(Buffer.of(1))
  assert.equal(layer.requests.size, 1)
})

test('a client that goes keeps its turns as long as its reads go on', async (t) => {
  const { client, door, layer } = await openDoor(t)
  const commitment = await client.put(Buffer.from('blob'))
  const { promise, resolve } = Promise.withResolvers<void>()
  layer.hold = promise
  const path = `/get/${toHex(commitment)}`
  for (let round = 1; round <= limits.downloadTurns.peerMax; round++) {
    const socket = connect(door.port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await until(() => layer.readCount === round)
    socket.resetAndDestroy()
    await until(() => layer.abortedReadCount === round)
  }
  assert.equal(await client.statusOf('GET', path), 429)
  resolve()
  await new Promise((done) => setImmediate(done))
  assert.equal(await client.statusOf('GET', path), 200)
})

test('requests that stand behind another on one connection leave no turn taken', async (t) => {
  const { client, door, layer } = await openDoor(t)
  const commitment = await client.put(Buffer.from('blob'))
  const get = `GET /get/${toHex(commitment)} HTTP/1.1\r\nhost: x\r\n\r\n`
  const { peerMax } = limits.downloadTurns
  const { promise, resolve } = Promise.withResolvers<void>()
  layer.hold = promise
  const socket = connect(door.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(get.repeat(peerMax))
  await until(() => layer.readCount === peerMax)
  socket.destroy()
  await until(() => layer.abortedReadCount === peerMax)
  resolve()
  await new Promise((done) => setImmediate(done))
  const path = `/get/${toHex(commitment)}`
  const gets = Array.from({ length: peerMax }, () => client.statusOf('GET', path))
  assert.deepEqual(new Set(await Promise.all(gets)), new Set([200]))
})

test('a client that goes leaves no turn taken: while it puts, waits or reads', async (t) => {
  const clock = new CountedClock()
  const { client, door, layer } = await openDoor(t, { clock })
  const commitment = await client.put(Buffer.from('blob'))
  const rounds = 2 * limits.uploadTurns.peerMax
  /** Sends this much, and is gone once the door has come so far. */
  const leaveAfter = async (text: string, hasCome: () => boolean): Promise<void> => {
    const socket = connect(door.port, '127.0.0.1')
    socket.write(text)
    await until(hasCome)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resetAndDestroy()
    await closed
  }
  const put = 'POST /put HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n'
  for (let round = 0; round < rounds; round++) {
    await leaveAfter(`${put}hal`, () => clock.armedCount === 1)
    await until(() => clock.armedCount === 0)
  }
  const held = Promise.withResolvers<void>()
  layer.hold = held.promise
  const get = `GET /get/${toHex(commitment)} HTTP/1.1\r\nhost: x\r\n\r\n`
  for (let round = 1; round <= limits.downloadTurns.peerMax; round++) {
    await leaveAfter(get, () => layer.readCount === round)
    await until(() => layer.abortedReadCount === round)
  }
  held.resolve()
  layer.isCertifying = false
  await leaveAfter(`${put}whole`, () => layer.requests.size === 2)
  await until(() => clock.armedCount === 0)
  layer.isCertifying = true
  await client.put(Buffer.from('next'))
  assert.deepEqual(await client.get(commitment), new Uint8Array(Buffer.from('blob')))
})

test('who does not read its answer is cut off', async (t) => {
  const clock = new CountedClock()
  const { client, door } = await openDoor(t, { clock })
  const commitment = await client.put(Buffer.alloc(24 << 20))
  const sockets = Array.from({ length: limits.downloadTurns.peerMax }, () => {
    const socket = connect(door.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`GET /get/${toHex(commitment)} HTTP/1.1\r\nhost: x\r\n\r\n`)
    return socket
  })
  await until(() => clock.armedCount === sockets.length)
  assert.equal(await client.statusOf('GET', `/get/${toHex(commitment)}`), 429)
  await clock.pass(limits.answerMsMax)
  await Promise.all(
    sockets.map((socket) => {
      socket.resume()
      return new Promise((resolve) => socket.once('close', resolve))
    }),
  )
  assert.equal(await client.statusOf('GET', `/get/${toHex(commitment)}`), 200)
})

test('of one client only so many connections are taken', async (t) => {
  const { door } = await openDoor(t)
  const sockets = Array.from({ length: limits.peerConnectionsMax + 1 }, () =>
    connect(door.port, '127.0.0.1'),
  )
  for (const socket of sockets) socket.on('error', () => undefined)
  await Promise.race(
    sockets.map((socket) => {
      socket.resume()
      return new Promise((resolve) => socket.once('close', resolve))
    }),
  )
  assert.equal(sockets.filter(({ closed }) => !closed).length, limits.peerConnectionsMax)
  for (const socket of sockets) socket.destroy()
})

test('the fields of a generic commitment stand where the specification says', async (t) => {
  const { client } = await openDoor(t)
  const commitment = await client.put(Buffer.from('blob'))
  assert.deepEqual(commitment.slice(3, 7), bigintToBytes(1n, 4))
  assert.deepEqual(commitment.slice(7, 15), bigintToBytes(7n, 8))
  assert.deepEqual(commitment.slice(15, 19), bigintToBytes(3n, 4))
  assert.deepEqual(commitment.slice(79), bigintToBytes(0n, 4))
})
