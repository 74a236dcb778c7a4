/**
 * What one seed means: the network, its people and its misfortunes, drawn before anything runs.
 *
 * Faults come in swarms (Groce et al., "Swarm testing", 2012): each kind is present or absent in a
 * seed as a whole, so that some runs lose messages but never crash, others crash all the time on
 * perfect links. A uniform mix of everything hides bugs behind each other.
 */

import type { ConsensusParameters, EngineFaults } from '@zg/consensus'
import type { DiskStep, LinkBehaviour, Rng } from '@zg/runtime'

import type { CounterTemper } from './counter-application.ts'
import type { Poison } from './meddled-network.ts'
import type { L1Plan, LieKind, ViewPlan } from './simulated-l1.ts'

/**
 * Where in its work a node stops: after handing a message to the network, or in its disk or store.
 */
export type CrashPoint = 'send' | DiskStep | 'write' | 'written'

export const crashPoints: readonly CrashPoint[] = [
  'send',
  'append',
  'sync',
  'synced',
  'write',
  'written',
]

/** A crash: at a time, or at the next so-many-th passage of a point after that time. */
export type Crash = {
  readonly atMs: number
  readonly node: number
  readonly point: CrashPoint | undefined
  /** Passages of the point to let by. */
  readonly skip: number
  readonly downMs: number
}

/** Links from `from` to `to` are cut for a while, one way or both. */
export type Partition = {
  readonly atMs: number
  readonly durationMs: number
  readonly group: ReadonlySet<number>
  readonly direction: 'both' | 'out' | 'in'
}

/** A validator that does not keep the rules; the only one of its run. */
export type Traitor = {
  readonly node: number
  /** Whether a second process runs with its key and a disk of its own: an equivocating twin. */
  readonly hasTwin: boolean
  /** Rules the first process breaks, and the second. */
  readonly faults: EngineFaults
  readonly twinFaults: EngineFaults
  /** How likely it builds a block with a wrong total. */
  readonly wrongChance: number
  /** Whether it sends bodies that are not what their headers name. */
  readonly poison: Poison | undefined
  /** Whether a third holder of the key forges messages, and how often. */
  readonly forgeryMs: number | undefined
  /** How often the split of who sees which twin is drawn again. */
  readonly reshuffleMs: number
  /** How likely another node sees both. */
  readonly bothChance: number
}

export type Scenario = {
  readonly seed: number
  readonly stakes: readonly bigint[]
  readonly useBls: boolean
  readonly parameters: ConsensusParameters
  readonly link: LinkBehaviour
  readonly temper: CounterTemper
  /** Shift of each node's clock, in milliseconds. */
  readonly skewsMs: readonly number[]
  readonly damageChance: number
  readonly crashes: readonly Crash[]
  readonly partitions: readonly Partition[]
  /** Times at which a random connection is closed. */
  readonly resetsMs: readonly number[]
  readonly traitor: Traitor | undefined
  /** Ethereum as it goes and as each node sees it; undefined in a network without an L1. */
  readonly l1: L1Plan | undefined
  /**
   * From then on until the heal votes for blocks are lost, all of them: hundreds of views fail, one
   * after the other. Undefined in most seeds.
   */
  readonly spellMs: number | undefined
  /** When all faults end, in milliseconds from the start. */
  readonly healMs: number
  /** After the heal, the time by which every honest node must have gone on. */
  readonly livenessMsMax: number
}

/** Probability that a seed has a spell, and how long that is: some three hundred views. */
const spellChance = 0.015
const spellDurationMs = 600_000

/** Probability that a seed signs with real BLS. */
const blsChance = 0.02

/** L1 blocks of an epoch that does not end within a run. */
export const endlessEpochBlocks = 1_000_000

/** The link after the heal. */
export const healedLink: LinkBehaviour = {
  delayMs: 2,
  jitterMs: 8,
  lossChance: 0,
  duplicateChance: 0,
  ordered: true,
  blocked: false,
}

