/**
 * The local world: one tree of processes under this one.
 *
 *   1  take the data directory: version, lock, leftovers of a killed supervisor
 *   2  the kept world or a new one; ports; genesis, keys and configuration on disk
 *   3  start every process; each says when its doors are open
 *   4  open each network's public port; wait until every chain has made a block
 *   5  write devnet.json: from here on the world is ready
 *   6  look at L1 from time to time: what is opened there gets its validators here
 *
 * `stop` goes the other way and gives the directory back.
 */

import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { L1Parameters } from '@zg/contracts'
import type { Hex } from '@zg/primitives'
import { toHex } from '@zg/primitives'

import { devAccounts } from './accounts.ts'
import { canonicalContracts } from './canonical/canonical.ts'
import type { ChildCommand } from './child.ts'
import { serveControl } from './control.ts'
import type { ControlReply, ControlRequest, PartStatus } from './control.ts'
import { forgetWorld, takeDataDir } from './data-dir.ts'
import { devnetFileVersion, removeDevnetFile, writeDevnetFile } from './devnet-file.ts'
import type { ContractAddresses, DevnetFile, DevnetL1, DevnetNetwork } from './devnet-file.ts'
import { firstBlock, fundNetworks } from './first-funds.ts'
import { Fronts } from './fronts.ts'
import { superviseNetworks } from './network-supervision.ts'
import { LocalNetworkHost } from './network-host.ts'
import { endLeftovers, recordProcesses } from './leftovers.ts'
import { readKeptWorld, writeKeptWorld } from './kept-world.ts'
import { l1SiteFileName, readL1Site } from './l1-site.ts'
import type { L1Site } from './l1-site.ts'
import { keeperConfigPath, writeKeeperConfig, writeWorldFiles } from './node-files.ts'
import { readL1Parameters } from './parameters.ts'
import { grantPorts, isPortFree, loopback, portWishes } from './ports.ts'
import type { PortGrant } from './ports.ts'
import { callRpc } from './rpc-call.ts'
import { PartFailedError, Supervisor } from './supervisor.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { ChainPlan, KeptWorld, WorldOptions, WorldPlan } from './world.ts'

/** What happens in the world, as it happens. */
export type WorldEvent =
  | { readonly kind: 'planned'; readonly parts: readonly string[] }
  | { readonly kind: 'port-moved'; readonly grant: PortGrant }
  | { readonly kind: 'part'; readonly status: PartStatus; readonly detail: string | undefined }
  /** A network that was opened on L1 runs here; its public port. */
  | { readonly kind: 'network-begun'; readonly id: number; readonly rpc: string }
  | { readonly kind: 'network-ended'; readonly id: number }
  /** The data directory takes no more writes; told once. */
  | { readonly kind: 'disk-refused'; readonly reason: string }

/** Things to undo, last first. */
type Undo = (() => Promise<void> | undefined | void)[]

export type StartOptions = WorldOptions & {
  /** The data directory, absolute. */
  readonly home: string
  readonly portOffset: number
  /** Forget the kept world first. */
  readonly reset: boolean
  /** What the L1 of a new world is deployed with (default: networks/dev.json). */
  readonly l1Parameters?: L1Parameters
  /** Networks that each operator runs at most, those of the world included (default: 32). */
  readonly networksMax?: number | undefined
  readonly onEvent: (event: WorldEvent) => void
}

export type LocalWorld = {
  readonly plan: WorldPlan
  /** What `devnet.json` said when the world was ready. */
  readonly file: DevnetFile
  /** Whether the chains went on from a kept world. */
  readonly isKept: boolean
  /** Validators that could not start; the others of their network are a quorum. */
  readonly failures: readonly PartFailedError[]
  status(): readonly PartStatus[]
  /** Ends every process and gives the data directory back. */
  stop(): Promise<void>
  /** Ends every process at once. */
  kill(): void
}

/**
 * Starts the world and resolves when it is ready; whatever fails, no process is left behind.
 *
 * @param signal - Aborting it ends a start under way, which then rejects.
 * @throws {ZgError} `DEVNET_WORLD_RUNNING`, `DEVNET_DATA_DIR_VERSION`, `DEVNET_DATA_DIR_FOREIGN`,
 *   `DEVNET_WORLD_DIFFERS`, `DEVNET_PORTS_EXHAUSTED`, `DEVNET_PART_FAILED`,
 *   `DEVNET_FIRST_BLOCK_LATE`.
 */
