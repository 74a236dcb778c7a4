/**
 * An open node put together: it follows a network without a vote, serves JSON-RPC and other open
 * nodes, and passes transactions on.
 *
 *     RPC ──► pool ◄──► relay ◄──┐
 *              │                  open network (@zg/p2p/open), and the RPC of validators behind
 *     engine ◄── application ◄── follower
 *        └── chain database, ledger: one store
 *
 * It begins at the genesis, or with a state (beginning.ts), and takes no other history than that of
 * the block that L1 knew then. Each step is durable before the next, so a killed node goes on where
 * it was.
 */

import { Ledger } from '@zg/consensus'
import type { ConsensusHeader, SignatureScheme, L1View } from '@zg/consensus'
import type { OpenNetwork } from '@zg/p2p/open'
import { ZgError } from '@zg/primitives'
import type { Clock, KeyValueStore, Logger, Metrics } from '@zg/runtime'

import { encodePayload } from '../block-codec.ts'
import { BuiltInEngine } from '../built-in-engine.ts'
import { ChainDatabase } from '../chain-database.ts'
import { observeChain } from '../chain-metrics.ts'
import type { FinalityReader, NodeView } from '../chain-view.ts'
import { ConsensusApplication } from '../consensus-application.ts'
import { finalityReaderOf, historyReaderOf } from '../finality-view.ts'
import type { Genesis } from '../genesis.ts'
import { fixedGasLimitOf } from '../governed-parameters.ts'
import type { Mempool } from '../mempool.ts'
import type { SenderRecovery } from '../sender-recovery.ts'
import {
  consensusGenesisOf,
  GenesisWithoutNetworkError,
  knownStateHeight,
  openPool,
} from '../validator-node.ts'
import { takeState } from './beginning.ts'
import type { Start } from './beginning.ts'
import { keptKnownBlock } from './known-block.ts'
import type { KnownBlock } from './known-block.ts'
import { genesisLedgerBlock, OpenFollower } from './open-follower.ts'
import type { BlockSource } from './open-follower.ts'
import { decodeQuestion } from './open-messages.ts'
import type { OpenQuestion } from './open-messages.ts'
import { OpenPeers } from './open-peers.ts'
import { PacedAnswers } from './paced-answers.ts'
import { answerBlocks, answerQuestion, keptStateHeight } from './responder.ts'
import type { OpenSource } from './responder.ts'
import { firstHeightOf } from './snapshot-sync.ts'
import { TransactionRelay } from './transaction-relay.ts'

/** How long a node waits for others. */
export type OpenNodePace = {
  /** How often each peer is asked for its status. */
  readonly statusMs: number
  /** How long peers may offer a state, from the first status on, before one is chosen. */
  readonly offerWaitMs: number
  /** How long L1, and peers that hold a state, are waited for. */
  readonly patienceMs: number
}

export const openNodePaceDefault: OpenNodePace = {
  statusMs: 3_000,
  offerWaitMs: 2_000,
  patienceMs: 30_000,
}

/** A validator that this node stands in front of. */
export type Upstream = {
  source(): BlockSource
  forward(transactions: readonly Uint8Array[]): void
}

export type OpenNodeOptions = {
  readonly genesis: Genesis
  readonly l1View: L1View
  /** The epoch the genesis block stands in. @default 0n */
  readonly firstEpoch?: bigint
  readonly scheme: SignatureScheme
  readonly store: KeyValueStore
  readonly network: OpenNetwork
  /** Validators this node stands in front of. */
  readonly upstreams: readonly Upstream[]
  /** Where an empty store begins. */
  readonly start: Start
  /** What L1 knows; undefined while no block of it is believed. Absent where no L1 is followed. */
  readonly knownBlock?: (() => Promise<KnownBlock | undefined>) | undefined
  /** How high L1 knows the network while the node runs; as `ValidatorNodeOptions` has it. */
  readonly knownHeight?: (() => bigint | undefined) | undefined
  /** Blocks between two states that are set aside for who begins. */
  readonly snapshotIntervalBlocks: number
  readonly recovery: SenderRecovery
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly archive: boolean
  readonly pace: OpenNodePace
}

export type OpenNode = {
  readonly view: NodeView
  readonly chain: ChainDatabase
  readonly pool: Mempool
  /**
   * The consensus header of a final height; below the state this node began with it is asked of
   * peers and proved by the history of the head. Undefined when nobody has it.
   */
  provedHeader(height: bigint): Promise<ConsensusHeader | undefined>
  /** Ends all but what was given. */
  stop(): Promise<void>
}

/**
 * Opens a node and follows its network; with a snapshot it resolves once the state is here.
 *
 * @param onFailure - Told when the node cannot go on: its process should end.
 * @throws {GenesisWithoutNetworkError} `CHAIN_GENESIS_WITHOUT_NETWORK`; `CHAIN_GENESIS_MISMATCH`;
 *   what `takeState` throws.
 */
export async function openOpenNode(
  options: OpenNodeOptions,
  onFailure: (error: unknown) => void,
): Promise<OpenNode> {
  const { genesis, network, clock, logger, l1View, scheme } = options
  if (genesis.network === undefined) throw new GenesisWithoutNetworkError()
  const consensusGenesis = consensusGenesisOf(genesis, genesis.network, options.firstEpoch)
  const { statusMs, ...waits } = options.pace
  const peers = new OpenPeers({
    network,
    genesis: consensusGenesis,
    scheme,
    l1View,
    clock,
    logger,
    statusMs,
  })
  try {
    const genesisBlock = genesisLedgerBlock(consensusGenesis)
    await takeState({ ...options, ...waits, genesisBlock }, peers)
    return await openFollowing(options, peers, onFailure)
  } catch (error) {
    peers.close()
    throw error
  }
}

