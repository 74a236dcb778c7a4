/**
 * What a seed of the fork world means: operators, which of them are twins, how stake and keys
 * change, and when the others are cut apart.
 *
 * A twin is an operator of two minds: two processes with one key, each with a log of its own, each
 * seen by one side. With twins of more than a third of the stake both sides may hold a quorum; the
 * sides are drawn so that at first they do.
 */

import type { ConsensusParameters, EngineFaults } from '@zg/consensus'
import type { LinkBehaviour, Rng } from '@zg/runtime'

import { keysPerOperator } from './simulated-l1.ts'
import type { L1Plan, Member } from './simulated-l1.ts'

/** How much stake is of two minds: what BFT bears, or more than that but not two thirds. */
export type TwinShare = 'at most a third' | 'more than a third'

/** From a time on: who is on which side, and whether the sides of the honest are cut apart. */
export type Phase = {
  readonly atMs: number
  /** By operator, 0 or 1. */
  readonly sides: readonly number[]
  readonly isSplit: boolean
}

export type ForkScenario = {
  readonly seed: number
  /** Stake of each operator at first, in gwei. */
  readonly stakes: readonly bigint[]
  readonly twins: ReadonlySet<number>
  /** Rules that the second mind of a twin breaks beside being one. */
  readonly secondMind: EngineFaults
  /** By epoch from the first on, who is in the set; the last one goes on for ever. */
  readonly schedule: readonly (readonly Member[])[]
  readonly l1: L1Plan
  readonly phases: readonly Phase[]
  readonly link: LinkBehaviour
  readonly parameters: ConsensusParameters
  /** Crashes of honest nodes: a time, a node, and how long it is down. */
  readonly crashes: readonly { atMs: number; node: number; downMs: number }[]
  /** How long after the first fork the run goes on, and when it ends without one. */
  readonly graceMs: number
  readonly endMs: number
}

/** The first epoch of every run; on L1 its operators are there long before. */
export const firstForkEpoch = 14n

/** Epochs in which sets change; those of a run are fewer or hardly more. */
export const scheduledEpochs = 5

const gwei = 10n ** 9n
const drawsMax = 1_000

/** Draws the scenario of a seed. */
export function drawForkScenario(seed: number, rng: Rng, share: TwinShare): ForkScenario {
  const { stakes, twins, sides } = drawPeople(rng, share)
  const schedule = drawSchedule(rng, { stakes, twins, share })
  const splitMs = rng.below(4_000)
  // At first one side has everybody; or each has a mind of the twins, and all others see all.
  const isUnited = rng.chance(0.7)
  const phases: Phase[] = [
    { atMs: 0, sides: isUnited ? sides.map(() => 0) : sides, isSplit: false },
    { atMs: splitMs, sides, isSplit: true },
  ]
  const shuffleCount = rng.chance(0.3) ? 1 + rng.below(3) : 0
  for (let count = 0; count < shuffleCount; count++) {
    const others = sides.map(() => rng.below(2))
    phases.push({ atMs: splitMs + 500 + rng.below(3_000), sides: others, isSplit: rng.chance(0.7) })
  }
  return {
    seed,
    stakes,
    twins,
    secondMind: pick<EngineFaults>(rng, [
      {},
      {},
      {},
      { wrongParentSelection: true },
      { doubleNotarize: true },
      { voteAfterNullify: true },
    ]),
    schedule,
    l1: drawPlan(rng, stakes.length),
    phases: phases.sort((a, b) => a.atMs - b.atMs),
    link: {
      delayMs: 1 + rng.below(15),
      jitterMs: pick(rng, [1, 10, 60]),
      lossChance: rng.chance(0.3) ? 0.05 : 0,
      duplicateChance: 0,
      ordered: rng.chance(0.5),
      blocked: false,
    },
    parameters: {
      blockTimeBusyMs: 100,
      blockTimeIdleMs: 200,
      buildBudgetMs: 50,
      deltaMs: pick(rng, [60, 100]),
      deltaMaxMs: 1_000,
      finalityVotes: true,
    },
    crashes: rng.chance(0.3)
      ? Array.from({ length: 1 + rng.below(3) }, () => ({
          atMs: rng.below(4_000),
          node: rng.below(stakes.length),
          downMs: 20 + rng.below(500),
        }))
      : [],
    graceMs: rng.below(1_500),
    endMs: 7_000,
  }
}