export async function startWorld(options: StartOptions, signal: AbortSignal): Promise<LocalWorld> {
  const { home, onEvent } = options
  const { lock, release } = takeDataDir(home)
  const undo: Undo = [release]
  try {
    const { plan, isKept } = await prepare(options)
    const fronts = new Fronts()
    undo.push(() => fronts.closeAll())
    let isDiskGood = true
    const supervisor = new Supervisor(partPlans(plan), (status, detail) => {
      fronts.follow(host.networks, status)
      const refusal = recordProcesses(home, supervisor.status())
      if (refusal !== undefined && isDiskGood) {
        isDiskGood = false
        onEvent({ kind: 'disk-refused', reason: refusal })
      }
      onEvent({ kind: 'part', status, detail })
    })
    const host = hostOf(options, { plan, supervisor, fronts })
    undo.push(() => supervisor.stopAll())
    signal.addEventListener('abort', () => void supervisor.stopAll(), { once: true })

    const control = await serveControl(lock.socket, (request) => obey(supervisor, request))
    undo.push(() => control.close())
    const failures = await startParts(supervisor, chainsOf(plan), signal)
    for (const network of plan.networks) await fronts.open(network)
    await Promise.all(chainsOf(plan).map((chain) => firstBlock(chain, signal)))
    await fundNetworks(plan, signal)
    if (plan.keeper !== undefined) await supervisor.start(plan.keeper.part)
    signal.throwIfAborted()

    const file = await describe(plan, host.networks, supervisor.status())
    writeDevnetFile(home, file)
    const networks = await superviseNetworks(plan, { host, networksMax: options.networksMax })
    undo.push(() => networks?.stop())
    return {
      plan,
      file,
      isKept,
      failures,
      status: () => supervisor.status(),
      stop: () => undoAll(undo),
      kill: () => supervisor.killAll(),
    }
  } catch (error) {
    await undoAll(undo)
    throw error
  }
}

/** Where networks run that are opened later. */
function hostOf(
  { home, portOffset, onEvent, l1Parameters = readL1Parameters('dev') }: StartOptions,
  world: { readonly plan: WorldPlan; readonly supervisor: Supervisor; readonly fronts: Fronts },
): LocalNetworkHost {
  const { plan, supervisor, fronts } = world
  const tellAll = async (): Promise<void> => {
    writeDevnetFile(home, await describe(plan, host.networks, supervisor.status()))
    writeKeeperConfig(plan, host.networks)
    if (plan.keeper !== undefined) await supervisor.chaos('restart', plan.keeper.part)
  }
  const host = new LocalNetworkHost({
    plan,
    parameters: l1Parameters,
    portOffset,
    supervisor,
    commandsOf,
    async onStart(network) {
      await fronts.open(network)
      await tellAll()
      onEvent({ kind: 'network-begun', id: network.id, rpc: rpcUrl(network.rpcPort) })
    },
    async onStop({ id }) {
      await fronts.close(id)
      await tellAll()
      onEvent({ kind: 'network-ended', id })
    },
  })
  return host
}

/** Resolves the world, its ports and its files. */
async function prepare(options: StartOptions): Promise<{ plan: WorldPlan; isKept: boolean }> {
  const { home, minimal, onEvent } = options
  removeDevnetFile(home)
  endLeftovers(home)
  if (options.reset) forgetWorld(home, readdirSync(home))
  if (minimal) rmSync(join(home, 'minimal'), { recursive: true, force: true })
  const found = minimal ? undefined : readKeptWorld(home)
  const kept: KeptWorld = resolveWorld(options, found, {
    random: randomBytes(32),
    nowSeconds: Math.floor(Date.now() / 1_000),
  })
  const wishes = portWishes({
    withL1: !minimal,
    networkCount: kept.networkCount,
    validatorCount: kept.validatorCount,
    offset: options.portOffset,
  })
  const grants = await grantPorts(wishes, isPortFree)
  for (const grant of grants) {
    if (grant.port !== grant.wanted) onEvent({ kind: 'port-moved', grant })
  }
  const plan = planWorld(kept, { home, minimal }, grants)
  onEvent({ kind: 'planned', parts: partPlans(plan).map(({ part }) => part) })
  mkdirSync(plan.filesDir, { recursive: true, mode: 0o700 })
  // What the world is made from comes first: files without it would be a damaged world.
  if (!minimal) writeKeptWorld(home, kept)
  await writeWorldFiles(plan, options.l1Parameters)
  return { plan, isKept: found !== undefined }
}

function chainsOf(plan: WorldPlan): readonly ChainPlan[] {
  return plan.l1 === undefined ? plan.networks : [plan.l1, ...plan.networks]
}

/** The entry of a node's process. */
export function nodeEntryPath(): string {
  return fileURLToPath(new URL('node-main.ts', import.meta.url))
}

function commandsOf({ validators }: ChainPlan): ChildCommand[] {
  const entry = nodeEntryPath()
  return validators.map(({ part, folder, logPath }) => ({ part, entry, args: [folder], logPath }))
}

