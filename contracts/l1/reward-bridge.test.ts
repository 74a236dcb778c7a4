import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { FinalityVote } from '@zg/consensus'
import { bigintToBytes, fromHex, keccak256, concat, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { ContractRevertError, somebody } from '../testing/contract-world.ts'
import { rootOf, siblingsOf } from '../testing/history.ts'
import { L1World } from '../testing/l1-world.ts'
import { NetworkWorld, outboxAddress } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const cap = 10n ** 27n
const all = [1, 2, 3, 4].map((index) => testOperator(index))
const [first] = all as [TestOperator]
const alice: Hex = toHex(new Uint8Array(20).fill(0xa1))
const bob: Hex = toHex(new Uint8Array(20).fill(0xb0))
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))

/** Four operators with 100 tokens each validate networks 0 and 1; it is epoch 12. */
function openWorld(options: ConstructorParameters<typeof L1World>[0] = {}) {
  const l1 = new L1World(options)
  for (const id of [0, 1]) l1.openNetwork(id)
  l1.settle(all, { ids: [0, 1] })
  l1.goToEpoch(12)
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  const networks = [0, 1].map((id) => new NetworkWorld(l1, id, all)) as [NetworkWorld, NetworkWorld]
  const outstanding = (id: number) => l1.read(l1.bridge, 'outstanding', id) as bigint
  const claim = (args: readonly unknown[], from = stranger) =>
    l1.send(l1.bridge, 'claim', args, from)
  const supply = () => l1.read(l1.token, 'totalSupply') as bigint
  /** Seals, certifies and proves all entries of a network so far. */
  const sync = async (network: NetworkWorld) => {
    await network.seal()
    network.certify()
    return l1.send(l1.bridge, 'sync', await network.syncArgs(), stranger)
  }
  return { l1, networks, outstanding, claim, supply, sync }
}

describe('Inbox', () => {
  test('credits and messages grow two trees of each network, in order', () => {
    const { l1 } = openWorld()
    const boxOf = (name: string, id: number) =>
      l1.read(l1.inbox, name, id) as readonly [root: Hex, count: bigint]
    assert.deepEqual(boxOf('creditsOf', 0), [toHex(new Uint8Array(32)), 0n])
    const leaves: Uint8Array[] = []
    for (let index = 0; index < 9; index++) {
      const gwei = BigInt(index + 1)
      l1.send(l1.bridge, 'deposit', [0, alice, gwei * 10n ** 9n])
      leaves.push(sha256(concat(fromHex(alice), bigintToBytes(gwei, 8))))
      assert.deepEqual(boxOf('creditsOf', 0), [toHex(rootOf(leaves)), gwei])
    }
    assert.deepEqual(boxOf('creditsOf', 1)[1], 0n)
    const data = toHex(new Uint8Array(100).fill(7))
    const { events } = l1.send(l1.inbox, 'send', [1, bob, data], alice)
    assert.equal(events[0]?.args['data'], data)
    const leaf = sha256(concat(fromHex(alice), fromHex(bob), keccak256(fromHex(data))))
    assert.deepEqual(boxOf('messagesOf', 1), [toHex(rootOf([leaf])), 1n])
    refuses(() => l1.send(l1.inbox, 'credit', [0, alice, 1n]), 'NotTheBridge')
    refuses(() => l1.send(l1.inbox, 'send', [9, bob, '0x'], alice), 'NetworkUnknown')
    const long = toHex(new Uint8Array(24_577))
    refuses(() => l1.send(l1.inbox, 'send', [1, bob, long], alice), 'DataTooLong')
  })
})

describe('Outbox', () => {
  test('what goes out stays there for ever, as a leaf of the tree in slot 0', async () => {
    const { networks } = openWorld()
    const [network] = networks
    const { world, outbox } = network
    network.send('withdraw', [alice], { value: 5n })
    network.send('transfer', [1, bob], { value: 10n ** 9n })
    network.send('send', [1, bob, 2n ** 40n, '0x1234'])
    const [, , , root] = network.claimArgs(0)
    assert.equal(world.read({ contract: outbox, name: 'root' }), root)
    assert.equal(world.read({ contract: outbox, name: 'count' }), 3n)
    assert.equal(world.balanceOf(outboxAddress), 10n ** 9n + 5n)
    refuses(() => network.send('withdraw', [alice]), 'NothingSent')
    refuses(() => network.send('transfer', [1, bob], { value: 1n }), 'NotWholeGwei')
    refuses(() => network.send('reward', [alice], { value: 1n }), 'NotTheRewardHub')
    refuses(() => network.send('send', [1, bob, 1n, '0x']), 'ExpiryPast')
  })
})

