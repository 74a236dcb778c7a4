/**
 * A network in which more may be of two minds than BFT bears: what becomes of it, and what is left
 * of it as proof.
 *
 *     side 0   honest ─ honest ─ twin ─ twin        │  one key, two processes, two logs: each mind
 *     side 1   honest ─ twin' ─ twin'               │  is the product's own Validator
 *
 * Nothing is checked here but told: the forks between honest nodes, every vote that went over the
 * wire, and what honest nodes hold at the end. Signatures are BLS, as the contracts take them.
 */

import { assert, sha256, toHex } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedNetwork, simulatedStartMs } from '@zg/runtime'
import type { LinkBehaviour, Rng } from '@zg/runtime'
import { consensusRoot, decodeMessage, peerIdOf } from '@zg/consensus'
import type {
  ConsensusGenesis,
  EngineFaults,
  Evidence,
  FinalizedBlock,
  L1View,
  Message,
  NetworkIdentity,
  OperatorVotes,
  SignatureScheme,
  SignedFinalityVote,
  SignedRoundVote,
  Testimony,
  Validator,
} from '@zg/consensus'

import { evenTemper } from './counter-application.ts'
import { drawForkScenario, firstForkEpoch } from './fork-scenario.ts'
import type { ForkScenario, Phase, TwinShare } from './fork-scenario.ts'
import { knownKeysScheme } from './known-keys-scheme.ts'
import { keysPerOperator, SimulatedL1 } from './simulated-l1.ts'
import type { Member } from './simulated-l1.ts'
import { SimulatedNode } from './simulated-node.ts'

/** Two honest nodes hold different final blocks at a height; the lowest such height. */
export type Fork = { readonly height: bigint; readonly epoch: bigint }

/** What is left of a run. */
export type ForkRun = {
  readonly scenario: ForkScenario
  readonly genesis: ConsensusGenesis
  /** 20 bytes each. */
  readonly operators: readonly Uint8Array[]
  /** By operator and number of its key. */
  readonly secretKeys: readonly (readonly Uint8Array[])[]
  readonly scheme: SignatureScheme
  /** L1 as it is. */
  readonly truth: L1View
  readonly fork: Fork | undefined
  /** What every honest node that is up holds. */
  readonly testimonies: readonly Testimony[]
  /** By operator, all votes that its processes sent; each is signed by it. */
  readonly votes: readonly OperatorVotes[]
  /** Evidence honest nodes found themselves. */
  readonly evidence: readonly Evidence[]
  /** Honest nodes that stopped because what they hold and what is proved to them contradict. */
  readonly stoppedCount: number
  /** Greatest final height of an honest node. */
  readonly height: bigint
}

/** By signature: one key makes one signature on one statement. */
type Heard = {
  readonly rounds: Map<string, SignedRoundVote>
  readonly finality: Map<string, SignedFinalityVote>
}

const eventCountMax = 400_000

export type ForkOptions = {
  /** The network, as L1 knows it. */
  readonly identity: NetworkIdentity
  /** A bug that all have who should be honest. */
  readonly planted?: EngineFaults
  /** Whether a message to an operator is lost on its way out. */
  readonly loses?: (message: Message, to: number) => boolean
}

/** Runs a seed, with so much stake of two minds. */
export async function runForkSeed(
  seed: number,
  { share, ...options }: ForkOptions & { readonly share: TwinShare },
): Promise<ForkRun> {
  const rng = createSeededRng(`zg/fork ${seed}`)
  const scenario = drawForkScenario(seed, rng.fork('scenario'), share)
  return new ForkWorld(scenario, rng, options).run()
}

/** Runs a scenario that a test has written. */
export async function runForkScenario(
  scenario: ForkScenario,
  options: ForkOptions,
): Promise<ForkRun> {
  return new ForkWorld(scenario, createSeededRng(`zg/fork ${scenario.seed}`), options).run()
}

class ForkWorld {
  readonly #scenario: ForkScenario
  readonly #options: ForkOptions
  readonly #rng: Rng
  readonly #clock = new SimulatedClock()
  readonly #network: SimulatedNetwork
  readonly #genesis: ConsensusGenesis
  readonly #operators: readonly Uint8Array[]
  readonly #secretKeys: readonly (readonly Uint8Array[])[]
  readonly #scheme: SignatureScheme
  /** Operators by the keys of their connections. */
  readonly #peers: ReadonlyMap<string, number>
  readonly #l1: SimulatedL1
  readonly #nodes: readonly SimulatedNode[]
  readonly #secondMinds: readonly SimulatedNode[]
  readonly #votes: readonly Heard[]
  readonly #evidence: Evidence[] = []
  /** By height, the consensusRoot that an honest node told first. */
  readonly #told = new Map<bigint, string>()
  readonly #toldBy = new Map<number, bigint>()
  #phase: Phase
  #fork: Fork | undefined
  #forkMs = Infinity
  #stoppedCount = 0
  #lastSniffed: Uint8Array | undefined

