import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'

import { grantPorts, portWishes } from './ports.ts'
import { planWorld, resolveWorld, seededGenesisTimestamp, WorldDiffersError } from './world.ts'
import type { KeptWorld, OutsideL1, WorldPlan } from './world.ts'

const fresh = { random: new Uint8Array(32).fill(7), nowSeconds: 1_790_000_000 }

const outsideL1: OutsideL1 = {
  url: 'http://192.0.2.7:8545',
  chainId: 11_155_111,
  epochStart: 1_790_000_000,
  epochSeconds: 2_400,
  finalitySeconds: 900,
  anchor: { number: 7, hash: `0x${'ab'.repeat(32)}` },
}

async function planOf(kept: KeptWorld, minimal = false): Promise<WorldPlan> {
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: !minimal, networkCount, validatorCount, offset: 0 })
  const grants = await grantPorts(wishes, async () => true)
  return planWorld(kept, { home: '/home/ada/.zg', minimal }, grants)
}

test('resolveWorld makes the default world: four validators, its own pace, genesis now', () => {
  const kept = resolveWorld({ minimal: false }, undefined, fresh)
  assert.equal(kept.validatorCount, 4)
  assert.equal(kept.networkCount, 2)
  assert.equal(kept.chainId, 1_660_200)
  assert.equal(kept.blockTimeMs, undefined)
  assert.equal(kept.genesisTimestamp, fresh.nowSeconds)
  assert.equal(kept.seed, '07'.repeat(32))
})

test('resolveWorld has data availability where it is asked for and the L1 is its own', () => {
  const countOf = (options: object, more: object = {}) =>
    resolveWorld({ minimal: false, ...options }, undefined, { ...fresh, ...more }).dataNodeCount
  assert.equal(countOf({ withData: true }), 16)
  assert.equal(countOf({}), undefined)
  assert.equal(countOf({ minimal: true, withData: true }), undefined)
  assert.equal(countOf({ withData: true }, { outsideL1 }), undefined)
  // Left out of one run, a kept world still has it.
  const kept = resolveWorld({ minimal: false, withData: true }, undefined, fresh)
  assert.equal(resolveWorld({ minimal: false }, kept, fresh), kept)
})

test('planWorld lays four DA nodes into each process, with keys of the seed', async () => {
  const wanted = { minimal: false, withData: true, seed: '42' }
  const { data } = await planOf(resolveWorld(wanted, undefined, fresh))
  assert.ok(data)
  assert.deepEqual(
    data.hosts.map(({ part, nodes }) => [part, nodes.map(({ index }) => index)]),
    [0, 1, 2, 3].map((host) => [`da-nodes-${host}`, [0, 1, 2, 3].map((at) => 4 * host + at)]),
  )
  const keys = data.hosts.flatMap(({ nodes }) => nodes.map(({ publicKey }) => toHex(publicKey)))
  assert.equal(new Set(keys).size, 16)
})

test('resolveWorld gives one seed one world, whenever and wherever', () => {
  const there = { random: new Uint8Array(32), nowSeconds: 1 }
  const first = resolveWorld({ minimal: false, seed: '42' }, undefined, fresh)
  const second = resolveWorld({ minimal: false, seed: '42' }, undefined, there)
  assert.deepEqual(first, second)
  assert.equal(first.genesisTimestamp, seededGenesisTimestamp)
  const other = resolveWorld({ minimal: false, seed: '43' }, undefined, fresh)
  assert.notEqual(first.seed, other.seed)
})

test('resolveWorld goes on with the kept world and refuses to contradict it', () => {
  const kept = resolveWorld({ minimal: false, seed: 'a' }, undefined, fresh)
  assert.equal(resolveWorld({ minimal: false }, kept, fresh), kept)
  assert.equal(resolveWorld({ minimal: false, seed: 'a', validatorCount: 4 }, kept, fresh), kept)
  for (const options of [
    { validatorCount: 7 },
    { networkCount: 3 },
    { chainId: 1 },
    { blockTimeMs: 250 },
    { seed: 'b' },
  ]) {
    assert.throws(
      () => resolveWorld({ minimal: false, ...options }, kept, fresh),
      WorldDiffersError,
    )
  }
})

