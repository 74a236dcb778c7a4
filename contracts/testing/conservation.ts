/**
 * A random life of the token over three networks, and what must hold after each step:
 *
 *     supply on L1 + sum of outstanding + all that a slash burned = 10^27
 *     outstanding of each network >= 0, and their sum is outstandingTotal
 *     the stake manager's tokens = what is in pools + what stakers have earned, but for dust
 *
 * Networks are corrupt: what leaves them was never asked for there.
 */

import assert from 'node:assert/strict'

import type { RoundVote } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { ContractRevertError, somebody } from './contract-world.ts'
import { L1World } from './l1-world.ts'
import { NetworkWorld } from './network-world.ts'
import { testOperator } from './stake-world.ts'
import type { TestOperator } from './stake-world.ts'

const ether = 10n ** 18n
const cap = 10n ** 27n
const networkIds = [0, 1, 2]
const operators = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const stakers: readonly Hex[] = [0xa1, 0xb0, 0xc5].map((fill) =>
  toHex(new Uint8Array(20).fill(fill)),
)
/** Who holds rewards on a network. */
const rewardHub: Hex = '0x0000000000000000000000000000000000002001'
/** A share of a reward is rounded down: a wei for each reward and each settling, at most. */
const dustPerStep = 16n

type Step = (draw: Draw) => unknown
type Draw = {
  readonly rng: Rng
  readonly id: number
  readonly staker: Hex
  readonly of: TestOperator
}

/**
 * Runs a seed; returns how many of its steps were not refused.
 *
 * @throws {AssertionError} At the first step after which a rule does not hold.
 */
export async function runConservation(seed: number, stepCount: number): Promise<number> {
  const life = new Life()
  const rng = createSeededRng(`zg/conservation ${seed}`)
  const steps = life.steps()
  let done = 0
  for (let step = 0; step < stepCount; step++) {
    const draw = {
      rng,
      id: pick(rng, networkIds),
      staker: pick(rng, stakers),
      of: pick(rng, operators),
    }
    try {
      await pick(rng, steps)(draw)
      done++
    } catch (error) {
      // Much of it is refused; then nothing has changed.
      if (!(error instanceof ContractRevertError)) throw error
    }
    life.check(`seed ${seed}, step ${step}`, BigInt(step))
  }
  return done
}

class Life {
  readonly #l1 = new L1World({ genesisOutstanding: 1_000n * ether })
  readonly #networks: readonly NetworkWorld[]
  readonly #entries: (readonly [network: NetworkWorld, index: number])[] = []
  #slashBurned = 0n
  #view = 0

  constructor() {
    const l1 = this.#l1
    for (const id of networkIds) l1.openNetwork(id)
    l1.settle(operators, { ids: networkIds })
    for (const staker of stakers) l1.fund(staker, 1_000n * ether)
    l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
    l1.goToEpoch(12)
    this.#networks = networkIds.map((id) => new NetworkWorld(l1, id, operators))
  }

  /** All that may happen, the likelier things more than once. */
  steps(): readonly Step[] {
    const l1 = this.#l1
    const stake: Step = ({ rng, of, staker }) =>
      l1.send(l1.stakes, 'stake', [of.address, tokens(rng, 90)], staker)
    const unstake: Step = ({ rng, of, staker }) =>
      l1.send(l1.stakes, 'unstake', [of.address, tokens(rng, 60)], staker)
    const withdraw: Step = ({ rng, of, staker }) =>
      l1.send(l1.stakes, 'withdraw', [of.address, l1.epoch - rng.below(8)], staker)
    const deposit: Step = ({ rng, id, staker }) =>
      l1.send(l1.bridge, 'deposit', [id, staker, tokens(rng, 90)])
    const claim: Step = ({ rng }) => {
      const entry = this.#entries[rng.below(Math.max(1, this.#entries.length))]
      if (entry === undefined) return
      const [network, index] = entry
      return l1.send(l1.bridge, 'claim', network.claimArgs(index))
    }
    const collect: Step = ({ of, staker }) => l1.send(l1.stakes, 'collect', [of.address, staker])
    const compound: Step = ({ of, staker }) => l1.send(l1.stakes, 'compound', [of.address], staker)
    const commission: Step = ({ rng, of }) =>
      l1.send(l1.stakes, 'setCommission', [rng.below(10_001)], of.address)
    const leave: Step = (draw) => this.#leave(draw)
    const sync: Step = ({ id }) => this.#sync(id)
    const slash: Step = (draw) => this.#slash(draw)
    const execute: Step = ({ rng }) =>
      this.#burning(() => l1.send(l1.slashing, 'execute', [1 + rng.below(3)]))
    const wait: Step = ({ rng }) => l1.world.advance(rng.below(40))
    const staking = [stake, stake, unstake, withdraw, collect, compound, commission, slash, execute]
    const bridging = [deposit, deposit, leave, leave, leave, sync, claim, claim, claim, claim]
    return [...staking, ...bridging, wait]
  }

