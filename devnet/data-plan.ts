/**
 * The plan of data availability in a local world: sixteen operators of ten thousand tokens each,
 * who stake on L1 and validate nothing, a node for each, four nodes a process; a disperser, which
 * pays for all that is dispersed. All of it is for network 0.
 */

import { join } from 'node:path'

import { accountKeyOf, keysOf } from './seed-keys.ts'
import type { SeedKeys } from './seed-keys.ts'

/** Operators of a new world, and nodes that share a process. */
export const dataNodeCount = 16
export const nodesPerProcess = 4

/** More than any world has: what a command may name. */
export const dataNodeCountMax = 64

/** The network whose chain records what is certified. */
export const dataNetwork = 0

export type DataNodePlan = SeedKeys & {
  readonly index: number
  /** Its keys, and what it holds. */
  readonly folder: string
  /** Of its HTTP door. */
  readonly port: number
  /** 32 bytes: of the operator's account. */
  readonly accountKey: Uint8Array
}

/** A process of data availability. */
export type DataProcessPlan = {
  /** `da-nodes-0` or `da-disperser`: the name of its process, log and configuration. */
  readonly part: string
  readonly configPath: string
  readonly logPath: string
}

export type DisperserPlan = DataProcessPlan & {
  /** Its journal and the blobs that wait. */
  readonly folder: string
  /** 32 bytes: of the account that pays. */
  readonly secretKey: Uint8Array
  readonly grpcPort: number
  readonly altDaPort: number
}

export type DataPlan = {
  readonly hosts: readonly (DataProcessPlan & { readonly nodes: readonly DataNodePlan[] })[]
  readonly disperser: DisperserPlan
}

/** Where a world lies, and what it is made of. */
type PlanBase = {
  readonly home: string
  readonly filesDir: string
  readonly seed: Uint8Array
  readonly portOf: (use: string) => number
}

export function planData(base: PlanBase, count: number): DataPlan {
  const { seed, filesDir, portOf } = base
  const nodes = Array.from({ length: count }, (_, index): DataNodePlan => ({
    index,
    folder: join(filesDir, `da-${index}`),
    port: portOf(`da node ${index}`),
    accountKey: accountKeyOf(seed, `da/${index}`),
    ...keysOf(seed, `da/${index}`),
  }))
  const processOf = (part: string): DataProcessPlan => ({
    part,
    configPath: join(filesDir, 'da', `${part}.json`),
    logPath: join(base.home, 'logs', `${part}.jsonl`),
  })
  return {
    hosts: Array.from({ length: Math.ceil(count / nodesPerProcess) }, (_, host) => ({
      ...processOf(`da-nodes-${host}`),
      nodes: nodes.slice(host * nodesPerProcess, (host + 1) * nodesPerProcess),
    })),
    disperser: {
      ...processOf('da-disperser'),
      folder: join(filesDir, 'da', 'disperser'),
      secretKey: accountKeyOf(seed, 'da/disperser'),
      grpcPort: portOf('da disperser grpc'),
      altDaPort: portOf('da disperser alt-da'),
    },
  }
}

export function dataNodesOf({ hosts }: DataPlan): readonly DataNodePlan[] {
  return hosts.flatMap(({ nodes }) => nodes)
}
