/** Reads what L1 contracts are deployed with: networks/dev.json, networks/prod.json. */

import { readFileSync } from 'node:fs'

import type { L1Parameters } from '@zg/contracts'

import type { OutsideL1 } from './world.ts'

const weiPerToken = 10n ** 18n
const gweiPerToken = 10n ** 9n

/** The files as they are written: amounts in whole tokens. */
type ParameterFile = Omit<L1Parameters, 'bridge' | 'governed'> & {
  readonly bridge: Omit<L1Parameters['bridge'], 'rateCapacity' | 'largeAmount'> & {
    readonly rateCapacityTokens: number
    readonly largeAmountTokens: number
  }
  readonly governed: Omit<L1Parameters['governed'], 'stakeMinGwei'> & {
    readonly stakeMinTokens: number
  }
}

/**
 * Returns those of `dev` on an L1 with another finality lag, in epochs of another length: what must
 * span epochs grows with them.
 */
export function devParametersOf({
  epochSeconds,
  finalitySeconds,
}: Pick<OutsideL1, 'epochSeconds' | 'finalitySeconds'>): L1Parameters {
  const dev = readL1Parameters('dev')
  const factor = Math.max(1, epochSeconds / dev.epochSeconds)
  const scaled = (seconds: number): number => Math.ceil(seconds * factor)
  const { stakersTimelockSeconds } = dev.governance
  return {
    ...dev,
    epochSeconds,
    finalityLagSeconds: finalitySeconds,
    unbondingSeconds: scaled(dev.unbondingSeconds),
    evidenceAgeMaxSeconds: scaled(dev.evidenceAgeMaxSeconds),
    certificateAgeMaxSeconds: scaled(dev.certificateAgeMaxSeconds),
    governance: { ...dev.governance, stakersTimelockSeconds: scaled(stakersTimelockSeconds) },
  }
}

export function readL1Parameters(name: 'dev' | 'prod'): L1Parameters {
  const path = new URL(`../networks/${name}.json`, import.meta.url)
  const { bridge, governed, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as ParameterFile
  const { rateCapacityTokens, largeAmountTokens, ...others } = bridge
  const rateCapacity = BigInt(rateCapacityTokens) * weiPerToken
  const largeAmount = BigInt(largeAmountTokens) * weiPerToken
  const { stakeMinTokens, ...counts } = governed
  const stakeMinGwei = BigInt(stakeMinTokens) * gweiPerToken
  return {
    ...rest,
    bridge: { ...others, rateCapacity, largeAmount },
    governed: { ...counts, stakeMinGwei },
  }
}
