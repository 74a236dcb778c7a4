import assert from 'node:assert/strict'
import { test } from 'node:test'

import { L1World, somebody, testOperator } from '@zg/contracts/testing'
import { headerHash } from '@zg/evm'
import { bigintToHex, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng, SimulatedClock } from '@zg/runtime'

import { Failover } from './failover.ts'
import { L1Follower } from './l1-follower.ts'
import { StreamRoutes } from './stream-routes.ts'
import { SimulatedL1Endpoint } from './testing/simulated-l1-endpoint.ts'

const ether = 10n ** 18n
const operator = testOperator(1)
const own = 0

/** An endpoint whose proofs do not hold. */
function forgingOf(endpoint: SimulatedL1Endpoint) {
  return {
    proof: async (...asked: Parameters<SimulatedL1Endpoint['proof']>) => {
      const { account, slots } = await endpoint.proof(...asked)
      return { account: account.slice(1), slots }
    },
  }
}

/** One operator validates these networks from epoch 12 on, which it is; a node of network 0. */
function openWorld(ids: readonly number[], { isFirstLying = false } = {}) {
  const l1 = new L1World()
  const { address } = operator
  l1.register(operator)
  l1.fund(address, 1_000n * ether)
  l1.send(l1.stakes, 'stake', [address, 100n * ether], address)
  const begin = (id: number): void => {
    l1.openNetwork(id)
    l1.send(l1.networks, 'optIn', [id, 10_000], address)
  }
  for (const id of ids) begin(id)
  l1.goToEpoch(12)
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    inbox: BigInt(l1.inbox.address),
    streams: BigInt(l1.streams.address),
  }
  const endpoint = new SimulatedL1Endpoint(l1, Object.values(contracts))
  const follower = new L1Follower({
    endpoints: [endpoint],
    contracts,
    networkId: own,
    fromBlock: 0n,
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
    clock: new SimulatedClock().forNode(0),
  })
  const proofs: bigint[] = []
  const routes = new StreamRoutes({
    l1: new Failover([
      ...(isFirstLying ? [forgingOf(endpoint)] : []),
      {
        proof: (at, slots, number) => {
          proofs.push(at)
          return endpoint.proof(at, slots, number)
        },
      },
    ]),
    contracts,
    networkId: own,
    finalBlock: () => follower.finalBlock,
    epochAt: (timestamp) => follower.epochAt(timestamp),
  })
  const mine = async (): Promise<void> => {
    l1.world.advance(1)
    await endpoint.mine()
    await follower.poll()
  }
  const open = (name: Hex): Hex => {
    l1.send(l1.streams, 'open', [name])
    return l1.read(l1.streams, 'idOf', somebody, name) as Hex
  }
  const ask = (id: Hex) => routes.streamHome(fromHex(id))
  return { l1, begin, endpoint, follower, routes, proofs, mine, open, ask }
}

const nameOf = (index: number): Hex => bigintToHex(BigInt(index), 32)

test('StreamRoutes proves the homes that the contract gives, whatever comes, drains and moves', async () => {
  const { l1, begin, mine, open, ask } = openWorld([0, 1, 2])
  const rng = createSeededRng('zg/staking streams')
  const ids = new Map<Hex, Hex>()
  const seen = { moving: 0, moved: 0, movingAgain: 0 }
  for (let epoch = 12; epoch < 30; epoch++) {
    l1.goToEpoch(epoch)
    const name = nameOf(epoch)
    ids.set(open(name), name)
    const networks = l1.read(l1.networks, 'networkIds') as readonly number[]
    const target = networks[rng.below(networks.length)] as number
    const mover = [...ids.values()][rng.below(Math.min(ids.size, 3))] as Hex
    const steps: readonly (() => void)[] = [
      () => begin(networks.length),
      () => l1.send(l1.networks, 'drain', [target]),
      () => l1.send(l1.streams, 'migrate', [mover, target]),
      () => l1.send(l1.streams, 'migrate', [mover, target]),
    ]
    try {
      steps[rng.below(steps.length)]?.()
    } catch (error) {
      // It drains already, or another move is on its way: refused, and nothing has changed.
      assert.equal((error as Error).name, 'Error')
    }
    await mine()
    for (const [id, itsName] of ids) {
      const answer = await ask(id)
      assert.ok(answer.kind === 'opened')
      const home = l1.read(l1.streams, 'homeOf', id) as number
      assert.deepEqual(answer.home, { network: home, chainId: BigInt(1_660_200 + home) })
      assert.equal(answer.epoch, BigInt(epoch))
      const stream = l1.read(l1.streams, 'streamOf', id) as Record<string, bigint>
      assert.equal(answer.openedEpoch, stream['openedEpoch'])
      const isMoving = BigInt(epoch) < (stream['homeFrom'] as bigint)
      assert.equal(answer.next?.network, isMoving ? Number(stream['home']) : undefined, itsName)
      assert.equal(answer.next?.fromEpoch, isMoving ? stream['homeFrom'] : undefined)
      const homeCount = Number(stream['homeCount'])
      if (homeCount > 1) seen[isMoving ? (homeCount > 2 ? 'movingAgain' : 'moving') : 'moved']++
    }
  }
  assert.ok(Math.min(...Object.values(seen)) > 1, 'moves were seen on their way and after it')
})

