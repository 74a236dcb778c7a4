import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Failover } from './failover.ts'
import { KnownHeight } from './known-height.ts'
import type { FinalL1Block } from './l1-follower.ts'
import { openRelayWorld, relayedNetworkId } from './testing/relay-world.ts'
import { SimulatedL1Endpoint } from './testing/simulated-l1-endpoint.ts'

test('KnownHeight proves how high L1 knows a network, no more often than it must, and keeps it', async () => {
  const { l1, endpoint, open } = await openRelayWorld({ epochSeconds: 100_000 })
  const finalityOracle = BigInt(l1.oracle.address)
  const l1Endpoint = new SimulatedL1Endpoint(l1, [finalityOracle])
  let isSeen = false
  let proofs = 0
  const header = async () => (await l1Endpoint.finalHeader()).header
  let final: FinalL1Block = { number: 0n, timestamp: 0n, stateRoot: new Uint8Array(32) }
  const known = new KnownHeight({
    l1: new Failover([
      {
        proof: (...asked) => {
          proofs++
          return l1Endpoint.proof(...asked)
        },
      },
    ]),
    finalityOracle,
    networkId: relayedNetworkId,
    finalBlock: () => (isSeen ? final : undefined),
  })
  /** A block of L1 comes so much later. */
  const mine = async (seconds: number): Promise<void> => {
    l1.world.advance(seconds)
    await l1Endpoint.mine()
    const { number, timestamp, stateRoot } = await header()
    final = { number: BigInt(number), timestamp: BigInt(timestamp), stateRoot }
    await known.refresh()
  }
  await mine(1)
  assert.equal(known.height, undefined, 'nothing is believed yet')
  isSeen = true
  await mine(1)
  assert.equal(known.height, 0n, 'L1 knows the genesis')
  await endpoint.seal()
  await endpoint.seal()
  assert.equal((await open({ intervalSeconds: 0n }).finality.step()).kind, 'submitted')
  await mine(5)
  assert.deepEqual([known.height, proofs], [0n, 1], 'it was asked a moment ago')
  l1Endpoint.bend = { proof: ({ account, slots }) => ({ account: account.slice(1), slots }) }
  await mine(12)
  assert.equal(known.height, 0n, 'a proof that does not hold says nothing')
  l1Endpoint.bend = {}
  await mine(1)
  assert.deepEqual([known.height, proofs], [2n, 3])
})
