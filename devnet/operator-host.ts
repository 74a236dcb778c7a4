/**
 * The networks of one operator on its own machine: one validator process a network, each in a
 * folder of its own, on a leash of this process (child.ts).
 *
 *     <folder>/net-<id>/genesis.json       given as a file, or built from what L1 says
 *     <folder>/net-<id>/config.toml        what chain/node-config.ts says
 *     <folder>/net-<id>/chain.mdb, wal/    the node's own
 *     <folder>/net-<id>/log.jsonl          its words
 *
 * No genesis is used whose hash is not that of L1, wherever it came from. Network i listens on the
 * operator's ports + i. A process that dies comes back (supervisor.ts).
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { parseGenesis } from '@zg/chain'
import { ZgError } from '@zg/primitives'
import type { GenesisFacts, NetworkHost, RegisteredNetwork } from '@zg/staking'
import { stringify } from 'smol-toml'

import type { ChildCommand } from './child.ts'
import { l1ConfigOf } from './l1-site.ts'
import type { L1Site } from './l1-site.ts'
import { nodeEntryPath } from './local-world.ts'
import type { OperatorPeer } from './operator-peers.ts'
import { loopback } from './ports.ts'
import { checkGenesis, genesisOfNetwork } from './staked-genesis.ts'
import type { Supervisor } from './supervisor.ts'
import { writeWhole } from './write-whole.ts'

const portMax = 65_535

/** Ports of network 0; network i has these and i more. */
export type OperatorPorts = { readonly p2p: number; readonly rpc: number; readonly metrics: number }

export type OperatorHostOptions = {
  readonly folder: string
  /** Paths of the BLS keystore and of its password, for every network the same. */
  readonly keys: { readonly keystore: string; readonly password: string }
  readonly l1: { readonly rpcs: readonly string[]; readonly site: L1Site }
  /** Where other operators' nodes connect. */
  readonly listenHost: string
  readonly ports: OperatorPorts
  /** Path of a genesis that does not follow from L1. */
  readonly genesisPath?: string | undefined
  readonly facts: () => Promise<GenesisFacts>
  readonly supervisor: Pick<Supervisor, 'add' | 'start' | 'status' | 'chaos'>
}

export class OperatorHost implements NetworkHost {
  readonly #options: OperatorHostOptions
  /** The genesis that was given. */
  readonly #given: GivenGenesis | undefined
  readonly #running = new Map<number, RegisteredNetwork>()
  /** Networks whose genesis has L1's hash: it never changes. As many as L1 has, at most. */
  readonly #buildable = new Set<number>()
  /** Peers of network 0. */
  #peers: readonly OperatorPeer[] = []

  /** @throws {GenesisFileInvalidError} `DEVNET_GENESIS_FILE_INVALID` */
  constructor(options: OperatorHostOptions) {
    this.#options = options
    const { genesisPath } = options
    this.#given = genesisPath === undefined ? undefined : readGenesisFile(genesisPath)
  }

