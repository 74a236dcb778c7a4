/**
 * The keeper of a world: what nobody must do and somebody should. Of each network it brings
 * certificates, Outbox roots and claims to L1, and reports what may not be signed; it is trusted
 * with nothing, and any number of them may run beside each other.
 *
 *     keeper.json ──► per network:  L1Follower ──► sets
 *                                   NetworkRelayer ──► certificates, roots, claims ──┐
 *                                   EvidenceWatcher ─► SlashingReporter ─────────────┴─► L1Sender
 */

import { blsScheme } from '@zg/consensus'
import type { NetworkIdentity } from '@zg/consensus'
import { assert, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'
import {
  EvidenceWatcher,
  JsonRpcEndpoint,
  JsonRpcL1Chain,
  JsonRpcNetworkEndpoint,
  L1Follower,
  L1Sender,
  NetworkRelayer,
  SlashingReporter,
} from '@zg/staking'

import type { L1Site } from './l1-site.ts'

/** Fees are never offered above this, in wei a gas. */
const feePerGasMax = 500_000_000_000n

/** How old the newest certificate on L1 may be before another is brought for its own sake. */
const certificateSeconds = 60n

/** Between two certificates that the Outbox asks for. */
const outboxSeconds = 5n

/** Entries worth less are left to those they are for. */
const amountMinWei = 10n ** 15n

/** Between two looks at a network. */
const pollMs = 2_000

export type KeptNetwork = {
  readonly id: number
  readonly genesisHash: Hex
  /** JSON-RPC of the network, and of each node whose statements are watched. */
  readonly rpc: string
  readonly nodes: readonly string[]
}

/** What `keeper.json` holds. */
export type KeeperConfig = {
  readonly l1: { readonly rpc: string; readonly chainId: number; readonly site: L1Site }
  readonly networks: readonly KeptNetwork[]
  /** The file with the secret key, in hex, that pays for gas on L1; beside this one. */
  readonly keyFile: string
}

export type Keeper = { stop(): Promise<void> }

/**
 * Starts the keeper.
 *
 * @param secretKey - 32 bytes; nobody else sends with it on L1.
 */
export function startKeeper(
  { l1, networks }: KeeperConfig,
  secretKey: Uint8Array,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Keeper {
  const chain = new JsonRpcL1Chain({ url: l1.rpc })
  const chainId = BigInt(l1.chainId)
  const sending = { depth: 1, feePerGasMax, pollMs: 500 }
  const sender = new L1Sender({ chain, chainId, secretKey, clock, log: logger, ...sending })
  const kept = networks.map((network) =>
    keepNetwork({ l1, network, chain, sender }, { clock, logger }),
  )
  return {
    async stop() {
      await Promise.all(kept.map((each) => each.stop()))
    },
  }
}

function keepNetwork(
  context: {
    readonly l1: KeeperConfig['l1']
    readonly network: KeptNetwork
    readonly chain: JsonRpcL1Chain
    readonly sender: L1Sender
  },
  { clock, logger: log }: { readonly clock: Clock; readonly logger: Logger },
): Keeper {
  const { l1, network, chain, sender } = context
  const { epochStart, epochSeconds, fromBlock = 0 } = l1.site
  const at = (name: string): bigint => addressIn(l1.site, name)
  const epochs = { start: BigInt(epochStart), length: BigInt(epochSeconds) }
  const contracts = {
    networkRegistry: at('NetworkRegistry'),
    operatorRegistry: at('OperatorRegistry'),
    inbox: at('Inbox'),
  }
  const { id: networkId } = network
  const endpoint = new JsonRpcEndpoint({ url: l1.rpc, inbox: contracts.inbox })
  const shared = { clock, pollMs, log }
  const follower = new L1Follower({
    ...shared,
    endpoint,
    contracts,
    networkId,
    fromBlock: BigInt(fromBlock),
    epochs,
  })
  const identity = identityOf(l1, network)
  const validatorSet = (epoch: bigint) => follower.validatorSet(epoch)
  const relayer = new NetworkRelayer({
    ...shared,
    endpoint: new JsonRpcNetworkEndpoint({ url: network.rpc }),
    chain,
    sender,
    contracts: { finalityOracle: at('FinalityOracle'), rewardBridge: at('RewardBridge') },
    identity,
    sets: validatorSet,
    epochs,
    intervalSeconds: certificateSeconds,
    outboxSeconds,
    amountMinWei,
  })
  const watcher = new EvidenceWatcher({
    ...shared,
    nodes: network.nodes.map((url) => ({
      name: url,
      endpoint: new JsonRpcNetworkEndpoint({ url }),
    })),
    context: { scheme: blsScheme(), identity, validatorSet },
    sink: new SlashingReporter({
      chain,
      sender,
      address: at('SlashingManager'),
      networkId,
      validatorSet,
      log,
    }),
  })
  const loops = [follower, relayer, watcher]
  for (const loop of loops) loop.start()
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

function identityOf(
  { chainId, site }: KeeperConfig['l1'],
  { id: networkId, genesisHash }: KeptNetwork,
): NetworkIdentity {
  return {
    l1ChainId: BigInt(chainId),
    stakingContract: fromHex(site.contracts['StakeManager'] as Hex),
    networkId,
    genesisHash: fromHex(genesisHash),
  }
}

function addressIn({ contracts }: L1Site, name: string): bigint {
  const address = contracts[name]
  assert(address !== undefined, `the site of L1 names ${name}`)
  return BigInt(address)
}
