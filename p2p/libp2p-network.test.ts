import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeRlp, toHex } from '@zg/primitives'
import { createSystemClock, createSystemRng } from '@zg/runtime'
import { createLibp2p } from 'libp2p'

import { encodeFrameHead } from './frame.ts'
import { openLibp2pNetwork } from './libp2p-network.ts'
import type { Libp2pNetworkOptions } from './libp2p-network.ts'
import type { OpenNetwork } from './open-network.ts'

const genesisHash = new Uint8Array(32).fill(7)
const name = toHex(genesisHash).slice(2)

/** Tests open many connections from one address, and do not wait for a second look at peers. */
const limits = { connectionsPerHostSecondMax: 1_000, discoveryMs: 50, redialMs: 100 }

async function openNode(
  context: TestContext,
  seed: number,
  options: Partial<Libp2pNetworkOptions> = {},
): Promise<OpenNetwork> {
  const network = await openLibp2pNetwork({
    genesisHash,
    seed: new Uint8Array(32).fill(seed),
    host: '127.0.0.1',
    port: 0,
    bootstrap: [],
    clock: createSystemClock(),
    rng: createSystemRng(),
    ...options,
    limits: { ...limits, ...options.limits },
  })
  context.after(() => network.close())
  return network
}

/** A node of libp2p without our rules, connected to `network`. */
async function openStranger(context: TestContext, network: OpenNetwork) {
  const stranger = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
  })
  context.after(() => stranger.stop())
  // It takes our gossip and says nothing.
  await stranger.handle(`/zg/${name}/gossip/1`, () => undefined)
  const connection = await stranger.dial(multiaddr(network.addresses()[0]))
  const id = stranger.peerId.toString()
  return { stranger, connection, id }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const failed = { code: 'P2P_OPEN_REQUEST_FAILED' }

test('peers of one network find each other, ask each other and hear each other', async (t) => {
  const first = await openNode(t, 1)
  const bootstrap = first.addresses()
  const [second, third] = [await openNode(t, 2, { bootstrap }), await openNode(t, 3, { bootstrap })]
  const nodes = [first, second, third]
  // The second and the third know the first alone, and of each other by asking it.
  await until(() => nodes.every((node) => node.peers().length === 2))

  third.onRequest(async (from, message) => Uint8Array.of(from === second.self ? 1 : 0, ...message))
  const answer = await second.request(third.self, Uint8Array.of(5, 6))
  assert.deepEqual(answer, Uint8Array.of(1, 5, 6))
  await assert.rejects(third.request(second.self, Uint8Array.of(1)), failed)
  await assert.rejects(third.request('12D3KooWNobody', Uint8Array.of(1)), failed)

  const large = new Uint8Array(3_000_000).fill(9)
  third.onRequest(async () => large)
  assert.deepEqual(await first.request(third.self, new Uint8Array(0)), large)

  const heard: string[] = []
  for (const [index, node] of nodes.entries()) {
    node.onGossip((from, message) => heard.push(`${index} ${from} ${message.join()}`))
  }
  first.gossip(Uint8Array.of(4, 2))
  await until(() => heard.length === 2)
  first.gossip(Uint8Array.of(8), second.self)
  await until(() => heard.length === 3)
  assert.deepEqual(heard.sort(), [
    `1 ${first.self} 4,2`,
    `2 ${first.self} 4,2`,
    `2 ${first.self} 8`,
  ])
})

test('a peer that is lost is told, and found again', async (t) => {
  const first = await openNode(t, 1)
  const events: (readonly [string, boolean])[] = []
  first.onPeer((peer, connected) => events.push([peer, connected]))
  const second = await openNode(t, 2, { bootstrap: first.addresses() })
  await until(() => events.length === 1)
  await second.close()
  await until(() => events.length === 2)
  const again = await openNode(t, 2, { bootstrap: first.addresses() })
  await until(() => events.length === 3)
  assert.equal(again.self, second.self)
  assert.deepEqual(
    events,
    [true, false, true].map((connected) => [second.self, connected]),
  )
})

test('peers of another genesis never become peers', async (t) => {
  const first = await openNode(t, 1)
  const bootstrap = first.addresses()
  const other = await openNode(t, 2, { bootstrap, genesisHash: new Uint8Array(32).fill(8) })
  const own = await openNode(t, 3, { bootstrap })
  await until(() => first.peers().length === 1 && own.peers().length === 1)
  assert.deepEqual([first.peers(), other.peers()], [[own.self], []])
})

test('a bootstrap address without a peer id is refused', async (t) => {
  const refused = { code: 'P2P_OPEN_ADDRESS_INVALID' }
  for (const address of [
    '/ip4/127.0.0.1/tcp/9',
    'http://127.0.0.1:9',
    '/ip4/1.1.1.1/udp/9/p2p/a',
  ]) {
    await assert.rejects(openNode(t, 1, { bootstrap: [address] }), refused)
  }
})