  running(): readonly number[] {
    return [...this.#running.keys()]
  }

  async obstacleTo(network: RegisteredNetwork): Promise<string | undefined> {
    const { id } = network
    const { ports } = this.#options
    if (Math.max(...Object.values(ports)) + id > portMax) return `no port + ${id} is below 65,536`
    if (this.#buildable.has(id)) return undefined
    try {
      await this.#genesisOf(network)
      this.#buildable.add(id)
      return undefined
    } catch (error) {
      if (error instanceof ZgError) return error.message
      throw error
    }
  }

  async start(network: RegisteredNetwork): Promise<void> {
    const { supervisor } = this.#options
    const { id } = network
    const folder = this.#folderOf(id)
    const genesis = await this.#genesisOf(network)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeWhole(join(folder, genesisName), `${JSON.stringify(genesis, undefined, 1)}\n`)
    this.#writeConfig(network)
    const command = this.#commandOf(id)
    supervisor.add(command)
    const isUp = supervisor.status().some(({ name, pid }) => name === command.part && pid)
    if (!isUp) await supervisor.start(command.part)
    this.#running.set(id, network)
    // Others may have said meanwhile where they listen.
    this.#writeConfig(network)
  }

  async stop(id: number): Promise<void> {
    const { supervisor } = this.#options
    if (!this.#running.delete(id)) return
    // Nothing is lost: what was acknowledged is on disk.
    await supervisor.chaos('kill', partOf(id))
  }

  /** RPC of a network's node. */
  rpcOf(id: number): string {
    return `http://${loopback}:${this.#options.ports.rpc + id}`
  }

  /** Says where the other operators listen, on network 0; nodes that run hear of it, too. */
  setPeers(peers: readonly OperatorPeer[]): void {
    this.#peers = peers
    for (const network of this.#running.values()) this.#writeConfig(network)
  }

  /** The kept one, the given one, or the one that follows from L1. */
  async #genesisOf(network: RegisteredNetwork): Promise<unknown> {
    const kept = this.#keptGenesis(network)
    if (kept !== undefined) return kept
    if (this.#given?.id === network.id) {
      checkGenesis(network, this.#given.genesis)
      return this.#given.genesis
    }
    return genesisOfNetwork(await this.#options.facts(), network)
  }

  /** One that was damaged since is as good as none. */
  #keptGenesis(network: RegisteredNetwork): unknown {
    const path = join(this.#folderOf(network.id), genesisName)
    if (!existsSync(path)) return undefined
    try {
      const genesis: unknown = JSON.parse(readFileSync(path, 'utf8'))
      checkGenesis(network, genesis)
      return genesis
    } catch {
      return undefined
    }
  }

  #writeConfig({ id, firstEpoch }: RegisteredNetwork): void {
    const { keys, l1, listenHost, ports } = this.#options
    const folder = this.#folderOf(id)
    const at = (host: string, port: number) => ({ host, port: port + id })
    const config = {
      part: partOf(id),
      mode: 'validator',
      genesis: genesisName,
      rpc: { ...at(loopback, ports.rpc), allowedHosts: ['localhost'] },
      metrics: at(loopback, ports.metrics),
      keys: { keystore: resolve(keys.keystore), password: resolve(keys.password) },
      p2p: { ...at(listenHost, ports.p2p), peers: this.#peersOf(id) },
      l1: l1ConfigOf({ ...l1.site, firstEpoch: Number(firstEpoch) }, l1.rpcs),
    }
    writeWhole(join(folder, 'config.toml'), `${stringify(config)}\n`)
  }

  /** Those whose port + id is one. */
  #peersOf(id: number): readonly OperatorPeer[] {
    return this.#peers.flatMap(({ port, ...peer }) =>
      port + id > portMax ? [] : [{ ...peer, port: port + id }],
    )
  }

  #commandOf(id: number): ChildCommand {
    const folder = this.#folderOf(id)
    const logPath = join(folder, 'log.jsonl')
    return { part: partOf(id), entry: nodeEntryPath(), args: [folder], logPath }
  }

  #folderOf(id: number): string {
    return join(this.#options.folder, partOf(id))
  }
}

const genesisName = 'genesis.json'

function partOf(id: number): string {
  return `net-${id}`
}

type GivenGenesis = { readonly id: number; readonly genesis: unknown }

function readGenesisFile(path: string): GivenGenesis {
  try {
    const genesis: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const { network } = parseGenesis(genesis)
    if (network !== undefined) return { id: network.networkId, genesis }
  } catch (cause) {
    throw new GenesisFileInvalidError(path, cause)
  }
  throw new GenesisFileInvalidError(path)
}

export class GenesisFileInvalidError extends ZgError<'DEVNET_GENESIS_FILE_INVALID'> {
  constructor(path: string, cause?: unknown) {
    const message = `Cannot use "${path}": it is no genesis of a network`
    super('DEVNET_GENESIS_FILE_INVALID', message, { path }, cause)
  }
}