function partPlans(plan: WorldPlan): ChildCommand[] {
  const nodes = chainsOf(plan).flatMap(commandsOf)
  const { keeper } = plan
  if (keeper === undefined) return nodes
  const { part, logPath } = keeper
  const keeperEntry = fileURLToPath(new URL('keeper-main.ts', import.meta.url))
  return [...nodes, { part, entry: keeperEntry, args: [keeperConfigPath(keeper)], logPath }]
}

/**
 * Starts all nodes. A network goes on without validators that cannot start, as it would without
 * those that died, as long as the others are a quorum.
 *
 * @throws {PartFailedError} `DEVNET_PART_FAILED`
 */
async function startParts(
  supervisor: Supervisor,
  chains: readonly ChainPlan[],
  signal: AbortSignal,
): Promise<readonly PartFailedError[]> {
  const failures = new Map<string, PartFailedError>()
  const start = async (part: string): Promise<void> => {
    try {
      await supervisor.start(part)
    } catch (error) {
      if (!(error instanceof PartFailedError)) throw error
      failures.set(part, error)
    }
  }
  const parts = chains.flatMap(({ validators }) => validators.map(({ part }) => part))
  await Promise.all(parts.map(start))
  signal.throwIfAborted()
  for (const { validators } of chains) {
    const failed = validators.flatMap(({ part }) => failures.get(part) ?? [])
    const [first] = failed
    if (first !== undefined && 3 * failed.length >= validators.length) throw first
  }
  return [...failures.values()]
}

async function obey(supervisor: Supervisor, request: ControlRequest): Promise<ControlReply> {
  if (request.verb === 'status') return { ok: true, parts: supervisor.status() }
  const part = `net-${request.network}/val-${request.validator}`
  return { ok: true, parts: [await supervisor.chaos(request.verb, part)] }
}

async function undoAll(undo: Undo): Promise<void> {
  while (undo.length > 0) await undo.pop()?.()
}

async function describe(
  plan: WorldPlan,
  chains: readonly ChainPlan[],
  parts: readonly PartStatus[],
): Promise<DevnetFile> {
  const pids = new Map(parts.map(({ name, pid }) => [name, pid ?? 0]))
  const site = plan.l1 && readL1Site(join(plan.l1.folder, l1SiteFileName))
  const networks: DevnetNetwork[] = []
  for (const chain of chains) networks.push(await describeNetwork(chain, pids))
  return {
    version: devnetFileVersion,
    dataDir: plan.filesDir,
    epochSeconds: site?.epochSeconds ?? 0,
    ...(plan.l1 && site && { l1: await describeL1(plan.l1, site, pids) }),
    networks,
    metrics: [...(plan.l1 === undefined ? [] : [plan.l1]), ...chains]
      .flatMap(({ validators }) => validators)
      .map(({ metricsPort }) => `${rpcUrl(metricsPort)}/metrics`),
    accounts: await devAccounts(),
  }
}

async function describeL1(
  chain: ChainPlan,
  site: L1Site,
  pids: ReadonlyMap<string, number>,
): Promise<DevnetL1> {
  return {
    rpc: rpcUrl(chain.rpcPort),
    ws: wsUrl(chain.rpcPort),
    chainId: chain.chainId,
    genesisHash: await genesisHashOf(chain),
    finalityLag: 0,
    pid: pids.get('l1') ?? 0,
    contracts: { ...contractAddresses(), ...site.contracts },
  }
}

async function describeNetwork(
  chain: ChainPlan,
  pids: ReadonlyMap<string, number>,
): Promise<DevnetNetwork> {
  return {
    id: chain.id,
    name: chain.name,
    status: 'active',
    chainId: chain.chainId,
    genesisHash: await genesisHashOf(chain),
    rpc: rpcUrl(chain.rpcPort),
    ws: wsUrl(chain.rpcPort),
    validators: chain.validators.map(({ index, part, operator, rpcPort, p2pPort }) => ({
      index,
      address: toHex(operator),
      rpc: rpcUrl(rpcPort),
      p2p: `${loopback}:${p2pPort}`,
      pid: pids.get(part) ?? 0,
    })),
    contracts: contractAddresses(),
  }
}

async function genesisHashOf(chain: ChainPlan): Promise<Hex> {
  const block = await callRpc(rpcUrl(chain.rpcPort), 'eth_getBlockByNumber', ['0x0', false])
  return (block as { hash: Hex }).hash
}

function contractAddresses(): ContractAddresses {
  return Object.fromEntries(canonicalContracts.map(({ name, address }) => [name, address]))
}

function rpcUrl(port: number): string {
  return `http://${loopback}:${port}`
}

function wsUrl(port: number): string {
  return `ws://${loopback}:${port}`
}
