import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keccak256 } from '@zg/primitives'
import { createSystemClock, SimulatedClock } from '@zg/runtime'

import { Failover, FailoverChain } from './failover.ts'
import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { KeeperChain } from './keeper-ports.ts'
import { L1Sender } from './l1-sender.ts'
import type { L1Submission } from './l1-chain.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import { alice, bob, ether, openRelayWorld, relayedNetworkId as id } from './testing/relay-world.ts'
import type { SimulatedL1Chain } from './testing/simulated-l1-chain.ts'

const down = new L1EndpointError('it is down')

/** Another endpoint of the same L1, which answers a number of questions and no more. */
function mortal(chain: SimulatedL1Chain, { answers = Infinity } = {}) {
  const asked = { count: 0 }
  const alive =
    <given extends unknown[], answer>(ask: (...given: given) => Promise<answer>) =>
    async (...given: given): Promise<answer> => {
      if (asked.count >= answers) throw down
      asked.count++
      return ask(...given)
    }
  const endpoint: KeeperChain = {
    head: alive(() => chain.head()),
    call: alive((message) => chain.call(message)),
    storageAt: alive((address, slot) => chain.storageAt(address, slot)),
    hasCode: alive((address) => chain.hasCode(address)),
    nonceOf: alive((address) => chain.nonceOf(address)),
    estimateGas: alive((message) => chain.estimateGas(message)),
    tipPerGas: alive(() => chain.tipPerGas()),
    submit: alive((transaction) => chain.submit(transaction)),
    receipt: alive((hash) => chain.receipt(hash)),
  }
  return { endpoint, asked }
}

/** One that says of everything that it is done, and keeps to itself what it is given. */
function liar(chain: SimulatedL1Chain): KeeperChain {
  return {
    ...mortal(chain).endpoint,
    storageAt: async () => 2n ** 256n - 1n,
    submit: async () => 'taken',
    receipt: async () => ({ blockNumber: 1n, succeeded: true, gasUsed: 21_000n }),
  }
}

/** A relayed network with two credits that never came and an entry that is due. */
async function openDue() {
  const world = await openRelayWorld({ epochSeconds: 100_000 })
  const { l1, network, endpoint, open, follow } = world
  for (const amount of [900n, 40n, 7n, 5n])
    l1.send(l1.bridge, 'deposit', [id, alice, amount * ether])
  network.send('withdraw', [bob], { value: 3n * ether })
  await endpoint.seal({ creditNext: 2n })
  await open({ intervalSeconds: 0n }).finality.step()
  await follow()
  l1.outlive(id)
  return world
}

test('Failover asks the next endpoint after a failure, and goes on with it', async () => {
  const asked: string[] = []
  const of = new Failover(['a', 'b', 'c'])
  const ask = (failing: string) =>
    of.ask(async (name) => {
      asked.push(name)
      if (failing.includes(name)) throw new L1EndpointError(name)
      return name
    })
  assert.equal(await ask(''), 'a')
  assert.equal(await ask('ab'), 'c')
  assert.equal(await ask(''), 'c')
  assert.equal(await ask('c'), 'a')
  assert.deepEqual(asked, ['a', 'a', 'b', 'c', 'c', 'c', 'a'])
  await assert.rejects(ask('abc'), /cannot be used: a/)
  assert.equal(await ask(''), 'a', 'once round, it is the turn of the same')
})

test('Failover: questions that fail together pass the turn on once', async () => {
  const of = new Failover(['a', 'b', 'c'])
  const ask = () =>
    of.ask(async (name) => {
      await Promise.resolve()
      if (name === 'a') throw down
      return name
    })
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), ['b', 'b', 'b'])
  assert.equal(of.turn, 1)
})

test('Failover: no endpoint has the turn for longer than it lasts; a single one keeps it', async () => {
  const clock = new SimulatedClock()
  const ask = (of: Failover<string>) => of.ask((name) => Promise.resolve(name))
  const [of, single] = [['a', 'b'], ['a']].map(
    (names) => new Failover(names, { clock, turnMs: 1_000 }),
  ) as [Failover<string>, Failover<string>]
  const seen: string[] = []
  for (let at = 0; at < 4; at++) {
    if (at > 0) await clock.run({ untilMs: clock.nowMs() + 600 })
    seen.push(await ask(of))
    assert.equal(await ask(single), 'a')
  }
  assert.deepEqual(seen, ['a', 'a', 'b', 'b'])
  assert.equal(single.turn, 0)
})

