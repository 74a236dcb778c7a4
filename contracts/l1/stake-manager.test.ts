import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { ContractRevertError } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { testOperator } from '../testing/stake-world.ts'
import { refuses } from '../testing/refuses.ts'

const ether = 10n ** 18n
const epochSeconds = 100
const unbondingSeconds = 500
const stakers = [1, 2, 3].map((fill): Hex => toHex(new Uint8Array(20).fill(fill)))
const slasher: Hex = toHex(new Uint8Array(20).fill(0xee))
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))
const operators = [1, 2].map((index) => testOperator(index))
const [alice, bob] = stakers as [Hex, Hex]
const operator = operators[0]?.address as Hex

/** Two registered operators, three stakers with a million tokens each. */
function openWorld() {
  const l1 = new L1World({ slasher })
  const { world, stakes, start } = l1
  for (const each of operators) l1.register(each)
  for (const staker of stakers) l1.fund(staker, 1_000_000n * ether)
  const send = (name: string, args: readonly unknown[], from: Hex) =>
    l1.send(stakes, name, args, from)
  const read = (name: string, ...args: unknown[]) => l1.read(stakes, name, ...args)
  const slash = (
    address: Hex,
    cut: { fault: number; bps: number; reporterBps: number; from?: Hex },
  ) => {
    const { fault: faultEpoch, bps, reporterBps, from = slasher } = cut
    send('slash', [[{ operator: address, faultEpoch, bps }], reporter, reporterBps], from)
  }
  const balanceOf = (address: Hex) => l1.balanceOf(address)
  const epoch = () => l1.epoch
  const weightAt = (address: Hex, at: number) => l1.read(l1.operators, 'weightAt', address, at)
  const stakeOf = (address: Hex, staker: Hex) =>
    read('stakeOf', address, staker) as readonly [shares: bigint, assets: bigint]
  const supply = () => l1.read(l1.token, 'totalSupply') as bigint
  return {
    l1,
    world,
    stakes,
    start,
    send,
    read,
    slash,
    balanceOf,
    epoch,
    weightAt,
    stakeOf,
    supply,
  }
}

test('stake weighs from the epoch after the next, until it left; then it waits', () => {
  const { world, send, read, balanceOf, epoch, weightAt, start } = openWorld()
  send('stake', [operator, 300n * ether], alice)
  const from = epoch() + 2
  assert.deepEqual(
    [from - 1, from].map((at) => weightAt(operator, at)),
    [0n, 300n * 10n ** 9n],
  )
  send('unstake', [operator, 100n * ether], alice)
  assert.equal(weightAt(operator, from), 200n * 10n ** 9n)
  const exit = epoch() + 2
  assert.equal(read('exitingOf', operator, exit, alice), 100n * ether)
  refuses(() => send('withdraw', [operator, exit], alice), 'StillUnbonding')
  world.advance(start + exit * epochSeconds + unbondingSeconds - world.timestamp - 5)
  refuses(() => send('withdraw', [operator, exit], alice), 'StillUnbonding')
  world.advance(5)
  refuses(() => send('withdraw', [operator, exit], bob), 'SharesMissing')
  const before = balanceOf(alice)
  send('withdraw', [operator, exit], alice)
  assert.equal(balanceOf(alice) - before, 100n * ether)
  refuses(() => send('withdraw', [operator, exit], alice), 'SharesMissing')
})

test('what cannot be is refused and changes nothing', () => {
  const { send, read, slash } = openWorld()
  send('stake', [operator, 10n * ether], alice)
  const before = read('activeOf', operator)
  refuses(() => send('stake', [bob, ether], alice), 'NotRegistered')
  refuses(() => send('stake', [operator, 0n], alice), 'AmountTooSmall')
  refuses(() => send('stake', [operator, 2_000_000n * ether], alice), 'ERC20InsufficientBalance')
  refuses(() => send('unstake', [operator, 0n], alice), 'AmountTooSmall')
  refuses(() => send('unstake', [operator, 11n * ether], alice), 'SharesMissing')
  refuses(() => send('unstake', [operator, ether], bob), 'SharesMissing')
  refuses(
    () => slash(operator, { fault: 10, bps: 500, reporterBps: 500, from: alice }),
    'NotTheSlasher',
  )
  refuses(() => slash(operator, { fault: 10, bps: 10_001, reporterBps: 0 }), 'PartInvalid')
  assert.deepEqual(read('activeOf', operator), before)
})

