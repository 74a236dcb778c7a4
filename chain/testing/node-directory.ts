/** Directories of nodes that run as processes, for tests: genesis, keys and config.toml on disk. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { create } from '@chainsafe/bls-keystore'
import { blsPublicKeyOf } from '@zg/primitives'

import { encodeNodeConfig, nodeConfigFileName } from '../node-config.ts'
import type { NodeConfig, OpenConfig } from '../node-config.ts'
import type { GenesisAccount } from '../network-genesis.ts'
import type { NetworkParameters } from '../network-parameters.ts'
import { testGenesisJson, testNetworkParameters, testValidatorKey } from './test-chain.ts'

const entry = fileURLToPath(new URL('../main.ts', import.meta.url))

export type TestNode = {
  readonly rpcPort: number
  /** The process that runs now. */
  process(): ChildProcess
  /** Starts it (again) and resolves once it says that it is ready. */
  start(): Promise<void>
  /** Starts it and kills it (SIGKILL) when it has logged a message. */
  startAndKillAt(message: string): Promise<void>
  /** What it logged since it was started last, up to a bound. */
  log(): string
  /** Where an open node listens. */
  p2pAddresses(): readonly string[]
  /** Sends the signal and resolves once the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>
  /** The result of a JSON-RPC request. */
  ask(method: string, ...params: unknown[]): Promise<unknown>
}

export type TestNetwork = {
  readonly nodes: readonly TestNode[]
  /** Writes the directory of an open node of the network; starts nothing. */
  addOpenNode(open: Partial<OpenConfig>): Promise<TestNode>
  /** Ends every process that runs and removes the files. */
  close(): Promise<void>
}

