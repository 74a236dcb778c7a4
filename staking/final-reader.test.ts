import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { Failover } from './failover.ts'
import { readFinal } from './final-reader.ts'
import { ProvedState } from './proved-state.ts'
import { openRelayWorld, relayedNetworkId as networkId } from './testing/relay-world.ts'
import { SimulatedL1Endpoint } from './testing/simulated-l1-endpoint.ts'

/** Networks on an L1, and FinalityOracle as a node proves it at the newest block. */
async function openWorld() {
  const { l1, network } = await openRelayWorld()
  const finalityOracle = BigInt(l1.oracle.address)
  const endpoints = [1, 2].map(() => new SimulatedL1Endpoint(l1, [finalityOracle]))
  const read = async () => {
    for (const endpoint of endpoints) await endpoint.mine()
    const [first] = endpoints as [SimulatedL1Endpoint]
    const { stateRoot } = (await first.finalHeader()).header
    const state = new ProvedState(new Failover(endpoints), { number: first.height, stateRoot })
    return readFinal(state, { finalityOracle, networkId })
  }
  /** What the contract itself says. */
  const told = () => {
    const found = l1.read(l1.oracle, 'finalOf', networkId) as Record<string, unknown>
    const { epoch, height, nextEpoch, isHalted, isDead } = found
    const [consensusRoot, histRoot] = [found['consensusRoot'], found['histRoot']]
    const roots = {
      consensusRoot: fromHex(consensusRoot as Hex),
      histRoot: fromHex(histRoot as Hex),
    }
    return { epoch, height, nextEpoch, isHalted, isDead, ...roots }
  }
  const submit = async (): Promise<void> => {
    await network.seal()
    network.certify()
  }
  return { l1, network, endpoints, read, told, submit }
}

test('readFinal reads what FinalityOracle keeps, from the first certificate through a close', async () => {
  const { l1, network, read, told, submit } = await openWorld()
  const none = new Uint8Array(32)
  const nothing = { epoch: 0n, height: 0n, nextEpoch: 0n, isHalted: false, isDead: false }
  assert.deepEqual(await read(), { ...nothing, consensusRoot: none, histRoot: none })
  await submit()
  const first = await read()
  assert.deepEqual(first, told())
  assert.deepEqual([first.height, first.epoch, first.nextEpoch], [1n, 12n, 0n])
  await network.seal()
  l1.goToEpoch(13)
  network.certify({ nextEpoch: 13n })
  const closed = await read()
  assert.deepEqual(closed, told())
  assert.deepEqual([closed.height, closed.epoch, closed.nextEpoch], [2n, 12n, 13n])
})

test('readFinal tells a network that is halted, and one that is dead', async () => {
  const halted = await openWorld()
  await halted.submit()
  const bent = { blockHash: new Uint8Array(32).fill(9) }
  const conflict = halted.network.certificate({ bent })
  halted.l1.send(halted.l1.oracle, 'haltByConflict', [networkId, conflict])
  assert.deepEqual(await halted.read(), halted.told())
  assert.equal((await halted.read()).isHalted, true)

  const dead = await openWorld()
  // From the end of its first epoch on.
  dead.l1.world.advance(dead.l1.deadAfterSeconds + 2 * dead.l1.epochSeconds)
  dead.l1.send(dead.l1.oracle, 'declareDead', [networkId])
  // It died with its genesis.
  assert.deepEqual(await dead.read(), dead.told())
  assert.equal((await dead.read()).isDead, true)
})

test('readFinal believes no endpoint: another is asked, and none left is an error', async () => {
  const { endpoints, read, told, submit } = await openWorld()
  await submit()
  const [first, second] = endpoints as [SimulatedL1Endpoint, SimulatedL1Endpoint]
  const flip = (node: Uint8Array): Uint8Array =>
    node.map((byte, at) => (at === 20 ? byte ^ 1 : byte))
  const bend: SimulatedL1Endpoint['bend'] = {
    proof: (found) => ({ ...found, slots: found.slots.map((nodes) => nodes.map(flip)) }),
  }
  first.bend = bend
  assert.deepEqual(await read(), told())
  second.bend = bend
  await assert.rejects(read(), { code: 'STAKING_L1_PROOF_INVALID' })
})
