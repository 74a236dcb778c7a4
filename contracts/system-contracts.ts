/**
 * The system contracts of a network as its genesis holds them: no constructor runs there, so what a
 * network is told at its birth lies in slots (docs/specs/networks.md §1).
 *
 *     EpochInfo   0   networkId u32, l1ChainId u64, stakeManager         from the low end
 *                 1   networkRegistry
 *                 2   operatorRegistry
 *                 3   finalityOracle
 *                 4   governance, epochStart u64
 *                 5   epochLength u64, certificateAgeMax u64
 *     GovExecutor 0   rewardMax
 *                 1   gasPriceMin
 *                 2   gasLimit
 *     DataSigners 0   SharedStake, codedRows u32, votesMin u64           from the low end
 *                 1   GovExecutor
 *                 2   quorumCount u64
 *     DataEntrance 0  DataSigners, dataRows u32                          from the low end
 *                 1   DataQueries
 *                 2   pricePerByte u64
 *     DataQueries 0   DataEntrance, queryEvery u32, queryAnswerSeconds u32   from the low end
 *     DASigners   0   DataSigners
 *     DAEntrance  0   DASigners
 */

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { artifactOf } from './artifacts.ts'
import type { ArtifactName } from './artifacts.ts'

/** Where each stands on every network. */
export const systemContractAddresses = {
  RewardHub: 0x2001n,
  Outbox: 0x2002n,
  LightClient: 0x2003n,
  GovExecutor: 0x2004n,
  NetworkInbox: 0x2005n,
  EpochInfo: 0x2006n,
  SharedStake: 0x2007n,
  DataSigners: 0x2008n,
  DataEntrance: 0x2009n,
  DataQueries: 0x200an,
  /** Where 0G has it on every network. */
  DASigners: 0x1000n,
  /** Where 0G has it on Galileo. */
  DAEntrance: 0x857c0a28a8634614bb2c96039cf4a20aff709aa9n,
} as const satisfies Partial<Record<ArtifactName, bigint>>

export type SystemContractName = keyof typeof systemContractAddresses

/** What a network is told at its birth. */
export type SystemContractsConfig = {
  readonly networkId: number
  /** EIP-155 id of the chain that holds the stake. */
  readonly l1ChainId: bigint
  /** Contracts of L1. */
  readonly l1: {
    /** What votes name as their staking contract. */
    readonly stakeManager: Hex
    readonly networkRegistry: Hex
    readonly operatorRegistry: Hex
    readonly finalityOracle: Hex
    /** The timelock of governance. */
    readonly governance: Hex
  }
  /** When epoch 0 began, in seconds since 1970. */
  readonly epochStart: bigint
  /** In seconds. */
  readonly epochLength: bigint
  /** Of a certificate of another network, after the end of its epoch; in seconds. */
  readonly certificateAgeMax: bigint
  /** What RewardHub pays for a height at most, in wei. */
  readonly rewardMax: bigint
  /** What a transaction pays for a unit of gas at least, in wei. */
  readonly gasPriceMin: bigint
  /** What the gas limit of blocks goes towards; 0 leaves it to proposers. */
  readonly gasLimit: bigint
  readonly data: DataSettings
}

/** How data availability begins on a network; prices, counts and votes governance may change. */
export type DataSettings = {
  /** K and n: rows of a batch, and what they are coded to. */
  readonly dataRows: number
  readonly codedRows: number
  /** Of an epoch. */
  readonly quorumCount: number
  /** What a signer has staked at least. */
  readonly votesMinGwei: bigint
  /** In wei, of a byte of data rows. */
  readonly pricePerByte: bigint
  /** One batch in so many is asked for, of none at 0. */
  readonly queryEvery: number
  /** For answers to a query, and for rows that were not got. */
  readonly queryAnswerSeconds: number
}

/** Those of every network whose genesis says nothing else (docs/specs/da.md §9). */
export const dataSettingsDefault: DataSettings = {
  dataRows: 1_024,
  codedRows: 4_096,
  quorumCount: 4,
  votesMinGwei: 100n * 10n ** 9n,
  pricePerByte: 10n ** 9n,
  queryEvery: 16,
  queryAnswerSeconds: 20,
}

/** An account of the genesis. */
export type SystemContractAccount = {
  readonly name: SystemContractName
  readonly address: bigint
  readonly code: Uint8Array
  /** Words that are not zero. */
  readonly storage: readonly (readonly [slot: bigint, value: bigint])[]
}

/** Words of each from slot 0 on. */
type Storages = Partial<Record<SystemContractName, readonly bigint[]>>

/** As GovExecutor has them. */
const gasLimitLeast = 10n ** 7n
const gasLimitMost = 10n ** 9n

