import assert from 'node:assert/strict'
import { connect as connectTcp, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import { blsPublicKeyOf, blsSecretKeyFromSeed, blsSign } from '@zg/primitives'
import {
  channelLimits,
  createSystemClock,
  createSystemRng,
  silentLogger,
  SimulatedClock,
} from '@zg/runtime'
import type { Clock, Logger, PeerId } from '@zg/runtime'
import { testNetwork } from '@zg/runtime/testing'

import { defaultBudgets } from './budget.ts'
import { createTlsCertificate } from './certificate.ts'
import { encodeFrameHead, keepAliveFrame } from './frame.ts'
import { dialPeer, tlsSettings } from './handshake.ts'
import type { Identity } from './handshake.ts'
import { digestOfStatement, encodeHello, helloSizeBytes } from './hello.ts'
import { openTlsMesh, peerIdOf } from './tls-mesh.ts'
import type { TlsMesh, TlsMeshOptions } from './tls-mesh.ts'

const context = new Uint8Array(32).fill(7)
const certificate = await createTlsCertificate()

const secretKeys = [1, 2, 3, 4].map((seed) => blsSecretKeyFromSeed(new Uint8Array(32).fill(seed)))
// In order of their public keys: the lesser dials the greater.
secretKeys.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))

function idOf(secretKey: Uint8Array): PeerId {
  return peerIdOf(blsPublicKeyOf(secretKey))
}

function identityOf(secretKey: Uint8Array): Identity {
  const sign = (message: Uint8Array): Uint8Array => blsSign(secretKey, message)
  return { publicKey: blsPublicKeyOf(secretKey), sign, context }
}

async function openMesh(index: number, options: Partial<TlsMeshOptions> = {}): Promise<TlsMesh> {
  return openTlsMesh({
    identity: identityOf(secretKeys[index]!),
    host: '127.0.0.1',
    port: 0,
    isAllowed: () => true,
    clock: createSystemClock(),
    rng: createSystemRng(),
    logger: silentLogger,
    ...options,
  })
}

const addressOf = (mesh: TlsMesh) => ({ peer: mesh.self, host: '127.0.0.1', port: mesh.port })

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

function closed(socket: Socket): Promise<void> {
  socket.on('error', () => undefined)
  socket.resume()
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
  })
}

/** Opens two meshes that are connected, `low` having dialed `high`. */
async function openPair(
  test: TestContext,
  options: { low?: Partial<TlsMeshOptions>; high?: Partial<TlsMeshOptions> } = {},
) {
  const high = await openMesh(1, options.high)
  const low = await openMesh(0, { peers: [addressOf(high)], ...options.low })
  test.after(() => Promise.all([low.close(), high.close()]))
  await until(() => low.peers().length === 1 && high.peers().length === 1)
  return { low, high }
}

/** Dials as the lesser key would, by hand, and gives the proved sockets. */
function dialByHand(mesh: TlsMesh, lane: 'vote' | 'bulk', secretKey = secretKeys[0]!) {
  return dialPeer({
    identity: identityOf(secretKey),
    certificate,
    host: '127.0.0.1',
    port: mesh.port,
    lane,
    peerKey: blsPublicKeyOf(secretKeys[1]!),
    onSocket: (socket) => socket.on('error', () => undefined),
  })
}

testNetwork('tls mesh', async () => {
  const meshes: TlsMesh[] = []
  for (const index of [2, 1, 0])
    meshes.push(await openMesh(index, { peers: meshes.map(addressOf) }))
  return {
    networks: meshes,
    until,
    end: async () => void (await Promise.all(meshes.map((m) => m.close()))),
  }
})

test('openTlsMesh rejects when the port is taken', async (context_) => {
  const mesh = await openMesh(0)
  context_.after(() => mesh.close())
  await assert.rejects(openMesh(1, { port: mesh.port }), { code: 'EADDRINUSE' })
})