describe('RewardBridge', () => {
  test('tokens go over and come back, by a stranger, once', async () => {
    const { l1, networks, outstanding, claim, supply, sync } = openWorld()
    const [network, other] = networks
    const before = supply()
    l1.send(l1.bridge, 'deposit', [0, alice, 50n * ether])
    assert.deepEqual([outstanding(0), before - supply()], [50n * ether, 50n * ether])
    refuses(() => l1.send(l1.bridge, 'deposit', [0, alice, 1n]), 'NotWholeGwei')
    refuses(() => l1.send(l1.bridge, 'deposit', [7, alice, ether]), 'NetworkUnknown')

    const index = network.send('withdraw', [bob], { from: somebody, value: 20n * ether })
    refuses(() => claim(network.claimArgs(index)), 'RootUnknown')
    await sync(network)
    const args = network.claimArgs(index)
    claim(args)
    assert.deepEqual([l1.balanceOf(bob), outstanding(0)], [20n * ether, 30n * ether])
    refuses(() => claim(args), 'AlreadyClaimed')
    // Of another network, with another amount, receiver, index or proof.
    const [id, entry, place, root, siblings] = args as [number, object, number, Hex, Hex[]]
    refuses(() => claim([1, entry, place, root, siblings]), 'RootUnknown')
    // An Outbox without entries has no root to prove.
    await assert.rejects(sync(other), ContractRevertError)
    const forged = [
      { ...entry, amount: 21n * ether },
      { ...entry, to: alice },
      { ...entry, kind: 1 },
    ]
    for (const each of forged) {
      refuses(() => claim([id, each, place, root, siblings]), 'EntryUnproven')
    }
    refuses(() => claim([id, entry, place + 1, root, siblings]), 'EntryUnproven')
    refuses(() => claim([id, entry, place, root, siblings.slice(1)]), 'EntryUnproven')
  })

  test('an older root stays good, and a newer certificate blocks no sync', async () => {
    const { l1, networks, claim } = openWorld()
    const [network] = networks
    l1.send(l1.bridge, 'deposit', [0, alice, 50n * ether])
    network.send('withdraw', [bob], { value: ether })
    const height = await network.seal()
    network.certify()
    network.send('withdraw', [bob], { value: ether })
    await network.seal()
    await network.seal()
    network.certify()
    // Two proofs that were made, and then a newer certificate came in front of them.
    const overtaken = [await network.syncArgs(), await network.syncArgs(height)]
    await network.seal()
    network.certify()
    for (const args of overtaken) l1.send(l1.bridge, 'sync', args)
    // The older block, under the newest history.
    l1.send(l1.bridge, 'sync', await network.syncArgs(height))
    claim(network.claimArgs(0, 1))
    const wrong = await network.syncArgs(height)
    const [id, block, state, slot] = wrong as [number, { height: number }, object, object]
    const sync = (...args: readonly unknown[]) => l1.send(l1.bridge, 'sync', args)
    refuses(() => sync(1, block, state, slot), 'BlockUnproven')
    refuses(() => sync(id, { ...block, height: 2 }, state, slot), 'BlockUnproven')
    const [, newest, newestState, newestSlot] = await network.syncArgs()
    refuses(() => sync(id, newest, state, slot), 'HeaderUnproven')
    assert.throws(() => sync(id, newest, newestState, slot), ContractRevertError)
    sync(id, newest, newestState, newestSlot)
    claim(network.claimArgs(1))
  })

  test('a reward drill: earned on network 1, burned there, minted to the stakers by a stranger', async () => {
    const { l1, networks, outstanding, claim, sync } = openWorld()
    const [, network] = networks
    const { address } = first
    l1.send(l1.stakes, 'setCommission', [1_000], address)
    l1.fund(alice, 300n * ether)
    l1.send(l1.stakes, 'stake', [address, 300n * ether], alice)
    l1.goToEpoch(14)
    await network.seal({ epoch: 12n })
    network.certify({ nextEpoch: 14n })
    const hub = toHex(bigintToBytes(0x2001n, 20))
    l1.send(l1.bridge, 'deposit', [1, hub, 90n * ether])
    network.world.pay(hub, 90n * ether)
    const index = network.send('reward', [address], { from: hub, value: 80n * ether })
    await sync(network)
    claim(network.claimArgs(index))
    const earned = (staker: Hex) => l1.read(l1.stakes, 'earnedOf', address, staker)
    // A tenth is the operator's, the rest flows to 100 and 300 shares.
    assert.deepEqual([earned(address), earned(alice)], [8n * ether, 0n])
    l1.world.advance(2 * l1.epochSeconds)
    assert.deepEqual([earned(address), earned(alice)], [26n * ether, 54n * ether])
    assert.equal(outstanding(1), 10n * ether)
    refuses(() => claim(network.claimArgs(index)), 'AlreadyClaimed')
    l1.send(l1.stakes, 'collect', [address, alice], stranger)
    assert.equal(l1.balanceOf(alice), 54n * ether)
    refuses(() => l1.send(l1.stakes, 'collect', [address, alice], stranger), 'AmountTooSmall')
    l1.send(l1.stakes, 'compound', [address], address)
    const [shares, assets] = l1.read(l1.stakes, 'stakeOf', address, address) as [bigint, bigint]
    assert.deepEqual([shares, assets], [126n * ether, 126n * ether])
  })

  test('a corrupt network: with all its keys, nothing beyond its outstanding comes out', async () => {
    const { l1, networks, outstanding, claim, sync } = openWorld()
    const [honest, corrupt] = networks
    l1.send(l1.bridge, 'deposit', [0, alice, 300n * ether])
    l1.send(l1.bridge, 'deposit', [1, alice, 30n * ether])
    honest.send('withdraw', [alice], { value: ether })
    await sync(honest)
    // Its validators make what tokens they like.
    corrupt.send('withdraw', [bob], { value: 31n * ether })
    corrupt.send('withdraw', [bob], { value: 20n * ether })
    corrupt.send('transfer', [0, bob], { value: 20n * ether })
    corrupt.send('transfer', [0, bob], { value: 10n * ether })
    await sync(corrupt)
    refuses(() => claim(corrupt.claimArgs(0)), 'BeyondOutstanding')
    claim(corrupt.claimArgs(1))
    refuses(() => claim(corrupt.claimArgs(2)), 'BeyondOutstanding')
    claim(corrupt.claimArgs(3))
    assert.deepEqual([l1.balanceOf(bob), outstanding(1)], [20n * ether, 0n])
    assert.equal(outstanding(0), 310n * ether)
    claim(honest.claimArgs(0))
  })

  test('a halted network pays out nothing, and the others as before', async () => {
    const { l1, networks, claim, sync } = openWorld()
    const [forked, other] = networks
    for (const id of [0, 1]) l1.send(l1.bridge, 'deposit', [id, alice, 50n * ether])
    forked.send('withdraw', [bob], { value: ether })
    other.send('transfer', [0, bob], { value: ether })
    await sync(forked)
    await sync(other)
    const roots = { consensusRoot: sha256(Uint8Array.of(1)), histRoot: sha256(Uint8Array.of(2)) }
    const votes = [3, 4].map((fill): FinalityVote => {
      const blockHash = sha256(Uint8Array.of(fill))
      return { epoch: BigInt(l1.epoch), height: 99n, nextEpoch: 0n, blockHash, ...roots }
    })
    const [a, b] = votes.map((vote) => l1.finalityArgs(vote))
    const opening = { leaf: a?.histRoot, siblings: [] }
    const evidence = [0, a, [], b, [], opening, l1.signFinalities(0, votes, all)]
    l1.send(l1.slashing, 'proveFinalityConflict', evidence, stranger)
    refuses(() => claim(forked.claimArgs(0)), 'NetworkHalted')
    refuses(() => l1.send(l1.bridge, 'deposit', [0, alice, ether]), 'NetworkHalted')
    // What goes there from another network is paid out here.
    claim(other.claimArgs(0))
    assert.equal(l1.balanceOf(bob), ether)
    l1.send(l1.bridge, 'deposit', [1, alice, ether])
  })

  test('no more lives on a network than a part of its stake, and the rest as it was at genesis', () => {
    const { l1, outstanding, supply } = openWorld({
      securedBps: 5_000n,
      genesisOutstanding: 150n * ether,
    })
    assert.equal(supply() + 150n * ether, cap)
    assert.equal(outstanding(0), 150n * ether)
    l1.send(l1.bridge, 'deposit', [0, alice, 50n * ether])
    refuses(() => l1.send(l1.bridge, 'deposit', [0, alice, ether]), 'BeyondSecured')
    // The other has the same stake, which secures no more in two networks than in one.
    refuses(() => l1.send(l1.bridge, 'deposit', [1, alice, ether]), 'BeyondShared')
    assert.equal(supply() + outstanding(0) + outstanding(1), cap)
  })

  test('no more lives on all networks than a part of all stake, each operator’s counted once', async () => {
    const opened = openWorld({ securedBps: 5_000n, genesisOutstanding: 60n * ether })
    const { l1, networks, outstanding, claim, sync } = opened
    const [network] = networks
    const deposit = (id: number, amount: bigint) =>
      l1.send(l1.bridge, 'deposit', [id, alice, amount])
    const tooMuch = (id: number, amount: bigint, room: bigint) =>
      assert.throws(() => deposit(id, amount), { errorName: 'BeyondShared', errorArgs: [room] })
    // Of 400 tokens of stake half, less what network 0 was born with.
    tooMuch(1, 141n * ether, 140n * ether)
    deposit(1, 140n * ether)
    tooMuch(0, 10n ** 9n, 0n)

    const other = testOperator(5)
    l1.register(other)
    l1.fund(other.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [other.address, 100n * ether], other.address)
    tooMuch(0, ether, 0n)
    for (const id of [0, 1]) {
      l1.send(l1.networks, 'optIn', [id, 10_000], other.address)
      tooMuch(0, 51n * ether, 50n * ether)
    }
    deposit(0, 30n * ether)
    tooMuch(0, 21n * ether, 20n * ether)
    l1.send(l1.stakes, 'unstake', [other.address, 100n * ether], other.address)
    tooMuch(0, ether, 0n)

    // 230 of 200: what is there stays, moves and comes back, and nothing more goes in.
    network.send('transfer', [1, bob], { value: 40n * ether })
    network.send('withdraw', [bob], { value: 35n * ether })
    await sync(network)
    claim(network.claimArgs(0))
    assert.deepEqual([outstanding(0), outstanding(1)], [50n * ether, 180n * ether])
    tooMuch(0, ether, 0n)
    claim(network.claimArgs(1))
    tooMuch(0, 6n * ether, 5n * ether)
    deposit(0, 5n * ether)
  })

  test('stake that leaves or is slashed secures nothing more from then on', () => {
    const { l1, outstanding } = openWorld({ securedBps: 5_000n })
    const deposit = (amount: bigint) => l1.send(l1.bridge, 'deposit', [0, alice, amount])
    const { address } = first
    l1.send(l1.stakes, 'unstake', [address, 20n * ether], address)
    const tooMuch = (amount: bigint, room: bigint) =>
      assert.throws(() => deposit(amount), { errorName: 'BeyondShared', errorArgs: [room] })
    tooMuch(191n * ether, 190n * ether)
    deposit(145n * ether)
    const votes = [1, 2].map((fill) => {
      const digest = new Uint8Array(32).fill(fill)
      return { kind: 'notarize', epoch: BigInt(l1.epoch), view: 1, digest } as const
    })
    const [a, b] = votes.map((vote) => l1.roundArgs(vote))
    const evidence = [1, address, a, b, l1.signRounds(1, votes, [first])]
    l1.send(l1.slashing, 'reportRoundVotes', evidence)
    // What is left of a tombstone weighs nothing: 300 tokens secure 150.
    tooMuch(6n * ether, 5n * ether)
    const [, second] = all as [unknown, TestOperator]
    l1.send(l1.stakes, 'unstake', [second.address, 100n * ether], second.address)
    tooMuch(ether, 0n)
    assert.equal(outstanding(0), 145n * ether)
  })

  test('a dead network pays back credits, entries, then accounts, each once', async () => {
    const { l1, networks, outstanding, claim } = openWorld()
    const [network] = networks
    for (const amount of [100n, 40n, 7n]) l1.send(l1.bridge, 'deposit', [0, alice, amount * ether])
    const { world } = network
    for (const [to, value] of [
      [alice, 60n * ether],
      [bob, 30n * ether],
    ] as const) {
      world.pay(to, value)
    }
    network.send('withdraw', [bob], { value: 10n * ether })
    await network.seal({ creditNext: 2n })
    network.certify()
    const height = network.height
    refuses(() => l1.send(l1.oracle, 'declareDead', [0]), 'StillAlive')
    const credit = (index: number, amount: bigint) => {
      const leaves = [100n, 40n, 7n].map((each) =>
        sha256(concat(fromHex(alice), bigintToBytes(each * 10n ** 9n, 8))),
      )
      const siblings = siblingsOf(leaves, index).map(toHex)
      const next = network.creditNextProof(height)
      const args = [0, index, alice, amount * 10n ** 9n, siblings, 2n, next]
      return l1.send(l1.bridge, 'refund', args, stranger)
    }
    const exit = async (account: Hex, code: Hex = '0x') => {
      const state = network.stateProof(height)
      const proof = await network.accountProof(height, account)
      return l1.send(l1.bridge, 'exit', [0, account, code, state, proof], stranger)
    }
    refuses(() => credit(2, 7n), 'NotDead')
    await assert.rejects(exit(alice), { errorName: 'NotDead' })
    l1.outlive(0)
    l1.send(l1.oracle, 'declareDead', [0], stranger)
    refuses(() => l1.send(l1.oracle, 'declareDead', [0], stranger), 'NetworkDead')
    refuses(() => l1.send(l1.bridge, 'deposit', [0, alice, ether]), 'NetworkHalted')
    await network.seal()
    assert.throws(() => network.certify(), { errorName: 'NetworkDead' })

    refuses(() => credit(1, 40n), 'AlreadyPaidOut')
    refuses(() => credit(2, 8n), 'EntryUnproven')
    credit(2, 7n)
    refuses(() => credit(2, 7n), 'AlreadyClaimed')
    assert.equal(l1.balanceOf(alice), 7n * ether)
    l1.send(l1.bridge, 'sync', await network.syncArgs(height, height))
    claim(network.claimArgs(0))
    assert.equal(l1.balanceOf(bob), 10n * ether)
    await assert.rejects(exit(alice), { errorName: 'TooEarly' })
    l1.world.advance(500)
    await exit(alice)
    await exit(bob)
    await assert.rejects(exit(alice), { errorName: 'AlreadyClaimed' })
    await assert.rejects(exit(outboxAddress), { errorName: 'AccountHasCode' })
    assert.deepEqual([l1.balanceOf(alice), l1.balanceOf(bob)], [67n * ether, 40n * ether])
    assert.equal(outstanding(0), 40n * ether)
    // Who would take more than is left of it, takes nothing.
    await assert.rejects(exit(somebody), { errorName: 'BeyondOutstanding' })
  })

  test('of a dead network an account that delegates leaves by its delegation, no other code does', async () => {
    const { l1, networks } = openWorld()
    const [network] = networks
    l1.send(l1.bridge, 'deposit', [0, alice, 90n * ether])
    const delegation = (fill: number) =>
      toHex(concat(fromHex('0xef0100'), new Uint8Array(20).fill(fill)))
    const codes = new Map<Hex, Hex>([
      [alice, delegation(1)],
      // A contract, and what only begins as a delegation does.
      [bob, '0x6001'],
      [stranger, `${delegation(1)}00`],
    ])
    for (const [account, code] of codes) {
      const balance = 30n * ether
      network.world.place({ address: BigInt(account), code: fromHex(code), balance })
    }
    const height = await network.seal()
    network.certify()
    l1.outlive(0)
    l1.send(l1.oracle, 'declareDead', [0], stranger)
    l1.world.advance(500)
    const exit = async (account: Hex, code: Hex) => {
      const proof = await network.accountProof(height, account)
      const state = network.stateProof(height)
      return l1.send(l1.bridge, 'exit', [0, account, code, state, proof], stranger)
    }
    for (const [account, code] of codes) {
      for (const told of ['0x', delegation(2), ...(account === alice ? [] : [code])] as Hex[]) {
        await assert.rejects(exit(account, told), { errorName: 'AccountHasCode' })
      }
    }
    await exit(alice, delegation(1))
    await assert.rejects(exit(alice, delegation(1)), { errorName: 'AlreadyClaimed' })
    assert.equal(l1.balanceOf(alice), 30n * ether)
  })
})
