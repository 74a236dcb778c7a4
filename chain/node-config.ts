/**
 * `config.toml`: what one node process is told besides the genesis.
 *
 *     part = "net-0/val-2"           # its name in logs
 *     mode = "validator"             # or "open": follows without a vote; or "minimal": one maker,
 *                                    # all in memory, development cheats
 *     genesis = "../genesis.json"    # paths are relative to the file
 *     archive = false                # keep all states readable
 *     logLevel = "info"
 *     devKeys = "dev-keys.txt"       # minimal mode: keys the node signs with, 0x hex, one a line
 *
 *     [keys]                         # validators only
 *     keystore = "keys/bls.json"     # EIP-2335
 *     password = "keys/bls.password" # a file
 *
 *     [rpc]
 *     host = "127.0.0.1"
 *     port = 8552
 *     allowedHosts = ["localhost"]   # or "*"
 *     allowedOrigins = "*"
 *
 *     [metrics]                      # absent: no endpoint
 *     host = "127.0.0.1"
 *     port = 6063
 *
 *     [p2p]                          # validators only
 *     host = "127.0.0.1"
 *     port = 26658
 *     [[p2p.peers]]                  # read again whenever L1 has another set
 *     publicKey = "0x…48"
 *     host = "127.0.0.1"
 *     port = 26656
 *
 *     [open]                         # open mode only
 *     host = "0.0.0.0"
 *     port = 26670
 *     bootstrap = ["/ip4/…/tcp/…/p2p/…"]
 *     upstreams = ["http://127.0.0.1:8550"]   # JSON-RPC of validators this node stands in front of
 *     start = "snapshot"             # or "genesis": where an empty directory begins
 *     snapshotIntervalBlocks = 256   # how often a state is set aside for others to begin with
 *     [open.checkpoint]              # what to begin with, as it is; absent: what the peers offer
 *                                    # and stands to the block that L1 knows
 *     height = 4096
 *     consensusRoot = "0x…32"
 *     histRoot = "0x…32"
 *
 *     [l1]                           # where stake lies on an L1: this node's own endpoints
 *     endpoints = ["http://127.0.0.1:8535"]   # a block counts as final when all that answer agree
 *     firstEpoch = 412               # of this network, as NetworkRegistry has it
 *     epochStart = 1767225600        # the clock of OperatorRegistry, in seconds
 *     epochSeconds = 30
 *     finalitySeconds = 0            # how old a block is when L1 calls it final; 0: not known
 *     fromBlock = 0                  # the block that Inbox was deployed in, or one before
 *     [l1.contracts]
 *     NetworkRegistry = "0x…20"
 *     OperatorRegistry = "0x…20"
 *     Inbox = "0x…20"
 *     FinalityOracle = "0x…20"
 *     Streams = "0x…20"
 *     FinalityOracle = "0x…20"
 *
 * An unknown key is refused, so that a typing error never falls silent.
 */

import { resolve } from 'node:path'

import { fromHex, isHex, toHex, ZgError } from '@zg/primitives'
import type { LogLevel } from '@zg/runtime'
import { parse, stringify } from 'smol-toml'

/** The file's name in a node's directory. */
export const nodeConfigFileName = 'config.toml'

export type Endpoint = { readonly host: string; readonly port: number }

export type NodePeer = Endpoint & {
  /** 48 bytes. */
  readonly publicKey: Uint8Array
}

/** Names that may call, or `'*'` for all. */
export type ConfigAllowList = '*' | readonly string[]

/** How an open node meets its network. */
export type OpenConfig = Endpoint & {
  /** Multiaddrs of peers. */
  readonly bootstrap: readonly string[]
  /** URLs. */
  readonly upstreams: readonly string[]
  readonly start: 'genesis' | 'snapshot'
  readonly snapshotIntervalBlocks: number
  readonly checkpoint:
    | {
        readonly height: bigint
        /** 32 bytes. */
        readonly consensusRoot: Uint8Array
        /** 32 bytes. */
        readonly histRoot: Uint8Array
      }
    | undefined
}

