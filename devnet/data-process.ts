/**
 * What runs in a process of data availability: some nodes, whose operators it has join the network
 * by their own keys; or the disperser, which pays.
 *
 * To the supervisor it says what became of a node that was struck, and when blobs are taken:
 *
 *     <- { kind: 'strike', node, verb }      kill, pause, resume, restart
 *     -> { kind: 'struck', node, state }     ready, paused, killed
 *     -> { kind: 'open' }
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { encodeHeaderProof, systemContractAddresses } from '@zg/contracts'
import { httpNodeClient, openChain, openDisperserHost, openDuties, openNodeHost } from '@zg/da'
import type {
  CallSender,
  ChainPlace,
  MixReader,
  NodeHost,
  NodeHostOptions,
  ProvedMix,
} from '@zg/da'
import { addressOfSecretKey, assert, bigintToHex, fromHex } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'
import {
  DataOperators,
  Failover,
  JsonRpcEndpoint,
  JsonRpcL1Chain,
  JsonRpcNetworkEndpoint,
  KeeperRounds,
  L1Sender,
  OwnHeaders,
} from '@zg/staking'
import type { DataOperator } from '@zg/staking'
import { encodeFunctionData } from 'viem'

import type { ChaosVerb } from './control.ts'
import { accountKeyFileName, blsKeyFileName } from './data-files.ts'
import type { DataConfig, DataNodeConfig, DisperserConfig, NodesConfig } from './data-files.ts'
import { loopback } from './ports.ts'

/** Bytes of rows that a node keeps: a quarter of what all sixteen hold is what was dispersed. */
const nodeQuotaBytes = 536_870_912

/** What one peer may have dispersed without a voucher: all of this machine is one. */
const peerQuotaBytes = 4_294_967_296
const peerQuotaWindowMs = 3_600_000

/** The disperser's escrow: thousands of full batches, at a gwei a byte. */
const escrow = { leastWei: 50n * 10n ** 18n, fullWei: 100n * 10n ** 18n }

/** What the disperser redeems: the fees of some hundred transactions. */
const redeemFromWei = 10n ** 16n
/** What an operator claims: a batch's, for in a local world there are few; its gas may cost more. */
const claimFromWei = 10n ** 12n

/** Fees are never offered above this, in wei a gas. */
const feePerGasMax = 500_000_000_000n

/** What blocks have drawn that is remembered. */
const mixesMax = 256
/** How long a header of the network is the one that others are proved by. */
const anchorFreshMs = 1_000

export type NodeState = 'ready' | 'paused' | 'killed'

/** From the supervisor, and back. */
export type StrikeMessage = {
  readonly kind: 'strike'
  readonly node: number
  readonly verb: ChaosVerb
}
export type StruckMessage = {
  readonly kind: 'struck'
  readonly node: number
  readonly state: NodeState
}
export type OpenMessage = { readonly kind: 'open' }

export type DataProcess = {
  /** Does to a node what chaos asks; undefined where there is no such node. */
  strike(message: StrikeMessage): Promise<StruckMessage | undefined>
  close(): Promise<void>
}

type Machine = { readonly clock: Clock; readonly log: Logger }

/** Opens all doors of a process. */
export function startDataProcess(
  config: DataConfig,
  machine: Machine & { readonly onOpen: () => void },
): Promise<DataProcess> {
  return config.kind === 'nodes' ? startNodes(config, machine) : startDisperser(config, machine)
}

async function startDisperser(
  config: DisperserConfig,
  { clock, log, onOpen }: Machine & { readonly onOpen: () => void },
): Promise<DataProcess> {
  const { folder, grpcPort, altDaPort } = config
  const host = await openDisperserHost({
    clock,
    log,
    onOpen,
    escrow,
    chain: placeOf(config),
    folder,
    secretKey: readKey(join(folder, accountKeyFileName)),
    grpc: { host: loopback, port: grpcPort },
    altDa: { host: loopback, port: altDaPort },
    quotaBytes: peerQuotaBytes,
    quotaWindowMs: peerQuotaWindowMs,
    isAlone: false,
    redeemFromWei,
  })
  return { strike: async () => undefined, close: () => host.close() }
}

async function startNodes(config: NodesConfig, machine: Machine): Promise<DataProcess> {
  const place = placeOf(config)
  const chain = await openChain(place)
  const there = connect(config, machine)
  const client = httpNodeClient(chain.shape)
  const mixes = mixesOf(there, machine)
  const nodes = await Promise.all(
    config.nodes.map(async (node) => {
      const sender = callSender(there.senderOf(node))
      const duties = { chain: await openDuties(place, sender, mixes), client, claimFromWei }
      return new StruckNode(node, { chain, duties }, machine)
    }),
  )
  for (const node of nodes) await node.open()
  const operators = operatorsOf(config, there, machine)
  operators.start()
  return {
    async strike({ node, verb }) {
      const found = nodes.find(({ index }) => index === node)
      return found && { kind: 'struck', node, state: await found.strike(verb) }
    },
    async close() {
      await operators.stop()
      await Promise.all(nodes.map((node) => node.close()))
      client.close()
    },
  }
}

/** A node that may be killed and started again without its process. */
class StruckNode {
  readonly index: number
  readonly #open: () => Promise<NodeHost>
  #host: NodeHost | undefined
  #state: NodeState = 'killed'

