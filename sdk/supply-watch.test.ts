import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Hex } from '@zg/primitives'
import { toQuantity } from '@zg/primitives'
import { createPublicClient, custom } from 'viem'

import type { KeptSupply } from './kept-supply.ts'
import { judgeNetworkBlock, newTrack, SupplyWatch } from './supply-watch.ts'
import type { NetworkTrack, WatchedNetwork, WatchedSupply } from './supply-watch.ts'
import { genesisOutstandingWei, StakeChain } from './testing/index.ts'

const tokens = 10n ** 18n
const gwei = 10n ** 9n
const holder: Hex = `0x${'aa'.repeat(20)}`

/** A node that answers what it keeps of each block. */
function keptBy(blocks: Partial<KeptSupply>[], genesisWei: bigint) {
  const before = {
    fromNumber: 0n,
    fromHeldWei: genesisWei,
    withdrawnWei: 0n,
    feesBurnedWei: 0n,
    destroyedWei: 0n,
    outboxWei: 0n,
  }
  return createPublicClient({
    transport: custom(
      {
        request: async ({ method, params }: { method: string; params?: readonly string[] }) => {
          if (method === 'eth_blockNumber') return toQuantity(BigInt(blocks.length))
          assert.equal(method, 'zg_getSupply')
          const height = BigInt(params?.[0] ?? '0x0')
          const sums = { ...before, ...blocks[Number(height) - 1] }
          const { fromHeldWei, withdrawnWei, feesBurnedWei, destroyedWei } = sums
          const heldWei = fromHeldWei + withdrawnWei - feesBurnedWei - destroyedWei
          const told = Object.entries({ heldWei, ...sums, blockNumber: height })
          return Object.fromEntries(told.map(([name, wei]) => [name, toQuantity(wei)]))
        },
      },
      { retryCount: 0 },
    ),
  })
}

async function told(watch: SupplyWatch, networks: readonly WatchedNetwork[]) {
  const all: WatchedSupply[] = []
  for await (const each of watch.step(networks)) all.push(each)
  return all
}

const brokenOf = (told: readonly WatchedSupply[]): readonly string[] =>
  told.flatMap((each) => (each.kind === 'missed' ? [] : each.broken))

test('SupplyWatch tells each block of L1 and of networks once, and all of it holds', async () => {
  const l1 = new StakeChain({ holders: [holder] })
  const blocks: Partial<KeptSupply>[] = []
  const networks = [{ id: 1, client: keptBy(blocks, 0n) }]
  const watch = new SupplyWatch(l1.client, l1.addresses)
  const first = await told(watch, networks)
  assert.deepEqual(
    first.map(({ kind }) => kind),
    ['l1', 'network'],
  )
  const later: WatchedSupply[] = []
  // This L1 answers of its newest state alone: a step a block.
  const allowance = [l1.addresses.RewardBridge, 10n * tokens]
  l1.call('ZgToken', 'approve', { args: allowance, from: holder })
  later.push(...(await told(watch, networks)))
  for (const amount of [2n, 3n]) {
    const args = [1, holder, amount * tokens]
    l1.call('RewardBridge', 'deposit', { args, from: holder })
    if (amount === 3n) {
      blocks.push({ withdrawnWei: 2n * tokens }, { withdrawnWei: 2n * tokens, feesBurnedWei: 7n })
    }
    later.push(...(await told(watch, networks)))
  }
  assert.deepEqual(brokenOf(later), [])
  assert.deepEqual(
    later.map((each) => each.kind === 'network' && each.block),
    [false, false, false, 1n, 2n],
  )
  const last = later.at(-1)
  assert.ok(last?.kind === 'network')
  assert.equal(last.livingWei, 2n * tokens - 7n)
  assert.deepEqual([last.onTheWayWei, last.outstandingWei], [3n * tokens, 5n * tokens])
  assert.deepEqual(await told(watch, networks), [], 'nothing twice')

  blocks.push({ withdrawnWei: 4n * tokens, feesBurnedWei: 7n })
  assert.deepEqual(brokenOf(await told(watch, networks)), [
    'consensus paid out what was not credited',
  ])
  // The bridge alone may mint; one that forgot what is outstanding makes too much.
  l1.call('ZgToken', 'mint', { args: [holder, 1n], from: l1.addresses.RewardBridge })
  assert.deepEqual(brokenOf(await told(watch, [])), [
    'supply and outstanding are more than the cap',
  ])
})