test('StreamRoutes: a network that came in this epoch is found when a stream moves there', async () => {
  const { l1, begin, mine, open, ask } = openWorld([0, 1])
  const id = open(nameOf(1))
  await mine()
  await ask(id)
  begin(9)
  l1.send(l1.streams, 'migrate', [nameOf(1), 9])
  await mine()
  const answer = await ask(id)
  assert.ok(answer.kind === 'opened')
  assert.deepEqual(answer.next, { network: 9, chainId: 1_660_209n, fromEpoch: 14n })
})

test('StreamRoutes tells a stream that nobody opened, and one without a home', async () => {
  const { mine, open, ask } = openWorld([])
  assert.deepEqual(await ask(nameOf(1)), { kind: 'unavailable' }, 'no final block yet')
  await mine()
  assert.deepEqual(await ask(nameOf(1)), { kind: 'unopened' })
  const id = open(nameOf(1))
  await mine()
  const answer = await ask(id)
  assert.ok(answer.kind === 'opened')
  assert.equal(answer.home, undefined)
})

test('StreamRoutes asks once a final block and epoch, few at once, and drops what failed', async () => {
  const { l1, endpoint, mine, open, ask, proofs } = openWorld([0, 1])
  const id = open(nameOf(1))
  await mine()
  await ask(id)
  const inEpoch = proofs.filter((at) => at === BigInt(l1.networks.address)).length
  await Promise.all([ask(id), ask(id)])
  await mine()
  await ask(id)
  assert.equal(proofs.filter((at) => at === BigInt(l1.streams.address)).length, 2)
  assert.equal(proofs.filter((at) => at === BigInt(l1.networks.address)).length, inEpoch)
  const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => ask(nameOf(index))))
  const kinds = answers.map(({ kind }) => kind)
  assert.deepEqual(kinds, [...Array(8).fill('unopened'), ...Array(4).fill('busy')])
  await mine()
  endpoint.bend = { proof: ({ account, slots }) => ({ account: account.slice(1), slots }) }
  assert.deepEqual(await ask(id), { kind: 'unavailable' })
  endpoint.bend = {}
  assert.equal((await ask(id)).kind, 'opened')
})

test('StreamRoutes asks another endpoint where the first one proves nothing', async () => {
  const { mine, open, ask } = openWorld([0, 1], { isFirstLying: true })
  const id = open(nameOf(1))
  await mine()
  assert.equal((await ask(id)).kind, 'opened')
})

test('StreamRoutes names the other networks that live by their chain ids', async () => {
  const { l1, mine, routes, endpoint } = openWorld([0, 1, 2])
  l1.openNetwork(3)
  await mine()
  const known = () => [0, 1, 2, 3].map((id) => routes.networkOf(BigInt(1_660_200 + id)))
  assert.deepEqual(known(), [undefined, undefined, undefined, undefined])
  await routes.refresh()
  assert.deepEqual(known(), [undefined, 1, 2, undefined], 'not the own one, none that is opening')
  assert.equal(routes.networkOf(1n), undefined)
  l1.goToEpoch(34)
  l1.send(l1.oracle, 'declareDead', [2])
  l1.send(l1.autoscaler, 'end', [2])
  await mine()
  await routes.refresh()
  assert.deepEqual(known(), [undefined, 1, 2, undefined], 'until its end')
  l1.goToEpoch(36)
  await mine()
  endpoint.bend = { proof: ({ account, slots }) => ({ account, slots: slots.slice(1) }) }
  await routes.refresh()
  assert.deepEqual(known(), [undefined, 1, 2, undefined], 'what is not proved changes nothing')
  endpoint.bend = {}
  await routes.refresh()
  assert.deepEqual(known(), [undefined, 1, undefined, undefined])
})

test('StreamRoutes believes nothing of an endpoint that contradicted itself', async () => {
  const { mine, open, ask, endpoint, follower } = openWorld([0, 1])
  const id = open(nameOf(1))
  await mine()
  assert.equal((await ask(id)).kind, 'opened')
  endpoint.bend = {
    header: (found) => {
      if (found === undefined) return found
      const header = { ...found.header, timestamp: found.header.timestamp + 1 }
      return { header, hash: headerHash(header) }
    },
  }
  await endpoint.mine()
  await mine()
  assert.ok(follower.isContradicted)
  assert.deepEqual(await ask(id), { kind: 'unavailable' })
})