/** Where a node sees L1, and what stands there. */
export type L1Config = {
  /** URLs of its JSON-RPC, one at least. */
  readonly endpoints: readonly string[]
  readonly firstEpoch: bigint
  /** In seconds. */
  readonly epochStart: bigint
  readonly epochSeconds: bigint
  /** How old a block is when L1 calls it final; 0 where that is not known. */
  readonly finalitySeconds: bigint
  readonly fromBlock: bigint
  /** 20 bytes each. */
  readonly contracts: Readonly<Record<L1ContractName, Uint8Array>>
}

const l1ContractNames = [
  'NetworkRegistry',
  'OperatorRegistry',
  'Inbox',
  'FinalityOracle',
  'Streams',
] as const
export type L1ContractName = (typeof l1ContractNames)[number]

export type NodeConfig = {
  readonly part: string
  readonly mode: 'validator' | 'open' | 'minimal'
  /** Path of genesis.json. */
  readonly genesis: string
  readonly archive: boolean
  readonly logLevel: LogLevel
  /** Path of the keys a minimal node signs with for its clients. */
  readonly devKeys: string | undefined
  readonly rpc: Endpoint & {
    readonly allowedHosts: ConfigAllowList
    readonly allowedOrigins: ConfigAllowList
  }
  readonly metrics: Endpoint | undefined
  /** Paths of the keystore and of the file with its password; validators only. */
  readonly keys: { readonly keystore: string; readonly password: string } | undefined
  /** Validators only. */
  readonly p2p: (Endpoint & { readonly peers: readonly NodePeer[] }) | undefined
  /** Open nodes only. */
  readonly open?: OpenConfig | undefined
  /** Absent in a network without an L1. */
  readonly l1?: L1Config | undefined
}

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

/** Returns the file's text. */
export function encodeNodeConfig(config: NodeConfig): string {
  const { keys, metrics, p2p, devKeys, open, l1, ...rest } = config
  const table: Record<string, unknown> = { ...rest }
  if (devKeys !== undefined) table['devKeys'] = devKeys
  if (keys !== undefined) table['keys'] = keys
  if (metrics !== undefined) table['metrics'] = metrics
  if (p2p !== undefined) {
    const peers = p2p.peers.map((peer) => ({ ...peer, publicKey: toHex(peer.publicKey) }))
    table['p2p'] = { ...p2p, peers }
  }
  if (open !== undefined) table['open'] = openTableOf(open)
  if (l1 !== undefined) table['l1'] = l1TableOf(l1)
  return `${stringify(table)}\n`
}

/**
 * Reads the file's text.
 *
 * @param folder - Where the file lies; paths come back absolute.
 * @throws {NodeConfigInvalidError} `CHAIN_NODE_CONFIG_INVALID`
 */
export function parseNodeConfig(text: string, folder: string): NodeConfig {
  const top = new Table(parseToml(text), '')
  const modes = ['validator', 'open', 'minimal']
  const mode = top.word('mode', modes, 'validator') as NodeConfig['mode']
  const isMinimal = mode === 'minimal'
  const isValidator = mode === 'validator'
  const rpc = top.table('rpc')
  const keys = isValidator ? top.table('keys') : undefined
  const metrics = top.has('metrics') ? top.table('metrics') : undefined
  const p2p = isValidator ? top.table('p2p') : undefined
  const open = mode === 'open' ? top.table('open') : undefined
  const l1 = !isMinimal && top.has('l1') ? top.table('l1') : undefined
  const config: NodeConfig = {
    part: top.text('part', 'node'),
    mode,
    genesis: resolve(folder, top.text('genesis', 'genesis.json')),
    archive: top.flag('archive', false),
    logLevel: top.word('logLevel', logLevels, 'info') as LogLevel,
    devKeys: isMinimal && top.has('devKeys') ? resolve(folder, top.text('devKeys')) : undefined,
    rpc: {
      ...endpointOf(rpc),
      allowedHosts: rpc.allowList('allowedHosts', ['localhost']),
      allowedOrigins: rpc.allowList('allowedOrigins', []),
    },
    metrics: metrics === undefined ? undefined : endpointOf(metrics),
    keys: keys === undefined ? undefined : keyPathsOf(keys, folder),
    p2p:
      p2p === undefined
        ? undefined
        : { ...endpointOf(p2p), peers: p2p.tables('peers').map(peerOf) },
    ...(open && { open: openOf(open) }),
    ...(l1 && { l1: l1Of(l1) }),
  }
  for (const table of [top, rpc, keys, metrics, p2p, open, l1]) table?.expectAllRead()
  return config
}

