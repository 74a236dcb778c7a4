/**
 * The keeper of a world: what nobody must do and somebody should. Of each network it brings
 * certificates, Outbox roots, claims and how full its epochs were to L1, and to it what L1 and its
 * own certificates say; it reports what may not be signed, and has networks opened and ended by
 * load. It is trusted with nothing, and any number of them may run beside each other. Of L1 it asks
 * as many endpoints as it is given.
 *
 *     keeper.json ──► per network:  L1Follower ──► sets
 *                                   NetworkRelayer ──► certificates, roots, claims ──┐
 *                                     with LoadKeeper: loads of epochs ──────────────┤
 *                                   EvidenceWatcher ─► SlashingReporter ─────────────┼─► L1Sender
 *                     of them all:  ScaleKeeper ─────► spawn, drain, end, close ─────┘
 *                     per network:  NetworkKeeper ───► sets, rewards, messages ────────► its own
 */

import { blsScheme } from '@zg/consensus'
import type { NetworkIdentity } from '@zg/consensus'
import { assert, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createLogger, createSystemClock } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'
import {
  EvidenceWatcher,
  Failover,
  FailoverChain,
  JsonRpcEndpoint,
  JsonRpcL1Chain,
  JsonRpcNetworkEndpoint,
  L1Follower,
  L1Sender,
  LoadKeeper,
  NetworkKeeper,
  NetworkRelayer,
  ScaleKeeper,
  SlashingReporter,
} from '@zg/staking'

import type { DevnetFile } from './devnet-file.ts'
import type { L1Site } from './l1-site.ts'
import { LaterNetworks } from './later-networks.ts'

/** Fees are never offered above this, in wei a gas. */
const feePerGasMax = 500_000_000_000n

/** How old the newest certificate on L1 may be before another is brought for its own sake. */
const certificateSeconds = 60n

/** Between two certificates that the Outbox asks for. */
const outboxSeconds = 5n

/** Entries worth less are left to those they are for. */
const amountMinWei = 10n ** 15n

/** An operator's reward is claimed before its epochs are over once it is so much. */
const claimWei = 10n ** 18n

/** Between two looks at a network. */
const pollMs = 4_000

export type KeptNetwork = {
  readonly id: number
  readonly chainId: number
  readonly genesisHash: Hex
  /** JSON-RPC of the network, and of each node whose statements are watched. */
  readonly rpc: string
  readonly nodes: readonly string[]
}

/** What is kept. */
export type KeeperPlan = {
  readonly l1: {
    /** JSON-RPC of each of its endpoints, one at least. */
    readonly rpcs: readonly string[]
    readonly chainId: number
    readonly site: L1Site
  }
  readonly networks: readonly KeptNetwork[]
  /** Networks that this keeper does not drain, however idle; a world's first ones stay. */
  readonly spared: readonly number[]
}

/** What `keeper.json` holds. */
export type KeeperConfig = KeeperPlan & {
  /** The file with the secret key, in hex, that pays for gas on all chains; beside this one. */
  readonly keyFile: string
}

export type Keeper = {
  /** Keeps one more network, if it is not kept yet; those before it bring its messages, too. */
  serve(network: KeptNetwork): void
  stop(): Promise<void>
}

/**
 * Starts the keeper.
 *
 * @param secretKey - 32 bytes; nobody else sends with it.
 */
export function startKeeper(
  { l1, networks, spared }: KeeperPlan,
  secretKey: Uint8Array,
  {
    clock,
    logger,
    givesOut = false,
  }: {
    readonly clock: Clock
    readonly logger: Logger
    /** Whether networks are granted what the curve released, and closes of our own paid. */
    readonly givesOut?: boolean
  },
): Keeper {
  const chains = l1.rpcs.map((url) => new JsonRpcL1Chain({ url }))
  const chain = new FailoverChain(new Failover(chains, { clock }))
  const chainId = BigInt(l1.chainId)
  const sending = { secretKey, clock, log: logger, depth: 1, feePerGasMax, pollMs: 500 }
  const sender = new L1Sender({ ...sending, chain, chainId })
  const machine = { clock, logger }
  const kept = new Map<number, KeptParts>()
  const serve = (network: KeptNetwork): void => {
    if (kept.has(network.id)) return
    const seen = seeNetwork(l1, network, machine)
    const there = new JsonRpcL1Chain({ url: network.rpc })
    const id = BigInt(network.chainId)
    const ownSender = new L1Sender({ ...sending, chain: there, chainId: id })
    const before = [...kept.values()]
    const others = before.map((each) => each.network)
    const emission = givesOut ? emissionOf(l1.site) : undefined
    const parts = { network: seen, others, chain, sender, there, ownSender, emission }
    for (const { keeper } of before) keeper.meet(seen)
    kept.set(network.id, keepNetwork(parts))
  }
  for (const network of networks) serve(network)
  const { epochStart, epochSeconds } = l1.site
  const scaler = new ScaleKeeper({
    chain,
    sender,
    contracts: contractsOf(l1.site),
    epochs: { start: BigInt(epochStart), length: BigInt(epochSeconds) },
    spared,
    clock,
    pollMs,
    log: logger,
  })
  scaler.start()
  return {
    serve,
    async stop() {
      await Promise.all([scaler, ...kept.values()].map((each) => each.stop()))
    },
  }
}

