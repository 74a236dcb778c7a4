/**
 * One node as a process of its own: reads its directory, opens everything, serves until told to
 * stop.
 *
 *     <directory>/config.toml      what node-config.ts says
 *     <directory>/chain.mdb/       blocks, state, certificates: one LMDB environment
 *     <directory>/wal/             the vote log
 *     <directory>/open.key         an open node's own (open/open-process.ts)
 *
 * Log lines go to standard output as JSON. When the doors are open it writes the line "Ready" and,
 * to a parent that holds an IPC channel, `{ kind: 'ready', rpcPort, p2pPort, metricsPort }`, an
 * open node its `p2pAddresses` too.
 *
 * SIGTERM and SIGINT end it: doors first, then consensus, then the store, within `stopMsMax`. A
 * SIGKILL at any moment is as good: what was acknowledged is on disk, and the vote log keeps a
 * restarted node from contradicting itself.
 *
 * The signer of this process is in memory (`localSigner`); a signer process of its own would take
 * its place behind the same interface.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { blsScheme, WalCorruptError } from '@zg/consensus'
import { openTlsMesh, peerIdOf } from '@zg/p2p'
import type { PeerAddress, TlsMesh } from '@zg/p2p'
import {
  blsPublicKeyOf,
  blsSign,
  concat,
  bigintToBytes,
  fromHex,
  isHex,
  sha256,
  ZgError,
} from '@zg/primitives'
import {
  createLogger,
  createMetrics,
  createNodeDisk,
  createSystemClock,
  createSystemRng,
  LmdbStore,
  serveMetrics,
} from '@zg/runtime'
import type { Clock, Logger, Metrics, Rng } from '@zg/runtime'

import type { NodeView } from './chain-view.ts'
import { parseGenesis } from './genesis.ts'
import type { Genesis } from './genesis.ts'
import { readKeystore } from './keystore.ts'
import { readMendedVotes, VotesLostError } from './mended-votes.ts'
import { openMinimalNode } from './minimal-node.ts'
import { fixedValidatorSet, isStakedOnL1 } from './network-parameters.ts'
import { nodeConfigFileName, parseNodeConfig } from './node-config.ts'
import type { NodeConfig } from './node-config.ts'
import type { NodeL1, OpenL1 } from './node-l1.ts'
import { rpcMethods } from './rpc/methods.ts'
import { startRpcServer } from './rpc/server.ts'
import { SimulationThread } from './rpc/simulation-thread.ts'
import type { Simulator } from './rpc/simulator.ts'
import { WorkerRecovery } from './sender-recovery.ts'
import { openValidatorNode } from './validator-node.ts'

/** What `web3_clientVersion` says. */
export const clientVersion = 'zg/0.1.0'

/** A stop that takes longer ends the process at once. */
const stopMsMax = 1_800

/** The most bytes of a genesis file. */
const genesisSizeBytesMax = 64 * 1024 * 1024

export type NodeProcess = {
  readonly view: NodeView
  readonly rpcPort: number
  readonly p2pPort: number | undefined
  /** Of an open node. */
  readonly p2pAddresses?: readonly string[] | undefined
  readonly metricsPort: number | undefined
  stop(): Promise<void>
}

export type Machine = {
  readonly clock: Clock
  readonly rng: Rng
  readonly logger: Logger
  readonly metrics: Metrics
}

export type OpenedNode = {
  readonly view: NodeView
  readonly p2pPort?: number | undefined
  readonly p2pAddresses?: readonly string[] | undefined
  /** Where executions run; in place when absent. */
  readonly simulator?: Simulator | undefined
}

/** Things to undo, last first. */
export type Undo = (() => Promise<unknown> | void)[]

/**
 * Runs the node of a directory until a signal ends the process.
 *
 * @param openL1 - Opens the view of L1 that `[l1]` speaks of.
 */
