/**
 * Has L1 open and end networks when its rules say so (docs/specs/stake.md §13). It decides nothing:
 * Autoscaler and NetworkRegistry are asked what a call would do, and a call that they would take is
 * sent.
 *
 *     spawn, drain    by the load of the last epochs, tried for each that may still be the last one
 *     end             of a network that is halted or dead
 *     close           of a network that has drained
 *
 * Anyone may do the same at the same time: who comes later finds it done. Which networks come next
 * governance has said beforehand; when none is prepared, none is opened.
 */

import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import { L1ReadError } from './l1-contracts.ts'
import type { L1Sender } from './l1-sender.ts'
import { NetworkDirectory } from './network-directory.ts'
import type { RegisteredNetwork } from './network-directory.ts'
import { OfferedContract } from './offered-contract.ts'
import { StepLoop } from './step-loop.ts'

/** AGE_MAX and IDLE_FACTOR of Autoscaler. */
export const scaling = { ageMax: 4n, idleFactor: 4n } as const

/** `Parameters.Key.LoadEpochs` */
export const loadEpochsKey = 5

/** Between two steps. */
const pollMsDefault = 5_000

/** Refusals that may differ for an earlier last epoch. */
const byEpoch: ReadonlySet<string> = new Set(['NotMost', 'NewestInUse', 'LoadOutdated'])

/** Refusals of a load that asks for nothing, or of a decision whose time has not come. */
const ordinary: ReadonlySet<string> = new Set([
  ...byEpoch,
  'CoolingDown',
  'GrowingTooFast',
  'LastNetwork',
])

/** Refusals of what was there a moment ago: somebody else did it. */
const overtaken = ['CoolingDown', 'NotMost', 'NewestInUse', 'LastNetwork', 'StatusUnfit'] as const

export type ScaleKeeperOptions = {
  /** L1, and who sends there. */
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  readonly contracts: {
    readonly networkRegistry: bigint
    readonly finalityOracle: bigint
    readonly autoscaler: bigint
  }
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  /** Networks that this keeper does not drain, however idle they are; others may. @default none */
  readonly spared?: readonly number[]
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** Ids of networks, by what was done with them. */
export type ScaleStep = {
  readonly spawned: readonly number[]
  readonly drained: readonly number[]
  readonly ended: readonly number[]
  readonly closed: readonly number[]
}

export class ScaleKeeper {
  readonly #options: ScaleKeeperOptions
  readonly #log: Logger
  readonly #directory: NetworkDirectory
  readonly #registry: OfferedContract
  readonly #oracle: OfferedContract
  readonly #autoscaler: OfferedContract
  readonly #loop: StepLoop
  /** Why a network that load asks for was not opened; told once. */
  #toldProblem = ''

  constructor(options: ScaleKeeperOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const { chain, sender, contracts, clock, pollMs = pollMsDefault } = options
    const { networkRegistry, finalityOracle, autoscaler } = contracts
    const hands = { chain, sender, log: this.#log }
    this.#directory = new NetworkDirectory({ chain, address: networkRegistry })
    this.#registry = new OfferedContract(
      { artifact: 'NetworkRegistry', address: networkRegistry },
      hands,
    )
    this.#oracle = new OfferedContract(
      { artifact: 'FinalityOracle', address: finalityOracle },
      hands,
    )
    this.#autoscaler = new OfferedContract({ artifact: 'Autoscaler', address: autoscaler }, hands)
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.step() })
  }

  /** Begins to step. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Has done what is due; undefined when that failed. Never throws. */
  async step(): Promise<ScaleStep | undefined> {
    try {
      return await this.#step()
    } catch (error) {
      this.#log.error('the keeper of networks failed and begins again', { error })
      return undefined
    }
  }

  async #step(): Promise<ScaleStep> {
    const { chain, epochs } = this.#options
    const { timestamp } = await chain.head()
    const epoch = (timestamp - epochs.start) / epochs.length
    const networks = await this.#directory.list()
    const closed = await this.#close(networks, epoch)
    const ended = await this.#end(networks)
    const spawned = await this.#decide('spawn', epoch)
    // Between two decisions lie epochs.
    const drained = spawned === undefined ? await this.#decide('drain', epoch) : undefined
    return {
      spawned: spawned === undefined ? [] : [spawned],
      drained: drained === undefined ? [] : [drained],
      ended,
      closed,
    }
  }

  async #close(networks: readonly RegisteredNetwork[], epoch: bigint): Promise<readonly number[]> {
    const closed: number[] = []
    for (const { id, status, drainedEpoch } of networks) {
      if (status !== 'draining' || drainedEpoch > epoch) continue
      const offer = await this.#registry.offer({ name: 'close', args: [id] }, overtaken)
      if (offer.kind !== 'sent') continue
      closed.push(id)
      this.#log.info('a network that has drained is closed', { id })
    }
    return closed
  }

  async #end(networks: readonly RegisteredNetwork[]): Promise<readonly number[]> {
    const ended: number[] = []
    for (const { id, status } of networks) {
      if (status === 'closed') continue
      const [isHalted, isDead] = (await this.#oracle.read('statusOf', id)) as [boolean, boolean]
      if (!isHalted && !isDead) continue
      const offer = await this.#autoscaler.offer({ name: 'end', args: [id] }, overtaken)
      if (offer.kind !== 'sent') continue
      ended.push(id)
      this.#log.warn('a network that is lost is ended', { id, isHalted, isDead })
    }
    return ended
  }

  /** Has a decision made if there is one to make; returns the network that it was about. */
  async #decide(name: 'spawn' | 'drain', epoch: bigint): Promise<number | undefined> {
    for (let age = 1n; age <= scaling.ageMax && age <= epoch; age++) {
      const lastEpoch = epoch - age
      const found = await this.#wouldBe(name, lastEpoch)
      if (found === 'never') return undefined
      if (found === 'not then') continue
      if (name === 'drain' && this.#options.spared?.includes(found)) return undefined
      const offer = await this.#autoscaler.offer({ name, args: [lastEpoch] }, overtaken)
      if (offer.kind !== 'sent') return undefined
      const what = name === 'spawn' ? 'load opens a network' : 'a network drains for want of load'
      this.#log.info(what, { id: found, lastEpoch })
      return found
    }
    return undefined
  }

  /** The network that a decision would be about; whether another last epoch may find one. */
  async #wouldBe(
    name: 'spawn' | 'drain',
    lastEpoch: bigint,
  ): Promise<number | 'not then' | 'never'> {
    try {
      return (await this.#autoscaler.read(name, lastEpoch)) as number
    } catch (error) {
      if (!(error instanceof L1ReadError)) throw error
      if (byEpoch.has(error.problem)) return 'not then'
      this.#tellProblem(name, error.problem)
      return 'never'
    }
  }

  #tellProblem(name: 'spawn' | 'drain', problem: string): void {
    if (ordinary.has(problem) || this.#toldProblem === problem) return
    this.#toldProblem = problem
    this.#log.warn('load asks for a decision that L1 does not take', { decision: name, problem })
  }
}