/** A network, and who follows L1 for it. */
function seeNetwork(
  l1: KeeperPlan['l1'],
  network: KeptNetwork,
  { clock, logger: log }: { readonly clock: Clock; readonly logger: Logger },
) {
  const contracts = contractsOf(l1.site)
  const { epochStart, epochSeconds, fromBlock = 0 } = l1.site
  const { inbox } = contracts
  const endpoints = l1.rpcs.map((url) => new JsonRpcEndpoint({ url, inbox }))
  const epochs = { start: BigInt(epochStart), length: BigInt(epochSeconds) }
  const shared = { contracts, fromBlock: BigInt(fromBlock), epochs, clock, pollMs, log }
  const follower = new L1Follower({ ...shared, endpoints, networkId: network.id })
  return {
    ...network,
    shared,
    l1Endpoints: new Failover(endpoints, { clock }),
    follower,
    endpoint: new JsonRpcNetworkEndpoint({ url: network.rpc }),
    identity: identityOf(l1, network),
    sets: (epoch: bigint) => follower.validatorSet(epoch),
  }
}

type SeenNetwork = ReturnType<typeof seeNetwork>

type KeptParts = {
  readonly network: SeenNetwork
  readonly keeper: NetworkKeeper
  stop(): Promise<void>
}

function keepNetwork(options: {
  readonly network: SeenNetwork
  readonly others: readonly SeenNetwork[]
  /** L1, and who sends there. */
  readonly chain: FailoverChain
  readonly sender: L1Sender
  /** The network, and who sends there. */
  readonly there: JsonRpcL1Chain
  readonly ownSender: L1Sender
  readonly emission: ReturnType<typeof emissionOf> | undefined
}): KeptParts {
  const { network, others, chain, sender, there, ownSender, emission } = options
  const { id: networkId, follower, shared, endpoint, identity, sets } = network
  const known = { ...shared, endpoint, identity, sets }
  const keeper = new NetworkKeeper({
    ...known,
    chain: there,
    sender: ownSender,
    l1: network.l1Endpoints,
    others,
    claimWei,
  })
  const relayer = new NetworkRelayer({
    ...known,
    contracts: { ...shared.contracts, ...(emission && { emission }) },
    chain,
    sender,
    l1: network.l1Endpoints,
    intervalSeconds: certificateSeconds,
    outboxSeconds,
    amountMinWei,
    load: new LoadKeeper({ ...known, chain, sender }),
  })
  const address = shared.contracts.slashingManager
  const reporting = { chain, sender, address, networkId, validatorSet: sets, log: shared.log }
  const watcher = new EvidenceWatcher({
    ...shared,
    nodes: network.nodes.map(watchedNode),
    context: { scheme: blsScheme(), identity, validatorSet: sets },
    sink: new SlashingReporter(reporting),
  })
  const loops = [follower, relayer, watcher, keeper]
  for (const loop of loops) loop.start()
  return {
    network,
    keeper,
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

/** What all parts ask of L1, each for its own. */
function contractsOf(site: L1Site) {
  return {
    networkRegistry: addressIn(site, 'NetworkRegistry'),
    operatorRegistry: addressIn(site, 'OperatorRegistry'),
    inbox: addressIn(site, 'Inbox'),
    finalityOracle: addressIn(site, 'FinalityOracle'),
    rewardBridge: addressIn(site, 'RewardBridge'),
    slashingManager: addressIn(site, 'SlashingManager'),
    networkLoad: addressIn(site, 'NetworkLoad'),
    autoscaler: addressIn(site, 'Autoscaler'),
    parameters: addressIn(site, 'Parameters'),
  }
}

function emissionOf(site: L1Site) {
  return {
    emissionController: addressIn(site, 'EmissionController'),
    alignmentPool: addressIn(site, 'AlignmentPool'),
  }
}

function identityOf(l1: KeeperPlan['l1'], { id, genesisHash }: KeptNetwork): NetworkIdentity {
  return {
    l1ChainId: BigInt(l1.chainId),
    stakingContract: fromHex(l1.site.contracts['StakeManager'] as Hex),
    networkId: id,
    genesisHash: fromHex(genesisHash),
  }
}

function watchedNode(url: string) {
  return { name: url, endpoint: new JsonRpcNetworkEndpoint({ url }) }
}

function addressIn({ contracts }: L1Site, name: string): bigint {
  const address = contracts[name]
  assert(address !== undefined, `the site of L1 names ${name}`)
  return BigInt(address)
}

/**
 * Keeps networks from a terminal: each deed is told; the clock is the machine's.
 *
 * @param readWorld - The file of the world that all networks of the plan are of: those that it gets
 *   later are served, too.
 */
export function startRelay(
  {
    plan,
    readWorld,
  }: { readonly plan: KeeperPlan; readonly readWorld?: () => DevnetFile | undefined },
  secretKey: Uint8Array,
  tell: (line: string) => void,
): Pick<Keeper, 'stop'> {
  const log = createLogger({ part: 'relay', level: 'info', write: tell })
  const clock = createSystemClock()
  const keeper = startKeeper(plan, secretKey, { clock, logger: log, givesOut: true })
  if (readWorld === undefined) return keeper
  const serve = (network: KeptNetwork): void => keeper.serve(network)
  const later = new LaterNetworks({ known: plan.networks, read: readWorld, serve, clock, log })
  later.start()
  return {
    async stop() {
      await later.stop()
      await keeper.stop()
    },
  }
}
