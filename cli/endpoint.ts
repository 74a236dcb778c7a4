/**
 * Which chain a command talks to, and over what.
 *
 *     --rpc URL   else $ZG_RPC   else the running world: its L1 with --l1, or --network ID, or 0
 */

import { dataDirOf, readDevnetFile, readLiveLock } from '@zg/devnet'
import type { DevnetFile, DevnetNetwork, LockRecord } from '@zg/devnet'
import { ZgError } from '@zg/primitives'
import { refusalOf } from '@zg/sdk'
import type { Refusal } from '@zg/sdk'
import { BaseError, createPublicClient, http, HttpRequestError, TimeoutError } from 'viem'
import type { PublicClient } from 'viem'

import { readValue } from './command.ts'
import type { CommandInput, Surroundings } from './command.ts'

/** How long one JSON-RPC call may take. */
export const rpcTimeoutMs = 10_000

/** Pause between two looks for a receipt. */
export const receiptPollMs = 100

/** A world that runs now. */
export type RunningWorld = { readonly file: DevnetFile; readonly lock: LockRecord }

export type Endpoint = {
  readonly url: string
  /** Present when the endpoint is the running world's. */
  readonly world: RunningWorld | undefined
}

/** Returns the running world of the data directory, or undefined. */
export function findWorld(surroundings: Surroundings): RunningWorld | undefined {
  const home = dataDirOf(surroundings.env, surroundings.workingDir)
  const lock = readLiveLock(home)
  const file = lock === undefined ? undefined : readDevnetFile(home)
  return lock === undefined || file === undefined ? undefined : { file, lock }
}

/**
 * Returns the running world.
 *
 * @throws {NoWorldError} `CLI_NO_WORLD`
 */
export function requireWorld(surroundings: Surroundings): RunningWorld {
  const world = findWorld(surroundings)
  if (world !== undefined) return world
  const home = dataDirOf(surroundings.env, surroundings.workingDir)
  throw new NoWorldError(home, readLiveLock(home) !== undefined)
}

/**
 * Returns the endpoint that flags and environment name; of the running world that of `network`, if
 * no flag names another.
 *
 * @throws {NoWorldError} `CLI_NO_WORLD` · {NoL1Error} `CLI_NO_L1` · `CLI_VALUE_INVALID`
 */
export function findEndpoint(input: CommandInput, network?: number): Endpoint {
  const flag = input.values.text('rpc')
  const named = flag ?? input.env['ZG_RPC']
  if (named !== undefined && named !== '') {
    readValue(named, { kind: 'url' }, flag === undefined ? '$ZG_RPC' : '--rpc')
    return { url: named, world: undefined }
  }
  const world = requireWorld(input)
  const { l1, networks } = world.file
  if (input.values.isSet('l1')) {
    if (l1 === undefined) throw new NoL1Error()
    return { url: l1.rpc, world }
  }
  return { url: networkOf(input, networks, network).rpc, world }
}

/**
 * Returns the network that `--network` names; without it the preferred one, the first by default.
 *
 * @throws {NoNetworkError} `CLI_NO_NETWORK`
 */
export function networkOf(
  { values }: CommandInput,
  networks: readonly DevnetNetwork[],
  preferred = networks[0]?.id ?? 0,
): DevnetNetwork {
  const wanted = values.integer('network') ?? preferred
  const found = networks.find(({ id }) => id === wanted)
  if (found === undefined) throw new NoNetworkError(wanted, networks.length)
  return found
}

/** Returns a client; nothing is sent yet. */
export function clientOf({ url }: Pick<Endpoint, 'url'>): PublicClient {
  const httpUrl = url.replace(/^ws/, 'http')
  return createPublicClient({
    transport: http(httpUrl, { timeout: rpcTimeoutMs, retryCount: 0 }),
    pollingInterval: receiptPollMs,
    cacheTime: 0,
  })
}

