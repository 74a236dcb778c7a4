/**
 * A model of dispersers and nodes on machines of their own, played event by event. What it prints
 * is simulation.
 *
 *     blob        comes at random to a disperser, fills a batch alone, and waits until one of the
 *                 four that may be under way is certified
 *     disperser   codes a batch on one of its processors, then sends every member its rows through
 *                 its port; batches that are sent at once take turns
 *     node        takes a request in through its port and checks it on its processor, in the order
 *                 in which they come
 *     batch       belongs to a quorum at random; certified once signers have 3 · slots > 2 · n
 *
 * Deviations from the real thing: links take no time beyond what ports take; disks take none; every
 * node answers; nothing is refused or asked twice; a certificate counts when it is formed, whatever
 * the chain takes in.
 */

import { assert } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import { EventQueue } from '../measuring/event-queue.ts'
import type { DataCosts } from './data-cost-model.ts'

/** Events of one play, at most. */
const eventsMax = 30_000_000

/** The first part of a play is not counted: queues have to fill. */
const uncountedShare = 0.25

/** Batches of a disperser that wait for signatures at once, as in da/disperser/disperser.ts. */
const batchesAtOnceMax = 4

const uint32Count = 2 ** 32

/** Who holds how many of a batch's rows. */
export type ModelMember = { readonly node: number; readonly slots: number }

export type ModelQuorum = { readonly members: readonly ModelMember[]; readonly slots: number }

export type ModelMachine = {
  /** Processors that its program can keep busy. */
  readonly cores: number
  /** Each way. */
  readonly portBytesPerSecond: number
}

/** A world without those who disperse in it. */
export type DataParts = {
  readonly nodeCount: number
  readonly quorums: readonly ModelQuorum[]
  readonly node: ModelMachine
  readonly disperser: ModelMachine
  readonly costs: DataCosts
  /** Bytes of data in a batch. */
  readonly batchBytes: number
  /** Bytes of rows to a byte of data. */
  readonly rowsPerByte: number
  /** Of a request, beside its rows. */
  readonly requestBytes: number
}

export type DataScenario = DataParts & { readonly dispersers: number }

/** What is offered to all dispersers together. */
export type DataLoad = { readonly batchesPerSecond: number; readonly seconds: number }

export type DataBound = 'node CPU' | 'node port' | 'disperser CPU' | 'disperser port'

export type DataOutcome = {
  /** Over the whole play. */
  readonly offeredBatches: number
  readonly certifiedBatches: number
  /** In the part that counts; MB are 10^6 bytes of data. */
  readonly certifiedMBs: number
  /** From put to certificate. */
  readonly putP50Ms: number
  readonly putP99Ms: number
  /**
   * How busy the busiest node is, and dispersers in the mean, for a blob may go to any of them;
   * above 1, more is asked of it than it does.
   */
  readonly busy: Readonly<Record<DataBound, number>>
  /** The busiest of them. */
  readonly bound: DataBound
  /** Processors used in the mean, of all nodes together and of all dispersers. */
  readonly nodeCores: number
  readonly disperserCores: number
}

type Batch = {
  readonly atSeconds: number
  readonly disperser: Disperser
  readonly quorum: ModelQuorum
  /** Of the member that is sent to next. */
  next: number
  signedSlots: number
  isCertified: boolean
}

type Event = { readonly at: number; readonly batch: Batch } & (
  | { readonly kind: 'put' }
  | { readonly kind: 'coded' }
  /** The member's rows have left the disperser. */
  | { readonly kind: 'sent' }
  | { readonly kind: 'signed'; readonly slots: number }
)

/** Plays a scenario under a load. */
export function playData(scenario: DataScenario, load: DataLoad, rng: Rng): DataOutcome {
  const { seconds } = load
  const play = new Play(scenario)
  const offered = offer(scenario, load, play.dispersers, rng)
  for (const batch of offered) play.events.push({ at: batch.atSeconds, batch, kind: 'put' })
  for (let count = 0; ; count++) {
    const event = play.events.pop()
    if (event === undefined || event.at >= seconds) break
    assert(count < eventsMax, 'a play ends')
    play.step(event)
  }
  return play.outcome(offered.length, seconds)
}

