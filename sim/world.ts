/**
 * The seeded world: the validators of one network in one process, on virtual time, network and
 * disks, under the misfortunes of one seed.
 *
 *     0 ──────────── faults ──────────── heal ──── until every honest node went on, or the bound
 *
 * Everything random comes from forks of one generator and everything waits in one queue, so a seed
 * gives one run: the same messages at the same times, the same trace hash.
 */

import { sha256 } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedNetwork, simulatedStartMs } from '@zg/runtime'
import type { LinkBehaviour, Rng } from '@zg/runtime'
import { blsScheme, genesisHeader, keyedHashScheme, nextEpochOf, peerIdOf } from '@zg/consensus'
import type { ConsensusGenesis, EngineFaults, SignatureScheme } from '@zg/consensus'

import { Checker } from './checker.ts'
import type { Violation } from './checker.ts'
import { counterGenesisHash } from './counter-application.ts'
import { Forger } from './forger.ts'
import { loseVotes, poison } from './meddled-network.ts'
import type { Meddle } from './meddled-network.ts'
import { crashPoints, drawScenario, endlessEpochBlocks, healedLink } from './scenario.ts'
import type { Crash, CrashPoint, Scenario } from './scenario.ts'
import { SimulatedNode } from './simulated-node.ts'
import { keysPerOperator, SimulatedL1 } from './simulated-l1.ts'
import type { L1Plan } from './simulated-l1.ts'
import { Trace } from './trace.ts'

/** Blocks every honest node must finalize after the heal. */
const progressHeights = 3n

/** How often operators look whether their key in the set has changed. */
const keyWatchMs = 250

/** An L1 on which nothing ever is final: a network without one. */
const withoutL1: L1Plan = {
  blockIntervalMs: 1_000,
  finalityLag: Number.MAX_SAFE_INTEGER,
  blocksPerEpoch: 1,
  gapChance: 0,
  creditCountMax: 0,
  moveChance: 0,
  weightChance: 0,
  rotateChance: 0,
  closingCrashChance: 0,
  views: [],
}

/** Events of one seed, at most: a hundred times the usual. More is a storm of messages. */
const eventCountMax = 400_000

/** What a seed did to the network. */
export type FaultCounts = {
  readonly crashes: number
  readonly partitions: number
  readonly resets: number
  readonly traitors: number
  readonly twins: number
  /** Nodes that see a false L1 for a while, and processes ended because their key changed. */
  readonly liars: number
  readonly rotations: number
  readonly lost: number
  readonly duplicated: number
}

/** What came of a seed. */
export type SeedResult = {
  readonly seed: number
  readonly violations: readonly Violation[]
  /** Whether an honest node did not go on in time after the heal. */
  readonly isStalled: boolean
  /** Why, when it is. */
  readonly stall: string
  readonly traceHash: string
  readonly faults: FaultCounts
  /** Greatest final height, and epochs that closed below. */
  readonly height: bigint
  readonly epochCount: number
  /** Events of the virtual clock. */
  readonly eventCount: number
  readonly virtualMs: number
}

/**
 * Runs one seed, with bugs planted if any.
 *
 * @param bend - Makes another scenario of the one that was drawn.
 */
export async function runSeed(
  seed: number,
  faults: EngineFaults = {},
  bend: (drawn: Scenario) => Scenario = (drawn) => drawn,
): Promise<SeedResult> {
  const rng = createSeededRng(`zg/sim ${seed}`)
  const world = new World(bend(drawScenario(seed, rng.fork('scenario'))), rng, faults)
  return world.run()
}

/** What must be reached after the heal. */
type Goal = { readonly height: bigint; readonly epochCount: number }

