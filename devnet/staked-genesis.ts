/**
 * The genesis of a network whose stake lies on L1 (docs/specs/networks.md §1): a function of what
 * L1 says and of nothing else, so that whoever builds it has the same hash.
 *
 *     what it was opened with    id, chain id, time
 *     L1's facts                 its contracts, the clock of epochs
 *     this file                  pace, gas of a block, rewards: the same for all
 *
 * What the first networks of a world hold besides, tokens on network 0 and a pace of their own, is
 * nowhere on L1: their genesis is given as a file, and the hash says whether it is the right one.
 */

import {
  gasLimitDefault,
  networkGenesisJson,
  networkParametersDefault,
  parseGenesis,
} from '@zg/chain'
import type { GenesisAccount, NetworkParameters } from '@zg/chain'
import { dataSettingsDefault, systemContracts } from '@zg/contracts'
import { bytesEqual, bytesToBigint, fromHex, toHex, ZgError } from '@zg/primitives'
import type { GenesisFacts, RegisteredNetwork } from '@zg/staking'

import { placeCanonicalContracts } from './canonical/canonical.ts'
import { chainIdMax } from './world.ts'

/** A genesis in geth's JSON form. */
export type GenesisJson = Record<string, unknown>

/** What a network was opened with, as far as its genesis follows from it. */
export type OpenedNetwork = Pick<RegisteredNetwork, 'id' | 'chainId' | 'genesisTime'>

/** What the first networks of a world hold besides; nothing by default. */
export type GenesisExtras = {
  readonly accounts?: readonly GenesisAccount[]
  readonly pace?: Partial<NetworkParameters>
}

/** What a network pays for a height at most, and what gas costs at least there, in wei. */
const rewardMaxWei = 10n ** 18n
const gasPriceMinWei = 1n

/** Seconds since 1970 that a genesis may name; beyond, no clock of ours is exact. */
const genesisTimeMax = 2n ** 40n

/**
 * Returns the genesis of a network.
 *
 * @throws {GenesisImpossibleError} `DEVNET_GENESIS_IMPOSSIBLE` · `CONTRACTS_SYSTEM_INVALID`
 */
export function stakedGenesis(
  facts: GenesisFacts,
  { id, chainId, genesisTime }: OpenedNetwork,
  { accounts = [], pace = {} }: GenesisExtras = {},
): GenesisJson {
  if (chainId === 0n || chainId > BigInt(chainIdMax)) {
    throw new GenesisImpossibleError(id, `its chain id is ${chainId}`)
  }
  if (genesisTime > genesisTimeMax) {
    throw new GenesisImpossibleError(id, `its time is ${genesisTime}`)
  }
  const { l1ChainId, contracts, epochStart, epochLength, certificateAgeMax } = facts
  const system = systemContracts({
    networkId: id,
    l1ChainId,
    l1: contracts,
    epochStart,
    epochLength,
    certificateAgeMax,
    rewardMax: rewardMaxWei,
    gasPriceMin: gasPriceMinWei,
    gasLimit: gasLimitDefault,
    data: dataSettingsDefault,
  })
  return networkGenesisJson({
    chainId,
    fork: 'osaka',
    timestamp: Number(genesisTime),
    accounts: [
      ...canonicalAccounts(chainId),
      ...system.map(({ address, code, storage }) => ({ address, code, storage, nonce: 1n })),
      ...accounts,
    ],
    network: {
      ...networkParametersDefault,
      ...pace,
      networkId: id,
      l1ChainId,
      stakingContract: fromHex(contracts.stakeManager),
      validators: [],
    },
  })
}

/**
 * Returns the genesis of a network that L1 knows, once its hash is L1's.
 *
 * @throws {GenesisDiffersError} `DEVNET_GENESIS_DIFFERS`; and what `stakedGenesis` throws.
 */
export function genesisOfNetwork(facts: GenesisFacts, network: RegisteredNetwork): GenesisJson {
  const genesis = stakedGenesis(facts, network)
  checkGenesis(network, genesis)
  return genesis
}

/** Returns the hash of a genesis block. */
export function hashOfGenesis(genesis: unknown): Uint8Array {
  return parseGenesis(genesis).hash
}

/**
 * Checks a genesis against the hash that L1 has.
 *
 * @throws {GenesisDiffersError} `DEVNET_GENESIS_DIFFERS`; and what `parseGenesis` throws.
 */
export function checkGenesis(
  { id, genesisHash }: Pick<RegisteredNetwork, 'id' | 'genesisHash'>,
  genesis: unknown,
): void {
  const hash = hashOfGenesis(genesis)
  if (!bytesEqual(hash, genesisHash)) throw new GenesisDiffersError(id, { hash, genesisHash })
}

/** The canonical contracts as a genesis of that chain has them. */
export function canonicalAccounts(chainId: bigint): readonly GenesisAccount[] {
  return placeCanonicalContracts(Number(chainId)).map(({ address, code }) => ({
    address: bytesToBigint(address),
    // EIP-161: a contract's nonce begins at 1.
    nonce: 1n,
    code,
  }))
}

/** L1 has numbers that no genesis can hold. */
export class GenesisImpossibleError extends ZgError<'DEVNET_GENESIS_IMPOSSIBLE'> {
  constructor(id: number, problem: string) {
    const message = `Cannot build the genesis of network ${id}: ${problem}`
    super('DEVNET_GENESIS_IMPOSSIBLE', message, { id, problem })
  }
}

/** What was built, or given, is not what the network was opened with. */
export class GenesisDiffersError extends ZgError<'DEVNET_GENESIS_DIFFERS'> {
  constructor(
    id: number,
    { hash, genesisHash }: { readonly hash: Uint8Array; readonly genesisHash: Uint8Array },
  ) {
    const [ours, theirs] = [toHex(hash), toHex(genesisHash)]
    const message = `Cannot use the genesis of network ${id}: its hash is ${ours}, L1 has ${theirs}`
    super('DEVNET_GENESIS_DIFFERS', message, { id, hash: ours, genesisHash: theirs })
  }
}
