/**
 * Which rules hold when: the fork schedule of a chain, in the field names of geth's genesis
 * `config`.
 *
 * This machine knows Cancun, Prague and Osaka, which a block selects by its timestamp, and the
 * blob-parameter-only forks (EIP-7892) that change nothing but the blob schedule. A block before
 * Cancun is refused, never run under wrong rules.
 */

import { fromHex, isHex, ZgError, bytesToBigint } from '@zg/primitives'

/** The rule sets, oldest first. */
export const forks = ['cancun', 'prague', 'osaka'] as const

export type Fork = (typeof forks)[number]

/** Whether the rules of `other` hold in `fork`. */
export function atLeast(fork: Fork, other: Fork): boolean {
  return forks.indexOf(fork) >= forks.indexOf(other)
}

/** The forks with blob parameters, oldest first. */
export const blobForks = [...forks, 'bpo1', 'bpo2', 'bpo3', 'bpo4', 'bpo5'] as const

export type BlobFork = (typeof blobForks)[number]

/** How many blobs a block may hold and how their price moves (EIP-4844, EIP-7840). */
export type BlobParameters = {
  readonly target: number
  readonly max: number
  readonly baseFeeUpdateFraction: bigint
}

/** Mainnet's parameters, for a config that names none. */
export const blobParametersDefault: Readonly<Record<BlobFork, BlobParameters>> = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
  osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
  bpo1: { target: 10, max: 15, baseFeeUpdateFraction: 8_346_193n },
  bpo2: { target: 14, max: 21, baseFeeUpdateFraction: 11_684_671n },
  bpo3: { target: 21, max: 32, baseFeeUpdateFraction: 20_609_697n },
  bpo4: { target: 14, max: 21, baseFeeUpdateFraction: 13_739_630n },
  bpo5: { target: 14, max: 21, baseFeeUpdateFraction: 13_739_630n },
}

/** The rules of one chain. */
export type ChainConfig = {
  readonly chainId: bigint
  /** From which timestamp, in seconds, a fork holds; absent: never. */
  readonly forkTimes: Readonly<Partial<Record<BlobFork, number>>>
  readonly blobSchedule: Readonly<Partial<Record<BlobFork, BlobParameters>>>
  /** The deposit contract whose logs are requests (EIP-6110); absent: no such requests. */
  readonly depositContractAddress?: bigint
}

/**
 * Reads the `config` object of a genesis in geth's form.
 *
 * @throws {ChainConfigInvalidError} `EVM_CHAIN_CONFIG_INVALID`
 */
export function parseChainConfig(json: unknown): ChainConfig {
  if (!isRecord(json)) throw new ChainConfigInvalidError('it is no object')
  const forkTimes: Partial<Record<BlobFork, number>> = {}
  const blobSchedule: Partial<Record<BlobFork, BlobParameters>> = {}
  const schedule = json['blobSchedule'] ?? {}
  if (!isRecord(schedule)) throw new ChainConfigInvalidError('"blobSchedule" is no object')
  for (const fork of blobForks) {
    const time = json[`${fork}Time`]
    if (time !== undefined && time !== null) forkTimes[fork] = count(time, `${fork}Time`)
    const entry = schedule[fork]
    if (isRecord(entry)) {
      blobSchedule[fork] = {
        target: count(entry['target'], `${fork}.target`),
        max: count(entry['max'], `${fork}.max`),
        baseFeeUpdateFraction: BigInt(count(entry['baseFeeUpdateFraction'], `${fork}.fraction`)),
      }
    }
  }
  const chainId = BigInt(count(json['chainId'], 'chainId'))
  const deposit = json['depositContractAddress']
  if (deposit === undefined || deposit === null) return { chainId, forkTimes, blobSchedule }
  if (!isHex(deposit, 20))
    throw new ChainConfigInvalidError('"depositContractAddress" is no address')
  return {
    chainId,
    forkTimes,
    blobSchedule,
    depositContractAddress: bytesToBigint(fromHex(deposit)),
  }
}

/** Returns a config that runs `fork`, all older rules included, from its genesis. */
export function configAtFork(chainId: bigint, fork: Fork): ChainConfig {
  const forkTimes: Partial<Record<BlobFork, number>> = {}
  for (const known of forks) if (atLeast(fork, known)) forkTimes[known] = 0
  return { chainId, forkTimes, blobSchedule: {} }
}

/**
 * Returns the rule set of a block with that timestamp, in seconds.
 *
 * @throws {ForkUnsupportedError} `EVM_FORK_UNSUPPORTED` before Cancun.
 */
export function forkAt(config: ChainConfig, timestamp: number): Fork {
  for (let index = forks.length - 1; index >= 0; index--) {
    const fork = forks[index] as Fork
    const from = config.forkTimes[fork]
    if (from !== undefined && timestamp >= from) return fork
  }
  throw new ForkUnsupportedError(timestamp)
}

/** Returns the blob parameters of a block with that timestamp, in seconds. */
export function blobParametersAt(config: ChainConfig, timestamp: number): BlobParameters {
  for (let index = blobForks.length - 1; index >= 0; index--) {
    const fork = blobForks[index] as BlobFork
    const from = config.forkTimes[fork]
    if (from === undefined || timestamp < from) continue
    return config.blobSchedule[fork] ?? blobParametersDefault[fork]
  }
  throw new ForkUnsupportedError(timestamp)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count(value: unknown, field: string): number {
  const read = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof read !== 'number' || !Number.isSafeInteger(read) || read < 0) {
    throw new ChainConfigInvalidError(`"${field}" is no count below 2^53`)
  }
  return read
}

export class ChainConfigInvalidError extends ZgError<'EVM_CHAIN_CONFIG_INVALID'> {
  constructor(problem: string) {
    super('EVM_CHAIN_CONFIG_INVALID', `Cannot read the chain config: ${problem}`, { problem })
  }
}

export class ForkUnsupportedError extends ZgError<'EVM_FORK_UNSUPPORTED'> {
  constructor(timestamp: number) {
    const message = `Cannot run a block of time ${timestamp}: its fork is before Cancun`
    super('EVM_FORK_UNSUPPORTED', message, { timestamp })
  }
}