export async function runNodeProcess(directory: string, openL1?: OpenL1): Promise<void> {
  const config = readConfig(directory)
  const logger = createLogger({ part: config.part, level: config.logLevel })
  const die = (message: string) => (error: unknown) => {
    logger.error(message, { error })
    process.exit(1)
  }
  process.on('uncaughtException', die('An exception was not caught'))
  process.on('unhandledRejection', die('A rejection was not handled'))
  const onFailure = die('The node failed')
  const node = await openNodeProcess(directory, config, { logger, openL1, onFailure })
  let isStopping = false
  const stop = (signal: string): void => {
    if (isStopping) return
    isStopping = true
    logger.info('Stopping', { signal })
    setTimeout(() => process.exit(1), stopMsMax).unref()
    node.stop().then(() => process.exit(0), die('The stop failed'))
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  // Under a supervisor, Ctrl-C reaches the whole group: it decides, and sends SIGTERM.
  if (process.send === undefined) process.on('SIGINT', () => stop('SIGINT'))
  const { rpcPort, p2pPort, p2pAddresses, metricsPort } = node
  const { header } = node.view.chain.head()
  const doors = { rpcPort, p2pPort, metricsPort, ...(p2pAddresses && { p2pAddresses }) }
  logger.info('Ready', { ...doors, height: header.number })
  process.send?.({ kind: 'ready', ...doors })
}

/** Opens all parts of a node; whatever fails, nothing is left open. */
export async function openNodeProcess(
  directory: string,
  config: NodeConfig,
  {
    logger,
    openL1,
    onFailure,
  }: {
    readonly logger: Logger
    readonly openL1?: OpenL1 | undefined
    readonly onFailure: (error: unknown) => void
  },
): Promise<NodeProcess> {
  const undo: Undo = []
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  const machine = {
    clock: createSystemClock(),
    rng: createSystemRng(),
    logger,
    metrics: createMetrics({ processMetrics: true }),
  }
  try {
    const genesis = readGenesis(config.genesis)
    const l1 = openL1View({ directory, config, genesis, openL1 }, machine, undo)
    const { simulator, ...opened } = await openNode(
      { directory, config, genesis, l1, onFailure },
      machine,
      undo,
    )
    const seen = l1 && { routes: l1.routes, l1Status: () => l1.status() }
    const view = { ...opened.view, ...seen }
    const metrics = await openMetrics(config, machine, undo)
    const rpcPort = await openRpc(config, { view, simulator }, machine, undo)
    const { p2pPort, p2pAddresses } = opened
    return { view, rpcPort, p2pPort, p2pAddresses, metricsPort: metrics, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What a node of any mode is opened with. */
export type NodeSettings = {
  readonly directory: string
  readonly config: NodeConfig
  readonly genesis: Genesis
  /** Absent in a network without an L1. */
  readonly l1: NodeL1 | undefined
  readonly onFailure: (error: unknown) => void
}

/** The view of L1 that the genesis demands, if it does. */
function openL1View(
  {
    directory,
    config,
    genesis: { network },
    openL1,
  }: { directory: string; config: NodeConfig; genesis: Genesis; openL1: OpenL1 | undefined },
  { clock, logger, metrics }: Machine,
  undo: Undo,
): NodeL1 | undefined {
  if (network === undefined || config.mode === 'minimal' || !isStakedOnL1(network)) return undefined
  if (config.l1 === undefined || openL1 === undefined) throw new L1MissingError(config.genesis)
  const l1 = openL1(config.l1, {
    networkId: network.networkId,
    directory,
    clock,
    logger,
    metrics,
  })
  undo.push(() => l1.stop())
  return l1
}

async function openNode(settings: NodeSettings, machine: Machine, undo: Undo): Promise<OpenedNode> {
  const { config, genesis } = settings
  switch (config.mode) {
    case 'minimal':
      return { view: await openMinimal(config, genesis, { machine, undo }) }
    case 'validator':
      return openValidator(settings, machine, undo)
    case 'open': {
      // Here alone: libp2p is nothing a validator should load.
      const { openOpenProcess } = await import('./open/open-process.ts')
      return openOpenProcess(settings, machine, undo)
    }
  }
}

function readConfig(directory: string): NodeConfig {
  const path = join(directory, nodeConfigFileName)
  return parseNodeConfig(readText(path), directory)
}

function readGenesis(path: string): Genesis {
  const text = readText(path)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new NodeFileUnreadableError(path, 'it is no JSON', cause)
  }
  return parseGenesis(json)
}

function readDevKeys(path: string): Uint8Array[] {
  const lines = readText(path).split('\n')
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      if (!isHex(line, 32)) throw new NodeFileUnreadableError(path, 'a line is no key of 32 bytes')
      return fromHex(line)
    })
}

function readText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > genesisSizeBytesMax)
      throw new NodeFileUnreadableError(path, 'it is too large')
    return text
  } catch (cause) {
    if (cause instanceof NodeFileUnreadableError) throw cause
    throw new NodeFileUnreadableError(path, 'it cannot be opened', cause)
  }
}

async function openMinimal(
  config: NodeConfig,
  genesis: Genesis,
  { machine, undo }: { machine: Machine; undo: Undo },
): Promise<NodeView> {
  const secretKeys = config.devKeys === undefined ? [] : readDevKeys(config.devKeys)
  const recovery = new WorkerRecovery(machine.logger)
  undo.push(() => recovery.close())
  const node = await openMinimalNode({ genesis, recovery, clock: machine.clock, secretKeys })
  undo.push(() => node.stop())
  return node.view
}

