/**
 * Data availability as the supervisor has it: its processes, and the nodes in them, which may be
 * struck one by one (`data-process.ts`). A node that was killed stays down until `resume` or
 * `restart`, also when its process died and came back meanwhile.
 */

import { fileURLToPath } from 'node:url'

import { ZgError } from '@zg/primitives'

import type { ChildCommand } from './child.ts'
import type { ChaosVerb, PartStatus } from './control.ts'
import { dataNetwork, dataNodesOf } from './data-plan.ts'
import type { DataPlan } from './data-plan.ts'
import type { NodeState, StrikeMessage, StruckMessage } from './data-process.ts'
import type { DevnetData } from './devnet-file.ts'
import { loopback } from './ports.ts'
import type { Supervisor } from './supervisor.ts'

/** How long a node may take to be as it was asked to be. */
const strikeMsMax = 10_000

/** Its processes. */
export function dataCommands({ hosts, disperser }: DataPlan): readonly ChildCommand[] {
  const entry = fileURLToPath(new URL('data-main.ts', import.meta.url))
  return [...hosts, disperser].map(({ part, configPath, logPath }) => {
    return { part, entry, args: [configPath], logPath }
  })
}

export class DataParts {
  readonly #plan: DataPlan
  readonly #supervisor: Supervisor
  readonly #onOpen: () => void
  /** Of nodes that were struck. */
  readonly #states = new Map<number, NodeState>()
  readonly #waiting = new Map<number, (state: NodeState) => void>()

  /** @param onOpen - Told whenever a disperser begins to take blobs. */
  constructor(plan: DataPlan, supervisor: Supervisor, onOpen: () => void) {
    this.#plan = plan
    this.#supervisor = supervisor
    this.#onOpen = onOpen
  }

  /** Starts all processes; what becomes of each, the supervisor tells. */
  start(): void {
    for (const { part } of dataCommands(this.#plan)) {
      this.#supervisor.start(part).catch(() => undefined)
    }
  }

  /** What a process says. */
  hear(message: StruckMessage | { readonly kind: string }): void {
    if (message.kind === 'open') this.#onOpen()
    if (!('node' in message)) return
    this.#states.set(message.node, message.state)
    this.#waiting.get(message.node)?.(message.state)
  }

  /** A process that came back knows nothing of who was killed in it. */
  follow({ name, state }: PartStatus): void {
    if (state !== 'ready') return
    for (const { index } of this.#hostOf(name)?.nodes ?? []) {
      const was = this.#states.get(index)
      this.#states.delete(index)
      if (was === 'killed') this.#tell(name, { kind: 'strike', node: index, verb: 'kill' })
    }
  }

  /**
   * Does to a node what `zg chaos` asks.
   *
   * @throws {DataNodeUnknownError} `DEVNET_DATA_NODE_UNKNOWN`
   * @throws {DataNodeSilentError} `DEVNET_DATA_NODE_SILENT` when its process does not answer.
   */
  async strike(verb: ChaosVerb, index: number): Promise<PartStatus> {
    const host = this.#plan.hosts.find(({ nodes }) => nodes.some((node) => node.index === index))
    if (host === undefined) throw new DataNodeUnknownError(index, dataNodesOf(this.#plan).length)
    const struck = Promise.withResolvers<NodeState | undefined>()
    const timer = setTimeout(() => struck.resolve(undefined), strikeMsMax)
    this.#waiting.set(index, struck.resolve)
    this.#tell(host.part, { kind: 'strike', node: index, verb })
    const state = await struck.promise
    clearTimeout(timer)
    this.#waiting.delete(index)
    if (state === undefined) throw new DataNodeSilentError(index, host.part)
    return { ...this.#statusOf(host.part), name: nameOf(index), state }
  }

  /** A line for each node. */
  status(): readonly PartStatus[] {
    return this.#plan.hosts.flatMap(({ part, nodes }) => {
      const process = this.#statusOf(part)
      const isUp = process.state === 'ready'
      return nodes.map(({ index }) => {
        const state = isUp ? (this.#states.get(index) ?? 'ready') : process.state
        return { ...process, name: nameOf(index), state }
      })
    })
  }

  /** As `devnet.json` has it. */
  describe(): DevnetData {
    const { disperser } = this.#plan
    const pids = new Map(this.status().map(({ name, pid }) => [name, pid ?? 0]))
    return {
      disperser: `http://${loopback}:${disperser.grpcPort}`,
      altDa: `http://${loopback}:${disperser.altDaPort}`,
      nodes: dataNodesOf(this.#plan).map(({ index, port }) => ({
        index,
        url: `http://${loopback}:${port}`,
        pid: pids.get(nameOf(index)) ?? 0,
      })),
    }
  }

  /** The same, for the network whose chain records. */
  describeOn(network: number): { readonly da?: DevnetData } {
    return network === dataNetwork ? { da: this.describe() } : {}
  }

  #hostOf(part: string) {
    return this.#plan.hosts.find((host) => host.part === part)
  }

  #statusOf(part: string): PartStatus {
    const found = this.#supervisor.status().find(({ name }) => name === part)
    return found ?? { name: part, state: 'stopped', pid: undefined, restarts: 0 }
  }

  #tell(part: string, message: StrikeMessage): void {
    this.#supervisor.tell(part, message)
  }
}

/** How `zg doctor` knows a node from a process. */
function nameOf(index: number): string {
  return `da-node-${index}`
}

export class DataNodeUnknownError extends ZgError<'DEVNET_DATA_NODE_UNKNOWN'> {
  constructor(node: number, count: number) {
    const there = count === 0 ? 'the world has none' : `the world has ${count}, from 0 on`
    super('DEVNET_DATA_NODE_UNKNOWN', `Cannot find DA node ${node}: ${there}`, { node, count })
  }
}

export class DataNodeSilentError extends ZgError<'DEVNET_DATA_NODE_SILENT'> {
  constructor(node: number, part: string) {
    const message = `Cannot reach DA node ${node}: its process ${part} does not answer`
    super('DEVNET_DATA_NODE_SILENT', message, { node, part })
  }
}
