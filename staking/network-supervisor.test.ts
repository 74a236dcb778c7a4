import assert from 'node:assert/strict'
import { test } from 'node:test'

import { L1World, testOperator } from '@zg/contracts/testing'
import { bytesToBigint, keccak256, toHex } from '@zg/primitives'
import { SimulatedClock } from '@zg/runtime'

import type { L1Message } from './l1-chain.ts'
import { L1RefusedError } from './l1-sender.ts'
import { NetworkDirectory } from './network-directory.ts'
import type { RegisteredNetwork } from './network-directory.ts'
import { NetworkSupervisor } from './network-supervisor.ts'
import { SimulatedL1Chain } from './testing/simulated-l1-chain.ts'

const nothing = { joined: [], started: [], stopped: [], left: [] }
const refused = new L1RefusedError('StillIn')
const operators = [1, 2, 3].map((index) => testOperator(index))

/** Three operators with stake, networks 0 to come, and a host that starts what it is told. */
function openWorld({
  obstacle = () => undefined,
  networksMax = 32,
}: {
  obstacle?: (network: RegisteredNetwork) => string | undefined
  networksMax?: number
} = {}) {
  const l1 = new L1World()
  l1.settle(operators)
  const chain = new SimulatedL1Chain(l1)
  const running = new Set<number>()
  const host = {
    running: () => [...running],
    obstacleTo: async (network: RegisteredNetwork) => obstacle(network),
    start: async ({ id }: RegisteredNetwork) => void running.add(id),
    stop: async (id: number) => void running.delete(id),
  }
  const sent: string[] = []
  const clock = new SimulatedClock()
  const waits: [id: number, reason: string][] = []
  /** Whose next message does not come through. */
  const silent = new Set<string>()
  const open = () =>
    new NetworkSupervisor({
      directory: new NetworkDirectory({ chain, address: BigInt(l1.networks.address) }),
      chain,
      host,
      operators: operators.map(({ address }) => ({
        address: BigInt(address),
        sender: {
          async send({ to, data }: L1Message) {
            if (silent.delete(address)) throw refused
            sent.push(address)
            if (!l1.world.execute({ from: BigInt(address), to, data, value: 0n })) throw refused
            return { transactionHash: keccak256(data), blockNumber: 0n, succeeded: true } as never
          },
        },
      })),
      slashBpsMax: 10_000,
      networksMax,
      epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
      clock: clock.forNode(0),
      onWait: (id, reason) => waits.push([id, reason]),
    })
  /** Has so much time pass. */
  const pass = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms })
  return { l1, open, running, sent, silent, host, waits, pass }
}

test('NetworkSupervisor joins what is opened and runs it from its first epoch on', async () => {
  const { l1, open, running, sent } = openWorld()
  const supervisor = open()
  assert.deepEqual(await supervisor.step(), nothing)
  l1.openNetwork(5, { operatorsMin: 3 })
  assert.deepEqual(await supervisor.step(), { ...nothing, joined: [5] })
  assert.deepEqual(
    sent,
    operators.map(({ address }) => address),
  )
  // Begun anew, it asks L1 and joins nothing twice.
  assert.deepEqual(await open().step(), nothing)
  const { firstEpoch } = l1.read(l1.networks, 'networkOf', 5) as { firstEpoch: bigint }
  assert.equal(Number(firstEpoch), l1.epoch + 2)
  l1.goToEpoch(Number(firstEpoch) - 1)
  assert.deepEqual((await supervisor.step()).started, [])
  l1.goToEpoch(Number(firstEpoch))
  assert.deepEqual(await supervisor.step(), { ...nothing, started: [5] })
  assert.deepEqual([...running], [5])
  assert.deepEqual(await supervisor.step(), nothing)
})

test('NetworkSupervisor: who could not join before a network is active joins until it begins', async () => {
  const { l1, open, silent, running } = openWorld()
  l1.openNetwork(5, { operatorsMin: 1 })
  silent.add(operators[2]?.address ?? '')
  assert.deepEqual(await open().step(), nothing)
  assert.equal(l1.read(l1.networks, 'statusOf', 5), 1)
  assert.equal((l1.read(l1.networks, 'membersOf', 5) as unknown[]).length, 2)
  assert.deepEqual(await open().step(), { ...nothing, joined: [5] })
  assert.equal((l1.read(l1.networks, 'membersOf', 5) as unknown[]).length, 3)
  l1.goToEpoch(l1.epoch + 2)
  l1.send(l1.networks, 'optOut', [5], operators[0]?.address)
  assert.deepEqual(await open().step(), { ...nothing, started: [5] })
  running.clear()
  assert.deepEqual(
    await open().step(),
    { ...nothing, started: [5] },
    'who left is not made to join',
  )
})

