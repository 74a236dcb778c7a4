/**
 * One validator of the seeded world: its disk and store outlive it, everything else dies with a
 * crash.
 *
 * A crash happens between two instructions of the node: at a time, or right after a passage of a
 * crash point (a message sent, bytes appended, a sync begun or done, a batch written). At that
 * moment its clock stops, its disk and store lose what they may lose, and its endpoint leaves; the
 * old code runs on without any effect, as the last instructions of a process whose machine is gone.
 */

import { assert } from '@zg/primitives'
import { SimulatedDisk, SimulatedStore } from '@zg/runtime'
import type { Network, Rng, SimulatedClock, SimulatedNetwork, StoppableClock } from '@zg/runtime'
import { consensusRoot, localSigner, peerIdOf, Validator } from '@zg/consensus'
import type {
  ConsensusGenesis,
  ConsensusParameters,
  EngineFaults,
  Evidence,
  FinalizedBlock,
  SignatureScheme,
  L1View,
  ValidatorStatus,
} from '@zg/consensus'

import type { ToldBlock } from './checker.ts'
import { CounterApplication } from './counter-application.ts'
import type { CounterTemper } from './counter-application.ts'
import { meddledNetwork } from './meddled-network.ts'
import type { Meddle } from './meddled-network.ts'
import type { CrashPoint } from './scenario.ts'

/** What is told to the world; a dead incarnation tells nothing. */
export type NodeHandlers = {
  /** It has read back what it holds: final blocks up to a height. */
  readonly onStarted: (height: bigint, blockAt: (height: bigint) => ToldBlock) => void
  readonly onFinal: (block: FinalizedBlock, payload: Uint8Array | undefined) => void
  /** Its application built a block or found it VALID. */
  readonly onExecuted: (executionHash: Uint8Array) => void
  readonly onEvidence: (evidence: Evidence) => void
  readonly onFailure: (detail: string) => void
  readonly onCrash: (point: CrashPoint | undefined, downMs: number) => void
}

export type SimulatedNodeOptions = {
  readonly name: string
  readonly clock: SimulatedClock
  readonly rng: Rng
  readonly network: SimulatedNetwork
  /** The keys of its operator, the one of the first epoch first. */
  readonly secretKeys: readonly Uint8Array[]
  /** The number of the key that a process which starts now proves its connections with. */
  readonly keyNow: () => number
  readonly scheme: SignatureScheme
  readonly genesis: ConsensusGenesis
  readonly parameters: ConsensusParameters
  readonly l1View: L1View
  readonly temper: CounterTemper
  readonly skewMs: number
  readonly damageChance: number
  readonly faults: EngineFaults
  /** What becomes of its messages on their way out. */
  readonly meddle: Meddle
  readonly handlers: NodeHandlers
}

type Armed = { readonly point: CrashPoint; skip: number; readonly downMs: number }

/** What lives between a start and a crash. */
type Incarnation = {
  readonly clock: StoppableClock
  readonly network: Network
  validator: Validator | undefined
}

export class SimulatedNode {
  readonly #options: SimulatedNodeOptions
  readonly #disk: SimulatedDisk
  readonly #store: SimulatedStore
  #alive: Incarnation | undefined
  #armed: Armed | undefined
  #startCount = 0
  #connectionKey = 0

  constructor(options: SimulatedNodeOptions) {
    const { clock, rng, damageChance } = options
    const onStep = (point: CrashPoint): void => this.pass(point)
    this.#options = options
    this.#disk = new SimulatedDisk({ clock, rng: rng.fork('disk'), damageChance, onStep })
    this.#store = new SimulatedStore({ clock, rng: rng.fork('store'), onStep })
  }

  get isUp(): boolean {
    return this.#alive !== undefined
  }

  /** What the running validator says of itself; undefined while it is down or still opening. */
  get status(): ValidatorStatus | undefined {
    return this.#alive?.validator?.status()
  }

  get validator(): Validator | undefined {
    return this.#alive?.validator
  }

  /** Starts a process on what the disk and store hold. */
  start(): void {
    if (this.#alive !== undefined) return
    const { clock, network, name, scheme, secretKeys, skewMs, meddle, keyNow } = this.#options
    this.#connectionKey = keyNow()
    const secretKey = secretKeys[this.#connectionKey] as Uint8Array
    const identity = peerIdOf(scheme.publicKeyOf(secretKey))
    const incarnation: Incarnation = {
      clock: clock.forNode(skewMs),
      network: meddledNetwork(network.join({ identity, name }), meddle),
      validator: undefined,
    }
    this.#alive = incarnation
    this.#open(incarnation).catch((error: unknown) => this.#fail(incarnation, describe(error)))
  }

  /** The number of the key its connections are proved with. */
  get connectionKey(): number {
    return this.#connectionKey
  }

  /** Stops it now. */
  crash(point?: CrashPoint, downMs = 0): void {
    const incarnation = this.#alive
    if (incarnation === undefined) return
    this.#alive = undefined
    this.#armed = undefined
    incarnation.clock.stop()
    this.#disk.crash()
    this.#store.crash()
    this.#options.network.leave(this.#options.name)
    this.#options.handlers.onCrash(point, downMs)
  }

  /** Lets it crash at the next passage of `point` after `skip` others. */
  arm(crash: { point: CrashPoint; skip: number; downMs: number }): void {
    this.#armed = { ...crash }
  }

  /** Forgets an armed crash. */
  disarm(): void {
    this.#armed = undefined
  }

  /** It passes a crash point. */
  pass(point: CrashPoint): void {
    const armed = this.#armed
    if (armed?.point !== point || this.#alive === undefined) return
    if (armed.skip-- <= 0) this.crash(point, armed.downMs)
  }

  async #open(incarnation: Incarnation): Promise<void> {
    const { rng, scheme, secretKeys, genesis, parameters, l1View, temper, faults } = this.#options
    const { onExecuted } = this.#options.handlers
    const { clock, network } = incarnation
    const draws = rng.fork(`start ${this.#startCount++}`)
    const store = this.#store.mount()
    const application = new CounterApplication({
      clock,
      rng: draws.fork('app'),
      store,
      temper,
      onExecuted,
      genesisHash: genesis.identity.genesisHash,
    })
    const validator = await Validator.open({
      genesis,
      parameters,
      l1View,
      application,
      clock,
      rng: draws.fork('consensus'),
      network,
      disk: this.#disk.mount(),
      store,
      scheme,
      signers: secretKeys.map((secretKey) => localSigner(scheme, secretKey)),
      faults,
    })
    if (this.#alive !== incarnation) return
    const { handlers } = this.#options
    validator.onFinalized((block) => {
      if (this.#alive !== incarnation) return
      handlers.onFinal(block, application.payloadOf(block.header.executionHash))
    })
    validator.onEvidence((evidence) => {
      if (this.#alive === incarnation) handlers.onEvidence(evidence)
    })
    validator.onFailure((error) => this.#fail(incarnation, describe(error)))
    incarnation.validator = validator
    handlers.onStarted(validator.status().finalHeight, (height) => {
      const header = validator.header(height)
      assert(header !== undefined, 'a final height has a header')
      const block = { header, consensusRoot: consensusRoot(header) }
      return { block, payload: application.payloadOf(header.executionHash) }
    })
    validator.start()
  }

  #fail(incarnation: Incarnation, detail: string): void {
    if (this.#alive === incarnation) this.#options.handlers.onFailure(detail)
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
