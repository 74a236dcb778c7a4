/** `eth_config` (EIP-7910): which rules hold now, which come next, which are the last known. */

import { crc32 } from 'node:zlib'

import {
  atLeast,
  blobForks,
  blobParametersAt,
  forkAt,
  precompileAddresses,
  precompileAt,
  systemContracts,
} from '@zg/evm'
import type { ChainConfig, Fork } from '@zg/evm'
import { bigintToBytes, concat, toHex, toQuantity } from '@zg/primitives'

import type { ChainReader, NodeView } from '../chain-view.ts'
import type { RpcMethod } from './json-rpc.ts'
import { checkCount } from './params.ts'
import { addressJson } from './transaction-json.ts'

/** The methods by name. */
export function configMethods({ chain }: NodeView): readonly [string, RpcMethod][] {
  return [
    [
      'eth_config',
      (params) => {
        checkCount(params, 0, 0)
        const { timestamp } = chain.head().header
        const times = activationTimes(chain.config)
        const current = times.findLast((time) => time <= timestamp) ?? 0
        const coming = times.filter((time) => time > timestamp)
        return {
          current: configAt(chain, current),
          next: coming[0] === undefined ? null : configAt(chain, coming[0]),
          last: coming.length === 0 ? null : configAt(chain, coming.at(-1) ?? current),
        }
      },
    ],
  ]
}

function configAt(chain: ChainReader, time: number): unknown {
  const { config } = chain
  const fork = forkAt(config, time)
  const { target, max, baseFeeUpdateFraction } = blobParametersAt(config, time)
  return {
    activationTime: time,
    blobSchedule: { target, max, baseFeeUpdateFraction: Number(baseFeeUpdateFraction) },
    chainId: toQuantity(config.chainId),
    forkId: toHex(forkId(chain, time)),
    precompiles: precompilesJson(fork),
    systemContracts: systemContractsJson(fork, config),
  }
}

/**
 * The fork id (EIP-2124): CRC-32 of the genesis hash and the times of all forks up to `time`, those
 * that hold from genesis on left out.
 */
function forkId(chain: ChainReader, time: number): Uint8Array {
  const genesisTime = chain.headerByNumber(0)?.header.timestamp ?? 0
  const passed = activationTimes(chain.config).filter((at) => at > genesisTime && at <= time)
  const bytes = concat(chain.genesisHash, ...passed.map((at) => bigintToBytes(BigInt(at), 8)))
  return bigintToBytes(BigInt(crc32(bytes)), 4)
}

/** Times at which rules change, ascending, each once. */
function activationTimes({ forkTimes }: ChainConfig): readonly number[] {
  const times = blobForks.map((fork) => forkTimes[fork]).filter((time) => time !== undefined)
  return [...new Set(times)].toSorted((a, b) => a - b)
}

function precompilesJson(fork: Fork): Readonly<Record<string, string>> {
  const entries = precompileAddresses(fork).map((address) => {
    return [precompileAt(address, fork)?.name ?? '', addressJson(address)] as const
  })
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function systemContractsJson(fork: Fork, config: ChainConfig): Readonly<Record<string, string>> {
  const cancun = { BEACON_ROOTS_ADDRESS: addressJson(systemContracts.beaconRoots) }
  if (!atLeast(fork, 'prague')) return cancun
  const { depositContractAddress } = config
  return {
    ...cancun,
    CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS: addressJson(systemContracts.consolidationRequests),
    ...(depositContractAddress === undefined
      ? {}
      : { DEPOSIT_CONTRACT_ADDRESS: addressJson(depositContractAddress) }),
    HISTORY_STORAGE_ADDRESS: addressJson(systemContracts.historyStorage),
    WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS: addressJson(systemContracts.withdrawalRequests),
  }
}
