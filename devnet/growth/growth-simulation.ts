/**
 * Simulates a hundred and a thousand networks, by costs that were measured on one.
 *
 *   1  calibrate   one network, several loads, two paces, two sizes: `cost-model.ts`; and beside a
 *                  neighbour that never rests: `shared-machine.ts`
 *   2  validate    what the model says of N = 1, 2, 4 against what is measured, five windows each
 *   3  simulate    N = 100, 1,000 in four kinds of world; L1's gas; how safe committees are
 *
 * Nothing that more than one network showed goes into the model.
 */

import { cpus } from 'node:os'

import { assert } from '@zg/primitives'

import { costOf, fitCosts } from './cost-model.ts'
import type { CostRun, Costs } from './cost-model.ts'
import type { CpuQuota, QuotaKind } from '../measuring/cpu-quota.ts'
import { openQuota } from '../measuring/held-run.ts'
import { hold } from './growth-points.ts'
import { GrowthLoad } from './growth-run.ts'
import type { Window } from './growth-run.ts'
import * as settings from './growth-settings.ts'
import type { LeanWorld } from './lean-world.ts'
import { costBeside, slowingOf, startNeighbour } from './shared-machine.ts'
import type { Slowing } from './shared-machine.ts'
import {
  committeeSizes,
  corruption,
  drawnOperators,
  fixedCounts,
  l1Load,
  manyOperators,
  networksHeld,
  play,
  playFixed,
  playWorlds,
  simulatedCores,
  simulatedCounts,
} from './simulated-worlds.ts'
import type { Corruption, L1Load, SimulatedWorld } from './simulated-worlds.ts'

/** Longer than where throughput is the question: code that is not compiled yet costs more. */
const warmUpSeconds = 45

/** Validators of the network that shows what size costs. */
const largeOperatorCount = 10

/** Every network count that the model is held against. */
const validationCounts = [1, 2, 4] as const
const validationWindows = 5

/** How far the model may be from the median of the windows. */
export const errorMax = 0.1

export type Validation = {
  readonly networks: number
  /** Median of the windows. */
  readonly measuredCpuMsPerTransaction: number
  readonly windowsCpuMsPerTransaction: readonly number[]
  readonly simulatedCpuMsPerTransaction: number
  /** In the simulated: what so much work on this machine costs over what one network's does. */
  readonly besideOthers: number
  /** simulated / measured - 1. */
  readonly error: number
}

export type SimulationReport = {
  readonly quota: QuotaKind
  readonly notice: string | undefined
  readonly calibration: {
    /** By operators of the one network. */
    readonly costs: Readonly<Record<number, Costs>>
    readonly runs: readonly CalibrationRun[]
    readonly blockTimeMs: number
    /** Of this machine alone: operators of the simulation have machines of their own. */
    readonly slowing: Slowing
  }
  readonly validation: readonly Validation[]
  /** By processors of an operator's machine: the networks it holds before the knee. */
  readonly networksHeld: Readonly<Record<number, number>>
  readonly worlds: readonly SimulatedWorld[]
  readonly l1: readonly L1Load[]
  readonly corruption: readonly Corruption[]
}

/** A window of a single network, as the fit has it. */
export type CalibrationRun = CostRun & {
  readonly operators: number
  readonly paceMs: number
  /** Between the timestamps of its blocks. */
  readonly blockSeconds: number
}

/** Measures, fits, checks and plays. */
export async function simulateGrowth(
  plan: { readonly seconds: number },
  tell: (line: string) => void,
): Promise<SimulationReport> {
  const quota = openQuota(tell)
  try {
    return await simulate(new Calibration(quota, plan.seconds, tell), tell)
  } finally {
    await quota.close()
  }
}

