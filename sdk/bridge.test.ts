import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { L1World, NetworkWorld, somebody, testOperator } from '@zg/contracts/testing'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { outboxAddress } from './abis.ts'
import { readBridge, readDepositRoom, readWaiting, waitingOf } from './bridge.ts'
import type { Bridge } from './bridge.ts'
import { depositOrder, payOutOrder, transferOrder, withdrawalOrder } from './orders.ts'
import { outboxProof, readOutbox } from './outbox.ts'
import type { outboxArgs, OutboxEntry } from './outbox.ts'
import { refusalOf } from './refusal.ts'
import { readNetwork } from './networks.ts'
import { l1Supply, networkSupply, readSupply } from './supply.ts'
import { genesisOutstandingWei, outboxChain, StakeChain } from './testing/stake-chain.ts'
import type { MessageChain } from './testing/stake-chain.ts'
import { openView } from './view.ts'

const tokens = 10n ** 18n
const gwei = 10n ** 9n
const holder: Hex = toHex(new Uint8Array(20).fill(0xa1))

const openNetwork = (): MessageChain => outboxChain(holder)

function withdraw(network: MessageChain, amountWei: bigint): void {
  for (const { to, data, value } of withdrawalOrder({ to: holder, amountWei }).calls) {
    network.send({ from: holder, to, data, value })
  }
}

/** What the contract itself says of its tree. */
async function rootOf(network: MessageChain): Promise<unknown> {
  const abi = artifactOf('Outbox').abi as Abi
  const data = encodeFunctionData({ abi, functionName: 'root' })
  const { data: answer = '0x' } = await network.client.call({ to: outboxAddress, data })
  return decodeFunctionResult({ abi, functionName: 'root', data: answer })
}

test('depositOrder burns on L1 and is owed on the network, within what stake secures', async () => {
  const l1 = new StakeChain({ holders: [holder] })
  const view = await openView(l1.client, l1.addresses)
  const deposit = { id: 1, from: holder, to: holder, amountWei: 5n * tokens }
  const { calls } = await depositOrder(view, deposit)
  assert.deepEqual(
    calls.map(({ what }) => what),
    ['approve', 'deposit to network 1'],
  )
  for (const { to, data, value } of calls) l1.send({ from: holder, to, data, value })
  const after = await openView(l1.client, l1.addresses)
  const { outstandingWei, securedWei } = await readNetwork(after, 1)
  assert.equal(outstandingWei, 5n * tokens)
  assert.equal(securedWei, (4_000_000n * tokens * 3_333n) / 10_000n)
  const again = await depositOrder(after, { ...deposit, amountWei: 5n * tokens + 1n })
  assert.equal(again.calls.length, 2, 'what was allowed is used up')
})

test('readDepositRoom is what the bridge takes: a network, and all of them, to the wei', async () => {
  const l1 = new StakeChain({ holders: [holder] })
  const deposit = async (id: number, amountWei: bigint) => {
    const view = await openView(l1.client, l1.addresses)
    const { calls } = await depositOrder(view, { id, from: holder, to: holder, amountWei })
    for (const { to, data, value } of calls) l1.send({ from: holder, to, data, value })
  }
  const room = async (id: number): Promise<bigint> => {
    const view = await openView(l1.client, l1.addresses)
    return readDepositRoom(view, await readNetwork(view, id))
  }
  const most = (4_000_000n * tokens * 3_333n) / 10_000n
  assert.equal(await room(1), most - genesisOutstandingWei)
  l1.call('ZgToken', 'transfer', { args: [holder, most] })
  await deposit(1, 1_000n * tokens)
  const left = await room(0)
  assert.equal(left, most - genesisOutstandingWei - 1_000n * tokens)
  await assert.rejects(deposit(0, left + gwei), /reverted/)
  await deposit(0, left)
  assert.equal(await room(0), 0n)
})

test('transferOrder leaves an entry for the other network, in whole gwei', async () => {
  const network = openNetwork()
  const transfer = { network: 1, to: holder, amountWei: 5n * tokens }
  const [call] = transferOrder(transfer).calls
  assert.ok(call !== undefined)
  network.send({ from: holder, ...call })
  const [entry] = await readOutbox(network.client, 1n)
  assert.deepEqual(
    [entry?.kind, entry?.network, entry?.to.toLowerCase(), entry?.amountWei],
    ['transfer', 1, holder, 5n * tokens],
  )
  const [odd] = transferOrder({ ...transfer, amountWei: 1n }).calls
  assert.ok(odd !== undefined)
  const refused = await network.client.call({ ...odd, account: holder }).then(
    () => undefined,
    (error: unknown) => refusalOf(error)?.name,
  )
  assert.equal(refused, 'NotWholeGwei')
})

