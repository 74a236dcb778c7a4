/**
 * Networks that are opened while the world runs. Their operators are those of the world, so each
 * gets its validators here, on ports of its own, without a restart of anything.
 *
 * A genesis is built from what L1 says (`staked-genesis.ts`), and compared with the hash that L1
 * has; of another network nothing is started.
 */

import { ZgError } from '@zg/primitives'
import type { GenesisFacts, NetworkHost, RegisteredNetwork } from '@zg/staking'

import type { ChildCommand } from './child.ts'
import { fundLaterNetwork } from './later-funds.ts'
import { writeNetworkFiles } from './node-files.ts'
import { grantPorts, isPortFree, networkPortWishes } from './ports.ts'
import type { Supervisor } from './supervisor.ts'
import { networkCountMax, planNetworkOf } from './world.ts'
import type { ChainPlan, WorldPlan } from './world.ts'

export type LocalNetworkHostOptions = {
  readonly plan: WorldPlan
  /** What the world's L1 says now that every genesis follows from. */
  readonly facts: () => Promise<GenesisFacts>
  readonly portOffset: number
  readonly supervisor: Supervisor
  readonly commandsOf: (network: ChainPlan) => readonly ChildCommand[]
  /** Called once a network's validators answer. */
  readonly onStart: (network: ChainPlan) => Promise<void>
  /** Called once they have ended. */
  readonly onStop: (network: ChainPlan) => Promise<void>
}

export class LocalNetworkHost implements NetworkHost {
  readonly #options: LocalNetworkHostOptions
  #networks: readonly ChainPlan[]
  /** Those whose start is under way, or failed and is tried again; 32 at most. */
  readonly #starting = new Map<number, ChainPlan>()

  constructor(options: LocalNetworkHostOptions) {
    this.#options = options
    this.#networks = options.plan.networks
  }

  /** Those of the plan, and those that came since. */
  get networks(): readonly ChainPlan[] {
    return this.#networks
  }

  running(): readonly number[] {
    return this.#networks.map(({ id }) => id)
  }

  async obstacleTo(network: RegisteredNetwork): Promise<string | undefined> {
    if (network.id >= networkCountMax) return `ids of networks here are below ${networkCountMax}`
    try {
      await this.#genesisOf(network)
      return undefined
    } catch (error) {
      if (error instanceof ZgError) return error.message
      throw error
    }
  }

  async start(registered: RegisteredNetwork): Promise<void> {
    const { plan, supervisor, commandsOf, onStart } = this.#options
    const { id } = registered
    const network = this.#starting.get(id) ?? (await this.#planned(registered))
    // Tried again, it has the same ports, and may run in part.
    this.#starting.set(id, network)
    const genesis = await this.#genesisOf(registered)
    await writeNetworkFiles(plan, network, { genesis, registered })
    const commands = commandsOf(network)
    for (const command of commands) supervisor.add(command)
    const up = new Set(supervisor.status().flatMap(({ name, pid }) => (pid ? [name] : [])))
    const down = commands.filter(({ part }) => !up.has(part))
    await Promise.all(down.map(({ part }) => supervisor.start(part)))
    await fundLaterNetwork(plan, network)
    this.#networks = [...this.#networks, network]
    this.#starting.delete(id)
    await onStart(network)
  }

  async stop(id: number): Promise<void> {
    const { supervisor, onStop } = this.#options
    const network = this.#networks.find((each) => each.id === id)
    if (network === undefined) return
    this.#networks = this.#networks.filter((each) => each !== network)
    // Nothing is lost: what was acknowledged is on disk.
    await Promise.all(network.validators.map(({ part }) => supervisor.chaos('kill', part)))
    await onStop(network)
  }

  async #planned({ id, chainId, genesisTime }: RegisteredNetwork): Promise<ChainPlan> {
    const { plan, portOffset } = this.#options
    const { validatorCount } = plan.kept
    const world = { firstProcess: 1, validatorCount, offset: portOffset }
    const grants = await grantPorts(networkPortWishes(id, world), isPortFree)
    return {
      ...planNetworkOf(plan, id, grants),
      chainId: Number(chainId),
      genesisTimestamp: Number(genesisTime),
      blockTimeMs: undefined,
    }
  }

  async #genesisOf(network: RegisteredNetwork): Promise<unknown> {
    // Loaded here: it brings the whole node with it.
    const { genesisOfNetwork } = await import('./staked-genesis.ts')
    return genesisOfNetwork(await this.#options.facts(), network)
  }
}
