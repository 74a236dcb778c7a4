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
