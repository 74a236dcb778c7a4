/**
 * A validator put together from its parts, whatever clock, network, disk and store it is given: the
 * process gives it real ones, tests and the simulator simulated ones.
 *
 *     RPC --> pool <--> gossip ----\
 *              |                    mesh
 *              v                    |
 *     engine <-- application <-- consensus
 *        \-- chain database (blocks and state, one store)
 */

import {
  consensusRoot,
  genesisHeader,
  Ledger,
  localSigner,
  Validator,
  viewWithoutL1,
} from '@zg/consensus'
import type { ConsensusGenesis, L1View, SignatureScheme } from '@zg/consensus'
import { nextBaseFee } from '@zg/evm'
import { assert, ZgError } from '@zg/primitives'
import type { Clock, Disk, KeyValueStore, Logger, Metrics, Network, Rng } from '@zg/runtime'

import { encodePayload } from './block-codec.ts'
import { BuiltInEngine } from './built-in-engine.ts'
import { ChainDatabase } from './chain-database.ts'
import { observeChain } from './chain-metrics.ts'
import type { FinalityReader, NodeView } from './chain-view.ts'
import { ConsensusApplication } from './consensus-application.ts'
import { finalityReaderOf, historyReaderOf } from './finality-view.ts'
import type { FinalitySource } from './finality-view.ts'
import { fixedGasLimitOf } from './governed-parameters.ts'
import { HeardEvidence } from './heard-evidence.ts'
import type { Genesis } from './genesis.ts'
import { feesOf } from './header-rules.ts'
import { Mempool } from './mempool.ts'
import { splitNetwork } from './network-channels.ts'
import { fixedValidatorSet } from './network-parameters.ts'
import type { NetworkParameters } from './network-parameters.ts'
import { answerBlocks } from './open/responder.ts'
import type { SenderRecovery } from './sender-recovery.ts'
import { TransactionGossip } from './transaction-gossip.ts'

/** How far below the head the state is kept of the newest block that L1 knows, in blocks. */
export const pinnedStatesMax = 8_192

/** A leader that idles hears of new transactions at most this often. */
const wakeIntervalMs = 20

export type ValidatorNodeOptions = {
  readonly genesis: Genesis
  /** 32 bytes: the operator's key in the genesis set. */
  readonly secretKey: Uint8Array
  /** Keys of the operator in other epochs, former and coming ones. */
  readonly otherSecretKeys?: readonly Uint8Array[]
  /** This node's view of L1; absent in a network without one, whose genesis set votes for ever. */
  readonly l1View?: L1View
  /** The epoch the genesis block stands in, as L1's NetworkRegistry has it. @default 0n */
  readonly firstEpoch?: bigint
  readonly scheme: SignatureScheme
  readonly store: KeyValueStore
  /** Holds the vote log. */
  readonly disk: Disk
  readonly network: Network
  readonly recovery: SenderRecovery
  readonly clock: Clock
  readonly rng: Rng
  readonly logger: Logger
  readonly metrics: Metrics
  /** The newest block of the network that L1 knows, while that is known; absent without an L1. */
  readonly knownHeight?: () => bigint | undefined
  /** @default false */
  readonly archive?: boolean
  /** How many final states stay readable in any case. @default 128 */
  readonly retainedStates?: number
  /** From when on it votes whose vote log is lost: see `ValidatorOptions` of consensus. */
  readonly voteFromEpoch?: bigint
}

export type ValidatorNode = {
  readonly view: NodeView
  readonly chain: ChainDatabase
  readonly pool: Mempool
  readonly validator: Validator
  /** Ends all but what was given. */
  stop(): Promise<void>
}

/**
 * Opens a validator and joins its network.
 *
 * @param onFailure - Told when the node cannot go on: its process should end.
 * @throws {GenesisWithoutNetworkError} `CHAIN_GENESIS_WITHOUT_NETWORK`; `CHAIN_GENESIS_MISMATCH`,
 *   `CONSENSUS_WAL_CORRUPT`, `CONSENSUS_LEDGER_MISMATCH`.
 */
export async function openValidatorNode(
  options: ValidatorNodeOptions,
  onFailure: (error: unknown) => void,
): Promise<ValidatorNode> {
  const { genesis, store, recovery, clock, logger, metrics, archive = false } = options
  const { knownHeight, retainedStates } = options
  const { network: parameters } = genesis
  if (parameters === undefined) throw new GenesisWithoutNetworkError()
  const kept = { archive, ...(retainedStates !== undefined && { retainedStates }) }
  const chain = await ChainDatabase.open({ genesis, store, ...kept })
  if (knownHeight !== undefined) pinKnownState(chain, knownHeight)
  const pool = openPool(chain, { recovery, clock })
  const { subSecond } = parameters
  const { l1View = viewWithoutL1(fixedValidatorSet(parameters)) } = options
  const engine = new BuiltInEngine({ chain, pool, recovery, clock, subSecond })
  const application = new ConsensusApplication({
    engine,
    blocks: blockSourceOf(chain, pool, engine),
    gasLimit: fixedGasLimitOf(genesis),
    logger,
  })
  const channels = splitNetwork(options.network)
  const validator = await openValidator(options, parameters, {
    application,
    l1View,
    network: channels.consensus,
  })
  validator.onFailure(onFailure)
  const gossip = new TransactionGossip({ network: channels.gossip, pool, clock })
  const wake = wakeOnPending(pool, validator, clock)
  observeChain({ chain, pool, validator, metrics })
  const finality = finalityOf(validator, { chain, store, l1View, parameters })
  validator.start()
  return {
    view: {
      chain,
      pool,
      // An L1 signs no finality votes: the one thing that tells the two kinds of chain apart.
      networkId: parameters.finalityVotes ? parameters.networkId : undefined,
      peerCount: () => options.network.peers().length,
      finality,
      dev: undefined,
    },
    chain,
    pool,
    validator,
    async stop() {
      wake.stop()
      gossip.close()
      await validator.stop()
    },
  }
}

