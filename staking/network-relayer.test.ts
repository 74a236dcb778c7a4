import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bob, ether, openRelayWorld, relayedNetworkId } from './testing/relay-world.ts'
import { unreachable } from './testing/simulated-network-endpoint.ts'

test('NetworkRelayer: once it is started it relays by itself, until it is stopped', async () => {
  const { l1, network, endpoint, clock, open } = await openRelayWorld({ epochSeconds: 100_000 })
  const balance = () => l1.balanceOf(bob)
  const pass = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms })
  l1.send(l1.bridge, 'deposit', [relayedNetworkId, bob, 50n * ether])
  const relayer = open({ clock: clock.forNode(0) })
  relayer.start()
  relayer.start()
  await pass(1_000)
  network.send('withdraw', [bob], { value: ether })
  await endpoint.seal()
  await pass(6_000)
  assert.equal(balance(), ether)

  // A node that fails for a while is asked again.
  endpoint.onAsk = unreachable
  network.send('withdraw', [bob], { value: ether })
  await endpoint.seal()
  await pass(20_000)
  assert.equal(balance(), ether)
  endpoint.onAsk = () => {}
  await pass(6_000)
  assert.equal(balance(), 2n * ether)

  const stopping = relayer.stop()
  await pass(1_000)
  await stopping
  network.send('withdraw', [bob], { value: ether })
  await endpoint.seal()
  await pass(60_000)
  assert.equal(balance(), 2n * ether)
})

test('NetworkRelayer has loads proved after its certificates, and though those fail', async () => {
  const { endpoint, chain, open } = await openRelayWorld()
  await endpoint.seal()
  const sentBefore: number[] = []
  const load = {
    step: () => {
      sentBefore.push(chain.submitted.length)
      return Promise.resolve({ proved: [7n] })
    },
  }
  const relayer = open({ intervalSeconds: 0n, load })
  const step = await relayer.step()
  assert.equal(step.finality?.kind, 'submitted')
  assert.deepEqual(step.load, { proved: [7n] })
  endpoint.onAsk = unreachable
  const failed = await relayer.step()
  assert.equal(failed.finality, undefined)
  assert.deepEqual(failed.load, { proved: [7n] })
  assert.equal(sentBefore.length, 2)
  assert.ok((sentBefore[0] ?? 0) > 0)
})