function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    const problem = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : 'it is no TOML'
    throw new NodeConfigInvalidError(problem, cause)
  }
}

function endpointOf(table: Table): Endpoint {
  return { host: table.text('host', '127.0.0.1'), port: table.port('port') }
}

function keyPathsOf(table: Table, folder: string): NonNullable<NodeConfig['keys']> {
  return {
    keystore: resolve(folder, table.text('keystore')),
    password: resolve(folder, table.text('password')),
  }
}

function peerOf(table: Table): NodePeer {
  const publicKey = table.text('publicKey')
  if (!isHex(publicKey, 48))
    throw new NodeConfigInvalidError('a "publicKey" is not 48 bytes of hex')
  const peer = { publicKey: fromHex(publicKey), ...endpointOf(table) }
  table.expectAllRead()
  return peer
}

/** The longest list of an open node's configuration, and the widest gap between its snapshots. */
const openListMax = 64
const snapshotIntervalBlocksMax = 1_000_000
const snapshotIntervalBlocksDefault = 256

function openOf(table: Table): OpenConfig {
  const checkpoint = table.has('checkpoint') ? table.table('checkpoint') : undefined
  const open: OpenConfig = {
    ...endpointOf(table),
    bootstrap: table.texts('bootstrap', openListMax),
    upstreams: table.texts('upstreams', openListMax),
    start: table.word('start', ['genesis', 'snapshot'], 'snapshot') as OpenConfig['start'],
    snapshotIntervalBlocks: table.count(
      'snapshotIntervalBlocks',
      snapshotIntervalBlocksMax,
      snapshotIntervalBlocksDefault,
    ),
    checkpoint:
      checkpoint === undefined
        ? undefined
        : {
            height: BigInt(checkpoint.count('height', Number.MAX_SAFE_INTEGER)),
            consensusRoot: checkpoint.bytes('consensusRoot', 32),
            histRoot: checkpoint.bytes('histRoot', 32),
          },
  }
  checkpoint?.expectAllRead()
  return open
}

function openTableOf({ checkpoint, ...rest }: OpenConfig): Record<string, unknown> {
  if (checkpoint === undefined) return rest
  const { height, consensusRoot, histRoot } = checkpoint
  const texts = { consensusRoot: toHex(consensusRoot), histRoot: toHex(histRoot) }
  return { ...rest, checkpoint: { height: Number(height), ...texts } }
}

/** Endpoints of L1 that one node asks. */
const l1EndpointsMax = 8

function l1Of(table: Table): L1Config {
  const contracts = table.table('contracts')
  const addresses = l1ContractNames.map((name) => [name, contracts.bytes(name, 20)] as const)
  contracts.expectAllRead()
  const integer = (key: string): bigint => BigInt(table.integer(key))
  return {
    endpoints: l1EndpointsOf(table),
    firstEpoch: integer('firstEpoch'),
    epochStart: integer('epochStart'),
    epochSeconds: BigInt(table.count('epochSeconds', Number.MAX_SAFE_INTEGER)),
    finalitySeconds: table.has('finalitySeconds') ? integer('finalitySeconds') : 0n,
    fromBlock: integer('fromBlock'),
    contracts: Object.fromEntries(addresses) as L1Config['contracts'],
  }
}

function l1EndpointsOf(table: Table): readonly string[] {
  const endpoints = table.texts('endpoints', l1EndpointsMax)
  if (endpoints.length === 0) throw new NodeConfigInvalidError('"l1.endpoints" names none')
  return endpoints
}