async function simulate(
  calibration: Calibration,
  tell: (line: string) => void,
): Promise<SimulationReport> {
  const { quota } = calibration
  const measured = new Map<number, readonly number[]>()
  const { ratePerSecond: rate, operatorCount } = settings
  const rates = [0, 0.5 * rate, rate, 1.5 * rate]
  await calibration.measure({ rates }, (load) => calibration.besideNeighbour(load))
  await calibration.measure({ rates: [0, rate], paceMs: settings.blockTimeMs / 2 })
  await calibration.measure({ rates: [0, 0.5 * rate, rate], operators: largeOperatorCount })
  for (const count of validationCounts) {
    // A world of its own, as long awake as those that the costs are from.
    await calibration.withWorld(await settings.startWorld(count), async (load) => {
      measured.set(count, await calibration.windows(load, count))
    })
  }
  const { costs, large, blockTimeMs, slowing } = calibration.fit()
  const validation = validationCounts.map((networks) =>
    validate(networks, measured.get(networks) ?? [], { costs, blockTimeMs, slowing }),
  )
  for (const each of validation) tell(describeValidation(each))
  const sizes = {
    small: { size: operatorCount, costs },
    large: { size: largeOperatorCount, costs: large },
  }
  return {
    quota: quota.kind,
    notice: quota.notice,
    calibration: {
      costs: { [operatorCount]: costs, [largeOperatorCount]: large },
      runs: calibration.runs,
      blockTimeMs,
      slowing,
    },
    validation,
    networksHeld: Object.fromEntries(
      [settings.machineCores, simulatedCores].map((cores) => [cores, networksHeld(cores, costs)]),
    ),
    worlds: [
      ...fixedCounts.map((networks) => playFixed(networks, costs)),
      ...simulatedCounts.flatMap((networks) => playWorlds(networks, sizes)),
    ],
    l1: simulatedCounts.flatMap((networks) => [l1Load(networks, 1), l1Load(networks, 24)]),
    corruption: [drawnOperators, manyOperators].flatMap((operators) =>
      committeeSizes.map((size) => corruption(operators, size)),
    ),
  }
}

/** Runs of a single network, and the windows that the model is held against. */
class Calibration {
  readonly quota: CpuQuota
  readonly runs: CalibrationRun[] = []
  readonly #seconds: number
  readonly #tell: (line: string) => void
  #beside: Window | undefined

  constructor(quota: CpuQuota, seconds: number, tell: (line: string) => void) {
    this.quota = quota
    this.#seconds = seconds
    this.#tell = tell
  }

  /** Warms a world up, holds its processes as machines that grow, and ends it after the work. */
  async withWorld(
    world: LeanWorld,
    work: (load: GrowthLoad) => Promise<void>,
    isHeld = true,
  ): Promise<void> {
    const load = new GrowthLoad(world, settings.privateKey)
    try {
      await load.warmUp(settings.warmUpRatePerSecond, warmUpSeconds)
      if (isHeld) hold(world, 'machines-grow', this.quota)
      await work(load)
    } finally {
      load.close()
      await world.close()
    }
  }