async function openValidator(
  { directory, config, genesis, l1, onFailure }: NodeSettings,
  machine: Machine,
  undo: Undo,
): Promise<OpenedNode> {
  if (config.keys === undefined) throw new NodeFileUnreadableError('keys', 'none are named')
  const secretKey = await readKeystore(config.keys)
  const folder = join(directory, 'chain.mdb')
  const store = LmdbStore.open(folder)
  undo.push(() => store.close())
  const mesh = await openMesh({ directory, config, genesis, l1, secretKey }, machine)
  undo.push(() => mesh.close())
  const recovery = new WorkerRecovery(machine.logger)
  undo.push(() => recovery.close())
  const voteFromEpoch = readMendedVotes(directory)
  const node = await openValidatorNode(
    {
      ...machine,
      genesis,
      ...(l1 && { l1View: l1.view, knownHeight: () => l1.knownHeight() }),
      ...(config.l1 && { firstEpoch: config.l1.firstEpoch }),
      secretKey,
      scheme: blsScheme(),
      store,
      disk: await createNodeDisk(directory),
      network: mesh,
      recovery,
      archive: config.archive,
      ...(voteFromEpoch !== undefined && { voteFromEpoch }),
    },
    onFailure,
  ).catch((error: unknown) => {
    throw error instanceof WalCorruptError ? new VotesLostError(directory, error) : error
  })
  undo.push(() => node.stop())
  const { archive } = config
  const simulator = new SimulationThread({ folder, config: genesis.config, archive }, machine.clock)
  undo.push(() => simulator.close())
  return { view: node.view, p2pPort: mesh.port, simulator }
}

/**
 * Who may connect: the fixed set, or whoever validates by L1, as the epochs go. Where they listen
 * is read again with each set: who came since is in the file by then.
 */
async function openMesh(
  options: {
    readonly directory: string
    readonly config: NodeConfig
    readonly genesis: Genesis
    readonly l1: NodeL1 | undefined
    readonly secretKey: Uint8Array
  },
  machine: Machine,
): Promise<TlsMesh> {
  const { directory, config, genesis, l1, secretKey } = options
  const { p2p } = config
  const { network } = genesis
  if (p2p === undefined || network === undefined) {
    throw new NodeFileUnreadableError(config.genesis, 'it names no validators')
  }
  const keys =
    l1 === undefined
      ? fixedValidatorSet(network).validators.map(({ publicKey }) => publicKey)
      : l1.validatorKeys()
  let allowed = new Set(keys.map(peerIdOf))
  let peers = peersIn(config)
  const mesh = await openTlsMesh({
    ...machine,
    identity: {
      publicKey: blsPublicKeyOf(secretKey),
      sign: (message) => blsSign(secretKey, message),
      context: sha256(concat(bigintToBytes(BigInt(network.networkId), 4), genesis.hash)),
    },
    host: p2p.host,
    port: p2p.port,
    isAllowed: (peer) => allowed.has(peer),
    peers,
  })
  l1?.onSet(() => {
    allowed = new Set(l1.validatorKeys().map(peerIdOf))
    try {
      peers = peersIn(readConfig(directory))
    } catch (error) {
      machine.logger.warn('the peers cannot be read anew; those before stay', { error })
    }
    mesh.setPeers(peers)
  })
  return mesh
}

function peersIn({ p2p }: NodeConfig): readonly PeerAddress[] {
  const peers = p2p?.peers ?? []
  return peers.map(({ publicKey, host, port }) => ({ peer: peerIdOf(publicKey), host, port }))
}

async function openMetrics(
  { metrics: endpoint }: NodeConfig,
  { metrics }: Machine,
  undo: Undo,
): Promise<number | undefined> {
  if (endpoint === undefined) return undefined
  const server = await serveMetrics({ metrics, ...endpoint })
  undo.push(() => server.close())
  return server.port
}

async function openRpc(
  { rpc }: NodeConfig,
  { view, simulator }: OpenedNode,
  { clock, logger }: Machine,
  undo: Undo,
): Promise<number> {
  const server = await startRpcServer({
    methods: rpcMethods(view, { clock, clientVersion, ...(simulator && { simulator }) }),
    clock,
    ...rpc,
    onInternalError: (method, error) => logger.error('A request failed', { method, error }),
  })
  undo.push(() => server.close())
  return server.port
}

/** The stake of the network lies on an L1, and the configuration names no endpoint of it. */
export class L1MissingError extends ZgError<'CHAIN_L1_MISSING'> {
  constructor(genesis: string) {
    const why = `"${genesis}" leaves its validators to L1, and no [l1] says where that is`
    const message = `Cannot run this network: ${why}`
    super('CHAIN_L1_MISSING', message, { genesis })
  }
}

export class NodeFileUnreadableError extends ZgError<'CHAIN_NODE_FILE_UNREADABLE'> {
  constructor(path: string, problem: string, cause?: unknown) {
    const message = `Cannot read "${path}": ${problem}`
    super('CHAIN_NODE_FILE_UNREADABLE', message, { path, problem }, cause)
  }
}