/** Operators, the twins among them, and sides: quorums on both when twins are more than a third. */
function drawPeople(
  rng: Rng,
  share: TwinShare,
): { stakes: readonly bigint[]; twins: ReadonlySet<number>; sides: readonly number[] } {
  for (let draw = 0; draw < drawsMax; draw++) {
    const count = pick(rng, [4, 4, 5, 7])
    const isEven = rng.chance(0.4)
    const stakes = Array.from(
      { length: count },
      () => gwei * BigInt(isEven ? 100 : 50 + rng.below(150)),
    )
    const twins = new Set([...stakes.keys()].filter(() => rng.chance(0.5)))
    const sides = stakes.map(() => rng.below(2))
    if (twins.size === 0 || !fits(share, stakes, twins)) continue
    const isOpen = [0, 1].every((side) => {
      const seen = (operator: number): boolean => twins.has(operator) || sides[operator] === side
      return 3n * sum(stakes, seen) > 2n * sum(stakes, () => true)
    })
    if (isOpen || share === 'at most a third') return { stakes, twins, sides }
  }
  throw new Error('no people fit')
}

/**
 * Sets as the contracts let them change: no two rotations one epoch after the other, and whoever
 * leaves has been in for two epochs and is out for two. An epoch whose twins would weigh too little
 * or too much is left as the one before.
 */
function drawSchedule(
  rng: Rng,
  options: { stakes: readonly bigint[]; twins: ReadonlySet<number>; share: TwinShare },
): readonly (readonly Member[])[] {
  const { stakes, twins, share } = options
  const first = stakes.map((stake) => ({ isIn: true, stake, key: 0 }))
  const schedule: (readonly Member[])[] = [first]
  const isSteady = rng.chance(0.3)
  while (schedule.length < scheduledEpochs) {
    const below = schedule.at(-1) as readonly Member[]
    const before = schedule.at(-2) ?? below
    const next = below.map((member, operator): Member => {
      const former = before[operator] as Member
      const mayRotate = member.key === former.key && member.key + 1 < keysPerOperator
      // As long as there have been two epochs, and it was in both, or in neither.
      const mayMove = schedule.length >= 2 && former.isIn === member.isIn
      const moves = rng.chance(0.1) && mayMove
      return {
        isIn: moves ? !member.isIn : member.isIn,
        stake: rng.chance(0.3) ? gwei * BigInt(50 + rng.below(150)) : member.stake,
        key: rng.chance(0.3) && mayRotate ? member.key + 1 : member.key,
      }
    })
    const weights = next.map(({ isIn, stake }) => (isIn ? stake : 0n))
    schedule.push(!isSteady && fits(share, weights, twins) ? next : below)
  }
  return schedule
}

function fits(share: TwinShare, weights: readonly bigint[], twins: ReadonlySet<number>): boolean {
  const total = sum(weights, () => true)
  const ofTwins = sum(weights, (operator) => twins.has(operator))
  if (share === 'at most a third') return total > 0n && 3n * ofTwins <= total
  return 3n * ofTwins > total && 3n * ofTwins < 2n * total
}

function sum(weights: readonly bigint[], counts: (operator: number) => boolean): bigint {
  return weights.reduce((total, each, operator) => total + (counts(operator) ? each : 0n), 0n)
}

function drawPlan(rng: Rng, count: number): L1Plan {
  const blockIntervalMs = pick(rng, [100, 150])
  return {
    blockIntervalMs,
    finalityLag: pick(rng, [0, 2]),
    blocksPerEpoch: pick(rng, [6, 10, 20]),
    gapChance: rng.chance(0.2) ? 0.03 : 0,
    creditCountMax: 2,
    moveChance: 0,
    weightChance: 0,
    rotateChance: 0,
    closingCrashChance: 0,
    views: Array.from({ length: count }, () => ({
      lagMs: rng.below(blockIntervalMs),
      lagUntilHealMs: 0,
      lies: [],
    })),
  }
}

function pick<value>(rng: Rng, values: readonly value[]): value {
  return values[rng.below(values.length)] as value
}