test('outboxProof gives the root of the contract, whatever the entries', async () => {
  const network = openNetwork()
  for (let count = 1; count <= 9; count++) {
    withdraw(network, BigInt(count) * tokens)
    const entries = await readOutbox(
      network.client,
      await network.client.getBlockNumber({ cacheTime: 0 }),
    )
    assert.equal(entries.length, count)
    for (let index = 0; index < count; index++) {
      const { root, siblings } = outboxProof(entries, index)
      assert.equal(root, await rootOf(network))
      assert.equal(siblings.length, 32)
    }
  }
})

test('payOutOrder proves an entry to the bridge, which asks for the root first', async () => {
  const l1 = new StakeChain()
  const network = openNetwork()
  withdraw(network, tokens)
  const entries = await readOutbox(network.client, 1n)
  const [entry] = entries
  assert.ok(entry !== undefined)
  const view = await openView(l1.client, l1.addresses)
  const [call] = payOutOrder(view, { id: 0, entries, entry }).calls
  assert.ok(call !== undefined)
  const refused = await l1.client.call(call).then(
    () => undefined,
    (error: unknown) => refusalOf(error)?.name,
  )
  assert.equal(refused, 'RootUnknown')
})

test('payOutOrder pays an entry once L1 knows the root, to whom it names', async () => {
  const l1 = new L1World()
  const members = [1, 2, 3, 4].map((index) => testOperator(index))
  l1.openNetwork(0)
  l1.settle(members, { ids: [0] })
  l1.goToEpoch(12)
  l1.send(l1.token, 'approve', [l1.bridge.address, 50n * tokens])
  l1.send(l1.bridge, 'deposit', [0, somebody, 50n * tokens])
  const network = new NetworkWorld(l1, 0, members)
  for (const amount of [3n, 20n, 1n]) {
    network.send('withdraw', [holder], { from: somebody, value: amount * tokens })
  }
  await network.seal()
  network.certify()
  l1.send(l1.bridge, 'sync', await network.syncArgs())

  const entries = [0, 1, 2].map((index): OutboxEntry => {
    const entry = network.claimArgs(index)[1] as ReturnType<typeof outboxArgs>
    const { sender, to, amount: amountWei, expiry, dataHash } = entry
    const place = { index: BigInt(index), height: 1n, kind: 'withdrawal', network: 0 } as const
    return { ...place, sender, to, amountWei, expiry, dataHash }
  })
  const entry = entries[1]
  assert.ok(entry !== undefined)
  const addresses = { RewardBridge: l1.bridge.address }
  const [call] = payOutOrder({ addresses }, { id: 0, entries, entry }).calls
  assert.ok(call !== undefined)
  const message = { to: BigInt(call.to), data: fromHex(call.data) }
  assert.ok(l1.world.execute(message))
  assert.equal(l1.balanceOf(holder), 20n * tokens)
  assert.ok(!l1.world.execute(message), 'once')
})

test('readWaiting lists what left and is not paid, and why', async () => {
  const l1 = new StakeChain()
  const network = openNetwork()
  withdraw(network, tokens)
  const view = await openView(l1.client, l1.addresses)
  const bridge = await readBridge(view, 0)
  assert.equal(bridge.outstandingWei, genesisOutstandingWei)
  const [unproved] = await readWaiting(view, { bridge, network: network.client })
  assert.ok(unproved !== undefined)
  assert.deepEqual(unproved.waiting, { kind: 'proof', provedHeight: undefined })
  assert.equal(
    (
      await readWaiting(view, {
        bridge: { ...bridge, paid: new Set([0n]) },
        network: network.client,
      })
    ).length,
    0,
  )

  const { entry } = unproved
  const proved = { height: 5n, root: '0x' } as const
  const cases: [change: Partial<Bridge>, amountWei: bigint, kind: string][] = [
    [{}, tokens, 'claim'],
    [{ proved: { ...proved, height: 0n } }, tokens, 'proof'],
    [{ isHalted: true }, tokens, 'halted'],
    [{ isHalted: true, isDead: true }, tokens, 'claim'],
    [{ pausedUntil: view.timestamp + 1 }, tokens, 'paused'],
    [{ pausedUntil: view.timestamp }, tokens, 'claim'],
    [{ outstandingWei: tokens - 1n }, tokens, 'outstanding'],
    [{}, bridge.largeAmountWei, 'claim'],
    [{}, bridge.largeAmountWei + 1n, 'announcement'],
    [{ availableWei: tokens - 1n }, tokens, 'rate'],
  ]
  // A transfer waits for nothing else, whether there is room where it goes or no network at all.
  const much = { outstandingWei: 10n ** 30n, availableWei: 10n ** 30n, rateCapacityWei: 10n ** 30n }
  const large = { ...bridge, ...much, largeAmountWei: 10n ** 30n, proved }
  const room = (4_000_000n * tokens * 3_333n) / 10_000n
  for (const id of [1, 9]) {
    const transfer = { ...entry, kind: 'transfer', network: id, amountWei: room + 1n } as const
    const waiting = await waitingOf(view, { bridge: large, entry: transfer })
    assert.deepEqual(waiting, { kind: 'claim' })
  }

  for (const [change, amountWei, kind] of cases) {
    const waiting = await waitingOf(view, {
      bridge: { ...bridge, proved, ...change },
      entry: { ...entry, amountWei },
    })
    assert.equal(waiting.kind, kind, JSON.stringify({ kind, amount: String(amountWei) }))
  }
})