/** As DataSigners has it. */
const quorumsMost = 64

/** Bits of each number. */
const bitsOf = {
  networkId: 32n,
  l1ChainId: 64n,
  epochStart: 64n,
  epochLength: 64n,
  certificateAgeMax: 64n,
  rewardMax: 256n,
  gasPriceMin: 256n,
  gasLimit: 256n,
} as const

/**
 * Returns the accounts of all system contracts of a network.
 *
 * @throws {SystemContractsInvalidError} `CONTRACTS_SYSTEM_INVALID`.
 */
export function systemContracts(config: SystemContractsConfig): readonly SystemContractAccount[] {
  const storage: Storages = {
    EpochInfo: settingWords(config),
    GovExecutor: [config.rewardMax, config.gasPriceMin, config.gasLimit],
    ...dataWords(config.data),
  }
  const names = Object.keys(systemContractAddresses) as SystemContractName[]
  return names.map((name) => {
    const { runtime } = artifactOf(name)
    if (runtime === undefined) throw new SystemContractsInvalidError(`"${name}" has no code`)
    const words = (storage[name] ?? []).map((value, slot) => [BigInt(slot), value] as const)
    return {
      name,
      address: systemContractAddresses[name],
      code: runtime,
      storage: words.filter(([, value]) => value !== 0n),
    }
  })
}

function settingWords(config: SystemContractsConfig): readonly bigint[] {
  const { l1 } = config
  const numbers = { ...config, networkId: BigInt(config.networkId) }
  for (const [name, bits] of Object.entries(bitsOf) as [keyof typeof bitsOf, bigint][]) {
    const value = numbers[name]
    if (value < 0n || value >> bits !== 0n) {
      throw new SystemContractsInvalidError(`${name} is not of ${bits} bits`)
    }
  }
  // GovExecutor's own bounds: blocks obey this number from the first one on.
  if (config.gasLimit < gasLimitLeast || config.gasLimit > gasLimitMost) {
    throw new SystemContractsInvalidError(`gasLimit is not ${gasLimitLeast} to ${gasLimitMost}`)
  }
  if (config.epochLength === 0n) throw new SystemContractsInvalidError('an epoch has a length')
  return [
    numbers.networkId | (config.l1ChainId << 32n) | (BigInt(l1.stakeManager) << 96n),
    BigInt(l1.networkRegistry),
    BigInt(l1.operatorRegistry),
    BigInt(l1.finalityOracle),
    BigInt(l1.governance) | (config.epochStart << 160n),
    config.epochLength | (config.certificateAgeMax << 64n),
  ]
}

function dataWords(data: DataSettings): Storages {
  const { dataRows, codedRows, quorumCount, votesMinGwei, pricePerByte } = data
  const { queryEvery, queryAnswerSeconds } = data
  const isShape = dataRows > 0 && codedRows > dataRows && codedRows <= 4_096
  if (!isShape) throw new SystemContractsInvalidError(`rows are not ${dataRows} of ${codedRows}`)
  if (quorumCount < 1 || quorumCount > quorumsMost) {
    throw new SystemContractsInvalidError(`quorumCount is not 1 to ${quorumsMost}`)
  }
  for (const [name, value] of Object.entries({ votesMinGwei, pricePerByte })) {
    if (value < 0n || value >> 64n !== 0n) {
      throw new SystemContractsInvalidError(`${name} is not of 64 bits`)
    }
  }
  for (const [name, value] of Object.entries({ queryEvery, queryAnswerSeconds })) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
      throw new SystemContractsInvalidError(`${name} is not of 32 bits`)
    }
  }
  const { SharedStake, GovExecutor, DataSigners } = systemContractAddresses
  const { DataEntrance, DataQueries, DASigners } = systemContractAddresses
  return {
    DataSigners: [
      SharedStake | (BigInt(codedRows) << 160n) | (votesMinGwei << 192n),
      GovExecutor,
      BigInt(quorumCount),
    ],
    DataEntrance: [DataSigners | (BigInt(dataRows) << 160n), DataQueries, pricePerByte],
    DataQueries: [
      DataEntrance | (BigInt(queryEvery) << 160n) | (BigInt(queryAnswerSeconds) << 192n),
    ],
    DASigners: [DataSigners],
    DAEntrance: [DASigners],
  }
}

export class SystemContractsInvalidError extends ZgError<'CONTRACTS_SYSTEM_INVALID'> {
  constructor(problem: string) {
    super('CONTRACTS_SYSTEM_INVALID', `Cannot lay out the system contracts: ${problem}`, {
      problem,
    })
  }
}