  constructor(scenario: ForkScenario, rng: Rng, options: ForkOptions) {
    const { identity } = options
    const { seed, stakes, phases, twins } = scenario
    this.#scenario = scenario
    this.#options = options
    this.#rng = rng
    this.#genesis = { identity, epoch: firstForkEpoch, timestampMs: simulatedStartMs - 1_000 }
    this.#phase = phases[0] as Phase
    this.#operators = stakes.map((_, index) => hashOf(`operator ${seed}/${index}`).slice(0, 20))
    this.#secretKeys = stakes.map((_, index) =>
      Array.from({ length: keysPerOperator }, (_, key) => secretOf(`key ${seed}/${index}/${key}`)),
    )
    this.#scheme = knownKeysScheme(this.#secretKeys.flat())
    this.#peers = new Map(
      this.#secretKeys.flatMap((keys, index) =>
        keys.map((key) => [peerIdOf(this.#scheme.publicKeyOf(key)), index] as const),
      ),
    )
    this.#votes = stakes.map(() => ({ rounds: new Map(), finality: new Map() }))
    this.#l1 = this.#createL1()
    this.#network = new SimulatedNetwork({
      clock: this.#clock,
      rng: rng.fork('network'),
      link: (from, to) => this.#linkOf(from, to),
      onSend: (from, _to, _channel, message) => this.#hear(operatorAt(from), message),
    })
    this.#nodes = stakes.map((_, index) => this.#createNode(index, `v${index}`))
    this.#secondMinds = [...twins].map((index) => this.#createNode(index, `v${index}'`))
  }

  async run(): Promise<ForkRun> {
    const { phases, crashes, endMs, graceMs } = this.#scenario
    for (const phase of phases) this.#at(phase.atMs, () => (this.#phase = phase))
    for (const { atMs, node, downMs } of crashes) {
      if (this.#isHonest(node)) this.#at(atMs, () => this.#nodes[node]?.crash(undefined, downMs))
    }
    for (const node of [...this.#nodes, ...this.#secondMinds]) node.start()
    const honest = this.#nodes.filter((_, index) => this.#isHonest(index))
    // Whoever is down cannot be asked what it holds.
    const areUp = (): boolean => honest.every(({ validator }) => validator !== undefined)
    const isOver = (): boolean => this.#elapsedMs() > this.#forkMs + graceMs && areUp()
    await this.#clock.run({
      untilMs: simulatedStartMs + endMs,
      done: () => isOver() || this.#clock.firedCount > eventCountMax,
    })
    const result = this.#result(honest.flatMap(({ validator }) => validator ?? []))
    for (const node of [...this.#nodes, ...this.#secondMinds]) node.crash(undefined, Infinity)
    return result
  }

  #result(validators: readonly Validator[]): ForkRun {
    const epochs = this.#epochsSeen()
    return {
      scenario: this.#scenario,
      genesis: this.#genesis,
      operators: this.#operators,
      secretKeys: this.#secretKeys,
      scheme: this.#scheme,
      truth: this.#l1.truth,
      fork: this.#fork,
      testimonies: validators.map((validator) => testimonyOf(validator, epochs)),
      votes: this.#votes.map(({ rounds, finality }, index) => ({
        operator: this.#operators[index] as Uint8Array,
        rounds: [...rounds.values()],
        finality: [...finality.values()],
      })),
      evidence: this.#evidence,
      stoppedCount: this.#stoppedCount,
      height: [...this.#toldBy.values()].reduce((most, each) => (each > most ? each : most), 0n),
    }
  }

  #epochsSeen(): readonly bigint[] {
    const epochs = new Set<bigint>()
    for (const { rounds } of this.#votes) {
      for (const { vote } of rounds.values()) epochs.add(vote.epoch)
    }
    return [...epochs].sort((a, b) => (a < b ? -1 : 1))
  }

  #createL1(): SimulatedL1 {
    const { l1: plan, stakes, schedule } = this.#scenario
    return new SimulatedL1({
      plan,
      rng: this.#rng.fork('l1'),
      genesisEpoch: firstForkEpoch,
      stakes,
      publicKeys: this.#secretKeys.map((keys) => keys.map((key) => this.#scheme.publicKeyOf(key))),
      operators: this.#operators,
      faulty: new Set(),
      traitor: undefined,
      scheduled: (epoch) =>
        (schedule[Number(epoch - firstForkEpoch)] ?? schedule.at(-1)) as readonly Member[],
      elapsedMs: () => this.#elapsedMs(),
      isHealed: () => false,
    })
  }

  #createNode(index: number, name: string): SimulatedNode {
    const { parameters, secondMind } = this.#scenario
    const { planted = {}, loses = () => false } = this.#options
    const isHonest = this.#isHonest(index)
    const node: SimulatedNode = new SimulatedNode({
      name,
      clock: this.#clock,
      rng: this.#rng.fork(name),
      network: this.#network,
      secretKeys: this.#secretKeys[index] as readonly Uint8Array[],
      keyNow: () => this.#l1.keyOf(index),
      scheme: this.#scheme,
      genesis: this.#genesis,
      parameters,
      l1View: this.#l1.viewOf(index),
      temper: evenTemper,
      skewMs: 0,
      damageChance: 0,
      faults: isHonest ? planted : name.endsWith("'") ? secondMind : {},
      meddle: (message, to) => (loses(message, this.#peers.get(to) ?? -1) ? undefined : message),
      handlers: {
        onStarted: (height, blockAt) => {
          if (!isHonest) return
          for (let next = (this.#toldBy.get(index) ?? 0n) + 1n; next <= height; next++) {
            this.#tell(index, blockAt(next).block)
          }
        },
        onFinal: (block) => {
          if (isHonest) this.#tell(index, block)
        },
        onExecuted: () => undefined,
        onEvidence: (evidence) => {
          if (isHonest) this.#evidence.push(evidence)
        },
        onFailure: () => {
          if (isHonest) this.#stoppedCount++
        },
        onCrash: (_, downMs) => {
          if (downMs !== Infinity) this.#at(downMs, () => node.start())
        },
      },
    })
    return node
  }

  #tell(node: number, { header, consensusRoot: root }: FinalizedBlock): void {
    const { height, epoch } = header
    this.#toldBy.set(node, height)
    const known = this.#told.get(height)
    if (known === undefined) this.#told.set(height, toHex(root))
    else if (known !== toHex(root) && (this.#fork === undefined || height < this.#fork.height)) {
      this.#fork = { height, epoch }
      this.#forkMs = Math.min(this.#forkMs, this.#elapsedMs())
    }
  }

  /** Keeps every vote that is sent: also one nobody receives was signed. */
  #hear(operator: number, bytes: Uint8Array): void {
    // A broadcast hands the same bytes to each peer: once is enough.
    if (bytes === this.#lastSniffed) return
    this.#lastSniffed = bytes
    const message = decodeMessage(bytes)
    const { rounds, finality } = this.#votes[operator] as Heard
    // All other messages repeat what was signed before.
    if (message.kind === 'proposal' || message.kind === 'vote') {
      const { vote, signature } = message
      rounds.set(toHex(signature), { vote, signature })
    }
    if (message.kind === 'finality-vote') {
      const { vote, signature } = message
      finality.set(toHex(signature), { vote, signature })
    }
  }

  #linkOf(from: string, to: string): LinkBehaviour {
    const { sides, isSplit } = this.#phase
    const { link } = this.#scenario
    const [a, b] = [from, to].map((name) => this.#sideOf(name, sides))
    const areHonest = [from, to].every((name) => this.#isHonest(operatorAt(name)))
    const isCut = a !== b && (isSplit || !areHonest)
    return { ...link, blocked: isCut }
  }

  #sideOf(name: string, sides: readonly number[]): number {
    const operator = operatorAt(name)
    if (this.#isHonest(operator)) return sides[operator] ?? 0
    return name.endsWith("'") ? 1 : 0
  }

  #isHonest(operator: number): boolean {
    return !this.#scenario.twins.has(operator)
  }

  #elapsedMs(): number {
    return this.#clock.nowMs() - simulatedStartMs
  }

  #at(delayMs: number, fire: () => void): void {
    this.#clock.setTimer(delayMs, fire)
  }
}

