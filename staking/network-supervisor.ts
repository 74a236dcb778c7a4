/**
 * Which networks an operator runs: what L1 says, and what its host does about it.
 *
 *     to come    joined, if the operator has room for it: it accepts `networksMax` at most
 *     begun      its genesis is built and compared with L1's hash; its node runs, without a restart
 *                of anything else
 *     over       its node ends, its data stays; the operator leaves it, and has room for another
 *
 * A step asks L1 and the host what is there and makes one difference less; nothing is kept, and
 * what fails for one network holds up no other. To join is a promise with stake, so a host is asked
 * first whether it can build that genesis: a network whose hash it does not reach is not joined.
 * What cannot run now may later: it is tried again, each time after twice as long.
 */

import { assert } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import type { L1Sender } from './l1-sender.ts'
import type { NetworkDirectory, RegisteredNetwork } from './network-directory.ts'
import { Backoff } from './put-off.ts'
import { StepLoop } from './step-loop.ts'

/** Between two looks at L1. */
const pollMsDefault = 5_000

/** Before a network that could not run is tried again, in milliseconds. */
const againWait = { first: 5_000n, most: 300_000n } as const

/** As many networks as L1 has, at most (NetworkRegistry.NETWORKS_MAX). */
const networksKnownMax = 512

/** Networks that an operator may be in, at most (NetworkRegistry.NETWORKS_PER_OPERATOR). */
export const networksPerOperatorMax = 32

/** What runs networks: the local world, or the machine of one operator. */
export interface NetworkHost {
  /** Ids of the networks whose nodes run here. */
  running(): readonly number[]
  /**
   * Why it cannot run here now: its genesis is not built to L1's hash, or there is no room for it;
   * undefined when it can.
   */
  obstacleTo(network: RegisteredNetwork): Promise<string | undefined>
  /** Starts the nodes of a network that has begun. */
  start(network: RegisteredNetwork): Promise<void>
  /** Ends them; what they hold stays. */
  stop(id: number): Promise<void>
}

export type SupervisedOperator = {
  /** 20 bytes, as a number. */
  readonly address: bigint
  readonly sender: Pick<L1Sender, 'send'>
}

export type NetworkSupervisorOptions = {
  readonly directory: NetworkDirectory
  readonly chain: Pick<L1Chain, 'head'>
  readonly host: NetworkHost
  /** Who joins what is opened; one of them in production. */
  readonly operators: readonly SupervisedOperator[]
  /** What a fault may cost of the stake, in hundredths of a percent. */
  readonly slashBpsMax: number
  /** An operator that is in so many networks joins no other. @default networksPerOperatorMax */
  readonly networksMax?: number
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
  /** Told why a network that should is not run, or not joined, each time that it was tried. */
  readonly onWait?: (id: number, reason: string) => void
}

/** What a step did, by ids of networks. */
export type SupervisorStep = {
  readonly joined: readonly number[]
  readonly started: readonly number[]
  readonly stopped: readonly number[]
  readonly left: readonly number[]
}

/** What L1 says at a step, and what was done by it so far. */
type Round = {
  readonly epoch: bigint
  /** Asked of L1 once a step, and only where something is to be joined or left. */
  readonly operators: () => Promise<readonly JoinedOperator[]>
  readonly step: Record<keyof SupervisorStep, number[]>
}

/** An operator, and the networks that it has joined. */
type JoinedOperator = SupervisedOperator & { readonly networks: number[] }

export class NetworkSupervisor {
  readonly #options: NetworkSupervisorOptions
  readonly #log: Logger
  readonly #loop: StepLoop
  readonly #again = new Backoff<number>({ ...againWait, max: networksKnownMax })
  /** Networks for which there is no room; told once. */
  readonly #declined = new Set<number>()