/** Returns the batches of a load, in order: a Poisson stream, each to some disperser and quorum. */
function offer(
  { quorums }: DataScenario,
  { batchesPerSecond, seconds }: DataLoad,
  dispersers: readonly Disperser[],
  rng: Rng,
): readonly Batch[] {
  const batches: Batch[] = []
  const uniform = (): number => (rng.below(uint32Count) + 0.5) / uint32Count
  const gap = (): number => -Math.log(uniform()) / batchesPerSecond
  for (let at = gap(); at < seconds; at += gap()) {
    batches.push({
      atSeconds: at,
      disperser: dispersers[rng.below(dispersers.length)] as Disperser,
      quorum: quorums[rng.below(quorums.length)] as ModelQuorum,
      next: 0,
      signedSlots: 0,
      isCertified: false,
    })
  }
  return batches
}

class Play {
  readonly events = new EventQueue<Event>()
  readonly dispersers: readonly Disperser[]
  readonly #nodes: readonly Machine[]
  readonly #scenario: DataScenario
  readonly #certified: { readonly at: number; readonly tookSeconds: number }[] = []

  constructor(scenario: DataScenario) {
    this.#scenario = scenario
    const { costs } = scenario
    this.dispersers = Array.from({ length: scenario.dispersers }, () => ({
      machine: new Machine(scenario.disperser, costs.disperser.second),
      waiting: [],
      underWay: 0,
    }))
    this.#nodes = Array.from(
      { length: scenario.nodeCount },
      () => new Machine(scenario.node, costs.node.second),
    )
  }

  step(event: Event): void {
    const { at, batch } = event
    const { disperser } = batch
    switch (event.kind) {
      case 'put':
        disperser.waiting.push(batch)
        return this.#pump(disperser, at)
      case 'coded':
        return this.#sendNext(batch, at)
      case 'sent':
        this.#store(batch, at)
        return this.#sendNext(batch, at)
      case 'signed':
        batch.signedSlots += event.slots
        if (batch.isCertified || 3 * batch.signedSlots <= 2 * batch.quorum.slots) return
        batch.isCertified = true
        this.#certified.push({ at, tookSeconds: at - batch.atSeconds })
        disperser.underWay--
        return this.#pump(disperser, at)
    }
  }

  outcome(offeredBatches: number, seconds: number): DataOutcome {
    const countedFrom = seconds * uncountedShare
    const counted = this.#certified.filter(({ at }) => at >= countedFrom)
    const tookMs = counted.map(({ tookSeconds }) => 1_000 * tookSeconds).sort((a, b) => a - b)
    const { batchBytes } = this.#scenario
    const senders = this.dispersers.map(({ machine }) => machine)
    const busiest = (of: (machine: Machine) => number): number =>
      this.#nodes.reduce((most, machine) => Math.max(most, of(machine)), 0) / seconds
    const mean = (of: (machine: Machine) => number): number =>
      senders.reduce((sum, machine) => sum + of(machine), 0) / senders.length / seconds
    const busy = {
      'node CPU': busiest((machine) => machine.workShare(seconds)),
      'node port': busiest((machine) => machine.portSeconds),
      'disperser CPU': mean((machine) => machine.workShare(seconds)),
      'disperser port': mean((machine) => machine.portSeconds),
    }
    const cores = (machines: readonly Machine[]): number =>
      machines.reduce((sum, machine) => sum + machine.usedSeconds(seconds), 0) / seconds
    return {
      offeredBatches,
      certifiedBatches: this.#certified.length,
      certifiedMBs: (counted.length * batchBytes) / 1e6 / (seconds - countedFrom),
      putP50Ms: quantile(tookMs, 0.5),
      putP99Ms: quantile(tookMs, 0.99),
      busy,
      bound: greatestOf(busy),
      nodeCores: cores(this.#nodes),
      disperserCores: cores(senders),
    }
  }

  #pump(disperser: Disperser, at: number): void {
    const { costs, batchBytes } = this.#scenario
    while (disperser.underWay < batchesAtOnceMax) {
      const batch = disperser.waiting.shift()
      if (batch === undefined) return
      disperser.underWay++
      const work = disperserSeconds(costs, batchBytes, batch.quorum.members.length)
      this.events.push({ at: disperser.machine.work(at, work), batch, kind: 'coded' })
    }
  }

  #sendNext(batch: Batch, at: number): void {
    const member = batch.quorum.members[batch.next]
    if (member === undefined) return
    const sizeBytes = requestSize(this.#scenario, batch.quorum, member)
    const sentAt = batch.disperser.machine.pass(at, sizeBytes)
    this.events.push({ at: sentAt, batch, kind: 'sent' })
  }

  /** The member that was sent to last has its rows, as soon as its own port took them in. */
  #store(batch: Batch, at: number): void {
    const { costs } = this.#scenario
    const member = batch.quorum.members[batch.next++] as ModelMember
    const machine = this.#nodes[member.node] as Machine
    const sizeBytes = requestSize(this.#scenario, batch.quorum, member)
    // Both ports pass the same bytes at the same time, if the node's is free.
    const startedAt = at - machine.secondsToPass(sizeBytes)
    const takenAt = machine.pass(startedAt, sizeBytes)
    const work = nodeSeconds(costs, rowBytesOf(this.#scenario, batch.quorum, member))
    const signedAt = machine.work(Math.max(at, takenAt), work)
    this.events.push({ at: signedAt, batch, kind: 'signed', slots: member.slots })
  }
}

/** One that codes and sends. */
type Disperser = { readonly machine: Machine; readonly waiting: Batch[]; underWay: number }

/** Processors and a port, each with a queue. */
class Machine {
  readonly #kind: ModelMachine
  readonly #freeAt: number[]
  /** Of processor time, being there takes so much a second. */
  readonly #idle: number
  #portFreeAt = 0
  #workSeconds = 0
  /** Of sending, or of taking in. */
  portSeconds = 0

  constructor(kind: ModelMachine, idle: number) {
    this.#kind = kind
    this.#idle = idle
    this.#freeAt = Array.from({ length: kind.cores }, () => 0)
  }

  /** Does work after what it has to do; returns when it is done. */
  work(at: number, seconds: number): number {
    let first = 0
    for (let core = 1; core < this.#freeAt.length; core++) {
      if ((this.#freeAt[core] ?? 0) < (this.#freeAt[first] ?? 0)) first = core
    }
    // What being there takes is taken from all processors alike.
    const speed = 1 - this.#idle / this.#kind.cores
    const doneAt = Math.max(at, this.#freeAt[first] ?? 0) + seconds / speed
    this.#freeAt[first] = doneAt
    this.#workSeconds += seconds
    return doneAt
  }

  /** Has bytes pass the port after those before; returns when they have. */
  pass(at: number, sizeBytes: number): number {
    const seconds = this.secondsToPass(sizeBytes)
    this.#portFreeAt = Math.max(at, this.#portFreeAt) + seconds
    this.portSeconds += seconds
    return this.#portFreeAt
  }

  secondsToPass(sizeBytes: number): number {
    return sizeBytes / this.#kind.portBytesPerSecond
  }

  /** Processor time asked for, of one processor. */
  workShare(seconds: number): number {
    return this.#workSeconds / this.#kind.cores + (this.#idle * seconds) / this.#kind.cores
  }

  usedSeconds(seconds: number): number {
    return Math.min(this.#workSeconds + this.#idle * seconds, this.#kind.cores * seconds)
  }
}

/** Returns the processor time that a batch takes of its disperser. */
export function disperserSeconds(
  { disperser }: DataCosts,
  batchBytes: number,
  members: number,
): number {
  return disperser.batch + batchBytes * disperser.byte + members * disperser.member
}

/** Returns the processor time that a request takes of a node. */
export function nodeSeconds({ node }: DataCosts, rowBytes: number): number {
  return node.request + rowBytes * node.byte
}

/** Returns the bytes of rows that a member holds of a batch. */
export function rowBytesOf(
  { batchBytes, rowsPerByte }: DataParts,
  { slots }: ModelQuorum,
  member: ModelMember,
): number {
  return (batchBytes * rowsPerByte * member.slots) / slots
}

/** Returns the bytes of the request that brings a member its rows. */
export function requestSize(scenario: DataParts, quorum: ModelQuorum, member: ModelMember): number {
  return scenario.requestBytes + rowBytesOf(scenario, quorum, member)
}

function greatestOf(busy: Readonly<Record<DataBound, number>>): DataBound {
  const names: readonly DataBound[] = ['node CPU', 'node port', 'disperser CPU', 'disperser port']
  return names.reduce((most, name) => (busy[name] > busy[most] ? name : most))
}

/** Of sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
