import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'

import {
  grantPorts,
  isPortFree,
  PortOffsetTooLargeError,
  portWishes,
  PortsExhaustedError,
} from './ports.ts'

const defaultWorld = {
  withL1: true,
  networkCount: 2,
  validatorCount: 4,
  offset: 0,
}

test('portWishes gives the default world the documented ports', () => {
  const ports = new Map(portWishes(defaultWorld).map(({ use, port }) => [use, port]))
  assert.equal(ports.get('l1 rpc'), 8535)
  assert.equal(ports.get('network 0 rpc'), 8545)
  assert.equal(ports.get('network 0 validator 3 rpc'), 8553)
  assert.equal(ports.get('network 0 validator 3 p2p'), 26_659)
  assert.equal(ports.get('l1 p2p'), 26_556)
  assert.equal(ports.get('l1 metrics'), 6060)
  assert.equal(ports.get('network 0 validator 3 metrics'), 6064)
})

test('portWishes shifts every port by the offset and each network by 100', () => {
  const counts = { networkCount: 2, validatorCount: 2 }
  const wishes = portWishes({ withL1: true, ...counts, offset: 20_000 })
  const ports = new Map(wishes.map(({ use, port }) => [use, port]))
  assert.equal(ports.get('network 1 rpc'), 28_645)
  assert.equal(ports.get('network 1 validator 1 p2p'), 46_757)
  assert.equal(new Set(ports.values()).size, wishes.length)
})

test('portWishes gives data availability its ports, and says which shift leaves it none', () => {
  const wishes = portWishes({ ...defaultWorld, dataNodeCount: 16 })
  const ports = new Map(wishes.map(({ use, port }) => [use, port]))
  assert.equal(ports.get('da disperser grpc'), 51_001)
  assert.equal(ports.get('da disperser alt-da'), 3100)
  assert.equal(ports.get('da node 15'), 51_025)
  assert.equal(new Set(ports.values()).size, wishes.length)
  const shifted = (offset: number) => portWishes({ ...defaultWorld, dataNodeCount: 16, offset })
  assert.ok(shifted(14_510).every(({ port }) => port < 65_536))
  assert.throws(
    () => shifted(14_600),
    (error) => error instanceof PortOffsetTooLargeError && error.data['offsetMax'] === 14_510,
  )
})

test('portWishes lets the only validator serve the public port', () => {
  const counts = { networkCount: 1, validatorCount: 1 }
  const uses = portWishes({ withL1: false, ...counts, offset: 0 }).map(({ use }) => use)
  assert.deepEqual(uses, [
    'network 0 rpc',
    'network 0 validator 0 p2p',
    'network 0 validator 0 metrics',
  ])
})

test('grantPorts keeps free ports', async () => {
  const grants = await grantPorts(portWishes(defaultWorld), async () => true)
  assert.ok(grants.every(({ wanted, port }) => wanted === port))
})

test('grantPorts moves a busy port past those that others want', async () => {
  const busy = new Set([8550])
  const grants = await grantPorts(portWishes(defaultWorld), async (port) => !busy.has(port))
  const moved = grants.filter(({ wanted, port }) => wanted !== port)
  assert.deepEqual(moved, [{ use: 'network 0 validator 0 rpc', wanted: 8550, port: 8554 }])
})

test('grantPorts never grants one port twice', async () => {
  const grants = await grantPorts(
    portWishes({ ...defaultWorld, validatorCount: 30 }),
    async (port) => port % 7 === 0,
  )
  assert.equal(new Set(grants.map(({ port }) => port)).size, grants.length)
})

test('grantPorts gives up when everything is busy', async () => {
  await assert.rejects(
    grantPorts([{ use: 'l1 rpc', port: 8535 }], async () => false),
    PortsExhaustedError,
  )
})

test('isPortFree sees a listener come and go', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  assert.equal(await isPortFree(address.port), false)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await isPortFree(address.port), true)
})
