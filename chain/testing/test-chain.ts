/**
 * A chain in memory for tests: a network genesis with funded keys, the built-in engine, a pool.
 */

import { encodeTransaction, nextBaseFee, signTransaction } from '@zg/evm'
import type { Fork, UnsignedTransaction } from '@zg/evm'
import {
  addressOfSecretKey,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  bytesToBigint,
  keccak256,
} from '@zg/primitives'
import { MemoryStore, SimulatedClock } from '@zg/runtime'
import type { Clock, KeyValueStore } from '@zg/runtime'

import { BuiltInEngine } from '../built-in-engine.ts'
import { ChainDatabase } from '../chain-database.ts'
import { parseGenesis } from '../genesis.ts'
import type { Genesis } from '../genesis.ts'
import { feesOf } from '../header-rules.ts'
import { Mempool } from '../mempool.ts'
import type { MempoolLimits } from '../mempool-limits.ts'
import { networkGenesisJson } from '../network-genesis.ts'
import type { GenesisAccount } from '../network-genesis.ts'
import { networkParametersDefault } from '../network-parameters.ts'
import type { NetworkParameters } from '../network-parameters.ts'
import { inlineRecovery } from '../sender-recovery.ts'
import type { SenderRecovery } from '../sender-recovery.ts'

export const testChainId = 1_660_200n

/** When test chains begin, in seconds: 2026-01-01. */
export const testTimestamp = 1_767_225_600

export const tenEther = 10n * 10n ** 18n

/** Secret keys that own ten ether each in a test genesis. */
export const testKeys = Array.from({ length: 8 }, (_, index) => keccak256(Uint8Array.of(index)))

export const testAddresses = testKeys.map((key) => bytesToBigint(addressOfSecretKey(key)))

/** BLS secret key of the validator with that index. */
export function testValidatorKey(index: number): Uint8Array {
  return blsSecretKeyFromSeed(keccak256(Uint8Array.of(0xb1, index)))
}

export function testNetworkParameters(validatorCount = 1): NetworkParameters {
  return {
    ...networkParametersDefault,
    validators: Array.from({ length: validatorCount }, (_, index) => ({
      operator: keccak256(Uint8Array.of(0x0b, index)).slice(12),
      publicKey: blsPublicKeyOf(testValidatorKey(index)),
      stake: 100n,
    })),
  }
}

export function testGenesisJson(
  options: {
    readonly fork?: Fork
    readonly accounts?: readonly GenesisAccount[]
    readonly network?: NetworkParameters
    readonly depositContractAddress?: bigint
    readonly timestamp?: number
  } = {},
): Record<string, unknown> {
  const { fork = 'osaka', accounts = [], network = testNetworkParameters() } = options
  const funded = testAddresses.map((address) => ({ address, balance: tenEther }))
  const { depositContractAddress, timestamp = testTimestamp } = options
  return networkGenesisJson({
    chainId: testChainId,
    fork,
    network,
    timestamp,
    accounts: [...funded, ...accounts],
    ...(depositContractAddress === undefined ? {} : { depositContractAddress }),
  })
}

export type TestChain = {
  readonly genesis: Genesis
  readonly chain: ChainDatabase
  readonly pool: Mempool
  readonly engine: BuiltInEngine
  readonly clock: Clock
  readonly store: KeyValueStore
}

/** Opens a chain over `store`. */
export async function openTestChain(
  options: {
    readonly genesis?: Genesis
    readonly store?: KeyValueStore
    readonly clock?: Clock
    readonly limits?: MempoolLimits
    readonly recovery?: SenderRecovery
    readonly subSecond?: boolean
  } = {},
): Promise<TestChain> {
  const { genesis = parseGenesis(testGenesisJson()), store = new MemoryStore() } = options
  const { recovery = inlineRecovery, subSecond = true } = options
  const clock = options.clock ?? new SimulatedClock(testTimestamp * 1_000)
  const chain = await ChainDatabase.open({ genesis, store })
  const { header, hash } = chain.head()
  const state = chain.stateAt(hash)
  if (state === undefined) throw new Error('The head has a state')
  const head = { header, state, nextBaseFee: nextBaseFee(feesOf(header)) }
  const { limits } = options
  const pool = new Mempool({
    config: chain.config,
    recovery,
    clock,
    head,
    ...(limits === undefined ? {} : { limits }),
  })
  const engine = new BuiltInEngine({ chain, pool, recovery, clock, subSecond })
  return { genesis, chain, pool, engine, clock, store }
}

/** Returns the bytes of a transfer of one wei, or of what `fields` say. */
export function signedTransfer(
  secretKey: Uint8Array,
  fields: Partial<Extract<UnsignedTransaction, { type: 2 }>> = {},
): Uint8Array {
  const transaction: UnsignedTransaction = {
    type: 2,
    chainId: testChainId,
    nonce: 0n,
    maxPriorityFeePerGas: 10n ** 9n,
    maxFeePerGas: 10n ** 10n,
    gasLimit: 21_000n,
    to: 0xabcdn,
    value: 1n,
    data: new Uint8Array(0),
    accessList: [],
    ...fields,
  }
  return encodeTransaction(signTransaction(transaction, secretKey))
}
