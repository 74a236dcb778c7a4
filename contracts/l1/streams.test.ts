import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { bigintToHex, fromHex, rendezvous, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { somebody } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const operator = testOperator(1)
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/streams.json', import.meta.url), 'utf8'),
) as readonly { owner: Hex; name: Hex; id: Hex; networks: readonly number[]; home: number }[]

const nameOf = (index: number): Hex => bigintToHex(BigInt(index), 32)

/** One operator, who validates these networks from epoch 12 on, which it is. */
function openWorld(ids: readonly number[]) {
  const l1 = new L1World()
  const { address } = operator
  l1.register(operator)
  l1.fund(address, 1_000n * ether)
  l1.send(l1.stakes, 'stake', [address, 100n * ether], address)
  const begin = (id: number, earliestEpoch = 0): void => {
    l1.openNetwork(id, { earliestEpoch })
    l1.send(l1.networks, 'optIn', [id, 10_000], address)
  }
  for (const id of ids) begin(id)
  l1.goToEpoch(12)
  const idOf = (name: Hex, owner = somebody) => l1.read(l1.streams, 'idOf', owner, name) as Hex
  const open = (name: Hex, from = somebody) => l1.send(l1.streams, 'open', [name], from)
  const migrate = (name: Hex, network: number, from = somebody) =>
    l1.send(l1.streams, 'migrate', [name, network], from)
  const homeOf = (name: Hex) => l1.read(l1.streams, 'homeOf', idOf(name)) as number
  const firstHome = (id: Hex, epoch = l1.epoch) => l1.read(l1.streams, 'firstHomeOf', id, epoch)
  const takers = (epoch = l1.epoch) =>
    (l1.read(l1.networks, 'networkIds') as readonly number[]).filter((id) =>
      l1.read(l1.networks, 'takesStreams', id, epoch),
    )
  return { l1, begin, idOf, open, migrate, homeOf, firstHome, takers }
}

test('Streams: ids and first homes are those of the vectors and of `rendezvous`', () => {
  for (const networks of new Set(vectors.map((vector) => vector.networks.join()))) {
    const own = vectors.filter((vector) => vector.networks.join() === networks)
    const { idOf, firstHome } = openWorld(own[0]?.networks ?? [])
    for (const { owner, name, id, networks: places, home } of own) {
      assert.equal(idOf(name, owner), id)
      assert.equal(firstHome(id), home)
      assert.equal(rendezvous(fromHex(id), places), home)
    }
  }
})

test('Streams: opening writes one word, however many networks there are', () => {
  const costs = [1, 9].map((count) => {
    const { open } = openWorld(Array.from({ length: count }, (_, id) => id))
    open(nameOf(1))
    return open(nameOf(2)).gasUsed
  })
  assert.equal(costs[0], costs[1])
})

test('Streams: no stream moves by itself, whatever comes, drains and ends', () => {
  const { l1, begin, idOf, open, homeOf, takers } = openWorld([0, 1, 2])
  const rng = createSeededRng('zg/contracts streams')
  const homes = new Map<Hex, number>()
  const ended = new Set<number>()
  let count = 0
  for (let epoch = 12; epoch <= 30; epoch++) {
    l1.goToEpoch(epoch)
    const takersThen = takers()
    for (let step = 0; step < 2; step++) {
      const name = nameOf(++count)
      open(name)
      const home = homeOf(name)
      assert.equal(home, rendezvous(fromHex(idOf(name)), takersThen))
      homes.set(name, home)
      const newest = (l1.read(l1.networks, 'networkIds') as readonly number[]).length
      const status = (id: number) => l1.read(l1.networks, 'statusOf', id)
      const [active, drained] = [1, 2].map((wanted) =>
        Array.from({ length: newest }, (_, id) => id).filter((id) => status(id) === wanted),
      ) as [number[], number[]]
      // Within the epoch, too, nothing changes for those that were opened in it.
      if (rng.below(4) === 0) begin(newest)
      if (active.length > 2 && rng.below(3) === 0) {
        l1.send(l1.networks, 'drain', [active[rng.below(active.length)]])
      }
      for (const id of drained) {
        const { drainedEpoch } = l1.read(l1.networks, 'networkOf', id) as { drainedEpoch: bigint }
        if (epoch >= Number(drainedEpoch)) l1.send(l1.networks, 'close', [id], stranger)
        if (status(id) === 3) ended.add(id)
      }
    }
    assert.deepEqual(takers(epoch), takersThen)
    if (epoch % 9 > 0 && epoch < 30) continue
    for (const [name, home] of homes) assert.equal(homeOf(name), home)
  }
  assert.ok(ended.size > 1 && [...homes.values()].some((home) => ended.has(home)))
})

