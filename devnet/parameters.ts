/** Reads what L1 contracts are deployed with: networks/dev.json, networks/prod.json. */

import { readFileSync } from 'node:fs'

import type { L1Parameters } from '@zg/contracts'
import { assert } from '@zg/primitives'

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

export function readL1Parameters(name: 'dev' | 'prod'): L1Parameters {
  const path = new URL(`../networks/${name}.json`, import.meta.url)
  const { bridge, governed, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as ParameterFile
  const { rateCapacityTokens, largeAmountTokens, ...others } = bridge
  const rateCapacity = BigInt(rateCapacityTokens) * weiPerToken
  const largeAmount = BigInt(largeAmountTokens) * weiPerToken
  const { stakeMinTokens, ...counts } = governed
  const stakeMinGwei = BigInt(stakeMinTokens) * gweiPerToken
  const parameters = {
    ...rest,
    bridge: { ...others, rateCapacity, largeAmount },
    governed: { ...counts, stakeMinGwei },
  }
  const { unbondingSeconds, evidenceAgeMaxSeconds, massDelaySeconds } = parameters
  // What the contracts cannot see from one place: evidence of the last certificate still finds
  // stake.
  const answerable = evidenceAgeMaxSeconds + massDelaySeconds + parameters.certificateAgeMaxSeconds
  assert(unbondingSeconds > answerable, 'stake stays for as long as it is answerable')
  return parameters
}