/** Keeps the state of the block that L1 knows: what L1 is still shown is proved from it. */
function pinKnownState(chain: ChainDatabase, knownHeight: () => bigint | undefined): void {
  const pin = (): void => chain.states.pin(knownStateHeight(chain, knownHeight()))
  pin()
  chain.onHead(pin)
}

/** The lowest height whose state is kept for what L1 is still shown. */
export function knownStateHeight(chain: ChainDatabase, known: bigint | undefined): number {
  // As long as L1 has not said, it may be any.
  return Math.max(Number(known ?? 0n), chain.headNumber() - pinnedStatesMax)
}

function finalityOf(
  validator: Validator,
  options: {
    readonly chain: ChainDatabase
    readonly store: KeyValueStore
    readonly l1View: L1View
    readonly parameters: NetworkParameters
  },
): FinalityReader {
  const { chain, store, l1View, parameters } = options
  // The validator's own is its secret; what is asked here is read from the store each time.
  const ledger = new Ledger(store)
  const heard = new HeardEvidence()
  validator.onEvidence((evidence) => heard.add(evidence))
  const source: FinalitySource = {
    finalityCertificate: (height) => validator.finalityCertificate(height),
    certificates: (...views) => validator.certificates(...views),
    chain: (fromHeight, count) => answerBlocks({ chain, ledger, l1View }, { fromHeight, count }),
    ...historyReaderOf({ chain, ledger }),
    evidence: () => heard.newest(),
  }
  return finalityReaderOf(source, parameters.networkId)
}

/** A pool over the chain's final head. */
export function openPool(
  chain: ChainDatabase,
  { recovery, clock }: { recovery: SenderRecovery; clock: Clock },
): Mempool {
  return new Mempool({ config: chain.config, recovery, clock, head: poolHeadOf(chain) })
}

/** The chain's final head as a pool needs it. */
export function poolHeadOf(chain: ChainDatabase) {
  const { header, hash } = chain.head()
  const state = chain.stateAt(hash)
  assert(state !== undefined, 'the state of the head is readable')
  return { header, state, nextBaseFee: nextBaseFee(feesOf(header)) }
}

function openValidator(
  options: ValidatorNodeOptions,
  parameters: NetworkParameters,
  seams: { application: ConsensusApplication; l1View: L1View; network: Network },
): Promise<Validator> {
  const { genesis, scheme, secretKey, clock, rng, disk, store, logger, metrics } = options
  const { otherSecretKeys = [], voteFromEpoch } = options
  return Validator.open({
    genesis: consensusGenesisOf(genesis, parameters, options.firstEpoch),
    parameters,
    ...seams,
    clock,
    rng,
    disk,
    store,
    scheme,
    signers: [secretKey, ...otherSecretKeys].map((key) => localSigner(scheme, key)),
    log: logger,
    metrics,
    ...(voteFromEpoch !== undefined && { voteFromEpoch }),
  })
}

/** What consensus calls the genesis. */
export function consensusGenesisOf(
  genesis: Genesis,
  parameters: NetworkParameters,
  firstEpoch = 0n,
): ConsensusGenesis {
  const { l1ChainId, stakingContract, networkId } = parameters
  return {
    identity: { l1ChainId, stakingContract, networkId, genesisHash: genesis.hash },
    epoch: firstEpoch,
    timestampMs: genesis.header.timestamp * 1_000,
  }
}

/** The consensusRoot of height 0, as NetworkRegistry has it. */
export function genesisConsensusRoot(genesis: Genesis, firstEpoch: bigint): Uint8Array {
  if (genesis.network === undefined) throw new GenesisWithoutNetworkError()
  return consensusRoot(genesisHeader(consensusGenesisOf(genesis, genesis.network, firstEpoch)))
}

function blockSourceOf(chain: ChainDatabase, pool: Mempool, engine: BuiltInEngine) {
  return {
    finalHead: () => ({ number: chain.headNumber(), hash: chain.head().hash }),
    payloadOf: (hash: Uint8Array) => {
      const staged = engine.stagedBlock(hash)
      return staged === undefined ? chain.payloadOf(hash) : encodePayload(staged)
    },
    discard: (hash: Uint8Array) => engine.discard(hash),
    hasPending: () => pool.hasPending(),
  }
}

function wakeOnPending(pool: Mempool, validator: Validator, clock: Clock): { stop(): void } {
  let isArmed = false
  let isStopped = false
  const unsubscribe = pool.onPending(() => {
    if (isArmed) return
    isArmed = true
    clock.setTimer(wakeIntervalMs, () => {
      isArmed = false
      if (!isStopped) validator.wake()
    })
  })
  return {
    stop() {
      isStopped = true
      unsubscribe()
    },
  }
}

export class GenesisWithoutNetworkError extends ZgError<'CHAIN_GENESIS_WITHOUT_NETWORK'> {
  constructor() {
    const message = 'Cannot run a validator: the genesis has no "zg" section with validators'
    super('CHAIN_GENESIS_WITHOUT_NETWORK', message)
  }
}