test('readSupply counts L1 and a network, and holds after deposits and withdrawals', async () => {
  const l1 = new StakeChain({ holders: [holder] })
  const network = openNetwork()
  withdraw(network, 3n * tokens)
  const view = await openView(l1.client, l1.addresses)
  const deposit = { id: 0, from: holder, to: holder, amountWei: 2n * tokens }
  for (const { to, data, value } of (await depositOrder(view, deposit)).calls) {
    l1.send({ from: holder, to, data, value })
  }
  const supply = await readSupply(await openView(l1.client, l1.addresses), [
    {
      id: 0,
      client: network.client,
      genesisWei: genesisOutstandingWei,
      genesisAccounts: [holder],
    },
  ])
  assert.ok(supply.holds, JSON.stringify(supply.l1.broken))
  const [counted] = supply.networks
  assert.equal(counted?.creditedWei, 2n * tokens)
  assert.equal(counted.outboxWei, 3n * tokens)
  assert.equal(counted.livingWei, genesisOutstandingWei - 3n * tokens)
  assert.equal(counted.seenWei, counted.livingWei)
  assert.equal(supply.l1.goneWei, 0n)

  // A genesis that allots a wei more than L1 knows.
  const forged = await readSupply(await openView(l1.client, l1.addresses), [
    { id: 0, client: network.client, genesisWei: genesisOutstandingWei + 1n },
  ])
  assert.equal(forged.holds, false)
})

test('supply: each identity that breaks is named', () => {
  const sound = { block: 1n, supplyWei: 6n, outstandingWei: 4n, capWei: 10n, eachWei: [1n, 3n] }
  assert.deepEqual(l1Supply(sound).broken, [])
  assert.match(l1Supply({ ...sound, supplyWei: 7n }).broken[0] ?? '', /more than the cap/)
  assert.match(l1Supply({ ...sound, eachWei: [4n, 1n] }).broken[0] ?? '', /sum of outstanding/)

  const read = {
    id: 0,
    height: 9n,
    genesisWei: 100n * gwei,
    paidOut: [5n * gwei],
    burnedWei: gwei,
    outboxWei: 10n * gwei,
    seenWei: 94n * gwei,
    claimedBefore: 7n * gwei,
    kept: undefined,
    outstandingWei: (100n + 11n - 8n - 1n) * gwei,
    passage: {
      credits: [5n * gwei, 6n * gwei],
      creditedWei: 11n * gwei,
      claimedWei: 8n * gwei,
      returnedWei: gwei,
    },
  }
  const fine = networkSupply(read)
  assert.deepEqual(fine.broken, [])
  assert.equal(fine.livingWei, (100n + 5n - 1n - 10n) * gwei)
  const broken: [change: Partial<typeof read>, says: RegExp][] = [
    [{ genesisWei: 101n * gwei }, /genesis \+ credited - claimed/],
    [{ paidOut: [6n * gwei] }, /what was not credited/],
    [{ paidOut: [5n * gwei, 6n * gwei, 1n] }, /what was not credited/],
    [{ seenWei: 94n * gwei + 1n }, /accounts hold more than there is/],
    [{ burnedWei: 200n * gwei, seenWei: -105n * gwei }, /more is gone/],
    [{ outboxWei: 6n * gwei }, /more was claimed than the Outbox holds/],
  ]
  for (const [change, says] of broken) {
    assert.match(networkSupply({ ...read, ...change }).broken[0] ?? '', says)
  }

  // What the node keeps by itself tells of what SELFDESTRUCT ended, and must agree with the rest.
  const kept = {
    fromNumber: 0n,
    fromHeldWei: 100n * gwei,
    withdrawnWei: 5n * gwei,
    feesBurnedWei: gwei,
    destroyedWei: 3n,
    outboxWei: 10n * gwei,
    heldWei: 104n * gwei - 3n,
  }
  const told = networkSupply({ ...read, seenWei: undefined, kept })
  assert.deepEqual([told.broken, told.livingWei], [[], fine.livingWei - 3n])
  const lying = { ...kept, heldWei: kept.heldWei + 1n }
  assert.match(
    networkSupply({ ...read, seenWei: 0n, kept: lying }).broken[0] ?? '',
    /keeps another/,
  )
})
