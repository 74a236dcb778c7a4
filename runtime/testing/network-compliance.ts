/** What every `Network` does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { channelLimits } from '../channel-limits.ts'
import type { Channel, Network, PeerId } from '../network.ts'

/** Networks under test, joined to each other or about to be. */
export type NetworkWorld = {
  /** At least three, each of another identity. */
  readonly networks: readonly Network[]
  /** Lets time pass until a condition holds. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly end: () => Promise<void>
}

type Received = { from: PeerId; channel: Channel; message: Uint8Array }

type Three = NetworkWorld & { readonly a: Network; readonly b: Network; readonly c: Network }

/** Registers a test with a fresh world whose first three networks are connected to each other. */
type Check = (title: string, body: (world: Three) => Promise<void>) => void

/** Registers the suite. */
export function testNetwork(name: string, create: () => Promise<NetworkWorld>): void {
  const check: Check = (title, body) => {
    test(`${name}: ${title}`, async () => {
      const world = await create()
      const [a, b, c] = world.networks as [Network, Network, Network]
      try {
        const isMesh = (): boolean => [a, b, c].every((network) => network.peers().length === 2)
        await world.until(isMesh)
        await body({ ...world, a, b, c })
      } finally {
        await world.end()
      }
    })
  }
  checkDelivery(check)
  checkLimits(check)
  checkPeers(check)
}

function checkDelivery(check: Check): void {
  check('peers are all the others', async ({ a, b, c }) => {
    assert.deepEqual([...a.peers()].sort(), [b.self, c.self].sort())
    assert.deepEqual([...b.peers()].sort(), [a.self, c.self].sort())
  })

  check('send delivers on every channel, whole, with its sender', async ({ a, b, until }) => {
    const received = collect(b)
    const messages = new Map<Channel, Uint8Array>([
      ['vote', Uint8Array.of(1, 2, 3)],
      ['block', new Uint8Array(channelLimits.block.messageSizeBytesMax).fill(7)],
      ['gossip', new Uint8Array(0)],
    ])
    for (const [channel, message] of messages) assert.ok(a.send(b.self, channel, message))
    await until(() => received.length === 3)
    for (const { from, channel, message } of received) {
      assert.equal(from, a.self)
      assert.deepEqual(message, messages.get(channel))
    }
  })

  check('send keeps the order of a channel', async ({ a, b, until }) => {
    const received = collect(b)
    for (let index = 0; index < 200; index++) a.send(b.self, 'vote', Uint8Array.of(index))
    await until(() => received.length === 200)
    assert.deepEqual(
      received.map(({ message }) => message[0]),
      [...Array(200).keys()],
    )
  })

  check('broadcast reaches every peer and not the sender', async ({ a, b, c, until }) => {
    const [atA, atB, atC] = [collect(a), collect(b), collect(c)]
    a.broadcast('gossip', Uint8Array.of(9))
    await until(() => atB.length === 1 && atC.length === 1)
    assert.deepEqual(atA, [])
  })
}

function checkLimits(check: Check): void {
  check('send refuses what is too large, unknown or its own', async ({ a, b }) => {
    for (const channel of ['vote', 'block', 'gossip'] as const) {
      const tooLarge = new Uint8Array(channelLimits[channel].messageSizeBytesMax + 1)
      assert.equal(a.send(b.self, channel, tooLarge), false)
    }
    assert.equal(a.send('ff'.repeat(48), 'vote', Uint8Array.of(1)), false)
    assert.equal(a.send(a.self, 'vote', Uint8Array.of(1)), false)
  })

  check('a full queue of blocks refuses the newest', async ({ a, b, until }) => {
    const received = collect(b)
    const { queueCountMax } = channelLimits.gossip
    const answers: boolean[] = []
    for (let index = 0; index < queueCountMax + 10; index++) {
      answers.push(a.send(b.self, 'gossip', new Uint8Array(8)))
    }
    assert.deepEqual(answers.slice(-10), Array(10).fill(false))
    const accepted = answers.filter(Boolean).length
    await until(() => received.length === accepted)
  })

  check('a full queue of votes drops the oldest', async ({ a, b, until }) => {
    const received = collect(b)
    const count = channelLimits.vote.queueCountMax + 10
    for (let index = 0; index < count; index++) {
      assert.ok(a.send(b.self, 'vote', Uint8Array.of(index >> 8, index & 0xff)))
    }
    const isLast = ({ message }: Received): boolean =>
      message[0] === (count - 1) >> 8 && message[1] === ((count - 1) & 0xff)
    await until(() => received.some(isLast))
    assert.equal(received.length, channelLimits.vote.queueCountMax)
    assert.deepEqual(received[0]?.message, Uint8Array.of(0, 10))
  })
}

function checkPeers(check: Check): void {
  check('onPeer tells of a loss, and nothing is sent after close', async ({ a, b, c, until }) => {
    const lost: PeerId[] = []
    b.onPeer((peer, connected) => {
      if (!connected) lost.push(peer)
    })
    const atC = collect(c)
    await a.close()
    await until(() => lost.includes(a.self) && !c.peers().includes(a.self))
    assert.deepEqual(b.peers(), [c.self])
    assert.equal(b.send(a.self, 'vote', Uint8Array.of(1)), false)
    assert.equal(a.send(b.self, 'vote', Uint8Array.of(1)), false)
    assert.deepEqual(a.peers(), [])
    assert.ok(b.send(c.self, 'vote', Uint8Array.of(2)))
    await until(() => atC.length === 1)
  })

  check('reportMisbehaviour may be called for anybody', async ({ a, b, c, until }) => {
    a.reportMisbehaviour('ff'.repeat(48), 'unknown')
    a.reportMisbehaviour(b.self, 'a vote that no honest peer sends')
    const atC = collect(c)
    assert.ok(a.send(c.self, 'vote', Uint8Array.of(1)))
    await until(() => atC.length === 1)
  })
}

function collect(network: Network): Received[] {
  const received: Received[] = []
  network.onMessage((from, channel, message) => received.push({ from, channel, message }))
  return received
}
