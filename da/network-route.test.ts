import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bigintToBytes, bytesEqual, keccak256, sha256 } from '@zg/primitives'

import { networkForBlob, routeKeyOf, takesBlobs } from './network-route.ts'
import type { RoutedNetwork } from './network-route.ts'

const open: RoutedNetwork = {
  id: 0,
  firstEpoch: 5n,
  drainingEpoch: undefined,
  endEpoch: undefined,
  isHalted: false,
  isDead: false,
}

const keys = Array.from({ length: 8_000 }, (_, index) => {
  return routeKeyOf(bigintToBytes(BigInt(index), 4))
})
const routesOf = (networks: readonly number[]) => keys.map((key) => networkForBlob(key, networks))

test('takesBlobs: from its first epoch on, until it drains or ends, while it goes on', () => {
  const takes = (change: Partial<RoutedNetwork>, epochs: readonly bigint[]) =>
    epochs.map((epoch) => takesBlobs({ ...open, ...change }, epoch))
  assert.deepEqual(takes({}, [4n, 5n, 500n]), [false, true, true])
  assert.deepEqual(takes({ firstEpoch: undefined }, [5n]), [false])
  assert.deepEqual(takes({ drainingEpoch: 9n }, [8n, 9n, 10n]), [true, false, false])
  assert.deepEqual(takes({ drainingEpoch: 9n, endEpoch: 12n }, [8n, 12n]), [true, false])
  assert.deepEqual(takes({ endEpoch: 7n }, [6n, 7n]), [true, false])
  assert.deepEqual(takes({ isHalted: true }, [6n]), [false])
  assert.deepEqual(takes({ isDead: true }, [6n]), [false])
})

test('networkForBlob spreads blobs evenly, in whatever order networks are named', () => {
  for (const count of [1, 2, 3, 8, 32]) {
    const networks = Array.from({ length: count }, (_, index) => index * 3 + 1)
    const routes = routesOf(networks)
    assert.deepEqual(routesOf(networks.toReversed()), routes)
    const mean = keys.length / count
    for (const network of networks) {
      const own = routes.filter((route) => route === network).length
      // Five deviations; the keys are always these.
      const bound = 5 * Math.sqrt(mean * (1 - 1 / count))
      assert.ok(Math.abs(own - mean) <= bound, `${own} of ${mean} on network ${network}`)
      // Of so many blobs and few networks it is a tenth at most.
      if (count <= 8) assert.ok(Math.abs(own - mean) <= mean / 10)
    }
  }
  assert.equal(networkForBlob(keys[0]!, []), undefined)
})

test('networkForBlob moves to a network that opens its part, and of one that ends its own blobs', () => {
  const before = routesOf([0, 1, 2, 3])
  const after = routesOf([0, 1, 2, 3, 4])
  const moved = after.filter((route, at) => route !== before[at])
  assert.ok(moved.every((route) => route === 4))
  assert.ok(Math.abs(moved.length - keys.length / 5) < keys.length / 50, `${moved.length}`)
  const without = routesOf([0, 1, 3])
  for (const [at, route] of before.entries()) {
    assert.ok(route === 2 ? without[at] !== 2 : without[at] === route)
  }
})

test('routeKeyOf: by a request its id, else its bytes; streams meet by the same rule', () => {
  const blob = Uint8Array.of(1, 2, 3)
  const id = keccak256(blob)
  assert.ok(bytesEqual(routeKeyOf(blob), sha256(blob)))
  assert.ok(bytesEqual(routeKeyOf(blob, id), id))
})
