/**
 * Writes the genesis of a network or of the local L1, in geth's JSON form with our `zg` section.
 *
 * The fork and all older ones hold from the first block. The four system contracts stand in it with
 * their canonical code; everything else is the caller's choice.
 */

import { atLeast, blobParametersDefault, forks } from '@zg/evm'
import type { Fork } from '@zg/evm'
import { bigintToHex, toHex, toQuantity } from '@zg/primitives'

import { gasLimitDefault, networkCommitment } from './genesis.ts'
import { encodeNetworkParameters } from './network-parameters.ts'
import type { NetworkParameters } from './network-parameters.ts'
import { systemContracts } from './system-contracts.ts'

/** Chain id of the local L1. */
export const l1ChainId = 1_337n

/** Chain id of network 0; network i has this and i more. */
export const networkChainIdBase = 1_660_200n

export type GenesisAccount = {
  readonly address: bigint
  /** In wei. */
  readonly balance?: bigint
  readonly nonce?: bigint
  readonly code?: Uint8Array
  readonly storage?: readonly (readonly [slot: bigint, value: bigint])[]
}

export type NetworkGenesisOptions = {
  readonly chainId: bigint
  readonly fork: Fork
  readonly network: NetworkParameters
  /** In seconds. */
  readonly timestamp: number
  /** @default gasLimitDefault */
  readonly gasLimit?: bigint
  readonly accounts: readonly GenesisAccount[]
  /** Where deposits are made (EIP-6110); no deposit requests when absent. */
  readonly depositContractAddress?: bigint
}

/** Returns the genesis as a JSON value; `parseGenesis` reads it, and so do geth and reth. */
export function networkGenesisJson(options: NetworkGenesisOptions): Record<string, unknown> {
  const { network, accounts, gasLimit = gasLimitDefault, timestamp } = options
  const system = systemContracts.map(({ address, code }) => ({ address, code, nonce: 1n }))
  const alloc: Record<string, unknown> = {}
  for (const account of [...system, ...accounts]) {
    alloc[bigintToHex(account.address, 20)] = allocEntry(account)
  }
  return {
    config: configJson(options),
    nonce: '0x0',
    timestamp: toQuantity(timestamp),
    extraData: toHex(networkCommitment(network)),
    gasLimit: toQuantity(gasLimit),
    difficulty: '0x0',
    mixHash: bigintToHex(0n, 32),
    coinbase: bigintToHex(0n, 20),
    baseFeePerGas: toQuantity(1_000_000_000n),
    excessBlobGas: '0x0',
    blobGasUsed: '0x0',
    alloc,
    zg: encodeNetworkParameters(network),
  }
}

function configJson(options: NetworkGenesisOptions): Record<string, unknown> {
  const { chainId, fork, depositContractAddress } = options
  const config: Record<string, unknown> = { chainId: Number(chainId) }
  for (const block of ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople']) {
    config[`${block}Block`] = 0
  }
  for (const block of ['petersburg', 'istanbul', 'berlin', 'london', 'mergeNetsplit']) {
    config[`${block}Block`] = 0
  }
  config['terminalTotalDifficulty'] = 0
  config['shanghaiTime'] = 0
  const blobSchedule: Record<string, unknown> = {}
  for (const known of forks) {
    if (!atLeast(fork, known)) continue
    config[`${known}Time`] = 0
    const { target, max, baseFeeUpdateFraction } = blobParametersDefault[known]
    blobSchedule[known] = {
      target,
      max,
      baseFeeUpdateFraction: Number(baseFeeUpdateFraction),
    }
  }
  config['blobSchedule'] = blobSchedule
  if (depositContractAddress !== undefined) {
    config['depositContractAddress'] = bigintToHex(depositContractAddress, 20)
  }
  return config
}

function allocEntry(account: GenesisAccount): Record<string, unknown> {
  const { balance = 0n, nonce = 0n, code, storage = [] } = account
  const entry: Record<string, unknown> = { balance: toQuantity(balance) }
  if (nonce !== 0n) entry['nonce'] = toQuantity(nonce)
  if (code !== undefined && code.length > 0) entry['code'] = toHex(code)
  if (storage.length > 0) {
    entry['storage'] = Object.fromEntries(
      storage.map(([slot, value]) => [bigintToHex(slot, 32), bigintToHex(value, 32)]),
    )
  }
  return entry
}