test('a mesh speaks TLS 1.3 only', async (context_) => {
  const mesh = await openMesh(1)
  context_.after(() => mesh.close())
  const settings = { ...tlsSettings(certificate), host: '127.0.0.1', port: mesh.port }
  const old = connectTls({ ...settings, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
  await closed(old)
  assert.equal(old.authorized, false)
  assert.deepEqual(mesh.peers(), [])
})

test('a dialer without a certificate, or of another protocol, is cut off', async (context_) => {
  const mesh = await openMesh(1)
  context_.after(() => mesh.close())
  const { cert: _, key: __, ...anonymous } = tlsSettings(certificate)
  await closed(connectTls({ ...anonymous, host: '127.0.0.1', port: mesh.port }))
  const web = { ...tlsSettings(certificate), ALPNProtocols: ['h2'] }
  await closed(connectTls({ ...web, host: '127.0.0.1', port: mesh.port }))
  assert.deepEqual(mesh.peers(), [])
})

test('a key that is not allowed, or stands behind no secret, is cut off', async (context_) => {
  const allowed = new Set([idOf(secretKeys[0]!)])
  const mesh = await openMesh(1, { isAllowed: (peer) => allowed.has(peer) })
  context_.after(() => mesh.close())
  await assert.rejects(dialByHand(mesh, 'vote', secretKeys[2]!), { code: 'P2P_HANDSHAKE_BROKEN' })
  // Claims the allowed key and signs with another.
  const sign = (message: Uint8Array): Uint8Array => blsSign(secretKeys[2]!, message)
  const impostor = { publicKey: blsPublicKeyOf(secretKeys[0]!), sign, context }
  const call = { certificate, host: '127.0.0.1', port: mesh.port, lane: 'vote' as const }
  const onSocket = (socket: TLSSocket): void => void socket.on('error', () => undefined)
  const peerKey = blsPublicKeyOf(secretKeys[1]!)
  await assert.rejects(dialPeer({ ...call, identity: impostor, peerKey, onSocket }))
  const socket = await dialByHand(mesh, 'vote')
  socket.destroy()
})

test('a key never talks to itself', async (context_) => {
  const mesh = await openMesh(1)
  context_.after(() => mesh.close())
  await assert.rejects(dialByHand(mesh, 'vote', secretKeys[1]!), { code: 'P2P_HANDSHAKE_BROKEN' })
  mesh.setPeers([addressOf(mesh)])
  assert.deepEqual(mesh.peers(), [])
})

test('a dialer refuses a listener of another key than it called', async (context_) => {
  const wrong = await openMesh(2)
  const low = await openMesh(0, { peers: [{ ...addressOf(wrong), peer: idOf(secretKeys[1]!) }] })
  context_.after(() => Promise.all([low.close(), wrong.close()]))
  let failures = 0
  const logger: Logger = { ...silentLogger, debug: () => failures++ }
  const watching = await openMesh(0, {
    logger,
    peers: [{ ...addressOf(wrong), peer: idOf(secretKeys[1]!) }],
  })
  context_.after(() => watching.close())
  await until(() => failures >= 2)
  assert.deepEqual([low.peers(), watching.peers()], [[], []])
})

test('a mesh of another network is refused', async (context_) => {
  const high = await openMesh(1)
  const elsewhere = { ...identityOf(secretKeys[0]!), context: new Uint8Array(32) }
  let failures = 0
  const logger: Logger = { ...silentLogger, debug: () => failures++ }
  const low = await openMesh(0, { identity: elsewhere, peers: [addressOf(high)], logger })
  context_.after(() => Promise.all([low.close(), high.close()]))
  await until(() => failures >= 2)
  assert.deepEqual([low.peers(), high.peers()], [[], []])
})

test('a hello replayed on another connection is refused', async (context_) => {
  const mesh = await openMesh(1)
  context_.after(() => mesh.close())
  const dialerKey = blsPublicKeyOf(secretKeys[0]!)
  const listenerKey = blsPublicKeyOf(secretKeys[1]!)
  const secureSocket = async (): Promise<TLSSocket> => {
    const socket = connectTls({ ...tlsSettings(certificate), host: '127.0.0.1', port: mesh.port })
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    return socket
  }
  const first = await secureSocket()
  const keyingMaterial = first.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  const said = { context, keyingMaterial, lane: 'vote', dialerKey, listenerKey } as const
  const signature = blsSign(secretKeys[0]!, digestOfStatement({ ...said, role: 'dialer' }))
  const hello = encodeHello({ lane: 'vote', context, publicKey: dialerKey, signature })
  first.write(hello)
  let answer = 0
  first.on('data', (chunk: Uint8Array) => (answer += chunk.length))
  await until(() => answer === helloSizeBytes)
  const second = await secureSocket()
  second.write(hello)
  await closed(second)
  assert.equal(answer, helloSizeBytes)
  assert.equal(first.destroyed, false)
  first.destroy()
})

test('an oversized frame and a frame of another lane close the connection', async (context_) => {
  const mesh = await openMesh(1)
  context_.after(() => mesh.close())
  const { messageSizeBytesMax } = channelLimits.vote
  for (const head of [
    encodeFrameHead('vote', messageSizeBytesMax + 1),
    encodeFrameHead('block', 1),
  ]) {
    const [vote, bulk] = await Promise.all([dialByHand(mesh, 'vote'), dialByHand(mesh, 'bulk')])
    await until(() => mesh.peers().length === 1)
    vote.write(head)
    await Promise.all([closed(vote), closed(bulk)])
    await until(() => mesh.peers().length === 0)
  }
})

test('garbage before, in and after the handshake harms nobody else', async (context_) => {
  const { low, high } = await openPair(context_)
  const rng = createSystemRng()
  for (let round = 0; round < 20; round++) {
    const raw = connectTcp({ host: '127.0.0.1', port: high.port })
    raw.write(rng.bytes(1 + rng.below(2_000)))
    raw.end()
    await closed(raw)
    const secure = connectTls({ ...tlsSettings(certificate), host: '127.0.0.1', port: high.port })
    secure.write(rng.bytes(helloSizeBytes + rng.below(2_000)))
    await closed(secure)
  }
  const outsider = await dialByHand(high, 'vote', secretKeys[0]!)
  outsider.write(rng.bytes(100_000))
  await closed(outsider)
  let received = 0
  high.onMessage(() => received++)
  await until(() => low.send(high.self, 'vote', Uint8Array.of(1)) || received > 0)
  await until(() => received > 0)
})

test('a connection that never proves itself is cut off in time', async (context_) => {
  const mesh = await openMesh(1, { limits: { handshakeMsMax: 50 } })
  context_.after(() => mesh.close())
  await closed(connectTcp({ host: '127.0.0.1', port: mesh.port }))
  await closed(connectTls({ ...tlsSettings(certificate), host: '127.0.0.1', port: mesh.port }))
})

test('one lane alone is no peer, and is cut off in time', async (context_) => {
  // To prove itself takes longer on a machine that is busy: time stands still until it has.
  const clock = new SimulatedClock()
  const mesh = await openMesh(1, { clock })
  context_.after(() => mesh.close())
  let isCut = false
  void closed(await dialByHand(mesh, 'vote')).then(() => (isCut = true))
  // The mesh may find it proved only now, and waits for the other lane from then on.
  while (!isCut) await clock.run({ untilMs: clock.nowMs() + 5_000 })
  assert.deepEqual(mesh.peers(), [])
})

test('too many unproved connections push the oldest out, not the honest peer', async (context_) => {
  const mesh = await openMesh(1, { limits: { pendingHandshakeCountMax: 4 } })
  context_.after(() => mesh.close())
  const idle = Array.from({ length: 12 }, () => {
    const socket = connectTcp({ host: '127.0.0.1', port: mesh.port })
    socket.on('error', () => undefined)
    return socket
  })
  await Promise.all(idle.slice(0, 6).map(closed))
  const vote = await dialByHand(mesh, 'vote')
  assert.equal(vote.destroyed, false)
  for (const socket of [...idle, vote]) socket.destroy()
})

test('a mesh dials again after its peer restarted', async (context_) => {
  const high = await openMesh(1)
  const low = await openMesh(0, { peers: [addressOf(high)] })
  context_.after(() => low.close())
  await until(() => low.peers().length === 1)
  const { port } = high
  await high.close()
  await until(() => low.peers().length === 0)
  const again = await openMesh(1, { port })
  context_.after(() => again.close())
  await until(() => low.peers().length === 1 && again.peers().length === 1)
  const received: Uint8Array[] = []
  again.onMessage((_from, _channel, message) => received.push(message))
  low.send(again.self, 'vote', Uint8Array.of(5))
  await until(() => received.length === 1)
})

test('a peer that restarted before we noticed replaces its old connection', async (context_) => {
  const { high } = await openPair(context_)
  const seen: boolean[] = []
  high.onPeer((_peer, connected) => seen.push(connected))
  const again = await openMesh(0, { peers: [addressOf(high)] })
  context_.after(() => again.close())
  await until(() => seen.includes(false) && seen.at(-1) === true)
})

test('setPeers cuts off a peer that is no longer allowed', async (context_) => {
  let isAllowed = true
  const { low, high } = await openPair(context_, { high: { isAllowed: () => isAllowed } })
  isAllowed = false
  high.setPeers([])
  assert.deepEqual(high.peers(), [])
  await until(() => low.peers().length === 0)
  assert.equal(high.send(low.self, 'vote', Uint8Array.of(1)), false)
})

test('a flood is read at its budget and no faster, and costs others nothing', async (context_) => {
  const clock = createSystemClock()
  const frozen: Clock = {
    nowMs: () => 0,
    setTimer: (delayMs, fire) => clock.setTimer(delayMs, fire),
  }
  const vote = { messages: { perSecond: 0.001, burst: 100 }, bytes: defaultBudgets.vote.bytes }
  const budgets = { ...defaultBudgets, vote }
  const { low, high } = await openPair(context_, { high: { clock: frozen, budgets } })
  const counts = { vote: 0, block: 0, gossip: 0 }
  high.onMessage((_from, channel) => counts[channel]++)
  for (let index = 0; index < 1_000; index++) low.send(high.self, 'vote', Uint8Array.of(1))
  for (let index = 0; index < 50; index++) low.send(high.self, 'block', Uint8Array.of(1))
  await until(() => counts.block === 50)
  await until(() => counts.vote >= 100)
  assert.equal(counts.vote, 100)
})

test('a slow consumer fills its own queue and holds up nobody else', async (context_) => {
  const high = await openMesh(1)
  context_.after(() => high.close())
  // This peer proves itself and then reads nothing.
  const sockets = [await dialByHand(high, 'vote'), await dialByHand(high, 'bulk')]
  context_.after(() => sockets.forEach((socket) => socket.destroy()))
  const other = await openMesh(3, {})
  context_.after(() => other.close())
  high.setPeers([addressOf(other)])
  await until(() => high.peers().length === 2)
  let received = 0
  other.onMessage(() => received++)
  const slow = idOf(secretKeys[0]!)
  const block = new Uint8Array(channelLimits.block.messageSizeBytesMax)
  let accepted = 0
  await until(() => {
    const isAccepted = high.send(slow, 'block', block)
    if (isAccepted) accepted++
    return !isAccepted
  })
  const { queueSizeBytesMax } = channelLimits.block
  assert.ok(accepted >= 5 && accepted * block.length <= queueSizeBytesMax + 3 * block.length)
  assert.ok(high.send(slow, 'vote', Uint8Array.of(1)))
  assert.ok(high.send(other.self, 'block', block))
  await until(() => received === 1)
})

test('a live peer is kept by keep-alives, a silent one is hung up on', async (context_) => {
  const clock = new SimulatedClock()
  const limits = { keepAliveMs: 5_000, silenceMsMax: 15_000 }
  const mesh = await openMesh(1, { clock, limits })
  context_.after(() => mesh.close())
  const sockets = await Promise.all([dialByHand(mesh, 'vote'), dialByHand(mesh, 'bulk')])
  await until(() => mesh.peers().length === 1)
  let heard = 0
  for (const socket of sockets) socket.on('data', (chunk: Uint8Array) => (heard += chunk.length))
  for (let step = 1; step <= 6; step++) {
    for (const socket of sockets) socket.write(keepAliveFrame)
    await clock.run({ untilMs: clock.nowMs() + limits.keepAliveMs })
    await until(() => heard >= 2 * step * keepAliveFrame.length)
  }
  assert.equal(mesh.peers().length, 1)
  await clock.run({ untilMs: clock.nowMs() + 5 * limits.keepAliveMs })
  await Promise.all(sockets.map(closed))
  assert.deepEqual(mesh.peers(), [])
})

test('reportMisbehaviour cuts a peer off after so many reports, for a while', async (context_) => {
  const limits = { misbehaviourCountMax: 3, banMs: 200 }
  const { low, high } = await openPair(context_, { high: { limits } })
  high.reportMisbehaviour(low.self, 'first')
  high.reportMisbehaviour(low.self, 'second')
  assert.equal(high.peers().length, 1)
  // A little is forgiven meanwhile, and it is cut off all the same.
  await new Promise((resolve) => setTimeout(resolve, 5))
  high.reportMisbehaviour(low.self, 'third')
  assert.equal(high.peers().length, 0)
  await until(() => high.peers().length === 1)
})

test('a handler that throws loses its message and nothing else', async (context_) => {
  const { low, high } = await openPair(context_)
  let received = 0
  high.onMessage(() => {
    received++
    throw new Error('broken handler')
  })
  low.send(high.self, 'vote', Uint8Array.of(1))
  low.send(high.self, 'vote', Uint8Array.of(2))
  await until(() => received === 2)
  assert.equal(high.peers().length, 1)
})

test('a port that answers no TLS is dialed again without harm', async () => {
  let calls = 0
  const server = createServer((socket) => {
    calls++
    socket.on('error', () => undefined)
    socket.resume()
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const mesh = await openMesh(0, {
    peers: [{ peer: idOf(secretKeys[1]!), host: '127.0.0.1', port }],
    limits: { redialMsMin: 1, redialMsMax: 5 },
  })
  await until(() => calls >= 6)
  await mesh.close()
  await new Promise((resolve) => server.close(resolve))
})
