/**
 * A model of many networks on the machines of their operators, played event by event. What it
 * prints is simulation.
 *
 *     network    its committee; every `blockTimeMs` a block of what waits, up to a limit
 *     machine    so many processors, one queue; being there takes its part of them for ever
 *     block      work for each member; final once more than two thirds of them did it; the next
 *                one begins then, and not before its time
 *
 * Deviations from the real thing: links take no time; all seats weigh the same; a base fee that
 * rises over full blocks drives nobody away; a member that cannot keep up is late for ever.
 */

import { assert } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import { EventQueue } from '../measuring/event-queue.ts'
import type { Costs } from './cost-model.ts'

/** Events of one play, at most. */
const eventsMax = 10_000_000

/** The first part of a play is not counted: queues have to fill. */
const uncountedShare = 0.25

export type GrowthScenario = {
  readonly networks: number
  readonly operators: number
  /** Members of each network, drawn from the operators; all of them when as many. */
  readonly committeeSize: number
  /** Processors of each operator's machine or machines together; Infinity: never a limit. */
  readonly coresPerOperator: number
  /** Of one validator in a network of `committeeSize`. */
  readonly costs: Costs
  readonly blockTimeMs: number
  readonly transactionsPerBlockMax: number
  /** Offered to each network. */
  readonly ratePerSecond: number
  readonly seconds: number
}

export type GrowthOutcome = {
  readonly transactionsPerSecond: number
  readonly blocksPerSecondOfNetwork: number
  /** Of all members together. */
  readonly cpuSecondsPerTransaction: number
  /** Processors an operator needs in the mean, whether it has them or not. */
  readonly coresUsedPerOperator: number
  /** Operators whose networks ask for more than their machine has. */
  readonly overloadedShare: number
}

type Machine = { readonly networks: number; readonly speed: number; freeAt: number }
type Network = { readonly members: readonly Machine[]; taken: number; readonly beganAt: number }
type Event = { readonly at: number; readonly network: Network }

/** Plays a scenario. */
export function playGrowth(scenario: GrowthScenario, rng: Rng): GrowthOutcome {
  const { seconds, costs, networks, ratePerSecond, operators } = scenario
  const { machines, all } = place(scenario, rng)
  const events = new EventQueue<Event>()
  for (const network of all) events.push({ at: network.beganAt, network })
  const countedFrom = seconds * uncountedShare
  let [transactions, blocks, work] = [0, 0, 0]
  for (let count = 0; ; count++) {
    const event = events.pop()
    if (event === undefined || event.at >= seconds) break
    assert(count < eventsMax, 'a play ends')
    const { at, network } = event
    const arrived = Math.floor((at - network.beganAt) * ratePerSecond)
    const filled = Math.min(arrived - network.taken, scenario.transactionsPerBlockMax)
    network.taken += filled
    const job = filled === 0 ? costs.emptyBlock : costs.filledBlock + filled * costs.transaction
    const finalAt = finish(network.members, at, job)
    if (finalAt >= countedFrom && finalAt < seconds) {
      work += job * network.members.length
      transactions += filled
      blocks++
    }
    events.push({ at: Math.max(at + scenario.blockTimeMs / 1_000, finalAt), network })
  }
  const counted = seconds - countedFrom
  const seats = networks * scenario.committeeSize
  const cores = scenario.coresPerOperator
  const asked = coresAsked(scenario)
  const cpuSeconds = work + seats * costs.idleSecond * counted
  return {
    transactionsPerSecond: transactions / counted,
    blocksPerSecondOfNetwork: blocks / counted / networks,
    cpuSecondsPerTransaction: transactions === 0 ? Number.NaN : cpuSeconds / transactions,
    coresUsedPerOperator: cpuSeconds / counted / operators,
    overloadedShare: machines.filter((each) => each.networks * asked > cores).length / operators,
  }
}

/** Returns the processors that one validator asks for while its network keeps its pace. */
export function coresAsked(
  scenario: Pick<GrowthScenario, 'costs' | 'blockTimeMs' | 'ratePerSecond'>,
): number {
  const { costs, blockTimeMs, ratePerSecond } = scenario
  const { idleSecond, filledBlock, transaction } = costs
  return idleSecond + (filledBlock * 1_000) / blockTimeMs + transaction * ratePerSecond
}

/** Draws the committees, and gives each machine what being in its networks leaves of it. */
function place(
  { networks, operators, committeeSize, coresPerOperator, costs, blockTimeMs }: GrowthScenario,
  rng: Rng,
): { readonly machines: readonly Machine[]; readonly all: readonly Network[] } {
  const served = Array.from({ length: operators }, () => 0)
  const committees = Array.from({ length: networks }, () =>
    drawCommittee(operators, committeeSize, rng),
  )
  for (const member of committees.flat()) served[member] = (served[member] ?? 0) + 1
  const machines = served.map((count) => ({
    networks: count,
    speed: Math.max(0, coresPerOperator - count * costs.idleSecond),
    freeAt: 0,
  }))
  const all = committees.map((members) => ({
    members: members.map((member) => machines[member] as Machine),
    taken: 0,
    // Blocks of different networks fall on different moments.
    beganAt: rng.below(Math.ceil(blockTimeMs)) / 1_000,
  }))
  return { machines, all }
}

/** The first of a shuffle. */
function drawCommittee(operators: number, size: number, rng: Rng): number[] {
  const order = Array.from({ length: operators }, (_, index) => index)
  for (let index = 0; index < size; index++) {
    const other = index + rng.below(operators - index)
    const [a = 0, b = 0] = [order[index], order[other]]
    order[index] = b
    order[other] = a
  }
  return order.slice(0, size)
}

/** Has every member do the job after what it has to do; returns when a quorum is done. */
function finish(members: readonly Machine[], at: number, job: number): number {
  const ends = members.map((machine) => {
    machine.freeAt = Math.max(machine.freeAt, at) + job / machine.speed
    return machine.freeAt
  })
  // 3·s > 2·T with equal seats.
  const quorum = Math.floor((2 * members.length) / 3) + 1
  return ends.sort((a, b) => a - b)[quorum - 1] ?? Infinity
}
