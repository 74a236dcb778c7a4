import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Hex } from '@zg/primitives'

import type { Network } from './networks.ts'
import { securityOf, sharedSecurityOf } from './security.ts'

const gwei = 10n ** 9n

function networkOf(weights: readonly bigint[], outstandingWei: bigint): Network {
  const members = weights
    .map((weight, index) => ({
      operator: `0x${index.toString(16).padStart(40, '0')}` as Hex,
      weight,
    }))
    .toSorted((a, b) => Number(b.weight - a.weight))
  const total = weights.reduce((sum, weight) => sum + weight, 0n)
  return {
    id: 0,
    chainId: 1,
    status: 'active',
    isHalted: false,
    isDead: false,
    firstEpoch: 1n,
    drainedEpoch: undefined,
    endEpoch: undefined,
    operatorsMin: 1,
    stakeMinGwei: 1n,
    members,
    total,
    totalComing: total,
    final: undefined,
    load: undefined,
    outstandingWei,
    securedWei: 0n,
  }
}

test('securityOf: a third halts, more than two thirds lie, by the rule of certificates', () => {
  for (let total = 1n; total <= 30n; total++) {
    const { haltWei, lieWei } = securityOf(networkOf([total], 0n))
    const [halt, lie] = [haltWei / gwei, lieWei / gwei]
    const isQuorum = (signed: bigint): boolean => 3n * signed > 2n * total
    // The least absence without a quorum, and the least weight that is one by itself.
    assert.ok(!isQuorum(total - halt) && isQuorum(total - (halt - 1n)), `halt ${total}`)
    assert.ok(isQuorum(lie) && !isQuorum(lie - 1n), `lie ${total}`)
  }
})

test('securityOf counts the fewest operators, and what covers what lies there', () => {
  const security = securityOf(networkOf([10n, 50n, 20n, 20n], 34n * gwei))
  assert.equal(security.haltOperators, 1)
  assert.equal(security.lieOperators, 2)
  assert.equal(security.lieWei, 67n * gwei)
  assert.equal(security.coverPercent, 197n)
  assert.equal(securityOf(networkOf([3n], 0n)).coverPercent, undefined)
  const nobody = securityOf(networkOf([], 5n))
  assert.equal(nobody.lieWei, 0n)
  assert.equal(nobody.coverPercent, 0n)
})

test('sharedSecurityOf counts stake once and what lies on all networks', () => {
  const networks = [networkOf([30n, 30n], 20n * gwei), networkOf([30n, 30n, 30n], 10n * gwei)]
  const shared = sharedSecurityOf(networks)
  assert.equal(shared.lieWei, 61n * gwei)
  assert.equal(shared.atRiskWei, 30n * gwei)
})