async function openFollowing(
  options: OpenNodeOptions,
  peers: OpenPeers,
  onFailure: (error: unknown) => void,
): Promise<OpenNode> {
  const { network, l1View, scheme, clock, logger, metrics, upstreams } = options
  const parts = await openChain(options)
  const { chain, pool, application, ledger, networkId } = parts
  const source: OpenSource = { ...parts, l1View, ...limitsOf(options) }
  const unpin = pinStates(source, options.knownHeight)
  const paced = new PacedAnswers(clock)
  network.onRequest(async (from, message) => {
    const question = readQuestion(network, from, message)
    return question && paced.answer(() => answerQuestion(source, question))
  })
  const relay = new TransactionRelay({
    network,
    pool,
    clock,
    forward: (transactions) => upstreams.forEach((upstream) => upstream.forward(transactions)),
  })
  peers.onTransactions((from, transactions) => relay.receive(from, transactions))
  const above = upstreams.map((upstream) => upstream.source())
  const follower = new OpenFollower({
    ledger,
    application,
    genesis: parts.consensusGenesis,
    scheme,
    l1View,
    clock,
    logger,
    sources: () => [...above, ...peers.sources()],
    boundaryBlocks: source.snapshotIntervalBlocks,
    known: keptKnownBlock(options.store),
    onFinal: (certificate) => peers.announce(certificate),
    onFailure,
  })
  peers.onNews(() => follower.wake())
  observeChain({ chain, pool, validator: undefined, metrics })
  follower.start()
  const finality = followerFinality(source, networkId)
  const peerCount = (): number => network.peers().length
  return {
    view: { chain, pool, networkId, peerCount, finality, dev: undefined },
    chain,
    pool,
    provedHeader: (height) => provedHeader(source, peers, height),
    async stop() {
      unpin()
      peers.close()
      relay.close()
      await follower.stop()
    },
  }
}

/** Keeps the states that are offered readable, and those from the block on that L1 knows. */
function pinStates(
  { chain, snapshotIntervalBlocks }: OpenSource,
  knownHeight: OpenNodeOptions['knownHeight'],
): () => void {
  const pin = (): void => {
    const offered = keptStateHeight(chain.headNumber(), snapshotIntervalBlocks) ?? Infinity
    const known = knownHeight === undefined ? Infinity : knownStateHeight(chain, knownHeight())
    const lowest = Math.min(offered, known)
    chain.states.pin(lowest === Infinity ? undefined : lowest)
  }
  pin()
  return chain.onHead(pin)
}

function followerFinality(source: OpenSource, networkId: number): FinalityReader {
  const { chain, ledger } = source
  return finalityReaderOf(
    {
      chain: (fromHeight, count) => answerBlocks(source, { fromHeight, count }),
      ...historyReaderOf(source),
      // It hears no votes.
      evidence: () => [],
      // Certificates of views stay with the validators.
      certificates: () => [],
      finalityCertificate: (height) => {
        const wanted = height === 'latest' ? ledger.certifiedHeight : height
        return wanted > BigInt(chain.headNumber()) ? undefined : ledger.finalityCertificate(wanted)
      },
    },
    networkId,
  )
}

/** The header of a final height: from the ledger, or from a peer with its proof. */
async function provedHeader(
  { chain, ledger, firstHeight }: OpenSource,
  peers: OpenPeers,
  height: bigint,
): Promise<ConsensusHeader | undefined> {
  const head = ledger.block(BigInt(chain.headNumber()))
  if (head === undefined || height > head.header.height) return undefined
  if (height >= firstHeight) return ledger.block(height)?.header
  const { histRoot, height: under } = head.header
  return peers.provedHeader({ height, histRoot }, under)
}

async function openChain(options: OpenNodeOptions) {
  const { genesis, store, archive, recovery, clock, logger } = options
  const { network: parameters } = genesis
  if (parameters === undefined) throw new GenesisWithoutNetworkError()
  const chain = await ChainDatabase.open({ genesis, store, archive })
  const pool = openPool(chain, { recovery, clock })
  const { subSecond, networkId } = parameters
  const engine = new BuiltInEngine({ chain, pool, recovery, clock, subSecond })
  const application = new ConsensusApplication({
    engine,
    blocks: {
      finalHead: () => ({ number: chain.headNumber(), hash: chain.head().hash }),
      payloadOf: (hash) => {
        const staged = engine.stagedBlock(hash)
        return staged === undefined ? chain.payloadOf(hash) : encodePayload(staged)
      },
      discard: (hash) => engine.discard(hash),
      hasPending: () => pool.hasPending(),
    },
    gasLimit: fixedGasLimitOf(genesis),
    logger,
  })
  const consensusGenesis = consensusGenesisOf(genesis, parameters, options.firstEpoch)
  return { chain, pool, application, ledger: new Ledger(store), consensusGenesis, networkId }
}

function limitsOf({ store, snapshotIntervalBlocks }: OpenNodeOptions) {
  return { firstHeight: firstHeightOf(store), snapshotIntervalBlocks }
}

function readQuestion(
  network: OpenNetwork,
  from: string,
  message: Uint8Array,
): OpenQuestion | undefined {
  try {
    return decodeQuestion(message)
  } catch (error) {
    if (!(error instanceof ZgError)) throw error
    network.ban(from, error.message)
    return undefined
  }
}
