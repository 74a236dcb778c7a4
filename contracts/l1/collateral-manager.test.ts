import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { ContractRevertError, somebody } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { insurance, L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n
const usd = 10n ** 6n
const many = 10n ** 30n
const [alice, bob, reporter] = [1, 2, 0xef].map((fill): Hex =>
  toHex(new Uint8Array(20).fill(fill)),
) as [Hex, Hex, Hex]
const slasher: Hex = toHex(new Uint8Array(20).fill(0xee))
const operator = testOperator(1)
const conducts = { sound: 0, keepsAPart: 1, frozen: 2 } as const

/** One operator, and two collaterals: 0 weighs as the token does, of 1 two dollars do. */
function openWorld(options: ConstructorParameters<typeof L1World>[0] = { slasher }) {
  const l1 = new L1World(options)
  const { world, collaterals } = l1
  const tokens = [18, 6].map((decimals) => {
    const token = world.deploy('TestCollateral', { args: [decimals] })
    for (const staker of [alice, bob]) {
      l1.send(token, 'mint', [staker, many])
      l1.send(token, 'approve', [collaterals.address, 2n ** 256n - 1n], staker)
    }
    return token
  }) as [Deployed, Deployed]
  const list = (token: Deployed, weight: bigint, assetsMax: bigint, from = somebody) =>
    l1.send(collaterals, 'list', [token.address, weight, assetsMax], from)
  list(tokens[0], gwei, 10_000n * ether)
  list(tokens[1], gwei / 2n, 10_000n * usd)
  l1.register(operator)
  const send = (name: string, args: readonly unknown[], from: Hex) =>
    l1.send(collaterals, name, args, from)
  const read = (name: string, ...args: readonly unknown[]) => l1.read(collaterals, name, ...args)
  const weight = (at = l1.epoch + 2, of = operator.address) =>
    l1.read(l1.operators, 'weightAt', of, at)
  const held = (token: Deployed, address: Hex) => l1.read(token, 'balanceOf', address) as bigint
  const stakeOf = (index: number, staker: Hex) =>
    read('stakeOf', index, operator.address, staker) as readonly [shares: bigint, assets: bigint]
  /** A slash, as the slashing manager asks for it. */
  const slash = (faultEpoch: number, bps: number) => {
    const cuts = [{ operator: operator.address, faultEpoch, bps }]
    return l1.send(l1.stakes, 'slash', [cuts, reporter, 500], slasher)
  }
  return { l1, tokens, list, send, read, weight, held, stakeOf, slash }
}

test('governance lists three collaterals at most, each known once and bounded', () => {
  const { l1, tokens, list, send, read } = openWorld()
  const third = l1.world.deploy('TestCollateral', { args: [8] })
  refuses(() => list(third, 1n, 1n, alice), 'NotTheGovernor')
  refuses(() => send('set', [0, 1n, 1n], alice), 'NotTheGovernor')
  refuses(() => list(tokens[0], 1n, 1n), 'CollateralInvalid')
  refuses(() => list(l1.token, 1n, 1n), 'CollateralInvalid')
  const fine = l1.world.deploy('TestCollateral', { args: [25] })
  refuses(() => list(fine, 1n, 1n), 'CollateralInvalid')
  // All of it would weigh more than all of the network's own token.
  refuses(() => list(third, gwei, gwei * 10n ** 8n + 1n), 'CollateralInvalid')
  list(third, gwei, gwei * 10n ** 8n)
  const fourth = l1.world.deploy('TestCollateral', { args: [8] })
  refuses(() => list(fourth, 1n, 1n), 'TooManyCollaterals')
  assert.equal((read('collaterals') as readonly unknown[]).length, 3)
})

test('a collateral weighs as governance says, leaves as stake does, and has no votes', () => {
  const { l1, tokens, send, read, weight, held } = openWorld()
  const { address } = operator
  l1.fund(alice, 1_000n * ether)
  l1.send(l1.stakes, 'stake', [address, 100n * ether], alice)
  send('stake', [0, address, 10n * ether], alice)
  send('stake', [1, address, 30n * usd], bob)
  assert.deepEqual([weight(11), weight(12)], [0n, (100n + 10n + 15n) * gwei])
  // The token's own stake keeps what the others weigh.
  l1.send(l1.stakes, 'stake', [address, ether], alice)
  assert.equal(weight(), 126n * gwei)
  l1.world.advance(5)
  const votes = (of: Hex) => l1.read(l1.stakes, 'getPastVotes', of, l1.world.timestamp - 1)
  assert.deepEqual([votes(alice), votes(bob)], [101n * ether, 0n])

  const [shares] = read('stakeOf', 1, address, bob) as readonly [bigint, bigint]
  send('unstake', [1, address, shares / 3n], bob)
  assert.equal(weight(), 121n * gwei)
  const exit = l1.epoch + 2
  assert.equal(read('exitingOf', 1, address, exit, bob), 10n * usd)
  refuses(() => send('withdraw', [1, address, exit], bob), 'StillUnbonding')
  l1.world.advance(Number(l1.read(l1.stakes, 'readyAt', exit)) - l1.world.timestamp)
  refuses(() => send('withdraw', [0, address, exit], bob), 'SharesMissing')
  const before = held(tokens[1], bob)
  send('withdraw', [1, address, exit], bob)
  assert.equal(held(tokens[1], bob) - before, 10n * usd)
  refuses(() => send('withdraw', [1, address, exit], bob), 'SharesMissing')
})

test('what cannot be staked is refused', () => {
  const { l1, tokens, send, weight } = openWorld()
  const { address } = operator
  const stake = (index: number, assets: bigint, of = address) =>
    send('stake', [index, of, assets], alice)
  refuses(() => stake(0, ether, bob), 'NotRegistered')
  refuses(() => stake(0, 0n), 'AmountTooSmall')
  refuses(() => stake(0, 10_001n * ether), 'BeyondMost')
  stake(0, 9_999n * ether)
  refuses(() => stake(0, 2n * ether), 'BeyondMost')
  l1.send(tokens[0], 'behave', [conducts.keepsAPart])
  refuses(() => stake(0, ether), 'TransferInexact')
  l1.send(tokens[0], 'behave', [conducts.sound])
  send('set', [0, 0n, 10_000n * ether], somebody)
  refuses(() => stake(0, ether), 'CollateralRefused')
  refuses(() => send('unstake', [0, address, 0n], alice), 'SharesMissing')
  refuses(() => send('unstake', [0, address, 1n], bob), 'SharesMissing')
  for (const name of ['slash', 'changeCollateralWeight']) {
    const contract = name === 'slash' ? l1.collaterals : l1.stakes
    const cut = { operator: address, faultEpoch: 10, bps: 1 }
    const args = name === 'slash' ? [cut, alice, 0] : [address, 0, 1]
    assert.throws(() => l1.send(contract, name, args, alice), ContractRevertError)
  }
  assert.equal(weight(), 9_999n * gwei)
})

test('a slash takes the same part of every collateral, whatever their tokens do', () => {
  const { l1, tokens, send, read, weight, held, stakeOf, slash } = openWorld()
  const { address } = operator
  l1.fund(alice, 1_000n * ether)
  l1.send(l1.stakes, 'stake', [address, 100n * ether], alice)
  send('stake', [0, address, 100n * ether], alice)
  send('stake', [1, address, 200n * usd], bob)
  const [shares] = stakeOf(0, alice)
  send('unstake', [0, address, shares / 5n], alice)
  l1.goToEpoch(13)
  send('unstake', [0, address, shares / 5n], alice)
  const [early, late] = [12, 15]
  // The fault is in the first epoch that the early exit was out of.
  l1.send(tokens[0], 'behave', [conducts.frozen])
  slash(early, 1_000)
  assert.equal(weight(), 0n)
  assert.equal(read('exitingOf', 0, address, early, alice), 20n * ether)
  assert.equal(read('exitingOf', 0, address, late, alice), 18n * ether)
  assert.deepEqual([stakeOf(0, alice)[1], stakeOf(1, bob)[1]], [54n * ether, 180n * usd])
  assert.equal((l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets, 90n * ether)

  refuses(() => send('collect', [0, reporter], bob), 'TokenFrozen')
  l1.send(tokens[0], 'behave', [conducts.sound])
  // 60 and 20 tokens answered: 8 are lost, a twentieth of them to the reporter.
  for (const index of [0, 1]) {
    send('collect', [index, reporter], bob)
    send('forfeit', [index], bob)
  }
  assert.deepEqual(
    tokens.map((token) => held(token, reporter)),
    [(8n * ether) / 20n, usd],
  )
  assert.deepEqual(
    tokens.map((token) => held(token, insurance)),
    [(8n * ether * 19n) / 20n, 19n * usd],
  )
  send('collect', [0, reporter], bob)
  assert.equal(held(tokens[0], reporter), (8n * ether) / 20n, 'once')
  // A tombstone takes nothing in; who is there leaves, with no weight to give back.
  refuses(() => send('stake', [1, address, usd], bob), 'OperatorSlashed')
  send('unstake', [1, address, stakeOf(1, bob)[0]], bob)
  assert.equal(weight(), 0n)
  slash(early, 10_000)
  assert.equal(read('exitingOf', 1, address, 15, bob), 0n)
  send('unstake', [0, address, stakeOf(0, alice)[0]], alice)
})

test('what may be withdrawn already is not slashed, whoever is late', () => {
  const { l1, send, read, stakeOf, slash } = openWorld()
  const { address } = operator
  send('stake', [0, address, 100n * ether], alice)
  send('unstake', [0, address, (stakeOf(0, alice)[0] * 2n) / 5n], alice)
  const exit = l1.epoch + 2
  l1.world.advance(Number(l1.read(l1.stakes, 'readyAt', exit)) - l1.world.timestamp)
  slash(exit - 1, 10_000)
  assert.equal(read('exitingOf', 0, address, exit, alice), 40n * ether)
  assert.equal(stakeOf(0, alice)[1], 0n)
  send('withdraw', [0, address, exit], alice)
})

test('a fault that is reported costs the other collaterals, too', () => {
  const { l1, send, stakeOf } = openWorld({})
  const others = [2, 3, 4].map((index) => testOperator(index))
  l1.openNetwork(1)
  for (const each of [operator, ...others]) {
    if (each !== operator) l1.register(each)
    l1.fund(each.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [each.address, 100n * ether], each.address)
    l1.send(l1.networks, 'optIn', [1, 10_000], each.address)
  }
  send('stake', [0, operator.address, 100n * ether], alice)
  l1.goToEpoch(12)
  const votes = [1, 2].map((fill): RoundVote => {
    const vote = { kind: 'notarize', epoch: 12n, view: 7 } as const
    return { ...vote, digest: new Uint8Array(32).fill(fill) }
  })
  const [a, b] = votes.map((vote) => l1.roundArgs(vote))
  const evidence = [1, operator.address, a, b, l1.signRounds(1, votes, [operator])]
  // 5 % and three times 200 of 500.
  const { events } = l1.send(l1.slashing, 'reportRoundVotes', evidence)
  assert.equal(events[0]?.args['bps'], 10_000)
  assert.equal(stakeOf(0, alice)[1], 0n)
})

test('a collateral that is weighed anew follows in steps that networks take', () => {
  const { l1, send, read, weight, stakeOf } = openWorld({})
  const { address } = operator
  l1.openNetwork(1)
  send('stake', [0, address, 140n * ether], alice)
  send('stake', [0, address, 10n * ether], bob)
  const all = Array.from({ length: 20 }, (_, index) => testOperator(index + 1))
  for (const each of all) {
    if (each.address !== address) l1.register(each)
    l1.fund(each.address, 100n * ether)
    l1.send(l1.stakes, 'stake', [each.address, 100n * ether], each.address)
    l1.send(l1.networks, 'optIn', [1, 10_000], each.address)
  }
  l1.goToEpoch(13)
  const reweigh = (to: bigint) => send('reweigh', [0, address, to], bob)
  refuses(() => reweigh(151n * gwei), 'WeightInvalid')
  send('set', [0, 0n, 10_000n * ether], somebody)
  assert.equal(weight(), 250n * gwei, 'nothing moved by itself')
  // Who leaves takes its own part of what counts, and is not held by the rest.
  send('unstake', [0, address, stakeOf(0, bob)[0]], bob)
  assert.equal(weight(), 240n * gwei)
  refuses(() => reweigh(0n), 'ChurnFull')
  refuses(() => reweigh(141n * gwei), 'WeightInvalid')
  reweigh(50n * gwei)
  assert.equal(weight(), 150n * gwei)
  l1.goToEpoch(14)
  reweigh(0n)
  assert.equal(weight(), 100n * gwei)
  assert.equal(read('weightOf', address, 0), 0n)
  send('set', [0, gwei / 10n, 10_000n * ether], somebody)
  reweigh(14n * gwei)
  assert.equal(weight(), 114n * gwei)
  refuses(() => reweigh(15n * gwei), 'WeightInvalid')
})

test('nobody makes shares dear for who comes after', () => {
  const { l1, tokens, send, stakeOf } = openWorld()
  const { address } = operator
  send('stake', [0, address, 1n], alice)
  // Tokens that are only sent here are in no pool.
  l1.send(tokens[0], 'transfer', [l1.collaterals.address, 1_000n * ether], alice)
  send('stake', [0, address, 5n * ether], bob)
  assert.deepEqual([stakeOf(0, alice)[1], stakeOf(0, bob)[1]], [1n, 5n * ether])
})

test('whatever is staked, slashed and withdrawn, every token is in a pool or due to somebody', () => {
  for (const seed of [1, 2, 3]) runRandomly(seed)
})

function runRandomly(seed: number): void {
  const rng = createSeededRng(`zg/collaterals ${seed}`)
  const { l1, tokens, send, read, weight, held, stakeOf, slash } = openWorld()
  const { address } = operator
  const exits: (readonly [index: number, exit: number, staker: Hex])[] = []
  const wealth = (index: number) =>
    [alice, bob].reduce((sum, staker) => sum + held(tokens[index] as Deployed, staker), 0n)
  for (let step = 0; step < 120; step++) {
    const [index, staker] = [rng.below(2), [alice, bob][rng.below(2)] as Hex]
    const kind = rng.below(20)
    try {
      if (kind < 7) send('stake', [index, address, BigInt(1 + rng.below(2 ** 30)) * 3n], staker)
      else if (kind < 12) {
        const [shares] = stakeOf(index, staker)
        send('unstake', [index, address, shares / BigInt(1 + rng.below(3))], staker)
        exits.push([index, l1.epoch + 2, staker])
      } else if (kind < 15) l1.world.advance(rng.below(300))
      else if (kind < 19) {
        const [of, exit, owner] = exits[rng.below(Math.max(1, exits.length))] ?? [0, 12, alice]
        send('withdraw', [of, address, exit], owner)
      } else if (step > 60) slash(l1.epoch - rng.below(6), rng.below(4_000))
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error
      assert.match(
        error.errorName,
        /^(AmountTooSmall|SharesMissing|StillUnbonding|OperatorSlashed|BeyondMost)$/,
      )
    }
    if (step % 10 !== 9) continue
    const listed = read('collaterals') as readonly { active: bigint; forfeited: bigint }[]
    let counted = 0n
    for (const [place, token] of tokens.entries()) {
      const { assets } = read('activeOf', place, address) as { assets: bigint }
      assert.equal(listed[place]?.active, assets)
      const bounty = read('bountyOf', place, reporter) as bigint
      let pooled = assets + bounty + (listed[place]?.forfeited ?? 0n)
      let owned = stakeOf(place, alice)[1] + stakeOf(place, bob)[1]
      for (let exit = 10; exit <= l1.epoch + 2; exit++) {
        pooled += (read('exitOf', place, address, exit) as { assets: bigint }).assets
        for (const each of [alice, bob]) {
          owned += read('exitingOf', place, address, exit, each) as bigint
        }
      }
      assert.equal(held(token, l1.collaterals.address), pooled, `step ${step}`)
      assert.ok(owned <= pooled)
      assert.ok(wealth(place) + owned <= 2n * many)
      counted += read('weightOf', address, place) as bigint
    }
    const isDead = l1.read(l1.stakes, 'isTombstone', address) as boolean
    assert.equal(weight(), isDead ? 0n : counted)
  }
}
