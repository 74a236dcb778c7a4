/**
 * Many networks, simulated by the costs of one validator; what their certificates cost L1; how safe
 * committees are. Pure.
 *
 *     all in all, fixed machines     every operator in every network, `simulatedCores` each
 *     all in all, machines grow      a quota for each network that an operator serves
 *     committees                     128 drawn of a thousand operators, `simulatedCores` each
 *     committees, operators enough   the same, of as many operators as it takes
 */

import { createSeededRng } from '@zg/runtime'

import { anyCorruptProbabilityMax, corruptionProbability } from './committee.ts'
import { costsAtSize } from './cost-model.ts'
import type { Costs } from './cost-model.ts'
import { coresAsked, playGrowth } from './growth-model.ts'
import type { GrowthOutcome, GrowthScenario } from './growth-model.ts'
import * as settings from './growth-settings.ts'

export const simulatedCounts = [100, 1_000] as const

/** On both sides of what a fixed machine holds. */
export const fixedCounts = [50, 100, 200, 400, 1_000] as const

const simulatedSeconds = 120

/** A machine of the simulated operators, in processors like this machine's. */
export const simulatedCores = 4

/** Of whom committees are drawn, and how many of them are bad. */
export const drawnOperators = 1_000
export const manyOperators = 100_000
const badShare = 0.25
export const committeeSizes = [128, 512] as const

/** `npm run bench -- gas`: a certificate and an Outbox root; each absent operator. */
const certificateGas = 609_900
const absentGas = 14_810
/** What a leaner certificate would take: the low end of the design. */
const certificateGasMin = 550_000
/** Blocks of 36,000,000 gas, one in twelve seconds. */
const l1GasPerDay = (36e6 * 86_400) / 12

export type SimulatedWorld = GrowthOutcome & {
  readonly label: 'simulation'
  readonly world:
    | 'all in all, fixed machines'
    | 'all in all, machines grow'
    | 'committees'
    | 'committees, operators enough'
  readonly networks: number
  readonly operators: number
  readonly committeeSize: number
  /** Processors of each operator. */
  readonly coresPerOperator: number
}

/** L1's gas for the certificates of many networks. */
export type L1Load = {
  readonly networks: number
  readonly certificatesPerDay: number
  readonly gasPerDay: readonly [least: number, measured: number]
  /** With a third of a committee of 128 absent. */
  readonly gasPerDayOfAbsent: number
  readonly shareOfEthereum: readonly [least: number, measured: number]
}

export type Corruption = {
  readonly operators: number
  readonly badShare: number
  readonly size: number
  readonly ofOne: number
  /** Union bound. */
  readonly ofAny: Readonly<Record<number, number>>
}

/** Two sizes of a network whose costs were measured. */
export type Sizes = {
  readonly small: { readonly size: number; readonly costs: Costs }
  readonly large: { readonly size: number; readonly costs: Costs }
}

/**
 * The kinds of world with so many networks. Operators are enough when their machines hold twice
 * what all networks ask for: lots fall unevenly.
 */
export function playWorlds(networks: number, { small, large }: Sizes): readonly SimulatedWorld[] {
  const { blockTimeMs, ratePerSecond } = settings
  const [size] = committeeSizes
  const drawn = {
    networks,
    operators: drawnOperators,
    committeeSize: size,
    costs: costsAtSize(size, small, large),
    blockTimeMs,
    coresPerOperator: simulatedCores,
  }
  const asked = size * coresAsked({ costs: drawn.costs, blockTimeMs, ratePerSecond })
  const enough = Math.ceil((2 * networks * asked) / simulatedCores)
  const coresPerOperator = networks * settings.quotaCores
  return [
    told('all in all, machines grow', { ...allInAll(networks, small.costs), coresPerOperator }),
    told('committees', drawn),
    told('committees, operators enough', { ...drawn, operators: Math.max(size, enough) }),
  ]
}

/** Every operator in so many networks on machines that stay as they are. */
export function playFixed(networks: number, costs: Costs): SimulatedWorld {
  const world = { ...allInAll(networks, costs), coresPerOperator: simulatedCores }
  return told('all in all, fixed machines', world)
}

export type Played = Omit<GrowthScenario, 'transactionsPerBlockMax' | 'ratePerSecond' | 'seconds'>

function allInAll(networks: number, costs: Costs): Omit<Played, 'coresPerOperator'> {
  const { operatorCount, blockTimeMs } = settings
  return { networks, operators: operatorCount, committeeSize: operatorCount, costs, blockTimeMs }
}

function told(world: SimulatedWorld['world'], scenario: Played): SimulatedWorld {
  const { networks, operators, committeeSize, coresPerOperator } = scenario
  const place = { networks, operators, committeeSize, coresPerOperator }
  return { label: 'simulation', world, ...place, ...play(scenario) }
}

/** Plays a world of the shared settings. */
export function play(scenario: Played): GrowthOutcome {
  return playGrowth(
    {
      ...scenario,
      transactionsPerBlockMax: settings.blockTransactionsMax,
      ratePerSecond: settings.ratePerSecond,
      seconds: simulatedSeconds,
    },
    createSeededRng('growth'),
  )
}

/** Networks that a machine holds before the knee, by what one of them asks for. */
export function networksHeld(cores: number, costs: Costs): number {
  const { blockTimeMs, ratePerSecond } = settings
  return Math.floor(cores / coresAsked({ costs, blockTimeMs, ratePerSecond }))
}

/** Returns what certificates cost L1 a day. */
export function l1Load(networks: number, certificatesPerDay: number): L1Load {
  const count = networks * certificatesPerDay
  const gasPerDay = [count * certificateGasMin, count * certificateGas] as const
  const absent = Math.floor((committeeSizes[0] - 1) / 3)
  return {
    networks,
    certificatesPerDay,
    gasPerDay,
    gasPerDayOfAbsent: count * (certificateGas + absent * absentGas),
    shareOfEthereum: [gasPerDay[0] / l1GasPerDay, gasPerDay[1] / l1GasPerDay],
  }
}

/** Returns how likely committees of so many have a third or more bad members. */
export function corruption(operators: number, size: number): Corruption {
  const draw = { operators, bad: operators * badShare, size }
  return {
    operators,
    badShare,
    size,
    ofOne: corruptionProbability(draw),
    ofAny: Object.fromEntries(
      simulatedCounts.map((count) => [count, anyCorruptProbabilityMax(draw, count)]),
    ),
  }
}