  check(place: string, step: bigint): void {
    const l1 = this.#l1
    const outstanding = networkIds.map((id) => l1.read(l1.bridge, 'outstanding', id) as bigint)
    const sum = outstanding.reduce((total, each) => total + each, 0n)
    const supply = l1.read(l1.token, 'totalSupply') as bigint
    assert.equal(l1.read(l1.bridge, 'outstandingTotal'), sum, place)
    assert.equal(supply + sum + this.#slashBurned, cap, place)
    const held = l1.balanceOf(l1.stakes.address)
    const due = this.#dueToStakers()
    assert.ok(held >= due && held - due <= dustPerStep * (step + 1n), `${place}: ${held} of ${due}`)
  }

  /** In all pools that are or were, and earned by all. */
  #dueToStakers(): bigint {
    const l1 = this.#l1
    let due = 0n
    for (const { address } of operators) {
      due += (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
      for (let exit = 12; exit <= l1.epoch + 2; exit++) {
        due += (l1.read(l1.stakes, 'exitOf', address, exit) as { assets: bigint }).assets
      }
      for (const staker of [address, ...stakers]) {
        due += l1.read(l1.stakes, 'earnedOf', address, staker) as bigint
      }
    }
    return due
  }

  /** Tokens that a network says leave it. */
  #leave({ rng, id, staker, of }: Draw): void {
    const network = this.#networks[id] as NetworkWorld
    const value = tokens(rng, 90)
    const kind = pick(rng, ['withdraw', 'transfer', 'reward'] as const)
    const args = { withdraw: [staker], transfer: [(id + 1) % 3, staker], reward: [of.address] }
    if (kind === 'reward') network.world.pay(rewardHub, value)
    const from = kind === 'reward' ? rewardHub : somebody
    this.#entries.push([network, network.send(kind, args[kind], { from, value })])
  }

  async #sync(id: number): Promise<void> {
    const l1 = this.#l1
    const network = this.#networks[id] as NetworkWorld
    const { epoch } = l1.read(l1.oracle, 'finalOf', id) as { epoch: bigint }
    // An epoch that is over is closed first.
    const isOver = BigInt(l1.epoch) > epoch
    await network.seal({ epoch })
    network.certify({ nextEpoch: isOver ? BigInt(l1.epoch) : 0n })
    l1.send(l1.bridge, 'sync', await network.syncArgs())
  }

  #slash({ rng, id, of }: Draw): void {
    // Now and then only: who was slashed stays out, and the networks need a quorum.
    if (!rng.chance(0.1) || of === operators[0] || of === operators[1]) return
    const l1 = this.#l1
    const votes = [1, 2].map((fill): RoundVote => {
      const digest = new Uint8Array(32).fill(fill)
      return { kind: 'notarize', epoch: BigInt(l1.epoch), view: ++this.#view, digest }
    })
    const same = votes.map((vote) => ({ ...vote, view: this.#view }))
    const [first, second] = same.map((vote) => l1.roundArgs(vote))
    const sum = l1.signRounds(id, same, [of])
    const evidence = [id, of.address, first, second, sum]
    this.#burning(() => l1.send(l1.slashing, 'reportRoundVotes', evidence))
  }

  /** Counts what a slash burns. */
  #burning(act: () => unknown): void {
    const { token } = this.#l1
    const before = this.#l1.read(token, 'totalSupply') as bigint
    act()
    this.#slashBurned += before - (this.#l1.read(token, 'totalSupply') as bigint)
  }
}

/** In whole thousandths of a token. */
function tokens(rng: Rng, most: number): bigint {
  return BigInt(1 + rng.below(most * 1_000)) * 10n ** 15n
}

function pick<value>(rng: Rng, values: readonly value[]): value {
  return values[rng.below(values.length)] as value
}
