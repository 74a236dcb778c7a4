/** Transfers between networks, of which one may not be there to take them, or have no room. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { bigintToBytes, concat, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { siblingsOf } from '../testing/history.ts'
import { L1World } from '../testing/l1-world.ts'
import { NetworkWorld } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const [ether, gwei] = [10n ** 18n, 10n ** 9n]
/** As NetworkRegistry numbers it. */
const active = 1
const members = [1, 2, 3, 4].map((index) => testOperator(index))
const [alice, bob, stranger] = [0xa1, 0xb0, 0x57].map((fill) =>
  toHex(new Uint8Array(20).fill(fill)),
) as [Hex, Hex, Hex]

/** Four operators with 100 tokens each validate networks 0 and 1; it is epoch 12. */
function openWorld(options: ConstructorParameters<typeof L1World>[0] = {}) {
  const l1 = new L1World(options)
  for (const id of [0, 1]) l1.openNetwork(id)
  l1.settle(members, { ids: [0, 1] })
  l1.goToEpoch(12)
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  const networks = [0, 1].map((id) => new NetworkWorld(l1, id, members))
  const outstanding = (id: number) => l1.read(l1.bridge, 'outstanding', id) as bigint
  const supply = () => l1.read(l1.token, 'totalSupply') as bigint
  const claim = (args: readonly unknown[]) => l1.send(l1.bridge, 'claim', args, stranger)
  /** Seals, certifies and proves all entries of a network so far. */
  const sync = async (network: NetworkWorld) => {
    await network.seal()
    network.certify()
    l1.send(l1.bridge, 'sync', await network.syncArgs(), stranger)
  }
  return {
    l1,
    networks: networks as [NetworkWorld, NetworkWorld],
    outstanding,
    supply,
    claim,
    sync,
  }
}

/** Two votes of a view, signed by one, in the present epoch. */
function slash(l1: L1World, id: number, culprit: TestOperator): void {
  const votes = [1, 2].map((fill): RoundVote => {
    const digest = new Uint8Array(32).fill(fill)
    return { kind: 'notarize', epoch: BigInt(l1.epoch), view: 1, digest }
  })
  const sum = l1.signRounds(id, votes, [culprit])
  const evidence = votes.map((vote) => l1.roundArgs(vote))
  l1.send(l1.slashing, 'reportRoundVotes', [id, culprit.address, ...evidence, sum])
}

test('a transfer to a network that takes no tokens is paid out on L1, once', async () => {
  const { l1, networks, outstanding, claim, supply, sync } = openWorld({
    rateCapacity: 90n * ether,
    largeAmount: 30n * ether,
  })
  const [network] = networks
  l1.send(l1.bridge, 'deposit', [0, alice, 300n * ether])
  // One that nobody opened, one that waits for operators, and one that was closed before.
  const [unknown, opening, closed] = [9, 5, 6]
  for (const id of [opening, closed]) l1.openNetwork(id, { operatorsMin: 9 })
  l1.send(l1.networks, 'close', [closed])
  const places = [unknown, opening, closed].map((id) =>
    network.send('transfer', [id, bob], { value: 10n * ether }),
  )
  const large = network.send('transfer', [unknown, bob], { value: 31n * ether })
  await sync(network)
  const before = supply()
  for (const [paid, place] of places.entries()) {
    claim(network.claimArgs(place))
    assert.equal(l1.balanceOf(bob), BigInt(paid + 1) * 10n * ether)
    refuses(() => claim(network.claimArgs(place)), 'AlreadyClaimed')
  }
  // It is a claim like any other: large ones wait.
  claim(network.claimArgs(large))
  refuses(() => claim(network.claimArgs(large)), 'TooEarly')
  const ready = Number(l1.read(l1.bridge, 'readyAt', 0, large))
  l1.world.advance(ready - l1.world.timestamp)
  claim(network.claimArgs(large))
  assert.deepEqual([l1.balanceOf(bob), supply() - before], [61n * ether, 61n * ether])
  assert.deepEqual([0, unknown, opening, closed].map(outstanding), [239n * ether, 0n, 0n, 0n])
  // Nothing else goes there.
  refuses(() => l1.send(l1.bridge, 'deposit', [unknown, alice, ether]), 'NetworkUnknown')
  for (const id of [opening, closed]) {
    refuses(() => l1.send(l1.bridge, 'deposit', [id, alice, ether]), 'BeyondSecured')
  }
})

test('a transfer that finds no room is paid out on L1, once, and what fits is credited to the wei', async () => {
  const { l1, networks, outstanding, claim, supply, sync } = openWorld({ securedBps: 5_000n })
  const [, source] = networks
  // More stake in all than network 0 has: its own bound, of 200, comes first.
  l1.settle([testOperator(5), testOperator(6)], { ids: [1] })
  l1.send(l1.bridge, 'deposit', [1, alice, 50n * ether])
  const room = 10n * ether
  for (const value of [room, gwei, 20n * ether]) source.send('transfer', [0, bob], { value })
  await sync(source)
  // Anyone may fill it before a transfer is claimed.
  l1.send(l1.bridge, 'deposit', [0, alice, 200n * ether - room])
  const before = supply()
  claim(source.claimArgs(0))
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [200n * ether, 0n])
  refuses(() => l1.send(l1.bridge, 'deposit', [0, alice, gwei]), 'BeyondSecured')
  const [, credits] = l1.read(l1.inbox, 'creditsOf', 0) as [Hex, bigint]
  for (const index of [1, 2]) claim(source.claimArgs(index))
  for (const index of [0, 1, 2]) refuses(() => claim(source.claimArgs(index)), 'AlreadyClaimed')
  const paid = 20n * ether + gwei
  assert.deepEqual([l1.balanceOf(bob), supply() - before], [paid, paid])
  assert.deepEqual([outstanding(0), outstanding(1)], [200n * ether, 40n * ether - paid])
  assert.equal((l1.read(l1.inbox, 'creditsOf', 0) as [Hex, bigint])[1], credits)
})

