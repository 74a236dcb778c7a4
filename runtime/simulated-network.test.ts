import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Network } from './network.ts'
import { createSeededRng } from './seeded-rng.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { goodLink, SimulatedNetwork } from './simulated-network.ts'
import type { LinkBehaviour, SimulatedNetworkOptions } from './simulated-network.ts'
import { testNetwork } from './testing/index.ts'

const idOf = (letter: string): string => letter.repeat(96)

testNetwork('simulated network', async () => {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ clock, rng: createSeededRng('compliance') })
  return {
    networks: ['a', 'b', 'c'].map((letter) => network.join({ identity: idOf(letter) })),
    until: (done) => clock.run({ untilMs: clock.nowMs() + 10_000, done }),
    end: () => Promise.resolve(),
  }
})

async function createPair(link: LinkBehaviour, options: Partial<SimulatedNetworkOptions> = {}) {
  const clock = new SimulatedClock(0)
  const rng = createSeededRng('pair')
  const network = new SimulatedNetwork({ clock, rng, link: () => link, ...options })
  const [a, b] = ['a', 'b'].map((name) => network.join({ identity: idOf(name), name }))
  await clock.run({ untilMs: 5 })
  const received: number[] = []
  b!.onMessage((_from, _channel, message) => received.push(message[0]!))
  return { clock, network, a: a as Network, b: b as Network, received }
}

test('a link delays by its delay and jitter', async () => {
  const { clock, a, b, received } = await createPair({ ...goodLink, delayMs: 40, jitterMs: 20 })
  a.send(b.self, 'vote', Uint8Array.of(1))
  await clock.run({ untilMs: 44 })
  assert.deepEqual(received, [])
  await clock.run({ untilMs: 66 })
  assert.deepEqual(received, [1])
})

test('a link loses and duplicates by its chances', async () => {
  const link = { ...goodLink, lossChance: 0.5, duplicateChance: 0.5, ordered: false }
  const { clock, network, a, b, received } = await createPair(link)
  for (let index = 0; index < 1_000; index++) a.send(b.self, 'vote', Uint8Array.of(1))
  await clock.run({ untilMs: 100 })
  const { sent, lost, duplicated, delivered } = network.counts
  assert.equal(sent, 1_000)
  assert.ok(lost > 400 && lost < 600)
  assert.ok(duplicated > 180 && duplicated < 320)
  assert.equal(delivered, sent - lost + duplicated)
  assert.equal(received.length, delivered)
})

test('a link without order reorders, one with order does not', async () => {
  for (const ordered of [true, false]) {
    const { clock, a, b, received } = await createPair({ ...goodLink, jitterMs: 50, ordered })
    for (let index = 0; index < 50; index++) a.send(b.self, 'vote', Uint8Array.of(index))
    await clock.run({ untilMs: 100 })
    const sorted = received.toSorted((x, y) => x - y)
    assert.equal(JSON.stringify(received) === JSON.stringify(sorted), ordered)
  }
})

test('a blocked link passes nothing one way, all the other way', async () => {
  const link = (from: string): LinkBehaviour => ({ ...goodLink, blocked: from === 'a' })
  const { clock, a, b, received } = await createPair(goodLink, { link })
  let atA = 0
  a.onMessage(() => atA++)
  a.send(b.self, 'vote', Uint8Array.of(1))
  b.send(a.self, 'vote', Uint8Array.of(1))
  await clock.run({ untilMs: 100 })
  assert.deepEqual([received, atA], [[], 1])
})

test('two endpoints of one identity both receive, and are one peer', async () => {
  const { clock, network, a, b, received } = await createPair(goodLink)
  const twin = network.join({ identity: b.self, name: 'b-twin' })
  await clock.run({ untilMs: 10 })
  let atTwin = 0
  twin.onMessage(() => atTwin++)
  assert.deepEqual(a.peers(), [b.self])
  assert.deepEqual(twin.peers(), [a.self])
  a.send(b.self, 'vote', Uint8Array.of(1))
  await clock.run({ untilMs: 20 })
  assert.deepEqual([received, atTwin], [[1], 1])
  network.leave('b-twin')
  assert.deepEqual(a.peers(), [b.self])
})

test('leave loses what is on its way to it, not what it sent; joining starts afresh', async () => {
  const { clock, network, a, b, received } = await createPair({ ...goodLink, delayMs: 50 })
  const atA: string[] = []
  a.onMessage((_from, _channel, message) => atA.push(`message ${message[0]}`))
  a.onPeer((_peer, connected) => atA.push(connected ? 'connected' : 'lost'))
  a.send(b.self, 'vote', Uint8Array.of(1))
  b.send(a.self, 'vote', Uint8Array.of(1))
  network.leave('b')
  assert.equal(b.send(a.self, 'vote', Uint8Array.of(2)), false)
  await clock.run({ untilMs: 200 })
  assert.deepEqual([received, atA, a.peers()], [[], ['message 1', 'lost'], []])
  const again = network.join({ identity: b.self, name: 'b' })
  let atAgain = 0
  again.onMessage(() => atAgain++)
  await clock.run({ untilMs: 400 })
  assert.deepEqual([atAgain, atA.at(-1), a.peers()], [0, 'connected', [b.self]])
})

test('an endpoint that comes back before it was missed is lost first', async () => {
  const { clock, network, a, b } = await createPair({ ...goodLink, delayMs: 50 })
  const seen: boolean[] = []
  a.onPeer((_peer, connected) => seen.push(connected))
  b.send(a.self, 'vote', Uint8Array.of(1))
  network.leave('b')
  network.join({ identity: b.self, name: 'b' })
  await clock.run({ untilMs: 200 })
  assert.deepEqual([seen, a.peers()], [[false, true], [b.self]])
})

test('reset closes a connection and opens it again', async () => {
  const { clock, network, a, b } = await createPair(goodLink)
  const seen: boolean[] = []
  a.onPeer((_peer, connected) => seen.push(connected))
  network.reset('a', 'b', 30)
  assert.deepEqual(a.peers(), [])
  await clock.run({ untilMs: 100 })
  assert.deepEqual([seen, a.peers()], [[false, true], [b.self]])
})

test('reportMisbehaviour cuts a peer off for banMs', async () => {
  const { clock, a, b } = await createPair(goodLink, { banMs: 100 })
  a.reportMisbehaviour(b.self, 'garbage')
  assert.deepEqual([a.peers(), b.peers()], [[], []])
  await clock.run({ untilMs: 200 })
  assert.deepEqual([a.peers(), b.peers()], [[b.self], [a.self]])
})

test('one seed delivers in one order', async () => {
  const orderOf = async (): Promise<string> => {
    const link = {
      ...goodLink,
      jitterMs: 30,
      lossChance: 0.2,
      duplicateChance: 0.2,
      ordered: false,
    }
    const { clock, a, b, received } = await createPair(link)
    for (let index = 0; index < 200; index++) a.send(b.self, 'vote', Uint8Array.of(index))
    await clock.run({ untilMs: 200 })
    return received.join()
  }
  assert.equal(await orderOf(), await orderOf())
})