test('resolveWorld gives no network the chain id of the L1', () => {
  for (const chainId of [1_337, 1_336]) {
    assert.throws(() => resolveWorld({ minimal: false, chainId }, undefined, fresh), {
      code: 'DEVNET_CHAIN_ID_TAKEN',
    })
  }
})

test('resolveWorld keeps an outside L1; its endpoint may change, its epochs may not', async () => {
  const kept = resolveWorld({ minimal: false }, undefined, { ...fresh, outsideL1 })
  assert.deepEqual(kept.outsideL1, outsideL1)
  assert.equal(resolveWorld({ minimal: false, epochSeconds: 2_400 }, kept, fresh), kept)
  const moved = { ...outsideL1, url: 'http://192.0.2.8:8545' }
  const later = resolveWorld({ minimal: false }, kept, { ...fresh, outsideL1: moved })
  assert.deepEqual(later, { ...kept, outsideL1: moved })
  const other = { minimal: false, epochSeconds: 30 }
  assert.throws(() => resolveWorld(other, kept, fresh), /--epoch 30: the kept world.* 2400/)
  const sameId = { minimal: false, chainId: 11_155_110 }
  assert.throws(() => resolveWorld(sameId, undefined, { ...fresh, outsideL1 }), {
    code: 'DEVNET_CHAIN_ID_TAKEN',
    message: /network 1 the chain id 11155111/,
  })
  // The number of the L1 that this world does not have is free.
  const free = { minimal: false, chainId: 1_337 }
  assert.equal(resolveWorld(free, undefined, { ...fresh, outsideL1 }).chainId, 1_337)
  const plan = await planOf(kept)
  assert.equal(plan.l1, undefined)
  assert.equal(plan.networks.length, 2)
  assert.ok(plan.keeper)
})

test('planWorld lays the world out as documented', async () => {
  const plan = await planOf(resolveWorld({ minimal: false }, undefined, fresh))
  const [network] = plan.networks
  assert.ok(network && plan.l1)
  assert.equal(plan.l1.chainId, 1_337)
  assert.equal(plan.l1.rpcPort, 8_535)
  assert.equal(network.rpcPort, 8_545)
  const third = network.validators[2]
  assert.equal(third?.part, 'net-0/val-2')
  assert.equal(third?.folder, '/home/ada/.zg/net-0/val-2')
  assert.equal(third?.keystorePath, '/home/ada/.zg/operator-2/keys/bls.json')
  assert.equal(third?.logPath, '/home/ada/.zg/logs/net-0-val-2.jsonl')
  assert.equal(third?.rpcPort, 8_552)
  assert.equal(third?.p2pPort, 26_658)
  const other = plan.networks[1]?.validators[2]
  assert.equal(other?.part, 'net-1/val-2')
  assert.equal(other?.rpcPort, 8_652)
  assert.equal(other?.keystorePath, third?.keystorePath)
})

test('planWorld gives every operator keys of its own, from the seed alone', async () => {
  const kept = resolveWorld({ minimal: false, seed: '42' }, undefined, fresh)
  const keysOf = ({ l1, networks }: WorldPlan): string[] =>
    [l1, ...networks].flatMap((chain) =>
      (chain?.validators ?? []).map(({ publicKey }) => toHex(publicKey)),
    )
  const keys = keysOf(await planOf(kept))
  assert.equal(new Set(keys).size, 5)
  assert.deepEqual(keysOf(await planOf(kept)), keys)
})

test('planWorld keeps a minimal world apart: no L1, in memory, one port', async () => {
  const kept = resolveWorld({ minimal: true, validatorCount: 4 }, undefined, fresh)
  const plan = await planOf(kept, true)
  const [network] = plan.networks
  assert.equal(plan.l1, undefined)
  assert.equal(plan.filesDir, '/home/ada/.zg/minimal')
  assert.equal(network?.inMemory, true)
  assert.equal(network?.validators.length, 1)
  assert.equal(network?.validators[0]?.rpcPort, network?.rpcPort)
})
