/**
 * The local world: one tree of processes under this one.
 *
 *   1  take the data directory: version, lock, leftovers of a killed supervisor
 *   2  the kept world or a new one; ports; genesis, keys and configuration on disk. An L1 that is
 *      outside is looked at, and set up if somebody agrees to pay (`outside-l1.ts`)
 *   3  start every node; each says when its doors are open
 *   4  open each network's public port; wait until every chain has made a block, and has its tokens;
 *      start what stands on them: the keeper, and data availability, which nobody waits for
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
import { assert, toHex } from '@zg/primitives'
import type { GenesisFacts } from '@zg/staking'

import { devAccounts } from './accounts.ts'
import { canonicalContracts } from './canonical/canonical.ts'
import type { ChildCommand } from './child.ts'
import { serveControl } from './control.ts'
import type { ControlReply, ControlRequest, PartStatus } from './control.ts'
import { dataCommands, DataNodeUnknownError, DataParts } from './data-parts.ts'
import { forgetWorld, takeDataDir } from './data-dir.ts'
import { devnetFileVersion, removeDevnetFile, writeDevnetFile } from './devnet-file.ts'
import type {
  ContractAddresses,
  DevnetData,
  DevnetFile,
  DevnetL1,
  DevnetNetwork,
} from './devnet-file.ts'
import { beginChains, beginSteps } from './first-funds.ts'
import type { OutsideStep } from './first-funds.ts'
import { Fronts } from './fronts.ts'
import { superviseNetworks } from './network-supervision.ts'
import { LocalNetworkHost } from './network-host.ts'
import { endLeftovers, recordProcesses } from './leftovers.ts'
import { readKeptWorld, writeKeptWorld } from './kept-world.ts'
import { outsideL1Of } from './l1-survey.ts'
import {
  isSetUp,
  keeperConfigPath,
  stakeL1Of,
  writeKeeperConfig,
  writeWorldFiles,
} from './node-files.ts'
import type { L1Bill, OutsideSetup } from './outside-l1.ts'
import { devParametersOf, readL1Parameters } from './parameters.ts'
import { grantPorts, isPortFree, loopback, portWishes } from './ports.ts'
import type { PortGrant } from './ports.ts'
import { callRpc } from './rpc-call.ts'
import { PartFailedError, Supervisor } from './supervisor.ts'
import type { MessageListener, PartListener } from './supervisor.ts'
import { planWorld, resolveWorld } from './world.ts'
import type { ChainPlan, KeptWorld, WorldOptions, WorldPlan } from './world.ts'

/** What happens in the world, as it happens. */
export type WorldEvent =
  /** What is worked on from now: those who set an L1 up, then the processes. */
  | { readonly kind: 'planned'; readonly parts: readonly string[] }
  | ({ readonly kind: 'step' } & OutsideStep)
  | { readonly kind: 'port-moved'; readonly grant: PortGrant }
  | { readonly kind: 'part'; readonly status: PartStatus; readonly detail: string | undefined }
  /** A network that was opened on L1 runs here; its public port. */
  | { readonly kind: 'network-begun'; readonly id: number; readonly rpc: string }
  | { readonly kind: 'network-ended'; readonly id: number }
  /** Data availability takes blobs; told again when its disperser came back. */
  | { readonly kind: 'data-open'; readonly data: DevnetData }
  /** One that was opened is not joined, or does not run, yet. */
  | { readonly kind: 'network-waits'; readonly id: number; readonly reason: string }
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
  /** What the world's own L1 is deployed with (default: networks/dev.json). */
  readonly l1Parameters?: L1Parameters
  /** An L1 that is outside. */
  readonly outside?: OutsideWish
  /** Networks that each operator runs at most, those of the world included (default: 32). */
  readonly networksMax?: number | undefined
  readonly onEvent: (event: WorldEvent) => void
}

