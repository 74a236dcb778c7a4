import assert from 'node:assert/strict'
import { test } from 'node:test'

import { addressOfSecretKey, bytesToBigint, encodeRlp, keccak256 } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedNetwork } from '@zg/runtime'
import type { Network } from '@zg/runtime'

import { splitNetwork } from './network-channels.ts'
import { makeBlock } from './testing/rpc-test-node.ts'
import {
  openTestChain,
  signedTransfer,
  tenEther,
  testKeys,
  testTimestamp,
} from './testing/test-chain.ts'
import type { TestChain } from './testing/test-chain.ts'
import { TransactionGossip } from './transaction-gossip.ts'

const key = testKeys[0] as Uint8Array

type Side = TestChain & { readonly network: Network; readonly gossip: TransactionGossip }

async function openSides(count: number) {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const world = new SimulatedNetwork({ clock, rng: createSeededRng('gossip'), banMs: 60_000 })
  const join = async (name: string): Promise<Side> => {
    const chain = await openTestChain({ clock })
    const network = world.join({ identity: name, name })
    const gossip = new TransactionGossip({ network, pool: chain.pool, clock })
    return { ...chain, network, gossip }
  }
  const sides: Side[] = []
  for (let index = 0; index < count; index++) sides.push(await join(`v${index}`))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  return { clock, sides, join }
}

test('TransactionGossip passes what users give to every other pool, and nothing on', async () => {
  const { clock, sides } = await openSides(3)
  const [first, second, third] = sides as [Side, Side, Side]
  const hashes = await Promise.all(
    [0n, 1n, 5n].map((nonce) => first.pool.add(signedTransfer(key, { nonce }))),
  )
  await clock.run({ untilMs: clock.nowMs() + 100 })
  for (const { pool } of [second, third]) {
    assert.deepEqual(pool.counts(), { pending: 2, queued: 1 })
    assert.ok(hashes.every((hash) => pool.get(hash) !== undefined))
    assert.deepEqual([...pool.localBefore(Infinity)], [], 'only its own users are local')
  }
})

test('TransactionGossip tells a validator that joins what waits', async () => {
  const { clock, sides, join } = await openSides(1)
  const [first] = sides as [Side]
  await first.pool.add(signedTransfer(key))
  const late = await join('late')
  await clock.run({ untilMs: clock.nowMs() + 200 })
  assert.equal(late.pool.size, 1)
})

test('TransactionGossip tries again what another head makes good', async () => {
  const { clock, sides } = await openSides(2)
  const [first, second] = sides as [Side, Side]
  const poor = keccak256(Uint8Array.of(0xee))
  const to = bytesToBigint(addressOfSecretKey(poor))
  const funding = signedTransfer(key, { to, value: tenEther / 2n })
  // The first has the block with the funds; the second hears of the spending before that block.
  for (const { pool } of sides) await pool.addRemote(funding)
  await makeBlock(first)
  const spent = await first.pool.add(signedTransfer(poor, { to: 1n, value: 1n }))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.equal(second.pool.get(spent), undefined)
  await makeBlock(second)
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.notEqual(second.pool.get(spent), undefined)
})

test('TransactionGossip reports garbage and goes on', async () => {
  const { clock, sides } = await openSides(3)
  const [first, second, third] = sides as [Side, Side, Side]
  first.network.send('v1', 'gossip', Uint8Array.of(0xff, 1, 2))
  third.network.send('v1', 'gossip', encodeRlp([Uint8Array.of(9, 9)]))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.deepEqual(second.network.peers(), [], 'both are cut off')
  await second.pool.add(signedTransfer(key))
  assert.equal(second.pool.size, 1)
})

test('TransactionGossip.close ends its timers and handlers', async () => {
  const { clock, sides } = await openSides(2)
  const [first, second] = sides as [Side, Side]
  second.gossip.close()
  await first.pool.add(signedTransfer(key))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.equal(second.pool.size, 0)
})

test('splitNetwork gives each user its channels, and peers to both', async () => {
  const clock = new SimulatedClock()
  const world = new SimulatedNetwork({ clock, rng: createSeededRng('split') })
  const sender = world.join({ identity: 'a', name: 'a' })
  const { consensus, gossip } = splitNetwork(world.join({ identity: 'b', name: 'b' }))
  const heard: string[] = []
  consensus.onMessage((_from, channel) => heard.push(`consensus ${channel}`))
  gossip.onMessage((_from, channel) => heard.push(`gossip ${channel}`))
  consensus.onPeer((peer) => heard.push(`consensus peer ${peer}`))
  gossip.onPeer((peer) => heard.push(`gossip peer ${peer}`))
  await clock.run({ untilMs: clock.nowMs() + 100 })
  for (const channel of ['vote', 'block', 'gossip'] as const) {
    sender.send('b', channel, Uint8Array.of(1))
  }
  await clock.run({ untilMs: clock.nowMs() + 100 })
  assert.deepEqual(heard.sort(), [
    'consensus block',
    'consensus peer a',
    'consensus vote',
    'gossip gossip',
    'gossip peer a',
  ])
})