/** Draws the scenario of a seed. */
export function drawScenario(seed: number, rng: Rng): Scenario {
  const useBls = rng.chance(blsChance)
  const count = useBls ? pick(rng, [1, 4]) : drawCount(rng)
  const stakes = drawStakes(rng, count)
  const faultsEndMs = 2_000 + rng.below(6_000)
  const hasSpell = !useBls && count > 1 && rng.fork('spell').chance(spellChance)
  const parameters = drawParameters(rng)
  const l1 = drawL1(rng.fork('l1'), count)
  return {
    seed,
    stakes,
    useBls,
    parameters,
    link: drawLink(rng),
    temper: drawTemper(rng),
    skewsMs: stakes.map(() => (rng.chance(0.2) ? rng.below(201) - 100 : 0)),
    damageChance: rng.chance(0.3) ? 0.5 : 0,
    crashes: drawCrashes(rng, count, faultsEndMs),
    partitions: drawPartitions(rng, count, faultsEndMs),
    resetsMs: rng.chance(0.2) ? drawTimes(rng, 1 + rng.below(6), faultsEndMs) : [],
    traitor: drawTraitor(rng, stakes),
    l1,
    spellMs: hasSpell ? faultsEndMs : undefined,
    healMs: hasSpell ? faultsEndMs + spellDurationMs : faultsEndMs,
    // Ten of the longest rounds: 3 deltas to give up, as often as it takes to meet an honest
    // leader.
    livenessMsMax: 10 * 3 * parameters.deltaMaxMs,
  }
}

/**
 * Mostly the smallest number that survives a fault: larger ones cost with the square, and find
 * less.
 */
function drawCount(rng: Rng): number {
  const draw = rng.below(32)
  if (draw === 0) return 10
  if (draw < 4) return 7
  return draw < 7 ? 1 : 4
}

function drawStakes(rng: Rng, count: number): readonly bigint[] {
  const isEven = rng.chance(0.6)
  return Array.from({ length: count }, () => (isEven ? 100n : BigInt(50 + rng.below(150))))
}

function drawParameters(rng: Rng): ConsensusParameters {
  const blockTimeBusyMs = pick(rng, [100, 150, 250])
  return {
    blockTimeBusyMs,
    blockTimeIdleMs: 2 * blockTimeBusyMs,
    buildBudgetMs: blockTimeBusyMs / 2,
    deltaMs: pick(rng, [60, 100, 150]),
    deltaMaxMs: 1_000,
    finalityVotes: true,
  }
}

function drawLink(rng: Rng): LinkBehaviour {
  return {
    delayMs: 0.3 + rng.below(20),
    jitterMs: pick(rng, [1, 10, 40, 120]),
    lossChance: rng.chance(0.5) ? rng.below(200) / 1_000 : 0,
    duplicateChance: rng.chance(0.3) ? 0.1 : 0,
    ordered: rng.chance(0.5),
    blocked: false,
  }
}

function drawTemper(rng: Rng): CounterTemper {
  return {
    executionMsMax: pick(rng, [1, 5, 20]),
    slowChance: rng.chance(0.2) ? 0.1 : 0,
    syncingChance: rng.chance(0.2) ? 0.1 : 0,
    wrongChance: 0,
  }
}

function drawCrashes(rng: Rng, count: number, healMs: number): readonly Crash[] {
  if (!rng.chance(0.6)) return []
  const isPointed = rng.chance(0.6)
  // Storms crash often and come back at once; that is where forgotten votes show.
  const isStorm = rng.chance(0.3)
  const crashCount = (isStorm ? 8 : 1) + rng.below(isStorm ? 16 : 6)
  return drawTimes(rng, crashCount, healMs).map((atMs) => ({
    atMs,
    node: rng.below(count),
    point: isPointed ? pick(rng, crashPoints) : undefined,
    skip: rng.below(12),
    downMs: isStorm ? 1 + rng.below(60) : 50 + rng.below(2_000),
  }))
}

