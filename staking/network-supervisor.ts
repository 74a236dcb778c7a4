/**
 * Which networks an operator runs: what L1 says, and what its host does about it.
 *
 *     opening    joined, if the operator wants it
 *     begun      its genesis is built and compared with L1's hash; its node runs, without a restart
 *                of anything else
 *     over       its node ends, its data stays
 *
 * A step asks L1 and the host what is there and makes one difference less; nothing is kept. To join
 * is a promise with stake, so a host is asked first whether it can build that genesis: a network
 * whose hash it does not reach is never joined.
 */

import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import type { L1Sender } from './l1-sender.ts'
import type { NetworkDirectory, RegisteredNetwork } from './network-directory.ts'
import { StepLoop } from './step-loop.ts'

/** Between two looks at L1. */
const pollMsDefault = 5_000

/** What runs networks: the local world, or the machine of one operator. */
export interface NetworkHost {
  /** Ids of the networks whose nodes run here. */
  running(): readonly number[]
  /** Whether its genesis can be built here, to L1's hash, and there is room for it. */
  canRun(network: RegisteredNetwork): Promise<boolean>
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
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** What a step did. */
export type SupervisorStep = {
  readonly joined: readonly number[]
  readonly started: readonly number[]
  readonly stopped: readonly number[]
}

export class NetworkSupervisor {
  readonly #options: NetworkSupervisorOptions
  readonly #log: Logger
  readonly #loop: StepLoop
  /** Networks that cannot run here; told once. */
  readonly #refused = new Set<number>()

  constructor(options: NetworkSupervisorOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const { clock, pollMs = pollMsDefault } = options
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
    const step = { joined: [] as number[], started: [] as number[], stopped: [] as number[] }
    try {
      const { directory, chain } = this.#options
      const [networks, { timestamp }] = await Promise.all([directory.list(), chain.head()])
      for (const network of networks) await this.#care(network, this.#epochAt(timestamp), step)
    } catch (error) {
      this.#log.error('the supervisor of networks failed and begins again', { error })
    }
    return step
  }

  async #care(
    network: RegisteredNetwork,
    epoch: bigint,
    step: { joined: number[]; started: number[]; stopped: number[] },
  ): Promise<void> {
    const { host } = this.#options
    const { id, status, firstEpoch, endEpoch } = network
    const isRunning = host.running().includes(id)
    const isOver = endEpoch !== 0n && epoch >= endEpoch
    if (isOver) {
      if (!isRunning) return
      await host.stop(id)
      step.stopped.push(id)
      this.#log.info('A network is over', { id })
      return
    }
    if (isRunning || !(await this.#canRun(network))) return
    if (status === 'opening' && (await this.#join(id))) step.joined.push(id)
    if (firstEpoch === 0n || epoch < firstEpoch) return
    if (!(await this.#isJoined(id))) return
    await host.start(network)
    step.started.push(id)
    this.#log.info('A network has begun', { id, firstEpoch: String(firstEpoch) })
  }

  async #canRun(network: RegisteredNetwork): Promise<boolean> {
    const { id } = network
    if (this.#refused.has(id)) return false
    if (await this.#options.host.canRun(network)) return true
    this.#refused.add(id)
    this.#log.warn('a network is not joined: its genesis cannot be built here', { id })
    return false
  }

  /** Has every operator join that has not; says whether one did. */
  async #join(id: number): Promise<boolean> {
    const { directory, operators, slashBpsMax } = this.#options
    const missing: SupervisedOperator[] = []
    for (const operator of operators) {
      const joined = await directory.joinedBy(operator.address)
      if (!joined.includes(id)) missing.push(operator)
    }
    const message = directory.joining(id, slashBpsMax)
    await Promise.all(missing.map(({ sender }) => sender.send(message)))
    return missing.length > 0
  }

  async #isJoined(id: number): Promise<boolean> {
    const { directory, operators } = this.#options
    const joined = await Promise.all(operators.map(({ address }) => directory.joinedBy(address)))
    return joined.some((ids) => ids.includes(id))
  }

  #epochAt(timestamp: bigint): bigint {
    const { start, length } = this.#options.epochs
    return timestamp < start ? 0n : (timestamp - start) / length
  }
}
