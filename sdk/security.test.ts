import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import type { Hex } from '@zg/primitives'
import type { Abi } from 'viem'

import { readNetworks } from './networks.ts'
import type { Network } from './networks.ts'
import { joinOrder, leaveOrder } from './orders.ts'
import { exposureOf, securityOf, sharedExposureOf } from './security.ts'
import { genesisOutstandingWei, StakeChain } from './testing/stake-chain.ts'
import { openView } from './view.ts'

const gwei = 10n ** 9n
const tokens = 10n ** 18n
const million = 1_000_000n * tokens

function networkOf(weights: readonly bigint[], outstandingWei: bigint): Network {
  const members = weights
    .map((weight, index) => ({
      operator: `0x${index.toString(16).padStart(40, '0')}` as Hex,
      weight,
      slashBpsMax: 10_000,
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
    drainingEpoch: undefined,
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

/** An L1 whose operators consented to different parts in network 1, from this epoch on. */
async function chainWithConsent(parts: readonly number[]): Promise<readonly Network[]> {
  const l1 = new StakeChain()
  const act = async (each: 'leave' | 'join') => {
    const view = await openView(l1.client, l1.addresses)
    for (const [index, slashBpsMax] of parts.entries()) {
      const from = l1.operators[index]?.address ?? '0x'
      const { calls } =
        each === 'leave' ? leaveOrder(view, 1) : joinOrder(view, { id: 1, slashBpsMax })
      for (const { to, data, value } of calls) l1.send({ from, to, data, value })
    }
    l1.advance(60)
  }
  await act('leave')
  await act('join')
  return readNetworks(await openView(l1.client, l1.addresses))
}

test('securityOf: a third halts, more forks, more than two thirds lie, as certificates count', () => {
  for (let total = 1n; total <= 30n; total++) {
    const security = securityOf(networkOf([total], 0n))
    const [halt, fork, lie] = [security.halt, security.fork, security.lie].map(
      ({ stakeWei }) => stakeWei / gwei,
    ) as [bigint, bigint, bigint]
    const isQuorum = (signed: bigint): boolean => 3n * signed > 2n * total
    // The least absence without a quorum, and the least weight that is one by itself.
    assert.ok(!isQuorum(total - halt) && isQuorum(total - (halt - 1n)), `halt ${total}`)
    assert.ok(isQuorum(lie) && !isQuorum(lie - 1n), `lie ${total}`)
    // More than a third: what two quorums share at the least is as much.
    assert.ok(3n * fork > total && 3n * (fork - 1n) <= total, `fork ${total}`)
  }
})

test('securityOf counts the fewest operators; nobody secures nothing', () => {
  const security = securityOf(networkOf([10n, 50n, 20n, 20n], 34n * gwei))
  assert.deepEqual(security.total, { stakeWei: 100n * gwei, operators: 4 })
  assert.deepEqual(security.halt, { stakeWei: 34n * gwei, operators: 1 })
  assert.deepEqual(security.lie, { stakeWei: 67n * gwei, operators: 2 })
  assert.equal(security.atRiskWei, 34n * gwei)
  const none = { stakeWei: 0n, operators: 0 }
  const nobody = { total: none, halt: none, fork: none, lie: none, forkCostWei: 0n, atRiskWei: 5n }
  assert.deepEqual(securityOf(networkOf([], 5n)), nobody)
})

test('securityOf on the contracts: with full consent a fork costs 0.95 of a third', async () => {
  const l1 = new StakeChain()
  const [first] = await readNetworks(await openView(l1.client, l1.addresses))
  assert.ok(first !== undefined)
  const { total, forkCostWei, atRiskWei } = securityOf(first)
  assert.deepEqual(total, { stakeWei: 4n * million, operators: 4 })
  const third = ((4_000_000n * gwei) / 3n + 1n) * gwei
  assert.equal(forkCostWei, (third * 95n) / 100n)
  const abi = artifactOf('SlashingManager').abi as Abi
  const reporter = { address: l1.addresses.SlashingManager, abi, functionName: 'REPORTER_BPS' }
  assert.equal(await l1.client.readContract(reporter), 500)
  assert.equal(atRiskWei, genesisOutstandingWei)
})

test('securityOf takes the members who consented to the least, the last one in part', async () => {
  const [, second] = await chainWithConsent([10_000, 3_000, 5_000, 10_000])
  assert.ok(second !== undefined)
  assert.deepEqual(
    second.members.map(({ slashBpsMax }) => slashBpsMax).toSorted((a, b) => a - b),
    [3_000, 5_000, 10_000, 10_000],
  )
  const third = ((4_000_000n * gwei) / 3n + 1n) * gwei
  // All of the one that loses three tenths; of the one that loses half what is missing to a third.
  const lost = (million * 3n) / 10n + (third - million) / 2n
  assert.equal(securityOf(second).forkCostWei, (lost * 95n) / 100n)
})

test('sharedExposureOf counts stake once and what lies on all networks', () => {
  const networks = [networkOf([30n, 30n], 20n * gwei), networkOf([30n, 30n, 30n], 10n * gwei)]
  const { stakeWei, atRiskWei } = sharedExposureOf(networks)
  assert.equal(stakeWei, 90n * gwei)
  assert.equal(atRiskWei, 30n * gwei)
})

test('exposureOf adds up what those who can lie on a network can take on others', () => {
  const large = { ...networkOf([30n, 30n, 30n, 30n], 20n * gwei), id: 0 }
  const small = { ...networkOf([30n, 30n, 30n], 10n * gwei), id: 1 }
  // Three of four are more than two thirds of the large one, and all of the small one.
  assert.deepEqual(exposureOf(large, [large, small]).networks, [0, 1])
  assert.equal(exposureOf(large, [large, small]).atRiskWei, 30n * gwei)
  const wide = { ...networkOf([30n, 30n, 30n, 30n, 30n], 20n * gwei), id: 2 }
  const { networks, atRiskWei, stakeWei } = exposureOf(small, [small, wide])
  assert.deepEqual([networks, atRiskWei, stakeWei], [[1], 10n * gwei, 90n * gwei])
})