  constructor(
    node: DataNodeConfig,
    inside: Required<Pick<NodeHostOptions, 'chain' | 'duties'>>,
    { clock, log }: Machine,
  ) {
    const { index, folder, port } = node
    this.index = index
    this.#open = async () =>
      openNodeHost({
        clock,
        log,
        ...inside,
        folder: join(folder, 'rows'),
        operator: addressOfSecretKey(readKey(join(folder, accountKeyFileName))),
        signingKey: readKey(join(folder, blsKeyFileName)),
        quotaBytes: nodeQuotaBytes,
        host: loopback,
        port,
      })
  }

  async open(): Promise<void> {
    this.#host ??= await this.#open()
    this.#host.resume()
    this.#state = 'ready'
  }

  async close(): Promise<void> {
    await this.#host?.close()
    this.#host = undefined
    this.#state = 'killed'
  }

  async strike(verb: ChaosVerb): Promise<NodeState> {
    if (verb === 'kill' || verb === 'restart') await this.close()
    if (verb === 'resume' || verb === 'restart') await this.open()
    if (verb === 'pause' && this.#host !== undefined) {
      this.#host.pause()
      this.#state = 'paused'
    }
    return this.#state
  }
}

/** The network as operators see it, and how each of them sends there. */
type Connection = {
  readonly chain: JsonRpcL1Chain
  readonly endpoint: JsonRpcNetworkEndpoint
  readonly headers: OwnHeaders
  /** One for an operator: whoever sends by its key takes turns. */
  readonly senderOf: (node: DataNodeConfig) => L1Sender
}

function connect({ chain: { rpc, chainId } }: NodesConfig, { clock, log }: Machine): Connection {
  const chain = new JsonRpcL1Chain({ url: rpc })
  const endpoint = new JsonRpcNetworkEndpoint({ url: rpc })
  const sending = { chain, chainId: BigInt(chainId), depth: 1, feePerGasMax }
  const senders = new Map<number, L1Sender>()
  return {
    chain,
    endpoint,
    headers: new OwnHeaders({ endpoint, chain }),
    senderOf: ({ index, folder }) => {
      const secretKey = readKey(join(folder, accountKeyFileName))
      const known = senders.get(index)
      const sender = known ?? new L1Sender({ ...sending, secretKey, clock, log, pollMs: 250 })
      senders.set(index, sender)
      return sender
    },
  }
}

/** Sends calls of the duties in turn with all else of an operator's. */
function callSender(sender: L1Sender): CallSender {
  return {
    async send({ address, abi, functionName, args, value = 0n }) {
      const data = fromHex(encodeFunctionData({ abi, functionName, args: [...args] }))
      await sender.send({ to: BigInt(address), data, value })
    },
  }
}

/** What blocks of the network have drawn, once a header that its own contracts know is above. */
function mixesOf({ endpoint, headers }: Connection, { clock }: Machine): MixReader {
  let asked:
    | { readonly atMs: number; readonly anchor: ReturnType<OwnHeaders['anchor']> }
    | undefined
  // By height: the nodes of a process ask for the same ones.
  const known = new Map<bigint, ProvedMix>()
  return async (height) => {
    const before = known.get(height)
    if (before !== undefined) return before
    if (asked === undefined || clock.nowMs() - asked.atMs > anchorFreshMs) {
      asked = { atMs: clock.nowMs(), anchor: headers.anchor() }
    }
    const anchor = await asked.anchor
    if (anchor === undefined || anchor.header.height < height) return undefined
    const header = await endpoint.header(height)
    if (header === undefined) return undefined
    const proof = async () => encodeHeaderProof(await headers.proofOf(anchor, header))
    const found = { mix: header.mix, proof }
    known.set(height, found)
    if (known.size > mixesMax) known.delete(known.keys().next().value!)
    return found
  }
}

/** Has the nodes' operators be where L1 says. */
function operatorsOf(
  { l1, nodes }: NodesConfig,
  { chain, headers, senderOf }: Connection,
  { clock, log }: Machine,
): DataOperators {
  const { contracts, epochStart, epochSeconds } = l1.site
  const addressOf = (name: string): bigint => {
    const address = contracts[name]
    assert(address !== undefined, `the site of L1 names ${name}`)
    return BigInt(address)
  }
  const rounds = new KeeperRounds({
    headers,
    l1: new Failover([new JsonRpcEndpoint({ url: l1.rpc, inbox: addressOf('Inbox') })], { clock }),
    contracts: {
      networkRegistry: addressOf('NetworkRegistry'),
      operatorRegistry: addressOf('OperatorRegistry'),
      finalityOracle: addressOf('FinalityOracle'),
    },
    epochs: { start: BigInt(epochStart), length: BigInt(epochSeconds) },
  })
  const operators = nodes.map((node): DataOperator => {
    return {
      operator: addressOfSecretKey(readKey(join(node.folder, accountKeyFileName))),
      sender: senderOf(node),
      url: `http://${loopback}:${node.port}`,
    }
  })
  return new DataOperators({ rounds, chain, operators, clock, log })
}

function placeOf({ chain, l1 }: Pick<NodesConfig, 'chain' | 'l1'>): ChainPlace {
  const stakeManager = l1.site.contracts['StakeManager']
  assert(stakeManager !== undefined, 'the site of L1 names StakeManager')
  return {
    rpc: chain.rpc,
    entrance: bigintToHex(systemContractAddresses.DataEntrance, 20),
    retentionEpochs: BigInt(chain.retentionEpochs),
    // A block of a network is final once it is shown.
    finality: 'latest',
    identity: {
      l1ChainId: BigInt(l1.chainId),
      stakingContract: fromHex(stakeManager),
      networkId: chain.networkId,
      genesisHash: fromHex(chain.genesisHash),
    },
  }
}

function readKey(path: string): Uint8Array {
  return fromHex(readFileSync(path, 'utf8').trim())
}