for (const [what, bytes] of [
  ['of another channel', encodeFrameHead('vote', 10)],
  ['too large', encodeFrameHead('gossip', 300 * 1_024)],
  ['that is garbage', new Uint8Array(64).fill(0xee)],
] as const) {
  test(`a gossip frame ${what} bans its sender`, async (t) => {
    const node = await openNode(t, 1)
    const { stranger, connection, id } = await openStranger(t, node)
    await until(() => node.peers().includes(id))
    const stream = await connection.newStream(`/zg/${name}/gossip/1`)
    stream.send(bytes)
    await until(() => connection.status !== 'open')
    assert.deepEqual(node.peers(), [])
    await isRefused(stranger, node)
  })
}

test('a second gossip stream and an endless question ban their sender', async (t) => {
  const node = await openNode(t, 1, { limits: { requestSizeBytesMax: 100 } })
  const first = await openStranger(t, node)
  await first.connection.newStream(`/zg/${name}/gossip/1`)
  await first.connection.newStream(`/zg/${name}/gossip/1`)
  await until(() => first.connection.status !== 'open')

  const second = await openStranger(t, node)
  await until(() => node.peers().includes(second.id))
  const stream = await second.connection.newStream(`/zg/${name}/request/1`)
  stream.send(Uint8Array.of(0, 0, 0, 101))
  await until(() => second.connection.status !== 'open')
  await isRefused(second.stranger, node)
})

test('a ban ends', async (t) => {
  const node = await openNode(t, 1, { limits: { banMs: 200 } })
  const second = await openNode(t, 2, { bootstrap: node.addresses() })
  await until(() => node.peers().length === 1)
  node.ban(second.self, 'a test')
  await until(() => node.peers().length === 0)
  await until(() => node.peers().length === 1)
})

test('an answer that is too large, or does not come in time, fails; too many too', async (t) => {
  const node = await openNode(t, 1, { limits: { requestMsMax: 300 } })
  const asking = await openNode(t, 2, {
    bootstrap: node.addresses(),
    limits: { answerSizeBytesMax: 1_000, requestMsMax: 300, requestsToPeerMax: 2 },
  })
  await until(() => asking.peers().length === 1)
  node.onRequest(async () => new Uint8Array(1_000))
  assert.equal((await asking.request(node.self, new Uint8Array(1))).length, 1_000)
  node.onRequest(() => new Promise(() => undefined))
  const ask = () => asking.request(node.self, new Uint8Array(1))
  const results = await Promise.allSettled([ask(), ask(), ask()])
  assert.deepEqual(
    results.map((result) => result.status === 'rejected' && result.reason.data.problem),
    ['it gave no answer', 'it gave no answer', 'enough requests wait for it'],
  )
  node.onRequest(async () => new Uint8Array(1_002))
  await assert.rejects(ask(), failed)
  // An honest peer knows the limit.
  await until(() => asking.peers().length === 0)
})

test('a peer that asks too often is refused for a while', async (t) => {
  const node = await openNode(t, 1, { limits: { requestsPerSecond: 1 } })
  const asking = await openNode(t, 2, { bootstrap: node.addresses() })
  await until(() => asking.peers().length === 1)
  node.onRequest(async (_, message) => message)
  const results: boolean[] = []
  for (let count = 0; count < 10; count++) {
    const answer = asking.request(node.self, Uint8Array.of(1))
    results.push(
      await answer.then(
        () => true,
        () => false,
      ),
    )
  }
  assert.deepEqual([results[0], results.at(-1)], [true, false])
  await until(() => node.peers().includes(asking.self))
})

test('a list of peers that is malformed bans who sent it', async (t) => {
  const node = await openNode(t, 1)
  const { stranger, connection, id } = await openStranger(t, node)
  const list = encodeRlp(Array.from({ length: 33 }, () => new Uint8Array(1)))
  await stranger.handle(`/zg/${name}/peers/1`, async (stream) => {
    stream.send(Uint8Array.of(0, 0, 0, list.length, ...list))
    await stream.close()
  })
  await until(() => connection.status !== 'open')
  await until(() => !node.peers().includes(id))
  await isRefused(stranger, node)
})

type Stranger = Awaited<ReturnType<typeof openStranger>>['stranger']

/** It cannot come back: the connection is refused, or ends before anything is said on it. */
async function isRefused(stranger: Stranger, node: OpenNetwork): Promise<void> {
  await assert.rejects(async () => {
    const connection = await stranger.dial(multiaddr(node.addresses()[0]))
    await connection.newStream(`/zg/${name}/peers/1`)
  })
}
