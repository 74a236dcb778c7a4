/** What an endpoint of L1 says of networks, for who builds their genesis. */

import { toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { JsonRpcL1Chain, NetworkDirectory, readGenesisFacts } from '@zg/staking'
import type { GenesisFacts, RegisteredNetwork } from '@zg/staking'

import { callRpc } from './rpc-call.ts'
import { genesisOfNetwork, hashOfGenesis, stakedGenesis } from './staked-genesis.ts'
import type { GenesisJson, OpenedNetwork } from './staked-genesis.ts'

/** Where L1 is asked, and the one contract that must be known. */
export type L1Registry = { readonly url: string; readonly networkRegistry: Hex }

/** A genesis and its hash. */
export type BuiltGenesis = { readonly genesis: GenesisJson; readonly hash: Hex }

/**
 * Reads what every genesis follows from.
 *
 * @throws {RpcFailedError} `DEVNET_RPC_FAILED` · `STAKING_L1_ENDPOINT` · `STAKING_L1_READ_FAILED`
 */
export async function readFacts({ url, networkRegistry }: L1Registry): Promise<GenesisFacts> {
  const l1ChainId = BigInt(String(await callRpc(url, 'eth_chainId')))
  const chain = new JsonRpcL1Chain({ url })
  return readGenesisFacts(chain, { l1ChainId, networkRegistry: BigInt(networkRegistry) })
}

/**
 * Builds the genesis of a network that was opened; its hash is L1's.
 *
 * @throws {NetworkUnknownError} `DEVNET_NETWORK_UNKNOWN`; what `readFacts` and `genesisOfNetwork`
 *   throw.
 */
export async function genesisFromL1(l1: L1Registry, id: number): Promise<BuiltGenesis> {
  const address = BigInt(l1.networkRegistry)
  const directory = new NetworkDirectory({ chain: new JsonRpcL1Chain(l1), address })
  const network: RegisteredNetwork | undefined = await directory.find(id)
  if (network === undefined) throw new NetworkUnknownError(id)
  const genesis = genesisOfNetwork(await readFacts(l1), network)
  return { genesis, hash: toHex(network.genesisHash) }
}

/**
 * Builds the genesis of a network that is to be opened.
 *
 * @throws What `readFacts` and `stakedGenesis` throw.
 */
export async function genesisToOpen(l1: L1Registry, network: OpenedNetwork): Promise<BuiltGenesis> {
  const genesis = stakedGenesis(await readFacts(l1), network)
  return { genesis, hash: toHex(hashOfGenesis(genesis)) }
}

export class NetworkUnknownError extends ZgError<'DEVNET_NETWORK_UNKNOWN'> {
  constructor(id: number) {
    super('DEVNET_NETWORK_UNKNOWN', `Cannot find network ${id}: L1 has none of that id`, { id })
  }
}
