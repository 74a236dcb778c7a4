/**
 * Where shared stake is: an L1, its contracts, and the networks that it secures.
 *
 *     --l1-rpc URL with --l1-site FILE   else the running world
 *
 * A network is asked at --rpc URL, else at the running world's.
 */

import { resolve } from 'node:path'

import { l1SitePath, readL1Site } from '@zg/devnet'
import type { DevnetNetwork, L1Site } from '@zg/devnet'
import { checksumAddress, fromHex, isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { l1Names, openView, readNetwork, readNetworkIds } from '@zg/sdk'
import type { L1Addresses, Network, Operator, StakeView } from '@zg/sdk'
import { createPublicClient, http } from 'viem'
import type { PublicClient } from 'viem'

import type { CommandInput } from './command.ts'
import { asking, findWorld, NoNetworkError, receiptPollMs, rpcTimeoutMs } from './endpoint.ts'
import type { Endpoint, RunningWorld } from './endpoint.ts'

/** Calls in one batch: what a read of shared stake asks goes out together. */
const batchSize = 100

export type StakeSite = {
  readonly l1: Endpoint
  readonly addresses: L1Addresses
  /** Of the running world; empty without one. */
  readonly networks: readonly DevnetNetwork[]
}

/**
 * Returns where stake lies, as flags and the running world say.
 *
 * @throws {NoStakeError} `CLI_NO_STAKE` · what `readL1Site` throws.
 */
export function findStake(input: CommandInput): StakeSite {
  const { values, workingDir } = input
  const world = findWorld(input)
  const networks = world?.file.networks ?? []
  const path = values.text('l1-site')
  const [url] = values.texts('l1-rpc') ?? []
  if (url !== undefined && path !== undefined) {
    const { contracts } = readL1Site(resolve(workingDir, path))
    return { l1: { url, world: undefined }, addresses: addressesOf(contracts), networks }
  }
  if (url !== undefined || path !== undefined) {
    throw new NoStakeError('--l1-rpc and --l1-site go together')
  }
  const site = world && siteOf(world)
  if (site === undefined) {
    throw new NoStakeError(world === undefined ? 'no world runs here' : 'a minimal world has no L1')
  }
  return site
}

/** Returns where a running world's stake lies; undefined without an L1. */
export function siteOf(world: RunningWorld): StakeSite | undefined {
  const { l1, networks } = world.file
  if (l1 === undefined) return undefined
  const { rpc, contracts } = l1
  return { l1: { url: rpc, world }, addresses: addressesOf(contracts), networks }
}

/**
 * Returns what is known of that L1 beforehand: the file that `--l1-site` names, or the running
 * world's.
 *
 * @throws {NoStakeError} `CLI_NO_STAKE` · what `readL1Site` throws.
 */
export function siteFileOf(input: CommandInput): L1Site {
  const path = input.values.text('l1-site')
  if (path !== undefined) return readL1Site(resolve(input.workingDir, path))
  const world = findWorld(input)
  if (world === undefined) throw new NoStakeError('no world runs here')
  const { dataDir, networks } = world.file
  return readL1Site(l1SitePath(dataDir, networks[0]?.id ?? 0))
}

/** Returns L1 at its newest block. */
export function viewOf({ l1, addresses }: StakeSite): Promise<StakeView> {
  return asking(l1, () => openView(batchingClient(l1.url), addresses))
}

/**
 * Returns a network that L1 knows.
 *
 * @throws {NetworkUnknownError} `CLI_NETWORK_UNKNOWN`
 */
export function findNetwork(
  view: StakeView,
  { site, id, verb }: { readonly site: StakeSite; readonly id: number; readonly verb: string },
): Promise<Network> {
  return asking(site.l1, async () => {
    const ids = await readNetworkIds(view)
    if (!ids.includes(id)) throw new NetworkUnknownError(verb, { id, ids })
    return readNetwork(view, id)
  })
}

/** Returns the endpoint of a network: `--rpc`, else that of the running world. */
export function networkEndpoint(
  input: CommandInput,
  { site, id }: { readonly site: StakeSite; readonly id: number },
): Endpoint {
  const url = input.values.text('rpc')
  if (url !== undefined) return { url, world: undefined }
  const found = site.networks.find((network) => network.id === id)
  if (found === undefined) throw new NoNetworkError(id, site.networks.length)
  return { url: found.rpc, world: findWorld(input) }
}

/** Returns a client that asks for much at once. */
export function batchingClient(url: string): PublicClient {
  return createPublicClient({
    transport: http(url.replace(/^ws/, 'http'), {
      batch: { batchSize },
      timeout: rpcTimeoutMs,
      retryCount: 0,
    }),
    pollingInterval: receiptPollMs,
    cacheTime: 0,
  })
}

/**
 * Returns the operator that an argument names: an address, or its number in the running world.
 *
 * @throws {OperatorUnknownError} `CLI_OPERATOR_UNKNOWN`
 */
export function operatorOf(
  { networks }: StakeSite,
  { operators, named }: { readonly operators: readonly Operator[]; readonly named: string },
): Operator {
  const address = isHex(named, 20) ? named : operatorNumbers(networks)[Number(named)]
  const wanted = address?.toLowerCase()
  const found = operators.find((operator) => operator.address.toLowerCase() === wanted)
  if (found === undefined) throw new OperatorUnknownError(named)
  return found
}

/** Addresses of the running world's operators, by their number. */
export function operatorNumbers(networks: readonly DevnetNetwork[]): readonly Hex[] {
  return networks[0]?.validators.map(({ address }) => address) ?? []
}

/** An address with its checksum. */
export function showAddress(address: Hex): Hex {
  return checksumAddress(fromHex(address)) as Hex
}

function addressesOf(contracts: Readonly<Record<string, Hex>>): L1Addresses {
  const found = l1Names.map((name) => {
    const address = contracts[name]
    if (address === undefined) throw new NoStakeError(`its L1 has no ${name}`)
    return [name, address] as const
  })
  return Object.fromEntries(found) as L1Addresses
}

export class NoStakeError extends ZgError<'CLI_NO_STAKE'> {
  constructor(problem: string) {
    super('CLI_NO_STAKE', `Cannot find shared stake: ${problem}`, { problem })
  }
}

export class OperatorUnknownError extends ZgError<'CLI_OPERATOR_UNKNOWN'> {
  constructor(named: string) {
    const message = `Cannot use operator "${named}": none is registered under it`
    super('CLI_OPERATOR_UNKNOWN', message, { named })
  }
}

export class NetworkUnknownError extends ZgError<'CLI_NETWORK_UNKNOWN'> {
  constructor(verb: string, { id, ids }: { id: number; ids: readonly number[] }) {
    const known = ids.length === 0 ? 'none' : ids.join(', ')
    const message = `Cannot ${verb}: there is no network ${id} on L1, which knows ${known}`
    super('CLI_NETWORK_UNKNOWN', message, { id })
  }
}