test('where a slash left less than lives there, a transfer is paid out on L1, once', async () => {
  const { l1, networks, outstanding, claim, sync } = openWorld({ securedBps: 5_000n })
  const [, source] = networks
  l1.settle([testOperator(5), testOperator(6)], { ids: [1] })
  l1.send(l1.bridge, 'deposit', [0, alice, 180n * ether])
  l1.send(l1.bridge, 'deposit', [1, alice, 50n * ether])
  for (let count = 0; count < 2; count++) source.send('transfer', [0, bob], { value: 10n * ether })
  await sync(source)
  claim(source.claimArgs(0))
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [190n * ether, 0n])
  slash(l1, 0, members[0] as TestOperator)
  l1.goToEpoch(l1.epoch + 2)
  // Of 300 tokens half, and 190 are there.
  claim(source.claimArgs(1))
  refuses(() => claim(source.claimArgs(1)), 'AlreadyClaimed')
  assert.deepEqual([0, 1].map(outstanding), [190n * ether, 30n * ether])
  assert.equal(l1.balanceOf(bob), 10n * ether)
})

test('before its first epoch, and when slashes have emptied its set, a network takes no transfer', async () => {
  const { l1, networks, outstanding, claim, sync } = openWorld()
  const [network] = networks
  const [young, only] = [7, testOperator(5)]
  l1.openNetwork(young, { earliestEpoch: 15 })
  l1.settle([only], { ids: [young] })
  const status = () => l1.read(l1.networks, 'statusOf', young)
  assert.equal(status(), active)
  l1.send(l1.bridge, 'deposit', [0, alice, 50n * ether])
  for (let count = 0; count < 3; count++) {
    network.send('transfer', [young, bob], { value: 10n * ether })
  }
  await sync(network)
  const claimed = (index: number) => {
    claim(network.claimArgs(index))
    refuses(() => claim(network.claimArgs(index)), 'AlreadyClaimed')
    return [outstanding(young), l1.balanceOf(bob)]
  }
  l1.goToEpoch(14)
  assert.deepEqual(claimed(0), [0n, 10n * ether])
  l1.goToEpoch(15)
  assert.deepEqual(claimed(1), [10n * ether, 10n * ether])
  slash(l1, young, only)
  l1.goToEpoch(17)
  assert.deepEqual(claimed(2), [10n * ether, 20n * ether])
  assert.equal(status(), active)
})

test('what becomes of a transfer is decided when it is claimed, and it is paid once', async () => {
  const { l1, networks, outstanding, claim, supply, sync } = openWorld()
  const [target, source] = networks
  l1.send(l1.bridge, 'deposit', [0, bob, 50n * ether])
  l1.send(l1.bridge, 'deposit', [1, alice, 300n * ether])
  target.world.pay(bob, 50n * ether)
  // Sent while the target lives: two are claimed before it ends, two after.
  for (let count = 0; count < 4; count++) {
    source.send('transfer', [0, bob], { value: 10n * ether })
  }
  await sync(source)
  const claimed = (index: number) => claim(source.claimArgs(index))
  claimed(0)
  l1.send(l1.networks, 'drain', [0])
  const { drainedEpoch } = l1.read(l1.networks, 'networkOf', 0) as { drainedEpoch: bigint }
  l1.goToEpoch(Number(drainedEpoch))
  l1.send(l1.networks, 'close', [0], stranger)
  const { endEpoch } = l1.read(l1.networks, 'networkOf', 0) as { endEpoch: bigint }
  l1.goToEpoch(Number(endEpoch) - 1)
  claimed(1)
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [70n * ether, 0n])
  l1.goToEpoch(Number(endEpoch))
  // Nobody's stake is in it any more: it takes none, though it is neither halted nor dead.
  claimed(2)
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [70n * ether, 10n * ether])

  // Its last block paid out the deposit and the first transfer, and not the second one.
  target.world.pay(bob, 10n * ether)
  const height = await target.seal({ epoch: 12n, creditNext: 2n })
  target.certify({ nextEpoch: BigInt(l1.epoch) })
  l1.outlive(0)
  l1.send(l1.oracle, 'declareDead', [0], stranger)
  l1.world.advance(500)
  const leaves = [50n, 10n, 10n].map((each) =>
    sha256(concat(fromHex(bob), bigintToBytes(each * 10n ** 9n, 8))),
  )
  const refund = (index: number) => {
    const siblings = siblingsOf(leaves, index).map(toHex)
    const next = target.creditNextProof(height)
    const args = [0, index, bob, 10n * 10n ** 9n, siblings, 2n, next]
    return l1.send(l1.bridge, 'refund', args, stranger)
  }
  const proof = await target.accountProof(height, bob)
  const exitArgs = [0, bob, '0x', target.stateProof(height), proof]
  const exit = () => l1.send(l1.bridge, 'exit', exitArgs, stranger)
  refuses(() => refund(1), 'AlreadyPaidOut')
  refund(2)
  exit()
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [0n, 80n * ether])
  // Whoever has escaped already has this one still, here and not there.
  const before = supply()
  claimed(3)
  assert.deepEqual([outstanding(0), l1.balanceOf(bob)], [0n, 90n * ether])
  assert.equal(supply() - before, 10n * ether)
  for (const index of [0, 1, 2, 3]) refuses(() => claimed(index), 'AlreadyClaimed')
  refuses(() => refund(2), 'AlreadyClaimed')
  refuses(exit, 'AlreadyClaimed')
  assert.equal(outstanding(1), 260n * ether)
})