test('NetworkSupervisor ends what is over, and nothing before', async () => {
  const { l1, open, running } = openWorld()
  const supervisor = open()
  l1.openNetwork(5)
  await supervisor.step()
  l1.goToEpoch(l1.epoch + 2)
  await supervisor.step()
  l1.send(l1.networks, 'drain', [5])
  const { drainedEpoch } = l1.read(l1.networks, 'networkOf', 5) as { drainedEpoch: bigint }
  l1.goToEpoch(Number(drainedEpoch))
  assert.deepEqual((await supervisor.step()).stopped, [])
  l1.send(l1.networks, 'close', [5])
  l1.goToEpoch(l1.epoch + 1)
  assert.deepEqual((await supervisor.step()).stopped, [])
  l1.goToEpoch(l1.epoch + 1)
  assert.deepEqual(await supervisor.step(), { ...nothing, stopped: [5], left: [5] })
  assert.deepEqual([...running], [])
  assert.deepEqual(await open().step(), nothing, 'whoever is begun anew has nothing left to do')
  for (const { address } of operators) {
    assert.deepEqual(l1.read(l1.networks, 'networksOf', address), [])
  }
})

test('NetworkSupervisor: an operator joins as many networks as it has room for', async () => {
  const { l1, open, running } = openWorld({ networksMax: 2 })
  for (const id of [5, 6, 7]) l1.openNetwork(id)
  const supervisor = open()
  assert.deepEqual((await supervisor.step()).joined, [5, 6])
  assert.deepEqual(await supervisor.step(), nothing)
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual((await supervisor.step()).started, [5, 6])
  l1.send(l1.networks, 'drain', [5])
  const { drainedEpoch } = l1.read(l1.networks, 'networkOf', 5) as { drainedEpoch: bigint }
  l1.goToEpoch(Number(drainedEpoch))
  l1.send(l1.networks, 'close', [5])
  assert.deepEqual(await supervisor.step(), nothing, 'it is in the set until the end')
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await supervisor.step(), { ...nothing, stopped: [5], left: [5] })
  assert.deepEqual(await supervisor.step(), { ...nothing, joined: [7] })
  assert.deepEqual([...running], [6])
})

test('NetworkSupervisor: what fails for one network holds up no other', async () => {
  const { l1, open, running } = openWorld({
    obstacle: ({ id }) => {
      if (id === 5) throw refused
      return undefined
    },
  })
  for (const id of [5, 6]) l1.openNetwork(id)
  const supervisor = open()
  assert.deepEqual(await supervisor.step(), { ...nothing, joined: [6] })
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual(await supervisor.step(), { ...nothing, started: [6] })
  assert.deepEqual([...running], [6])
})

test('NetworkSupervisor joins no network whose genesis it cannot build', async () => {
  const known = toHex(keccak256(Uint8Array.of(1)))
  const { l1, open, sent, waits } = openWorld({
    obstacle: ({ genesisHash }) =>
      bytesToBigint(genesisHash) === BigInt(known) ? undefined : 'its genesis is another',
  })
  l1.openNetwork(5, { genesisHash: toHex(keccak256(Uint8Array.of(2))) })
  l1.openNetwork(6, { genesisHash: known })
  assert.deepEqual((await open().step()).joined, [6])
  assert.equal(sent.length, operators.length)
  assert.deepEqual(waits, [[5, 'its genesis is another']])
})

test('NetworkSupervisor tries a network again that cannot run now, each time later, and says why', async () => {
  let problem: string | undefined = 'its genesis cannot be built yet'
  const { l1, open, pass, waits, running } = openWorld({ obstacle: () => problem })
  l1.openNetwork(5)
  const supervisor = open()
  // Asked at every look, but looked at again only after 5, 10, 20, 40 and 80 s.
  for (let look = 0; look < 150; look++) {
    assert.deepEqual(await supervisor.step(), nothing)
    await pass(1_000)
  }
  assert.deepEqual(waits, Array(5).fill([5, problem]))
  problem = undefined
  await pass(600_000)
  assert.deepEqual((await supervisor.step()).joined, [5])
  l1.goToEpoch(l1.epoch + 2)
  assert.deepEqual((await supervisor.step()).started, [5])
  assert.deepEqual([...running], [5])
})

test('NetworkSupervisor starts a network again whose start failed, and waits as little as at first after one that did not', async () => {
  const { l1, open, pass, host, waits, running } = openWorld()
  l1.openNetwork(5)
  const supervisor = open()
  await supervisor.step()
  l1.goToEpoch(l1.epoch + 2)
  const { start } = host
  const fail = () => Promise.reject(new Error('no port is free'))
  host.start = fail
  assert.deepEqual(await supervisor.step(), nothing)
  await pass(5_000)
  assert.deepEqual(await supervisor.step(), nothing)
  await pass(5_000)
  host.start = start
  assert.deepEqual(await supervisor.step(), nothing, 'the second wait is longer')
  await pass(5_000)
  assert.deepEqual((await supervisor.step()).started, [5])
  assert.deepEqual(waits, Array(2).fill([5, 'no port is free']))

  running.clear()
  host.start = fail
  await supervisor.step()
  host.start = start
  await pass(5_000)
  assert.deepEqual((await supervisor.step()).started, [5])
})