class World {
  readonly #scenario: Scenario
  readonly #rng: Rng
  readonly #clock = new SimulatedClock()
  readonly #trace = new Trace()
  readonly #network: SimulatedNetwork
  readonly #checker: Checker
  readonly #l1: SimulatedL1
  readonly #nodes: readonly SimulatedNode[]
  readonly #names = new Map<string, number>()
  #twin: SimulatedNode | undefined
  /** By name of an endpoint, who it reaches: absent, everybody. Redrawn while a twin runs. */
  #sight = new Map<string, 'first' | 'second' | 'both'>()
  #cuts: { group: ReadonlySet<number>; direction: 'both' | 'out' | 'in' }[] = []
  #isHealed = false
  #lastSniffed: Uint8Array | undefined
  #crashCount = 0
  #resetCount = 0
  #rotationCount = 0
  readonly #closingDraws: Rng

  constructor(scenario: Scenario, rng: Rng, faults: EngineFaults) {
    this.#scenario = scenario
    this.#rng = rng
    this.#closingDraws = rng.fork('closings')
    const scheme = scenario.useBls ? blsScheme() : keyedHashScheme()
    const secretKeys = scenario.stakes.map((_, index) => secretKeysOf(scenario, index))
    this.#l1 = this.#createL1(scheme, secretKeys)
    this.#network = new SimulatedNetwork({
      clock: this.#clock,
      rng: rng.fork('network'),
      link: (from, to) => this.#linkOf(from, to),
      onSend: (from, to, channel, message) => this.#onSend(from, to, channel, message),
    })
    this.#checker = new Checker({
      scheme,
      identity: genesis.identity,
      truth: this.#l1.truth,
      genesis: genesisHeader(genesis),
      operators: scenario.stakes.map((_, index) => operatorOf(scenario, index)),
      traitor: scenario.traitor?.node,
      elapsedMs: () => this.#elapsedMs(),
    })
    const { traitor } = scenario
    const create = (index: number, name: string): SimulatedNode => {
      this.#names.set(name, index)
      const isTraitor = index === traitor?.node
      const mischief = name.endsWith("'") ? traitor?.twinFaults : traitor?.faults
      const planted = isTraitor ? { ...faults, ...mischief } : faults
      return this.#createNode({ name, index, secretKeys, scheme, faults: planted })
    }
    this.#nodes = scenario.stakes.map((_, index) => create(index, `v${index}`))
    if (traitor?.hasTwin === true) this.#twin = create(traitor.node, `v${traitor.node}'`)
    if (traitor?.forgeryMs === undefined) return
    const publicKey = scheme.publicKeyOf(secretKeys[traitor.node]?.[0] as Uint8Array)
    this.#createForger(traitor.node, publicKey, traitor.forgeryMs)
  }

  async run(): Promise<SeedResult> {
    const { healMs, livenessMsMax } = this.#scenario
    this.#planFaults()
    if ((this.#scenario.l1?.rotateChance ?? 0) > 0) this.#watchKeys()
    for (const node of this.#allNodes()) node.start()
    await this.#runUntil(healMs)
    this.#heal()
    const epochs = (this.#scenario.l1?.blocksPerEpoch ?? Infinity) < endlessEpochBlocks ? 1 : 0
    const goal = {
      height: this.#checker.height + progressHeights,
      epochCount: this.#checker.epochCount + epochs,
    }
    const isDone = (): boolean => this.#hasViolation() || this.#hasProgressed(goal)
    await this.#runUntil(healMs + livenessMsMax, isDone)
    const stall = this.#hasProgressed(goal) || this.#hasViolation() ? '' : this.#stallOf(goal)
    return this.#result(stall)
  }

  #result(stall: string): SeedResult {
    const { seed, partitions, traitor, l1 } = this.#scenario
    const { lost, duplicated } = this.#network.counts
    return {
      seed,
      violations: this.#checker.violations,
      isStalled: stall !== '',
      stall,
      traceHash: this.#trace.hash(),
      faults: {
        crashes: this.#crashCount,
        partitions: partitions.length,
        resets: this.#resetCount,
        traitors: traitor === undefined ? 0 : 1,
        twins: traitor?.hasTwin === true ? 1 : 0,
        liars: l1?.views.filter(({ lies }) => lies.length > 0).length ?? 0,
        rotations: this.#rotationCount,
        lost,
        duplicated,
      },
      height: this.#checker.height,
      epochCount: this.#checker.epochCount,
      eventCount: this.#clock.firedCount,
      virtualMs: this.#elapsedMs(),
    }
  }

  #createNode(options: {
    name: string
    index: number
    secretKeys: readonly (readonly Uint8Array[])[]
    scheme: SignatureScheme
    faults: EngineFaults
  }): SimulatedNode {
    const { name, index, secretKeys, scheme, faults } = options
    const { parameters, skewsMs, damageChance, traitor, temper } = this.#scenario
    const isHonest = traitor?.node !== index
    const checker = this.#checker
    return new SimulatedNode({
      name,
      clock: this.#clock,
      rng: this.#rng.fork(name),
      network: this.#network,
      secretKeys: secretKeys[index] ?? [],
      keyNow: () => this.#l1.keyOf(index),
      scheme,
      genesis,
      parameters,
      l1View: this.#l1.viewOf(index),
      temper: isHonest ? temper : { ...temper, wrongChance: traitor.wrongChance },
      skewMs: skewsMs[index] as number,
      damageChance,
      faults,
      meddle: this.#meddleOf(name, isHonest),
      handlers: {
        onStarted: (height, blockAt) => {
          this.#trace.add(`start ${name} ${height}`)
          if (isHonest) checker.onRestart(index, height, blockAt)
        },
        onFinal: (block, payload) => {
          this.#trace.add(`final ${name} ${block.header.height}`, block.consensusRoot)
          if (isHonest) checker.onFinal(index, block, payload)
          if (nextEpochOf(block.header, this.#l1.truth) !== 0n) this.#onClosed(index)
        },
        onExecuted: (executionHash) => {
          if (isHonest) checker.onExecuted(index, executionHash)
        },
        onEvidence: (evidence) => {
          this.#trace.add(`evidence ${name} ${evidence.kind}`)
          if (isHonest) checker.onEvidence(index, evidence)
        },
        onFailure: (detail) => {
          if (isHonest) checker.fail('crash', `node ${index}: ${detail}`)
        },
        onCrash: (point, downMs) => {
          this.#crashCount++
          this.#trace.add(`crash ${name} ${point ?? 'time'}`)
          this.#clock.setTimer(this.#isHealed ? 0 : downMs, () => this.#nodeOf(name)?.start())
        },
      },
    })
  }

  #createL1(scheme: SignatureScheme, secretKeys: readonly (readonly Uint8Array[])[]): SimulatedL1 {
    const { stakes, traitor, l1: plan = withoutL1 } = this.#scenario
    const liars = [...plan.views.entries()].filter(([, { lies }]) => lies.length > 0)
    const faulty = new Set(liars.map(([node]) => node))
    if (traitor !== undefined) faulty.add(traitor.node)
    return new SimulatedL1({
      plan,
      rng: this.#rng.fork('l1'),
      genesisEpoch: genesis.epoch,
      stakes,
      publicKeys: secretKeys.map((keys) => keys.map((key) => scheme.publicKeyOf(key))),
      operators: stakes.map((_, index) => operatorOf(this.#scenario, index)),
      faulty,
      traitor: traitor?.node,
      elapsedMs: () => this.#elapsedMs(),
      isHealed: () => this.#isHealed,
    })
  }

  /** An operator whose key has changed starts its node again, a while later; at the heal all do. */
  #watchKeys(): void {
    const draws = this.#rng.fork('keys')
    const watch = (): void => {
      for (const [index, node] of this.#nodes.entries()) {
        const isStale = node.isUp && node.connectionKey !== this.#l1.keyOf(index)
        if (!isStale || !(this.#isHealed || draws.chance(0.3))) continue
        this.#rotationCount++
        node.crash(undefined, draws.below(200))
      }
      this.#at(keyWatchMs, watch)
    }
    watch()
  }

  #meddleOf(name: string, isHonest: boolean): Meddle {
    const { traitor, spellMs = Infinity } = this.#scenario
    const draws = this.#rng.fork(`${name} poison`)
    const isPoisoner = !isHonest && traitor?.poison !== undefined
    const poisoned = isPoisoner ? poison(draws, traitor.poison) : undefined
    return (message, to) => {
      const isSpell = !this.#isHealed && this.#elapsedMs() >= spellMs
      if (isSpell && loseVotes(message, to) === undefined) return undefined
      return poisoned === undefined ? message : poisoned(message, to)
    }
  }

  #createForger(node: number, publicKey: Uint8Array, intervalMs: number): void {
    const name = `v${node}*`
    this.#names.set(name, node)
    const network = this.#network.join({ identity: peerIdOf(publicKey), name })
    const validatorCount = this.#scenario.stakes.length
    const { epoch } = genesis
    const rng = this.#rng.fork(name)
    const forger = { clock: this.#clock, rng, network, validatorCount, epoch, intervalMs }
    // It lives by its timers.
    void new Forger(forger)
  }

  #planFaults(): void {
    const { crashes, partitions, resetsMs, traitor } = this.#scenario
    const draws = this.#rng.fork('faults')
    for (const crash of crashes) this.#at(crash.atMs, () => this.#crash(crash))
    for (const { atMs, durationMs, group, direction } of partitions) {
      const cut = { group, direction }
      this.#at(atMs, () => this.#cuts.push(cut))
      this.#at(atMs + durationMs, () => (this.#cuts = this.#cuts.filter((other) => other !== cut)))
    }
    for (const atMs of resetsMs) {
      this.#at(atMs, () => {
        const names = this.#network.names()
        const [a, b] = [0, 1].map(() => names[draws.below(Math.max(1, names.length))] ?? '')
        this.#network.reset(a as string, b as string, 1 + draws.below(300))
        this.#resetCount++
      })
    }
    if (traitor?.hasTwin !== true) return
    const reshuffle = (): void => {
      if (this.#isHealed) return
      for (const name of this.#names.keys()) {
        const half = draws.chance(0.5) ? 'first' : 'second'
        this.#sight.set(name, draws.chance(traitor.bothChance) ? 'both' : half)
      }
      this.#at(traitor.reshuffleMs, reshuffle)
    }
    reshuffle()
  }

  /** An epoch has closed at a node: maybe it crashes on its way into the next. */
  #onClosed(index: number): void {
    const { l1 } = this.#scenario
    if (this.#isHealed || !this.#closingDraws.chance(l1?.closingCrashChance ?? 0)) return
    const draws = this.#closingDraws
    const point = crashPoints[draws.below(crashPoints.length)] as CrashPoint
    this.#nodes[index]?.arm({ point, skip: draws.below(8), downMs: draws.below(400) })
  }

  #crash({ node, point, skip, downMs }: Crash): void {
    const target = this.#nodes[node]
    if (target === undefined || this.#isHealed) return
    if (point === undefined) target.crash(undefined, downMs)
    else target.arm({ point, skip, downMs })
  }

  /** All links are good, all nodes up; the twin goes on, seen by whom it was seen. */
  #heal(): void {
    this.#isHealed = true
    this.#cuts = []
    this.#trace.add('heal')
    for (const node of this.#allNodes()) {
      node.disarm()
      node.start()
    }
  }

  #linkOf(from: string, to: string): LinkBehaviour {
    const link = this.#isHealed ? healedLink : this.#scenario.link
    if (!this.#sees(from, to) || !this.#sees(to, from)) return { ...link, blocked: true }
    const [source, target] = [this.#names.get(from) as number, this.#names.get(to) as number]
    for (const { group, direction } of this.#cuts) {
      const [isFromIn, isToIn] = [group.has(source), group.has(target)]
      if (isFromIn === isToIn) continue
      const isCut = direction === 'both' || (direction === 'out' ? isFromIn : isToIn)
      if (isCut) return { ...link, blocked: true }
    }
    return link
  }

  /** Whether `viewer` is among those who see this end of a twin. */
  #sees(viewer: string, name: string): boolean {
    const { traitor } = this.#scenario
    if (traitor?.hasTwin !== true || this.#names.get(name) !== traitor.node) return true
    const sight = this.#sight.get(viewer) ?? 'both'
    if (name.endsWith('*')) return true
    return sight === 'both' || (sight === 'second') === name.endsWith("'")
  }

  #onSend(from: string, to: string, channel: string, message: Uint8Array): void {
    this.#trace.add(`${this.#clock.exactMs} ${from} ${to} ${channel}`, message)
    const index = this.#names.get(from) as number
    // A broadcast hands the same bytes to each peer: once is enough.
    if (message !== this.#lastSniffed) {
      this.#lastSniffed = message
      if (index !== this.#scenario.traitor?.node) this.#checker.onMessage(index, message)
      else if (channel === 'block' && !from.endsWith('*')) this.#checker.onTraitorBlock(message)
    }
    this.#nodeOf(from)?.pass('send')
  }

  /** Whether every honest node is up and has made the chain final up to `goal`, votes included. */
  #hasProgressed({ height, epochCount }: Goal): boolean {
    const { latestEpoch } = this.#checker
    if (this.#checker.epochCount < epochCount) return false
    return this.#honest().every(({ status }) => {
      if (status === undefined || status.epoch < latestEpoch) return false
      return status.finalHeight >= height && status.certifiedHeight >= height - 1n
    })
  }

  #hasViolation(): boolean {
    const { firedCount } = this.#clock
    if (firedCount === eventCountMax) this.#checker.fail('storm', `${firedCount} events`)
    return this.#checker.violations.length > 0
  }

  #stallOf(goal: Goal): string {
    const heights = this.#honest().map(({ status }) => {
      if (status === undefined) return 'down'
      const { finalHeight, certifiedHeight, epoch, view } = status
      return `${finalHeight}/${certifiedHeight} in view ${epoch}/${view}`
    })
    const { height, epochCount } = goal
    const missing = `height ${height} and ${epochCount} epochs not reached`
    return `${missing}: ${heights.join(', ')}`
  }

  #honest(): readonly SimulatedNode[] {
    return this.#nodes.filter((_, index) => index !== this.#scenario.traitor?.node)
  }

  #allNodes(): readonly SimulatedNode[] {
    return this.#twin === undefined ? this.#nodes : [...this.#nodes, this.#twin]
  }

  #nodeOf(name: string): SimulatedNode | undefined {
    if (name.endsWith('*')) return undefined
    return name.endsWith("'") ? this.#twin : this.#nodes[this.#names.get(name) as number]
  }

  #elapsedMs(): number {
    return this.#clock.nowMs() - simulatedStartMs
  }

  #at(delayMs: number, fire: () => void): void {
    this.#clock.setTimer(delayMs, fire)
  }

  #runUntil(elapsedMs: number, done = (): boolean => this.#hasViolation()): Promise<void> {
    return this.#clock.run({ untilMs: simulatedStartMs + elapsedMs, done })
  }
}

const genesis: ConsensusGenesis = {
  identity: {
    l1ChainId: 1_337n,
    stakingContract: new Uint8Array(20).fill(0x51),
    networkId: 7,
    genesisHash: counterGenesisHash,
  },
  epoch: 1n,
  timestampMs: simulatedStartMs - 1_000,
}

function secretKeysOf({ seed, useBls }: Scenario, index: number): readonly Uint8Array[] {
  return Array.from({ length: keysPerOperator }, (_, number) => {
    const entropy = sha256(new TextEncoder().encode(`zg/sim key ${seed}/${index}/${number}`))
    // A BLS secret is below the group order, whose first byte is 0x73.
    if (useBls) entropy[0] = (entropy[0] as number) & 0x3f
    return entropy
  })
}

function operatorOf({ seed }: Scenario, index: number): Uint8Array {
  return sha256(new TextEncoder().encode(`zg/sim operator ${seed}/${index}`)).slice(0, 20)
}