/** What a node answers to whoever asks it. */
function testimonyOf(validator: Validator, epochs: readonly bigint[]): Testimony {
  const { finalHeight, certifiedHeight } = validator.status()
  const upTo = (height: bigint): readonly bigint[] =>
    Array.from({ length: Number(height) + 1 }, (_, at) => BigInt(at))
  const roots = new Map(
    upTo(finalHeight).map((height) => {
      const header = validator.header(height)
      assert(header !== undefined, 'a final height has a header')
      return [height, consensusRoot(header)]
    }),
  )
  return {
    certificates: epochs.flatMap((epoch) =>
      validator.certificates(1, Number.MAX_SAFE_INTEGER, epoch),
    ),
    finality: upTo(certifiedHeight).flatMap(
      (height) => validator.finalityCertificate(height) ?? [],
    ),
    rootAt: (height) => roots.get(height),
    historyProof: (height, under) => validator.historyProof(height, under),
  }
}

/** The number in the name of an endpoint: `v3` and `v3'` are operator 3. */
function operatorAt(name: string): number {
  const operator = Number.parseInt(name.slice(1), 10)
  assert(Number.isSafeInteger(operator), 'endpoints are named after their operators')
  return operator
}

function secretOf(label: string): Uint8Array {
  const secret = hashOf(label)
  // Below the group order, whose first byte is 0x73.
  secret[0] = (secret[0] as number) & 0x3f
  return secret
}

function hashOf(label: string): Uint8Array {
  return sha256(new TextEncoder().encode(`zg/fork ${label}`))
}