  constructor(options: NetworkSupervisorOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const { clock, pollMs = pollMsDefault, networksMax = networksPerOperatorMax } = options
    assert(networksMax <= networksPerOperatorMax, 'L1 lets no operator be in more networks')
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.step() })
  }

  /** Begins to look. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** One look at L1; never throws. */
  async step(): Promise<SupervisorStep> {
    const step = { joined: [], started: [], stopped: [], left: [] }
    try {
      const { directory, chain } = this.#options
      const [networks, { timestamp }] = await Promise.all([directory.list(), chain.head()])
      let joined: Promise<readonly JoinedOperator[]> | undefined
      const operators = (): Promise<readonly JoinedOperator[]> => (joined ??= this.#joined())
      const round: Round = { epoch: this.#epochAt(timestamp), operators, step }
      for (const network of networks) await this.#tried(network, round)
    } catch (error) {
      this.#log.error('the supervisor of networks failed and begins again', { error })
    }
    return step
  }

  async #tried(network: RegisteredNetwork, round: Round): Promise<void> {
    try {
      await this.#care(network, round)
    } catch (error) {
      const { id, status } = network
      this.#log.error('a network is not cared for, and is tried again', { id, status, error })
    }
  }

  async #care(network: RegisteredNetwork, round: Round): Promise<void> {
    const { host } = this.#options
    const { id, endEpoch } = network
    const { epoch, operators, step } = round
    const isRunning = host.running().includes(id)
    if (endEpoch !== 0n && epoch >= endEpoch) {
      if (isRunning) {
        await host.stop(id)
        step.stopped.push(id)
        this.#log.info('A network is over', { id })
      }
      if (await this.#leave(id, await operators())) step.left.push(id)
      return
    }
    if (!isRunning) await this.#tryToRun(network, round)
  }

  /** Does what is due for a network to run here, unless it was tried in vain a moment ago. */
  async #tryToRun(network: RegisteredNetwork, round: Round): Promise<void> {
    const { id } = network
    if (this.#again.isOff(id, BigInt(this.#options.clock.nowMs()))) return
    try {
      const obstacle = await this.#options.host.obstacleTo(network)
      if (obstacle === undefined) {
        await this.#run(network, round)
        return this.#again.succeed(id)
      }
      this.#log.warn('a network cannot run here now, and is tried again', { id, obstacle })
      this.#putOff(id, obstacle)
    } catch (error) {
      this.#putOff(id, error instanceof Error ? error.message : String(error))
      throw error
    }
  }

  #putOff(id: number, reason: string): void {
    this.#again.fail(id, BigInt(this.#options.clock.nowMs()))
    this.#options.onWait?.(id, reason)
  }

  /** Has it joined while it is to come, and started once it has begun. */
  async #run(network: RegisteredNetwork, { epoch, operators, step }: Round): Promise<void> {
    const { host } = this.#options
    const { id, status, firstEpoch } = network
    // The first to join may have it active: the others still join until it begins.
    const isToCome = status === 'opening' || (status === 'active' && epoch < firstEpoch)
    if (isToCome && (await this.#join(id, await operators()))) step.joined.push(id)
    if (isToCome || epoch < firstEpoch) return
    if (!(await operators()).some(({ networks }) => networks.includes(id))) return
    await host.start(network)
    step.started.push(id)
    this.#log.info('A network has begun', { id, firstEpoch: String(firstEpoch) })
  }

  /** The operators, and what each has joined. */
  #joined(): Promise<readonly JoinedOperator[]> {
    const { directory, operators } = this.#options
    return Promise.all(
      operators.map(async (each) => {
        const networks = [...(await directory.joinedBy(each.address))]
        return { ...each, networks }
      }),
    )
  }

  /** Has every operator join that has not and has room; says whether one did. */
  async #join(id: number, operators: readonly JoinedOperator[]): Promise<boolean> {
    const { directory, slashBpsMax, networksMax = networksPerOperatorMax } = this.#options
    const missing = operators.filter(({ networks }) => !networks.includes(id))
    const joining = missing.filter(({ networks }) => networks.length < networksMax)
    if (joining.length < missing.length && !this.#declined.has(id)) {
      this.#declined.add(id)
      this.#log.warn('a network is not joined: there is no room for it', { id, networksMax })
      this.#options.onWait?.(id, `an operator is in ${networksMax} networks already`)
    }
    const message = directory.joining(id, slashBpsMax)
    await Promise.all(
      joining.map(async ({ sender, networks }) => {
        await sender.send(message)
        networks.push(id)
      }),
    )
    return joining.length > 0
  }

  /** Has every operator leave that is still in; says whether one did. */
  async #leave(id: number, operators: readonly JoinedOperator[]): Promise<boolean> {
    const leaving = operators.filter(({ networks }) => networks.includes(id))
    const message = this.#options.directory.leaving(id)
    await Promise.all(leaving.map(({ sender }) => sender.send(message)))
    return leaving.length > 0
  }

  #epochAt(timestamp: bigint): bigint {
    const { start, length } = this.#options.epochs
    return timestamp < start ? 0n : (timestamp - start) / length
  }
}