function l1TableOf({ endpoints, contracts, ...numbers }: L1Config): Record<string, unknown> {
  return {
    endpoints,
    ...Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)])),
    contracts: Object.fromEntries(l1ContractNames.map((name) => [name, toHex(contracts[name])])),
  }
}

/** A TOML table that remembers which keys were read. */
class Table {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #path: string
  readonly #read = new Set<string>()

  constructor(fields: Readonly<Record<string, unknown>>, path: string) {
    this.#fields = fields
    this.#path = path
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key)
  }

  text(key: string, byDefault?: string): string {
    const value = this.#take(key) ?? byDefault
    if (typeof value !== 'string' || value === '') throw this.#wrong(key, 'text')
    return value
  }

  word(key: string, words: readonly string[], byDefault: string): string {
    const value = this.text(key, byDefault)
    if (!words.includes(value))
      throw this.#wrong(key, words.map((word) => `"${word}"`).join(' or '))
    return value
  }

  flag(key: string, byDefault: boolean): boolean {
    const value = this.#take(key) ?? byDefault
    if (typeof value !== 'boolean') throw this.#wrong(key, 'true or false')
    return value
  }

  port(key: string): number {
    const value = this.#take(key)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65_535) {
      throw this.#wrong(key, 'a port from 0 to 65535')
    }
    return value
  }

  /** A whole number above zero. */
  count(key: string, max: number, byDefault?: number): number {
    const value = this.#take(key) ?? byDefault
    const isCount = typeof value === 'number' && Number.isInteger(value) && value > 0
    if (!isCount || value > max) throw this.#wrong(key, `a whole number from 1 to ${max}`)
    return value
  }

  /** A whole number. */
  integer(key: string): number {
    const value = this.#take(key)
    const isInteger = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    if (!isInteger) throw this.#wrong(key, 'a whole number')
    return value
  }

  bytes(key: string, sizeBytes: number): Uint8Array {
    const value = this.text(key)
    if (!isHex(value, sizeBytes)) throw this.#wrong(key, `${sizeBytes} bytes of hex`)
    return fromHex(value)
  }

  /** A list of texts, none when absent. */
  texts(key: string, countMax: number): readonly string[] {
    const value = this.#take(key) ?? []
    const isList = Array.isArray(value) && value.every((text) => typeof text === 'string')
    if (!isList || value.length > countMax) {
      throw this.#wrong(key, `a list of at most ${countMax} texts`)
    }
    return value
  }

  allowList(key: string, byDefault: readonly string[]): ConfigAllowList {
    const value = this.#take(key) ?? byDefault
    if (value === '*') return value
    if (!Array.isArray(value) || !value.every((name) => typeof name === 'string')) {
      throw this.#wrong(key, '"*" or a list of names')
    }
    return value
  }

  table(key: string): Table {
    const value = this.#take(key)
    if (!isTable(value)) throw this.#wrong(key, 'a table')
    return new Table(value, `${this.#path}${key}.`)
  }

  tables(key: string): Table[] {
    const value = this.#take(key) ?? []
    if (!Array.isArray(value) || !value.every(isTable)) throw this.#wrong(key, 'a list of tables')
    return value.map((fields) => new Table(fields, `${this.#path}${key}.`))
  }

  expectAllRead(): void {
    const unknown = Object.keys(this.#fields).find((key) => !this.#read.has(key))
    if (unknown !== undefined) {
      throw new NodeConfigInvalidError(`unknown key "${this.#path}${unknown}"`)
    }
  }

  #take(key: string): unknown {
    this.#read.add(key)
    return this.has(key) ? this.#fields[key] : undefined
  }

  #wrong(key: string, expected: string): NodeConfigInvalidError {
    return new NodeConfigInvalidError(`"${this.#path}${key}" is not ${expected}`)
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export class NodeConfigInvalidError extends ZgError<'CHAIN_NODE_CONFIG_INVALID'> {
  constructor(problem: string, cause?: unknown) {
    const message = `Cannot read ${nodeConfigFileName}: ${problem}`
    super('CHAIN_NODE_CONFIG_INVALID', message, { problem }, cause)
  }
}
