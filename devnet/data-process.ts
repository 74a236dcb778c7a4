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

import { systemContractAddresses } from '@zg/contracts'
import { openChain, openDisperserHost, openNodeHost } from '@zg/da'
import type { ChainPlace, NodeHost, NodeHostOptions } from '@zg/da'
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

/** Fees are never offered above this, in wei a gas. */
const feePerGasMax = 500_000_000_000n

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
  })
  return { strike: async () => undefined, close: () => host.close() }
}

async function startNodes(config: NodesConfig, machine: Machine): Promise<DataProcess> {
  const chain = await openChain(placeOf(config))
  const nodes = config.nodes.map((node) => new StruckNode(node, chain, machine))
  for (const node of nodes) await node.open()
  const operators = operatorsOf(config, machine)
  operators.start()
  return {
    async strike({ node, verb }) {
      const found = nodes.find(({ index }) => index === node)
      return found && { kind: 'struck', node, state: await found.strike(verb) }
    },
    async close() {
      await operators.stop()
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}

/** A node that may be killed and started again without its process. */
class StruckNode {
  readonly index: number
  readonly #open: () => Promise<NodeHost>
  #host: NodeHost | undefined
  #state: NodeState = 'killed'

  constructor(node: DataNodeConfig, chain: NodeHostOptions['chain'], { clock, log }: Machine) {
    const { index, folder, port } = node
    this.index = index
    this.#open = async () =>
      openNodeHost({
        clock,
        log,
        chain,
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

/** Has the nodes' operators be where L1 says. */
function operatorsOf({ chain, l1, nodes }: NodesConfig, { clock, log }: Machine): DataOperators {
  const { contracts, epochStart, epochSeconds } = l1.site
  const addressOf = (name: string): bigint => {
    const address = contracts[name]
    assert(address !== undefined, `the site of L1 names ${name}`)
    return BigInt(address)
  }
  const there = new JsonRpcL1Chain({ url: chain.rpc })
  const endpoint = new JsonRpcNetworkEndpoint({ url: chain.rpc })
  const rounds = new KeeperRounds({
    headers: new OwnHeaders({ endpoint, chain: there }),
    l1: new Failover([new JsonRpcEndpoint({ url: l1.rpc, inbox: addressOf('Inbox') })], { clock }),
    contracts: {
      networkRegistry: addressOf('NetworkRegistry'),
      operatorRegistry: addressOf('OperatorRegistry'),
      finalityOracle: addressOf('FinalityOracle'),
    },
    epochs: { start: BigInt(epochStart), length: BigInt(epochSeconds) },
  })
  const sending = { chain: there, chainId: BigInt(chain.chainId), depth: 1, feePerGasMax }
  const operators = nodes.map(({ folder, port }): DataOperator => {
    const secretKey = readKey(join(folder, accountKeyFileName))
    return {
      operator: addressOfSecretKey(secretKey),
      sender: new L1Sender({ ...sending, secretKey, clock, log, pollMs: 250 }),
      url: `http://${loopback}:${port}`,
    }
  })
  return new DataOperators({ rounds, chain: there, operators, clock, log })
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