test('a slash falls on operator, delegators and what leaves after the fault, not on what left', () => {
  const { slash, world, send, read, balanceOf, epoch, stakeOf, weightAt, supply } = openWorld()
  send('stake', [operator, 100n * ether], alice)
  send('stake', [operator, 300n * ether], bob)
  send('unstake', [operator, 40n * ether], alice)
  const early = epoch() + 2
  world.advance(3 * epochSeconds)
  send('unstake', [operator, 50n * ether], bob)
  const late = epoch() + 2
  const before = supply()
  // The fault is in the first epoch that the early exit was out of.
  slash(operator, { fault: early, bps: 1_000, reporterBps: 500 })
  assert.equal(read('exitingOf', operator, early, alice), 40n * ether)
  assert.equal(read('exitingOf', operator, late, bob), 45n * ether)
  assert.deepEqual(
    [alice, bob].map((staker) => stakeOf(operator, staker)[1]),
    [54n * ether, 225n * ether],
  )
  const slashed = (310n + 50n) * (ether / 10n)
  assert.equal(balanceOf(reporter), slashed / 20n)
  assert.equal(before - supply(), slashed - slashed / 20n)
  assert.equal(weightAt(operator, epoch() + 2), 0n)
  refuses(() => send('stake', [operator, ether], alice), 'OperatorSlashed')
  send('unstake', [operator, 60n * ether], alice)
  assert.equal(weightAt(operator, epoch() + 2), 0n)
  // Another fault, in an epoch that the early exit was still part of.
  slash(operator, { fault: early - 1, bps: 5_000, reporterBps: 0 })
  assert.equal(read('exitingOf', operator, early, alice), 20n * ether)
  assert.equal(read('isTombstone', operator), true)
})

test('what may be withdrawn already is not slashed, whoever is late', () => {
  const { slash, world, send, read, epoch } = openWorld()
  send('stake', [operator, 100n * ether], alice)
  send('unstake', [operator, 40n * ether], alice)
  const exit = epoch() + 2
  world.advance(2 * epochSeconds + unbondingSeconds + epochSeconds)
  const { timestamp } = world
  slash(operator, { fault: exit - 1, bps: 10_000, reporterBps: 500 })
  assert.equal(read('exitingOf', operator, exit, alice), 40n * ether)
  assert.deepEqual(read('activeOf', operator), {
    assets: 0n,
    shares: 60n * ether,
    slashCount: 1,
    slashedAt: timestamp,
    slashedBps: 10_000,
  })
  send('withdraw', [operator, exit], alice)
})

test('tokens that are sent to the pools and not staked change no price', () => {
  const { l1, send, stakes, stakeOf } = openWorld()
  send('stake', [operator, 1n], alice)
  l1.send(l1.token, 'transfer', [stakes.address, 1_000n * ether], alice)
  send('stake', [operator, ether], bob)
  assert.deepEqual(stakeOf(operator, bob), [ether, ether])
  assert.deepEqual(stakeOf(operator, alice), [1n, 1n])
})

