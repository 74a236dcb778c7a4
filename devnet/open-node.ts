/**
 * One open node of a network (`zg node`): its directory, and its process in the foreground.
 *
 *     <folder>/config.toml, chain.mdb/, open.key        what chain/validator-process.ts reads
 *     <folder>/log.jsonl                                its words
 *
 * It ends with us: it holds our IPC channel as a leash, as the parts of a world do.
 */

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { stringify } from 'smol-toml'

import { startChild } from './child.ts'
import type { Child } from './child.ts'
import { l1ConfigOf } from './l1-site.ts'
import type { L1Site } from './l1-site.ts'
import { nodeEntryPath } from './local-world.ts'
import { loopback } from './ports.ts'
import { writeWhole } from './write-whole.ts'

export type OpenNodePlan = {
  readonly folder: string
  /** Path of the network's genesis.json. */
  readonly genesis: string
  readonly rpcPort: number
  readonly p2pPort: number
  /** Where peers reach it; all addresses of the machine for `0.0.0.0`. */
  readonly p2pHost: string
  /** Multiaddrs of peers. */
  readonly bootstrap: readonly string[]
  /** JSON-RPC of validators it stands in front of. */
  readonly upstreams: readonly string[]
  readonly start: 'genesis' | 'snapshot'
  /** Where the stake of the network lies; absent in a network without an L1. */
  readonly l1?: { readonly rpcs: readonly string[]; readonly site: L1Site }
}

/** Writes the node's configuration; what it holds of the chain stays. */
export function writeOpenNode(plan: OpenNodePlan): void {
  const { folder, genesis, rpcPort, p2pPort, p2pHost, bootstrap, upstreams, start, l1 } = plan
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const config = {
    part: 'open',
    mode: 'open',
    genesis: resolve(genesis),
    rpc: { host: loopback, port: rpcPort, allowedHosts: ['localhost'], allowedOrigins: '*' },
    open: { host: p2pHost, port: p2pPort, bootstrap, upstreams, start },
    ...(l1 && { l1: l1ConfigOf(l1.site, l1.rpcs) }),
  }
  writeWhole(join(folder, 'config.toml'), `${stringify(config)}\n`)
}

/** Starts the process of a node whose configuration was written. */
export function startOpenNode({ folder }: OpenNodePlan): Child {
  const logPath = join(folder, 'log.jsonl')
  return startChild({ part: 'open', entry: nodeEntryPath(), args: [folder], logPath })
}