  /** One network at each rate; `then` has the same world afterwards. */
  async measure(
    plan: { readonly rates: readonly number[]; readonly paceMs?: number; operators?: number },
    then: (load: GrowthLoad) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { rates, paceMs = settings.blockTimeMs, operators = settings.operatorCount } = plan
    const own = { operatorCount: operators, blockTimeMs: paceMs }
    // Other paces and sizes ask for more than the quota, and only their costs are wanted.
    const isHeld = operators === settings.operatorCount && paceMs === settings.blockTimeMs
    const work = async (load: GrowthLoad): Promise<void> => {
      for (const ratePerSecond of rates) {
        const seconds = Math.ceil(this.#seconds / 4)
        const { windows } = await load.run({ windows: 1, seconds, ratePerSecond })
        for (const window of windows) {
          const blockSeconds = window.networks[0]?.blockSeconds ?? 0
          const run = { ...costRunOf(window), operators, paceMs, blockSeconds }
          this.runs.push(run)
          this.#tell(`calibration: ${JSON.stringify(run)}`)
        }
      }
      await then(load)
    }
    await this.withWorld(await settings.startWorld(1, own), work, isHeld)
  }

  /** One network at the common rate, while another process works without rest. */
  async besideNeighbour(load: GrowthLoad): Promise<void> {
    const stop = startNeighbour()
    try {
      const seconds = Math.ceil(this.#seconds / 4)
      const run = await load.run({ windows: 1, seconds, ratePerSecond: settings.ratePerSecond })
      this.#beside = run.windows[0]
      this.#tell('calibration: beside a neighbour')
    } finally {
      await stop()
    }
  }

  /** Milliseconds of processor time a transaction, a window each. */
  async windows(load: GrowthLoad, networks: number): Promise<readonly number[]> {
    const seconds = Math.ceil(this.#seconds / 5)
    const { ratePerSecond } = settings
    const run = await load.run({ windows: validationWindows, seconds, ratePerSecond })
    const costs = run.windows.map(cpuMsPerTransaction)
    const shown = costs.map((cost) => cost.toFixed(2)).join(' ')
    this.#tell(`validation N=${networks}: ${shown} ms CPU a transaction`)
    return costs
  }

  fit(): Fit & { readonly large: Costs } {
    const { operatorCount } = settings
    const costs = fitCosts(this.runs.filter(({ operators }) => operators === operatorCount))
    // Being there is taken not to depend on the size: larger ones were measured at one pace.
    const being = {
      seconds: 1,
      emptyBlocks: 0,
      filledBlocks: 0,
      transactions: 0,
      cpuSeconds: Math.max(costs.idleSecond, Number.EPSILON),
    }
    const large = fitCosts([
      being,
      ...this.runs.filter(({ operators }) => operators === largeOperatorCount),
    ])
    const paced = this.runs.filter(
      ({ operators, paceMs }) => operators === operatorCount && paceMs === settings.blockTimeMs,
    )
    const blocks = sum(paced.map(({ emptyBlocks, filledBlocks }) => emptyBlocks + filledBlocks))
    const blockTimeMs = (1_000 * sum(paced.map(({ blockSeconds }) => blockSeconds))) / blocks
    return { costs, large, blockTimeMs, slowing: this.#slowing(costs) }
  }

  #slowing(costs: Costs): Slowing {
    assert(this.#beside !== undefined, 'the neighbour came before the fit')
    const run = costRunOf(this.#beside)
    const alone = costOf(costs, run)
    const clients = this.#beside.generatorCpuSeconds
    const coresUsed = (alone * settings.operatorCount + clients) / run.seconds
    return slowingOf({ costRatio: run.cpuSeconds / alone, coresUsed }, cpus().length)
  }
}

/** What a single network showed. */
type Fit = { readonly costs: Costs; readonly blockTimeMs: number; readonly slowing: Slowing }

/** What the model is told of a window of one network. */
function costRunOf({ seconds, networks, operatorCpuSeconds }: Window): CostRun {
  const [network] = networks
  return {
    seconds,
    emptyBlocks: network?.emptyBlocks ?? 0,
    filledBlocks: network?.filledBlocks ?? 0,
    transactions: network?.transactions ?? 0,
    cpuSeconds: sum(operatorCpuSeconds) / operatorCpuSeconds.length,
  }
}

function cpuMsPerTransaction({ networks, operatorCpuSeconds }: Window): number {
  const transactions = sum(networks.map((network) => network.transactions))
  return (1_000 * sum(operatorCpuSeconds)) / transactions
}

function validate(
  networks: number,
  windows: readonly number[],
  { costs, blockTimeMs, slowing }: Fit,
): Validation {
  const { operatorCount, quotaCores } = settings
  const { cpuSecondsPerTransaction } = play({
    networks,
    operators: operatorCount,
    committeeSize: operatorCount,
    coresPerOperator: quotaCores * networks,
    costs,
    blockTimeMs,
  })
  const measured = median(windows)
  const processors = cpus().length
  // One network and its clients, so many times.
  const coresUsed = networks * slowing.busyAlone * processors
  const besideOthers = costBeside(slowing, coresUsed, processors)
  const simulated = 1_000 * cpuSecondsPerTransaction * besideOthers
  return {
    networks,
    measuredCpuMsPerTransaction: measured,
    windowsCpuMsPerTransaction: windows,
    simulatedCpuMsPerTransaction: simulated,
    besideOthers,
    error: simulated / measured - 1,
  }
}

function describeValidation(validation: Validation): string {
  const { networks, measuredCpuMsPerTransaction, simulatedCpuMsPerTransaction, error } = validation
  const measured = `measured ${measuredCpuMsPerTransaction.toFixed(2)}`
  const simulated = `simulated ${simulatedCpuMsPerTransaction.toFixed(2)}`
  const verdict = Math.abs(error) <= errorMax ? 'within' : 'over'
  const off = `${(100 * error).toFixed(1)} %, ${verdict} ${100 * errorMax} %`
  return `N=${networks}: ${measured}, ${simulated} ms CPU a transaction: ${off}`
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