export type OutsideWish = {
  /** JSON-RPC of the L1 of a new world; of a kept one, another endpoint of the same chain. */
  readonly url?: string | undefined
  /** 32 bytes: of the account that pays there. */
  readonly funderKey?: Uint8Array | undefined
  /** Asked before anything is paid; throws where nothing shall be. */
  readonly consent: (bill: L1Bill) => Promise<void>
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
 *   `DEVNET_FIRST_BLOCK_LATE`; what `outsideL1Of` and an `OutsideSetup` throw.
 */
export async function startWorld(options: StartOptions, signal: AbortSignal): Promise<LocalWorld> {
  const { home, onEvent } = options
  const { lock, release } = takeDataDir(home)
  const undo: Undo = [release]
  try {
    const { plan, isKept, outside } = await prepare(options, signal)
    const fronts = new Fronts()
    undo.push(() => fronts.closeAll())
    let isDiskGood = true
    const hear: MessageListener = (message) => data?.hear(message)
    const onPart: PartListener = (status, detail) => {
      fronts.follow(host.networks, status)
      data?.follow(status)
      const refusal = recordProcesses(home, supervisor.status())
      if (refusal !== undefined && isDiskGood) {
        isDiskGood = false
        onEvent({ kind: 'disk-refused', reason: refusal })
      }
      onEvent({ kind: 'part', status, detail })
    }
    const supervisor = new Supervisor(partPlans(plan, options), onPart, hear)
    const data = dataOf(plan, options, supervisor)
    const host = hostOf(options, { plan, supervisor, fronts, data })
    undo.push(() => supervisor.stopAll())
    signal.addEventListener('abort', () => void supervisor.stopAll(), { once: true })

    const control = await serveControl(lock.socket, (request) => obey(supervisor, data, request))
    undo.push(() => control.close())
    const failures = await startParts(supervisor, chainsOf(plan), signal)
    for (const network of plan.networks) await fronts.open(network)
    const onStep = (step: OutsideStep): void => {
      if (outside !== undefined) onEvent({ kind: 'step', ...step })
    }
    await beginChains(plan, { signal, onStep, deposit: outside && (() => outside.deposit()) })
    if (plan.keeper !== undefined) await supervisor.start(plan.keeper.part)
    signal.throwIfAborted()

    // Not waited for: a world is ready without it, and its parts say themselves when they are up.
    data?.start()
    const file = await describe(plan, host.networks, { supervisor, data })
    writeDevnetFile(home, file)
    const networks = await superviseNetworks(plan, {
      host,
      networksMax: options.networksMax,
      onWait: (id, reason) => onEvent({ kind: 'network-waits', id, reason }),
    })
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

/** What runs, and what is known of it. */
type Running = { readonly supervisor: Supervisor; readonly data: DataParts | undefined }

/** Data availability of this run. */
function dataOf(
  plan: WorldPlan,
  { withData, onEvent }: StartOptions,
  supervisor: Supervisor,
): DataParts | undefined {
  if (plan.data === undefined || withData !== true) return undefined
  const data: DataParts = new DataParts(plan.data, supervisor, () =>
    onEvent({ kind: 'data-open', data: data.describe() }),
  )
  return data
}

/** Where networks run that are opened later. */
function hostOf(
  { home, portOffset, onEvent }: StartOptions,
  world: Running & { readonly plan: WorldPlan; readonly fronts: Fronts },
): LocalNetworkHost {
  const { plan, supervisor, fronts } = world
  const tellAll = async (): Promise<void> => {
    writeDevnetFile(home, await describe(plan, host.networks, world))
    writeKeeperConfig(plan, host.networks)
    if (plan.keeper !== undefined) await supervisor.chaos('restart', plan.keeper.part)
  }
  const host = new LocalNetworkHost({
    plan,
    facts: () => factsOf(plan),
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

/** What the world's L1 says that the genesis of a later network follows from. */
async function factsOf(plan: WorldPlan): Promise<GenesisFacts> {
  const l1 = stakeL1Of(plan)
  assert(l1 !== undefined, 'networks are opened on an L1')
  // Loaded here: nobody waits for it who has no such network.
  const { readFacts } = await import('./l1-networks.ts')
  const networkRegistry = l1.siteOf(0).contracts['NetworkRegistry'] ?? '0x'
  return readFacts({ url: l1.endpoint, networkRegistry })
}

/** What the L1 of a world was deployed with. */
function parametersOf({ outsideL1 }: KeptWorld, own: L1Parameters | undefined): L1Parameters {
  if (outsideL1 !== undefined) return devParametersOf(outsideL1)
  return own ?? readL1Parameters('dev')
}

type Prepared = {
  readonly plan: WorldPlan
  readonly isKept: boolean
  readonly outside: OutsideSetup | undefined
}

/** Resolves the world, its ports and its files. */
async function prepare(options: StartOptions, signal: AbortSignal): Promise<Prepared> {
  const { home, minimal, epochSeconds, onEvent } = options
  removeDevnetFile(home)
  endLeftovers(home)
  const found = minimal || options.reset ? undefined : readKeptWorld(home)
  const wish = { url: options.outside?.url, epochSeconds }
  const outsideL1 = minimal ? undefined : await outsideL1Of(found, wish, signal)
  // Not before: a wrong address must not cost the kept world.
  if (options.reset) forgetWorld(home, readdirSync(home))
  if (minimal) rmSync(join(home, 'minimal'), { recursive: true, force: true })
  const kept: KeptWorld = resolveWorld(options, found, {
    random: randomBytes(32),
    nowSeconds: Math.floor(Date.now() / 1_000),
    outsideL1,
  })
  const wishes = portWishes({
    withL1: !minimal && kept.outsideL1 === undefined,
    networkCount: kept.networkCount,
    validatorCount: kept.validatorCount,
    dataNodeCount: options.withData === true ? kept.dataNodeCount : 0,
    offset: options.portOffset,
  })
  const grants = await grantPorts(wishes, isPortFree)
  for (const grant of grants) {
    if (grant.port !== grant.wanted) onEvent({ kind: 'port-moved', grant })
  }
  const plan = planWorld(kept, { home, minimal }, grants)
  const outside = kept.outsideL1 && (await openOutside(plan, options, signal))
  mkdirSync(plan.filesDir, { recursive: true, mode: 0o700 })
  // What the world is made from comes first: files without it would be a damaged world.
  if (!minimal) writeKeptWorld(home, kept)
  await outside?.setUp()
  const awaited = outside === undefined ? [] : Object.values(beginSteps)
  const parts = partPlans(plan, { minimal }).map(({ part }) => part)
  onEvent({ kind: 'planned', parts: [...parts, ...awaited] })
  await writeWorldFiles(plan, options.l1Parameters)
  return { plan, isKept: found !== undefined, outside }
}

/** Opens the set-up on an outside L1, and has somebody agree to what it costs. */
async function openOutside(
  plan: WorldPlan,
  { outside, onEvent }: StartOptions,
  signal: AbortSignal,
): Promise<OutsideSetup> {
  // Loaded here: it brings the whole node with it.
  const outsideL1 = await import('./outside-l1.ts')
  const { createSystemClock } = await import('@zg/runtime')
  const setup = await outsideL1.OutsideSetup.open(plan, {
    funderKey: outside?.funderKey,
    parameters: parametersOf(plan.kept, undefined),
    clock: createSystemClock(),
    signal,
    onStep: (step) => onEvent({ kind: 'step', ...step }),
  })
  const bill = await setup.bill()
  if (bill !== undefined) await outside?.consent(bill)
  if (!isSetUp(plan)) onEvent({ kind: 'planned', parts: setup.names })
  return setup
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

function partPlans(plan: WorldPlan, { withData }: WorldOptions): ChildCommand[] {
  const nodes = chainsOf(plan).flatMap(commandsOf)
  const { keeper, data } = plan
  if (keeper === undefined) return nodes
  const ofData = data === undefined || withData !== true ? [] : dataCommands(data)
  const { part, logPath } = keeper
  const keeperEntry = fileURLToPath(new URL('keeper-main.ts', import.meta.url))
  return [
    ...nodes,
    { part, entry: keeperEntry, args: [keeperConfigPath(keeper)], logPath },
    ...ofData,
  ]
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

async function obey(
  supervisor: Supervisor,
  data: DataParts | undefined,
  request: ControlRequest,
): Promise<ControlReply> {
  if (request.verb === 'status') {
    return { ok: true, parts: [...supervisor.status(), ...(data?.status() ?? [])] }
  }
  if ('dataNode' in request) {
    const { verb, dataNode } = request
    if (data === undefined) throw new DataNodeUnknownError(dataNode, 0)
    return { ok: true, parts: [await data.strike(verb, dataNode)] }
  }
  const part = `net-${request.network}/val-${request.validator}`
  return { ok: true, parts: [await supervisor.chaos(request.verb, part)] }
}

async function undoAll(undo: Undo): Promise<void> {
  while (undo.length > 0) await undo.pop()?.()
}

async function describe(
  plan: WorldPlan,
  chains: readonly ChainPlan[],
  { supervisor, data }: Running,
): Promise<DevnetFile> {
  const pids = new Map(supervisor.status().map(({ name, pid }) => [name, pid ?? 0]))
  const networks: DevnetNetwork[] = []
  for (const chain of chains) {
    networks.push({ ...(await describeNetwork(chain, pids)), ...data?.describeOn(chain.id) })
  }
  const l1 = await describeL1(plan, pids)
  return {
    version: devnetFileVersion,
    dataDir: plan.filesDir,
    epochSeconds: stakeL1Of(plan)?.siteOf(0).epochSeconds ?? 0,
    ...(l1 && { l1 }),
    networks,
    ...(data && { da: data.describe() }),
    metrics: [...(plan.l1 === undefined ? [] : [plan.l1]), ...chains]
      .flatMap(({ validators }) => validators)
      .map(({ metricsPort }) => `${rpcUrl(metricsPort)}/metrics`),
    accounts: await devAccounts(),
  }
}

async function describeL1(
  plan: WorldPlan,
  pids: ReadonlyMap<string, number>,
): Promise<DevnetL1 | undefined> {
  const stake = stakeL1Of(plan)
  if (stake === undefined) return undefined
  const { endpoint: rpc, chainId } = stake
  const { contracts } = stake.siteOf(0)
  const there = { rpc, chainId, genesisHash: await genesisHashOf(rpc) }
  if (plan.l1 === undefined) {
    return { ...there, finalityLag: await finalityLagOf(rpc), contracts }
  }
  return {
    ...there,
    ws: wsUrl(plan.l1.rpcPort),
    finalityLag: 0,
    pid: pids.get('l1') ?? 0,
    contracts: { ...contractAddresses(), ...contracts },
  }
}

/** Blocks that are not final. */
async function finalityLagOf(rpc: string): Promise<number> {
  const numberAt = async (which: string): Promise<number> => {
    const block = await callRpc(rpc, 'eth_getBlockByNumber', [which, false])
    return Number((block as { readonly number: Hex }).number)
  }
  return Math.max(0, (await numberAt('latest')) - (await numberAt('finalized')))
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
    genesisHash: await genesisHashOf(rpcUrl(chain.rpcPort)),
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

async function genesisHashOf(rpc: string): Promise<Hex> {
  const block = await callRpc(rpc, 'eth_getBlockByNumber', ['0x0', false])
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