test('FailoverChain hands a transaction to all, and says what they say when none takes it', async () => {
  const { chain } = await openRelayWorld()
  const say = (answer: L1Submission | 'down'): KeeperChain => ({
    ...mortal(chain).endpoint,
    submit: () => (answer === 'down' ? Promise.reject(down) : Promise.resolve(answer)),
  })
  const submit = (...answers: (L1Submission | 'down')[]) =>
    new FailoverChain(new Failover(answers.map(say))).submit(Uint8Array.of(2))
  assert.equal(await submit('down', 'underpriced', 'taken'), 'taken')
  assert.equal(await submit('down', 'underpriced'), 'underpriced')
  assert.equal(await submit('stale', 'down'), 'stale')
  await assert.rejects(submit('down', 'down'), { code: 'STAKING_L1_ENDPOINT' })

  // One takes it and passes nothing on; another brings it in.
  const clock = createSystemClock()
  const secretKey = keccak256(new TextEncoder().encode('sender'))
  const silent = { ...mortal(chain).endpoint, submit: async () => 'taken' as const }
  const both = new FailoverChain(new Failover([silent, mortal(chain).endpoint]))
  const limits = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10, clock }
  const sender = new L1Sender({ ...limits, chain: both, chainId: 1_337n, secretKey })
  assert.equal((await sender.send({ to: 5n, data: new Uint8Array(0) })).succeeded, true)
})

test('NetworkRelayer goes on with another endpoint of L1 wherever the first one dies', async () => {
  const healthy = await openDue()
  const first = mortal(healthy.chain)
  await healthy.open({ chain: first.endpoint }).step()
  const questions = first.asked.count
  const expected = [healthy.l1.balanceOf(alice), healthy.l1.balanceOf(bob)]
  assert.deepEqual(expected, [12n * ether, 3n * ether])
  assert.ok(questions > 40)
  for (let answers = 0; answers < questions; answers += 7) {
    const { l1, chain, open } = await openDue()
    const endpoints = [mortal(chain, { answers }), mortal(chain)].map((each) => each.endpoint)
    const relayer = open({ chain: new FailoverChain(new Failover(endpoints)) })
    const { death, outbox } = await relayer.step()
    const message = `after ${answers} answers`
    assert.deepEqual(death?.kind === 'dead' && death.refunded, [2, 3], message)
    assert.deepEqual(outbox?.claimed, [0], message)
    assert.deepEqual([l1.balanceOf(alice), l1.balanceOf(bob)], expected, message)
  }
})

test('NetworkRelayer: an endpoint of L1 that says all is done holds it up for its turn alone', async () => {
  const { l1, chain, open } = await openDue()
  const clock = new SimulatedClock()
  const turns = new Failover([liar(chain), mortal(chain).endpoint], { clock, turnMs: 1_000 })
  const relayer = open({ chain: new FailoverChain(turns) })
  const held = await relayer.step()
  assert.deepEqual(held.death?.kind === 'dead' && held.death.refunded, [])
  assert.deepEqual(held.outbox?.claimed, [])
  assert.deepEqual([l1.balanceOf(alice), l1.balanceOf(bob)], [0n, 0n])
  await clock.run({ untilMs: clock.nowMs() + 1_000 })
  const { death, outbox } = await relayer.step()
  assert.deepEqual(death?.kind === 'dead' && death.refunded, [2, 3])
  assert.deepEqual(outbox?.claimed, [0])
  assert.deepEqual([l1.balanceOf(alice), l1.balanceOf(bob)], [12n * ether, 3n * ether])
})

test('NetworkRelayer takes credits of a dead network from an endpoint that does not invent them', async () => {
  const { l1, open, l1Endpoint } = await openDue()
  const inventing = {
    finalHeader: () => l1Endpoint.finalHeader(),
    credits: async (query: Parameters<typeof l1Endpoint.credits>[0]) =>
      (await l1Endpoint.credits(query)).map((credit) => ({ ...credit, address: BigInt(bob) })),
  }
  const { death } = await open({ l1: new Failover([inventing, l1Endpoint]) }).step()
  assert.deepEqual(death?.kind === 'dead' && death.refunded, [2, 3])
  assert.equal(l1.balanceOf(alice), 12n * ether)
})

test('NetworkKeeper proves by another endpoint of L1 where one forges or is down', async () => {
  for (const kind of ['forges', 'down'] as const) {
    const { open, sealTo, l1Endpoint, home } = await openKeeperWorld()
    const bad = {
      proof: async (...asked: Parameters<typeof l1Endpoint.proof>) => {
        if (kind === 'down') throw down
        const { account, slots } = await l1Endpoint.proof(...asked)
        return { account: account.slice(1), slots }
      },
      messages: () => Promise.reject(down),
    }
    await sealTo(20)
    const { admission, messages } = await open({ l1: new Failover([bad, l1Endpoint]) }).step()
    assert.equal(admission?.network, true, kind)
    assert.deepEqual(messages, { delivered: [], failed: [] }, kind)
    assert.ok(home.ask('LightClient', 'setOf', home.id, 12), kind)
  }
})