/**
 * Runs calls to a chain and gives their failures our names.
 *
 * @param verb - What a contract refuses, for the sentence "Cannot stake".
 * @throws {RpcUnreachableError} `CLI_RPC_UNREACHABLE` · {NetworkWrongError} `CLI_NETWORK_WRONG` ·
 *   {CallRefusedError} `CLI_CALL_REFUSED` · {RpcRefusedError} `CLI_RPC_REFUSED`
 */
export async function asking<result>(
  endpoint: Endpoint,
  calls: () => Promise<result>,
  verb = 'do it',
): Promise<result> {
  try {
    return await calls()
  } catch (error) {
    if (!(error instanceof BaseError)) throw error
    const isWorld = endpoint.world !== undefined
    const unreachable = error.walk((cause) => cause instanceof HttpRequestError)
    if (unreachable !== null) throw new RpcUnreachableError(endpoint.url, isWorld, error)
    if (error.walk((cause) => cause instanceof TimeoutError) !== null) {
      throw new RpcUnreachableError(endpoint.url, isWorld, error)
    }
    const network = wrongNetworkOf(error)
    if (network !== undefined) throw new NetworkWrongError(endpoint.url, network)
    const refusal = refusalOf(error)
    if (refusal !== undefined) throw new CallRefusedError(verb, refusal)
    throw new RpcRefusedError(endpoint.url, error)
  }
}

/** The network that an endpoint sends us to (docs/specs/routing.md §4). */
function wrongNetworkOf(error: BaseError): number | undefined {
  let found: number | undefined
  error.walk((cause) => {
    const { data } = cause as { data?: unknown }
    if (typeof data !== 'object' || data === null) return false
    const { reason, network } = data as { reason?: unknown; network?: unknown }
    if (reason === 'wrong-network' && Number.isSafeInteger(network)) found = Number(network)
    return found !== undefined
  })
  return found
}

export class NoWorldError extends ZgError<'CLI_NO_WORLD'> {
  constructor(home: string, isStarting: boolean) {
    const why = isStarting ? 'is not ready yet' : 'does not run'
    super('CLI_NO_WORLD', `Cannot find a chain: the world in "${home}" ${why}`, { home })
  }
}

export class NoNetworkError extends ZgError<'CLI_NO_NETWORK'> {
  constructor(network: number, count: number) {
    const message = `Cannot use network ${network}: the running world has ${count}, from 0 on`
    super('CLI_NO_NETWORK', message, { network, count })
  }
}

export class NoL1Error extends ZgError<'CLI_NO_L1'> {
  constructor() {
    super('CLI_NO_L1', 'Cannot use --l1: a minimal world has no L1')
  }
}

export class RpcUnreachableError extends ZgError<'CLI_RPC_UNREACHABLE'> {
  constructor(url: string, isWorld: boolean, cause: unknown) {
    const message = `Cannot reach ${url}: no JSON-RPC answer came`
    super('CLI_RPC_UNREACHABLE', message, { url, isWorld }, cause)
  }
}

export class NetworkWrongError extends ZgError<'CLI_NETWORK_WRONG'> {
  constructor(url: string, network: number) {
    const message = `Cannot do it: ${url} says that it belongs to network ${network}`
    super('CLI_NETWORK_WRONG', message, { url, network })
  }
}

export class CallRefusedError extends ZgError<'CLI_CALL_REFUSED'> {
  constructor(verb: string, { name, args }: Refusal) {
    const shown = args.length === 0 ? name : `${name}(${args.map(String).join(', ')})`
    super('CLI_CALL_REFUSED', `Cannot ${verb}: the contract answers ${shown}`, { name })
  }
}

export class RpcRefusedError extends ZgError<'CLI_RPC_REFUSED'> {
  constructor(url: string, cause: BaseError) {
    const deepest = cause.walk()
    const detail = deepest instanceof BaseError ? deepest.details : deepest.message
    const reason = (detail || cause.shortMessage).split('\n')[0] ?? ''
    const message = `Cannot do it: ${url} answered "${reason.replace(/\.$/, '')}"`
    super('CLI_RPC_REFUSED', message, { url }, cause)
  }
}