/** Writes the directories of a network's validators, or of one minimal node; starts nothing. */
export async function createTestNetwork(
  validatorCount: number,
  mode: NodeConfig['mode'] = 'validator',
  options: {
    readonly accounts?: readonly GenesisAccount[]
    readonly parameters?: Partial<NetworkParameters>
  } = {},
): Promise<TestNetwork> {
  const folder = mkdtempSync(join(tmpdir(), 'zg-chain-'))
  const timestamp = Math.floor(Date.now() / 1_000)
  const { accounts = [], parameters } = options
  const network = { ...testNetworkParameters(validatorCount), ...parameters }
  const genesis = testGenesisJson({ network, timestamp, accounts })
  writeFileSync(join(folder, 'genesis.json'), JSON.stringify(genesis))
  const ports = await freePorts(2 * validatorCount)
  const nodes: TestNode[] = []
  for (let index = 0; index < validatorCount; index++) {
    const directory = join(folder, `val-${index}`)
    mkdirSync(directory)
    await writeKeys(directory, testValidatorKey(index))
    const config = configOf(index, { mode, ports, validatorCount })
    writeFileSync(join(directory, nodeConfigFileName), encodeNodeConfig(config))
    nodes.push(testNode(directory, config.rpc.port))
  }
  const openNodes: TestNode[] = []
  return {
    nodes,
    async addOpenNode(open) {
      const directory = join(folder, `open-${openNodes.length}`)
      mkdirSync(directory)
      const [rpcPort] = await freePorts(1)
      const config = openConfigOf(openNodes.length, rpcPort as number, open)
      writeFileSync(join(directory, nodeConfigFileName), encodeNodeConfig(config))
      const node = testNode(directory, config.rpc.port)
      openNodes.push(node)
      return node
    },
    async close() {
      await Promise.all([...nodes, ...openNodes].map((node) => node.end('SIGKILL')))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configOf(
  index: number,
  {
    mode,
    ports,
    validatorCount,
  }: {
    mode: NodeConfig['mode']
    ports: readonly number[]
    validatorCount: number
  },
): NodeConfig {
  const host = '127.0.0.1'
  const p2pPort = (of: number): number => ports[2 * of + 1] as number
  const others = Array.from({ length: validatorCount }, (_, of) => of).filter((of) => of !== index)
  const peers = others.map((of) => ({
    publicKey: blsPublicKeyOf(testValidatorKey(of)),
    host,
    port: p2pPort(of),
  }))
  const isMinimal = mode === 'minimal'
  return {
    part: `val-${index}`,
    mode,
    genesis: '../genesis.json',
    archive: false,
    logLevel: 'info',
    devKeys: undefined,
    rpc: {
      host,
      port: ports[2 * index] as number,
      allowedHosts: ['localhost'],
      allowedOrigins: [],
    },
    metrics: undefined,
    keys: isMinimal ? undefined : { keystore: 'bls.json', password: 'bls.password' },
    p2p: isMinimal ? undefined : { host, port: p2pPort(index), peers },
  }
}

function openConfigOf(index: number, port: number, open: Partial<OpenConfig>): NodeConfig {
  const host = '127.0.0.1'
  return {
    part: `open-${index}`,
    mode: 'open',
    genesis: '../genesis.json',
    archive: false,
    logLevel: 'debug',
    devKeys: undefined,
    rpc: { host, port, allowedHosts: ['localhost'], allowedOrigins: [] },
    metrics: undefined,
    keys: undefined,
    p2p: undefined,
    open: {
      host,
      port: 0,
      bootstrap: [],
      upstreams: [],
      start: 'snapshot',
      snapshotIntervalBlocks: 4,
      checkpoint: undefined,
      ...open,
    },
  }
}

async function writeKeys(directory: string, secretKey: Uint8Array): Promise<void> {
  const params = { dklen: 32, c: 1_024, prf: 'hmac-sha256', salt: '00'.repeat(32) } as const
  const kdf = { function: 'pbkdf2', params } as const
  const keystore = await create('open', secretKey, blsPublicKeyOf(secretKey), '', null, kdf)
  const mode = 0o600
  writeFileSync(join(directory, 'bls.json'), JSON.stringify(keystore), { mode })
  writeFileSync(join(directory, 'bls.password'), 'open\n', { mode })
}

function testNode(directory: string, rpcPort: number): TestNode {
  let child: ChildProcess | undefined
  let started: StartedNode | undefined
  const process_ = (): ChildProcess => {
    if (child === undefined) throw new Error('The node was not started')
    return child
  }
  return {
    rpcPort,
    process: process_,
    start: async () => {
      started = startNode(directory)
      child = started.child
      await started.ready
    },
    startAndKillAt: async (message) => {
      started = startNode(directory)
      child = started.child
      await started.logged(message)
      const gone = new Promise((resolve) => child?.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      await started.ready.catch(() => undefined)
    },
    log: () => started?.log() ?? '',
    p2pAddresses: () => started?.p2pAddresses() ?? [],
    end: async (signal) => {
      const running = child
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const gone = new Promise((resolve) => running.once('exit', resolve))
      running.kill(signal)
      await gone
    },
    ask: (method, ...params) => ask(rpcPort, method, params),
  }
}

/** Characters of a node's log that are kept. */
const logSizeMax = 1_000_000

type StartedNode = {
  readonly child: ChildProcess
  /** Resolves once the node says that it is ready; rejects when it ends before. */
  readonly ready: Promise<void>
  logged(message: string): Promise<void>
  log(): string
  p2pAddresses(): readonly string[]
}

function startNode(directory: string): StartedNode {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [entry, directory], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...env, NODE_NO_WARNINGS: '1' },
  })
  let words = ''
  let addresses: readonly string[] = []
  const listeners = new Set<() => void>()
  const keep = (chunk: Buffer): void => {
    words = (words + chunk.toString()).slice(-logSizeMax)
    for (const listener of listeners) listener()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = (reject: (error: Error) => void): void => {
    child.once('exit', (code) =>
      reject(new Error(`The node ended with ${code}:\n${words.slice(-4_000)}`)),
    )
  }
  const ready = new Promise<void>((resolve, reject) => {
    child.once('message', (message: { p2pAddresses?: readonly string[] }) => {
      addresses = message.p2pAddresses ?? []
      resolve()
    })
    ended(reject)
  })
  const logged = (message: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (words.includes(message)) resolve()
      }
      listeners.add(look)
      look()
      ended(reject)
    })
  return { child, ready, logged, log: () => words, p2pAddresses: () => addresses }
}

async function ask(port: number, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: unknown }
  if (error !== undefined) throw new Error(JSON.stringify(error))
  return result
}

/** Ports free a moment ago. */
/** Where ports are looked for: below those that systems give to outgoing connections. */
const portRange = { from: 12_000, to: 18_000 }

/** Ports that nobody listens on, drawn at random so that tests side by side do not meet. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const span = portRange.to - portRange.from
    const port = portRange.from + Math.floor(Math.random() * span)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
