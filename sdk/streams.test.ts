import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bigintToHex, fromHex, rendezvous, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { refusalOf } from './refusal.ts'
import { migrateOrder, openStreamOrder, routeOf, streamIdOf } from './streams.ts'
import { parameters } from './testing/parameters.ts'
import { StakeChain } from './testing/stake-chain.ts'
import { openView } from './view.ts'

const owner: Hex = toHex(new Uint8Array(20).fill(0xa1))
const names = Array.from({ length: 12 }, (_, index): Hex => bigintToHex(BigInt(index), 32))

function openChain(networkIds: readonly number[] = [0, 1, 2]) {
  const l1 = new StakeChain({ networkIds, holders: [owner] })
  const view = () => openView(l1.client, l1.addresses)
  const route = async (name: Hex) => routeOf(await view(), streamIdOf(owner, name))
  const open = (name: Hex): void => {
    for (const call of openStreamOrder(l1, name).calls) l1.send({ from: owner, ...call })
  }
  const migrate = (name: Hex, network: number): void => {
    const { calls } = migrateOrder(l1, { name, network })
    for (const call of calls) l1.send({ from: owner, ...call })
  }
  const passEpochs = (count: number) => l1.advance(count * parameters.epochSeconds)
  return { l1, view, route, open, migrate, passEpochs }
}

test('routeOf tells where a stream would begin, and there it begins', async () => {
  const { view, route, open } = openChain()
  const found = new Set<number | undefined>()
  for (const name of names) {
    const id = streamIdOf(owner, name)
    const network = rendezvous(fromHex(id), [0, 1, 2])
    assert.deepEqual(await route(name), { id, openedEpoch: undefined, network, next: undefined })
    const before = await view()
    open(name)
    const after = await view()
    const { openedEpoch, ...rest } = await route(name)
    assert.ok(openedEpoch === before.epoch || openedEpoch === after.epoch)
    assert.deepEqual(rest, { id, network, next: undefined })
    found.add(network)
  }
  assert.equal(found.size, 3)
})

test('routeOf tells of a move while it is on its way, and the new home after that', async () => {
  const { view, route, open, migrate, passEpochs } = openChain()
  const [name] = names as [Hex]
  open(name)
  const first = (await route(name)).network as number
  const second = (first + 1) % 3
  migrate(name, second)
  const { epoch } = await view()
  const { network, next } = await route(name)
  assert.deepEqual([network, next], [first, { network: second, fromEpoch: epoch + 2n }])
  passEpochs(2)
  const after = await route(name)
  assert.deepEqual([after.network, after.next], [second, undefined])
})

test('routeOf knows no home where no network takes streams', async () => {
  const { route, open } = openChain([])
  const [name] = names as [Hex]
  assert.equal((await route(name)).network, undefined)
  open(name)
  const { openedEpoch, network } = await route(name)
  assert.ok(openedEpoch !== undefined && network === undefined)
})

test('orders of streams: why a contract refuses is told by name', async () => {
  const { l1, open } = openChain()
  const [name, other] = names as [Hex, Hex]
  open(name)
  const orders: readonly [ReturnType<typeof openStreamOrder>, string][] = [
    [openStreamOrder(l1, name), 'StreamTaken'],
    [migrateOrder(l1, { name: other, network: 0 }), 'StreamUnknown'],
    [migrateOrder(l1, { name, network: 77 }), 'NetworkTakesNone'],
  ]
  for (const [{ calls }, refusal] of orders) {
    const [{ to, data }] = calls as [(typeof calls)[0]]
    await assert.rejects(l1.client.call({ account: owner, to, data }), (error) => {
      assert.equal(refusalOf(error)?.name, refusal)
      return true
    })
  }
})