test('SupplyWatch begins at a block it is brought to late, and says what it missed', async () => {
  const l1 = new StakeChain()
  const watch = new SupplyWatch(l1.client, l1.addresses)
  const [begin] = await told(watch, [])
  assert.ok(begin?.kind === 'l1')
  assert.deepEqual(
    begin.outstanding.map(({ id, wei }) => [id, wei]),
    [
      [0, genesisOutstandingWei],
      [1, 0n],
    ],
  )
  for (let count = 0; count < 130; count++) {
    l1.call('ZgToken', 'approve', { args: [holder, 1n] })
  }
  const [missed, next, ...rest] = await told(watch, [])
  assert.deepEqual(missed, { kind: 'missed', from: begin.block + 1n, until: begin.block + 29n })
  assert.ok(next?.kind === 'l1' && next.block === begin.block + 30n)
  assert.equal(rest.length, 100)
})

test('judgeNetworkBlock names each identity that breaks', () => {
  const kept: KeptSupply = {
    fromNumber: 0n,
    fromHeldWei: 100n * gwei,
    withdrawnWei: 5n * gwei,
    feesBurnedWei: 2n,
    destroyedWei: 3n,
    outboxWei: 10n * gwei,
    heldWei: 105n * gwei - 5n,
  }
  const track = (): NetworkTrack => ({
    ...newTrack(),
    genesisWei: 100n * gwei,
    outstandingWei: (100n + 11n - 8n - 1n) * gwei,
    passage: {
      credits: [5n * gwei, 6n * gwei],
      creditedWei: 11n * gwei,
      claimedWei: 8n * gwei,
      returnedWei: gwei,
    },
    claims: [
      { height: 4n, wei: 7n * gwei },
      { height: 7n, wei: 8n * gwei },
      { height: 12n, wei: 11n * gwei },
    ],
    last: { block: 8n, kept },
  })
  const judge = (change: Partial<KeptSupply>, known: Partial<NetworkTrack> = {}) =>
    judgeNetworkBlock({
      id: 1,
      block: 9n,
      kept: { ...kept, ...change },
      track: { ...track(), ...known },
      l1Block: 30n,
    }).broken
  // What L1 took of block 12 is no claim on block 9.
  assert.deepEqual(judge({}), [])
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [judge({ fromNumber: 5n }), /did not count from the genesis/],
    [judge({ fromHeldWei: 1n }), /its genesis holds another amount/],
    [judge({ heldWei: kept.heldWei + 1n }), /what is held is not what came less/],
    [judge({ outboxWei: 106n * gwei }), /the Outbox holds more than there is/],
    [judge({ withdrawnWei: 5n * gwei + 1n, heldWei: kept.heldWei + 1n }), /was not credited/],
    [judge({ withdrawnWei: 11n * gwei + 1n, heldWei: kept.heldWei + 1n }), /was not credited/],
    [judge({ outboxWei: 8n * gwei - 1n }, { last: undefined }), /more was claimed/],
    [judge({}, { outstandingWei: 1n }), /count different amounts/],
  ]
  for (const [broken, says] of cases) assert.match(broken.join('; '), says)
  for (const sum of ['withdrawnWei', 'feesBurnedWei', 'destroyedWei', 'outboxWei'] as const) {
    const higher = { ...kept, [sum]: kept[sum] + 1n }
    assert.match(judge({}, { last: { block: 8n, kept: higher } }).join('; '), /has fallen/)
  }
})