test('Streams: a network takes streams from its first epoch until two after it drains or ends', () => {
  const { l1, begin, takers } = openWorld([0, 1])
  begin(2, 15)
  assert.deepEqual([11, 12, 14, 15].map(takers), [[], [0, 1], [0, 1], [0, 1, 2]])
  l1.send(l1.networks, 'drain', [0])
  assert.deepEqual([12, 13, 14].map(takers), [[0, 1], [0, 1], [1]])
  l1.outlive(1)
  l1.send(l1.oracle, 'declareDead', [1])
  l1.send(l1.autoscaler, 'end', [1], stranger)
  assert.deepEqual([33, 34, 35].map(takers), [[1, 2], [1, 2], [2]])
})

test("Streams: a name is its owner's, and opened once", () => {
  const { l1, idOf, open, migrate, homeOf } = openWorld([0, 1])
  const { events } = open(nameOf(7))
  const id = idOf(nameOf(7))
  const [{ name: event, args }] = events as [(typeof events)[0]]
  assert.deepEqual([event, args['id'], args['epoch']], ['Opened', id, 12n])
  assert.equal((args['owner'] as string).toLowerCase(), somebody)
  refuses(() => open(nameOf(7)), 'StreamTaken')
  refuses(() => migrate(nameOf(7), 1, stranger), 'StreamUnknown')
  refuses(() => l1.read(l1.streams, 'homeOf', nameOf(7)), 'StreamUnknown')
  open(nameOf(7), stranger)
  const home = homeOf(nameOf(7))
  migrate(nameOf(7), 1 - home, stranger)
  l1.goToEpoch(14)
  assert.equal(homeOf(nameOf(7)), home)
  assert.equal(l1.read(l1.streams, 'homeOf', idOf(nameOf(7), stranger)), 1 - home)
})

test('Streams: a move holds from the epoch after the next on, and is followed by another', () => {
  const { l1, idOf, open, migrate, homeOf } = openWorld([0, 1, 2])
  const name = nameOf(3)
  open(name)
  const first = homeOf(name)
  const [second, third] = [0, 1, 2].filter((id) => id !== first) as [number, number]
  assert.deepEqual(migrate(name, second).events[0]?.args, {
    id: idOf(name),
    network: second,
    fromEpoch: 14n,
    homeCount: 2,
  })
  refuses(() => migrate(name, third), 'MoveUnderWay')
  l1.goToEpoch(13)
  refuses(() => migrate(name, third), 'MoveUnderWay')
  assert.equal(homeOf(name), first)
  l1.goToEpoch(14)
  assert.equal(homeOf(name), second)
  migrate(name, third)
  l1.goToEpoch(15)
  assert.equal(homeOf(name), second)
  l1.goToEpoch(16)
  assert.equal(homeOf(name), third)
  assert.deepEqual(l1.read(l1.streams, 'streamOf', idOf(name)), {
    openedEpoch: 12n,
    homeFrom: 16n,
    home: third,
    homeBefore: second,
    homeCount: 3,
  })
})

test('Streams: moves go to networks alone that take streams by then', () => {
  const { l1, begin, open, migrate, homeOf } = openWorld([0, 1, 2])
  const name = nameOf(5)
  open(name)
  refuses(() => migrate(name, 9), 'NetworkTakesNone')
  l1.openNetwork(3)
  refuses(() => migrate(name, 3), 'NetworkTakesNone')
  begin(4, 15)
  refuses(() => migrate(name, 4), 'NetworkTakesNone')
  l1.goToEpoch(13)
  migrate(name, 4)
  l1.goToEpoch(15)
  assert.equal(homeOf(name), 4)
  l1.send(l1.networks, 'drain', [1])
  refuses(() => migrate(name, 1), 'NetworkTakesNone')
  l1.goToEpoch(34)
  l1.send(l1.oracle, 'declareDead', [2])
  refuses(() => migrate(name, 2), 'NetworkTakesNone')
  migrate(name, 0)
  l1.goToEpoch(36)
  assert.equal(homeOf(name), 0)
})

test('Streams: what was opened when no network took any has a home once its owner moves it', () => {
  const { l1, begin, open, migrate, homeOf } = openWorld([])
  const name = nameOf(6)
  open(name)
  begin(0)
  refuses(() => homeOf(name), 'NoNetwork')
  l1.goToEpoch(14)
  refuses(() => homeOf(name), 'NoNetwork')
  migrate(name, 0)
  l1.goToEpoch(16)
  assert.equal(homeOf(name), 0)
})
