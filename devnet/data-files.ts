/**
 * What the processes of data availability read: `da/<part>.json`, written at every start, as ports
 * may have moved; and the keys beside it, whose files nobody else can read.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { assert, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { dataNetwork } from './data-plan.ts'
import type { DataNodePlan, DataPlan } from './data-plan.ts'
import type { L1Site } from './l1-site.ts'
import type { StakeL1 } from './node-files.ts'
import { loopback } from './ports.ts'
import type { WorldPlan } from './world.ts'
import { writeWhole } from './write-whole.ts'

/** How long what is certified is kept. */
const retentionSeconds = 14 * 24 * 3_600

/** Keys of an account and of a validator, as hex, in the folder of whom they are. */
export const accountKeyFileName = 'account.key'
export const blsKeyFileName = 'bls.key'

/** The network that records. */
export type DataChainConfig = {
  readonly rpc: string
  readonly chainId: number
  readonly networkId: number
  readonly genesisHash: Hex
  readonly retentionEpochs: number
}

export type DataNodeConfig = {
  readonly index: number
  readonly folder: string
  readonly port: number
}

/** What `da-nodes-<i>.json` holds: nodes, and the L1 that says who their operators are. */
export type NodesConfig = {
  readonly kind: 'nodes'
  readonly part: string
  readonly chain: DataChainConfig
  readonly l1: { readonly rpc: string; readonly chainId: number; readonly site: L1Site }
  readonly nodes: readonly DataNodeConfig[]
}

/** What `da-disperser.json` holds. */
export type DisperserConfig = {
  readonly kind: 'disperser'
  readonly part: string
  readonly chain: DataChainConfig
  readonly l1: NodesConfig['l1']
  readonly folder: string
  readonly grpcPort: number
  readonly altDaPort: number
}

export type DataConfig = NodesConfig | DisperserConfig

/** Writes the files of data availability, if the world has it. */
export function writeDataFiles({ data, networks, filesDir }: WorldPlan, l1: StakeL1): void {
  if (data === undefined) return
  const network = networks.find(({ id }) => id === dataNetwork)
  assert(network !== undefined, 'a world has network 0')
  const site = l1.siteOf(dataNetwork)
  mkdirSync(join(filesDir, 'da'), { recursive: true, mode: 0o700 })
  const shared = {
    chain: {
      rpc: `http://${loopback}:${network.rpcPort}`,
      chainId: network.chainId,
      networkId: network.id,
      genesisHash: site.genesisHashes[network.id] ?? '0x',
      retentionEpochs: Math.ceil(retentionSeconds / site.epochSeconds),
    },
    l1: { rpc: l1.endpoint, chainId: l1.chainId, site },
  }
  writeNodes(data, shared)
  writeDisperser(data, shared)
}

type Shared = Pick<NodesConfig, 'chain' | 'l1'>

function writeNodes({ hosts }: DataPlan, shared: Shared): void {
  for (const { part, configPath, nodes } of hosts) {
    nodes.forEach(writeKeys)
    const config: NodesConfig = {
      kind: 'nodes',
      part,
      ...shared,
      nodes: nodes.map(({ index, folder, port }) => ({ index, folder, port })),
    }
    writeConfig(configPath, config)
  }
}

function writeKeys({ folder, accountKey, secretKey }: DataNodePlan): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeWhole(join(folder, accountKeyFileName), `${toHex(accountKey)}\n`)
  writeWhole(join(folder, blsKeyFileName), `${toHex(secretKey)}\n`)
}

function writeDisperser({ disperser }: DataPlan, shared: Shared): void {
  const { part, configPath, folder, secretKey, grpcPort, altDaPort } = disperser
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeWhole(join(folder, accountKeyFileName), `${toHex(secretKey)}\n`)
  const config: DisperserConfig = {
    kind: 'disperser',
    part,
    ...shared,
    folder,
    grpcPort,
    altDaPort,
  }
  writeConfig(configPath, config)
}

function writeConfig(path: string, config: DataConfig): void {
  writeWhole(path, `${JSON.stringify(config, undefined, 1)}\n`)
}
