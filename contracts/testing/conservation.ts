/**
 * A random life of the token over three networks, of which one is corrupt and one dies; and what
 * must hold after each step, whether it was taken or refused:
 *
 *     I1   supply on L1 + sum of outstanding + all that a slash burned = 10^27, and
 *          the sum of outstanding is outstandingTotal
 *     I2   outstanding of a network = its genesis + credits - what L1 paid out of it, >= 0
 *     I3   of an honest one: balances + credits under way + entries not claimed <= outstanding,
 *          and the gap is the fees that were burned there
 *     the stake manager's tokens = what is in pools + what stakers earned + what still flows, but
 *     for dust; the community pool = what it began with - what was given out of it
 *     what goes where no network takes tokens is paid on L1 to whom it was for, all of it
 *     small claims of a network <= capacity + capacity * time / window, large ones <= the latter
 *
 * A refusal counts as no step, as does what changed nothing; a refusal that no rule explains is a
 * failure.
 */

import assert from 'node:assert/strict'

import { createSeededRng } from '@zg/runtime'

import type { L1World } from './l1-world.ts'
import { genesisWei, networkIds, RandomLife, rate } from './random-life.ts'

const ether = 10n ** 18n
const cap = 10n ** 27n
const communityPool = 103_500_000n * ether

/** A share of a reward is rounded down: a wei for each reward and each settling, at most. */
const dustPerStep = 16n

/** Draws for a step that is taken, on average, at most. */
const drawsPerStepMax = 10

/** Of each kind, the steps that were taken. */
export type ConservationScore = Readonly<Record<string, number>>

/**
 * Runs a seed until so many steps were taken. From the middle on one network is dead.
 *
 * @throws {AssertionError} At the first step after which a rule does not hold.
 */
export async function runConservation(seed: number, stepCount: number): Promise<ConservationScore> {
  const life = new RandomLife(createSeededRng(`zg/conservation ${seed}`))
  const score: Record<string, number> = Object.fromEntries(life.kinds.map((kind) => [kind, 0]))
  const rates = new Rates(life.l1)
  let taken = 0
  for (let drawn = 0; taken < stepCount; drawn++) {
    const place = `seed ${seed}, step ${taken}, draw ${drawn}`
    assert.ok(drawn < stepCount * drawsPerStepMax, `${place}: too little of it is taken`)
    const isDeath = taken === Math.floor(stepCount / 2) && score['bury'] === 0
    const [kind, isTaken] = await life.step(isDeath, place)
    check(life, `${place}: ${kind}`, BigInt(drawn))
    rates.check(`${place}: ${kind}`)
    if (!isTaken) continue
    score[kind] = (score[kind] ?? 0) + 1
    taken++
  }
  return score
}

function check(life: RandomLife, place: string, draws: bigint): void {
  const { l1, networks, paidWei, slashBurned } = life
  const outstanding = networkIds.map((id) => l1.read(l1.bridge, 'outstanding', id) as bigint)
  const sum = outstanding.reduce((total, each) => total + each, 0n)
  const supply = l1.read(l1.token, 'totalSupply') as bigint
  assert.equal(l1.read(l1.bridge, 'outstandingTotal'), sum, place)
  assert.equal(supply + sum + slashBurned, cap, `${place}: I1`)
  for (const network of networks) {
    const { id, isHonest, creditedWei, books } = network
    const own = outstanding[id] as bigint
    const first = id === 0 ? genesisWei : 0n
    assert.equal(own, first + creditedWei - (paidWei.get(id) ?? 0n), `${place}: I2 of ${id}`)
    if (isHonest) assert.equal(own - books.held, books.fees, `${place}: I3 of ${id}`)
  }
  if (life.isStakeMoved) checkStake(life, place, draws)
  life.isStakeMoved = false
  const granted = l1.read(l1.emission, 'granted') as bigint
  assert.equal(l1.balanceOf(l1.emission.address) + granted, communityPool, place)
}

/** Time alone has what flows become earned, and changes no sum. */
function checkStake(life: RandomLife, place: string, draws: bigint): void {
  const held = life.l1.balanceOf(life.l1.stakes.address)
  const due = dueToStakers(life)
  const isHeld = held >= due && held - due <= dustPerStep * (draws + 1n)
  assert.ok(isHeld, `${place}: the stake manager holds ${held} of ${due}`)
}

/** In all pools that are or were, earned by all, and still to flow. */
function dueToStakers({ l1, operators, exitEpochs, pairs }: RandomLife): bigint {
  let due = 0n
  for (const { address } of operators) {
    due += (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
    const [left] = l1.read(l1.stakes, 'flowOf', address) as readonly [bigint, bigint]
    due += left
  }
  for (const [operator, epoch] of exitEpochs.values()) {
    due += (l1.read(l1.stakes, 'exitOf', operator, epoch) as { assets: bigint }).assets
  }
  for (const pair of pairs.values()) due += l1.read(l1.stakes, 'earnedOf', ...pair) as bigint
  return due
}

/** What was paid out of each network since a time, in wei. */
class Rates {
  readonly #l1: L1World
  readonly #begin: bigint
  readonly #paid = networkIds.map(() => ({ small: 0n, large: 0n }))

  constructor(l1: L1World) {
    this.#l1 = l1
    this.#begin = BigInt(l1.world.timestamp)
    l1.world.watch(l1.bridge, ({ name, args }) => {
      if (name !== 'Claimed') return
      const { id, amount } = args as { id: number; amount: bigint }
      const paid = this.#paid[id]
      if (paid !== undefined) paid[amount > rate.largeAmount ? 'large' : 'small'] += amount
    })
  }

  check(place: string): void {
    const { bridgeSettings, world } = this.#l1
    const { rateCapacity, rateWindow } = bridgeSettings
    const passed = (rateCapacity * (BigInt(world.timestamp) - this.#begin)) / BigInt(rateWindow)
    for (const [id, { small, large }] of this.#paid.entries()) {
      assert.ok(small <= rateCapacity + passed, `${place}: small claims of ${id}: ${small}`)
      assert.ok(large <= passed, `${place}: large claims of ${id}: ${large}`)
    }
  }
}