test('a reward flows to who holds shares while new stake would come to weigh', () => {
  const { l1, world, send, read } = openWorld()
  const { bridge } = l1
  const reward = (amount: bigint) => {
    l1.send(l1.token, 'transfer', [l1.stakes.address, amount])
    send('reward', [operator, amount], bridge.address)
  }
  const earned = (staker: Hex) => read('earnedOf', operator, staker) as bigint
  const flow = () => read('flowOf', operator) as readonly [left: bigint, end: bigint]
  send('stake', [operator, 100n * ether], alice)
  reward(200n * ether)
  // Who comes for it a second after, with nine times as much, has a second's worth of it.
  send('stake', [operator, 900n * ether], bob)
  const came = BigInt(world.timestamp)
  world.advance(1)
  send('unstake', [operator, 900n * ether], bob)
  assert.ok(earned(bob) <= 2n * ether, `${earned(bob)}`)
  const [left, end] = flow()
  assert.equal(earned(alice) + earned(bob) + left, 200n * ether)
  assert.ok(end <= came + 200n)
  // Dust delays nothing, and another reward flows as long as the first.
  for (let count = 0; count < 5; count++) {
    world.advance(10)
    reward(1n)
  }
  assert.ok(flow()[1] <= end + 1n)
  reward(200n * ether)
  assert.ok(flow()[1] > end && flow()[1] <= BigInt(world.timestamp) + 200n)
  world.advance(200)
  assert.equal(flow()[0], 0n)
  const all = earned(alice) + earned(bob)
  assert.ok(all <= 400n * ether + 5n && all > 400n * ether - 100n, `${all}`)
  // What flows when all have left is the operator's.
  reward(200n * ether)
  world.advance(100)
  send('unstake', [operator, 100n * ether], alice)
  const own = earned(alice)
  world.advance(100)
  assert.equal(earned(alice), own)
  const rest = earned(operator)
  assert.ok(rest >= 95n * ether && rest <= 105n * ether, `${rest}`)
  send('collect', [operator, operator], bob)
  assert.equal(l1.balanceOf(operator), rest)
})

test('whatever is staked, slashed and withdrawn, every token is in its pool and nobody gains', () => {
  for (const seed of [1, 2, 3]) runRandomly(seed)
})

function runRandomly(seed: number): void {
  const rng = createSeededRng(seed)
  const { slash, world, stakes, send, read, balanceOf, epoch, weightAt, stakeOf, supply } =
    openWorld()
  const exits = new Set<string>()
  const begin = stakers.map(balanceOf)
  const supplyBefore = supply()
  for (let step = 0; step < 150; step++) {
    const staker = stakers[rng.below(stakers.length)] as Hex
    const { address } = operators[rng.below(10) === 0 ? 1 : 0] as { address: Hex }
    const kind = rng.below(20)
    try {
      if (kind < 7) send('stake', [address, BigInt(1 + rng.below(2 ** 31)) ** 2n], staker)
      else if (kind < 12) {
        const [shares] = stakeOf(address, staker)
        send('unstake', [address, shares / BigInt(1 + rng.below(3))], staker)
        exits.add([address, epoch() + 2, staker].join())
      } else if (kind < 15) world.advance(rng.below(3 * epochSeconds))
      else if (kind < 19) {
        const [from = address, exit = '12', owner = staker] =
          [...exits][rng.below(Math.max(1, exits.size))]?.split(',') ?? []
        send('withdraw', [from, Number(exit)], owner as Hex)
      } else if (step > 75) {
        const fault = epoch() - rng.below(6)
        slash(address, { fault, bps: rng.below(4_000), reporterBps: 500 })
      }
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error
      assert.match(
        error.errorName,
        /^(AmountTooSmall|SharesMissing|StillUnbonding|OperatorSlashed|PoolEmptied)$/,
      )
    }
    if (step % 10 !== 9) continue
    let pooled = 0n
    let owned = 0n
    for (const { address: of } of operators) {
      const { assets } = read('activeOf', of) as { assets: bigint }
      pooled += assets
      for (const each of stakers) owned += stakeOf(of, each)[1]
      const isDead = read('isTombstone', of) as boolean
      assert.equal(weightAt(of, epoch() + 2), isDead ? 0n : assets / 10n ** 9n)
      for (let exit = 10; exit <= epoch() + 2; exit++) {
        pooled += (read('exitOf', of, exit) as { assets: bigint }).assets
        for (const each of stakers) owned += read('exitingOf', of, exit, each) as bigint
      }
    }
    assert.equal(balanceOf(stakes.address), pooled, `seed ${seed} step ${step}`)
    // Rounding leaves less than a wei a share holder and pool.
    assert.ok(owned <= pooled && pooled - owned < 1_000n, `${owned} of ${pooled}`)
    const wealth = stakers.reduce((sum, each) => sum + balanceOf(each), 0n) + owned
    assert.ok(wealth <= begin.reduce((sum, balance) => sum + balance, 0n))
    const burned = supplyBefore - supply()
    const gone = begin.reduce((sum, balance) => sum + balance, 0n) - wealth
    assert.ok(gone >= burned + balanceOf(reporter) && gone - burned - balanceOf(reporter) < 1_000n)
  }
}