function drawPartitions(rng: Rng, count: number, healMs: number): readonly Partition[] {
  if (count === 1 || !rng.chance(0.5)) return []
  return drawTimes(rng, 1 + rng.below(5), healMs).map((atMs) => {
    const size = 1 + rng.below(count - 1)
    const group = new Set(Array.from({ length: size }, () => rng.below(count)))
    const direction = pick(rng, ['both', 'both', 'out', 'in'] as const)
    return { atMs, durationMs: 200 + rng.below(3_000), group, direction }
  })
}

function drawTraitor(rng: Rng, stakes: readonly bigint[]): Traitor | undefined {
  const total = stakes.reduce((sum, stake) => sum + stake, 0n)
  const node = rng.below(stakes.length)
  // Less than a third: beyond that nothing is promised.
  const isMinority = 3n * (stakes[node] as bigint) < total
  if (!isMinority || !rng.chance(0.7)) return undefined
  const hasTwin = rng.chance(0.7)
  const twinFaults = drawMischief(rng)
  return {
    node,
    hasTwin,
    // Alone it must do something wrong itself; with a twin it may keep the rules.
    faults: hasTwin && rng.chance(0.7) ? {} : twinFaults,
    twinFaults,
    wrongChance: rng.chance(0.5) ? 0.3 : 0,
    forgeryMs: rng.chance(0.4) ? 30 + rng.below(100) : undefined,
    reshuffleMs: pick(rng, [200, 1_000, 1_000_000]),
    bothChance: pick(rng, [0, 0.3, 0.6]),
    poison: rng.chance(0.4) ? pick(rng, poisons) : undefined,
  }
}

function drawL1(rng: Rng, count: number): L1Plan | undefined {
  if (rng.chance(0.25)) return undefined
  const blockIntervalMs = pick(rng, [100, 200, 400])
  const isSteady = rng.chance(0.3)
  const isLagging = rng.chance(0.4)
  const liar = rng.chance(0.4) ? rng.below(count) : undefined
  return {
    blockIntervalMs,
    finalityLag: pick(rng, [0, 2, 5]),
    blocksPerEpoch: pick(rng, [2, 4, 8, 12, endlessEpochBlocks]),
    gapChance: rng.chance(0.3) ? 0.1 : 0,
    creditCountMax: pick(rng, [0, 3, 40]),
    moveChance: isSteady ? 0 : pick(rng, [0.05, 0.2]),
    weightChance: isSteady ? 0 : 0.2,
    rotateChance: rng.chance(0.4) ? 0.15 : 0,
    closingCrashChance: rng.chance(0.4) ? 0.4 : 0,
    views: Array.from({ length: count }, (_, node) => ({
      lagMs: rng.below(blockIntervalMs),
      lagUntilHealMs: isLagging && rng.chance(0.4) ? rng.below(8 * blockIntervalMs) : 0,
      lies: node === liar && count > 1 ? drawLies(rng) : [],
    })),
  }
}

function drawLies(rng: Rng): ViewPlan['lies'] {
  const kinds: readonly LieKind[] = ['ahead', 'fork', 'credulous', 'contrary']
  return drawTimes(rng, 1 + rng.below(3), 5_000).map((fromMs) => ({
    kind: pick(rng, kinds),
    fromMs,
    untilMs: fromMs + 500 + rng.below(3_000),
  }))
}

const poisons: readonly Poison[] = [
  { chance: 0.3, isCunning: false },
  { chance: 1, isCunning: false },
  { chance: 1, isCunning: true },
]

/** What it does wrong: the bugs planted elsewhere are an adversary's choice here. */
function drawMischief(rng: Rng): EngineFaults {
  return pick<EngineFaults>(rng, [
    {},
    {},
    { wrongParentSelection: true },
    { wrongParentSelection: true },
    { wrongParentSelection: true },
    { doubleNotarize: true },
    { voteAfterNullify: true },
    { finalizeWithoutCertify: true, voteWithoutValidation: true },
    { neverNullify: true },
    { finalityVoteOnNotarization: true },
  ])
}

function drawTimes(rng: Rng, count: number, endMs: number): readonly number[] {
  return Array.from({ length: count }, () => rng.below(endMs)).sort((a, b) => a - b)
}

function pick<value>(rng: Rng, values: readonly value[]): value {
  return values[rng.below(values.length)] as value
}
