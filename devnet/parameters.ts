/** Reads what L1 contracts are deployed with: networks/dev.json, networks/prod.json. */

import { readFileSync } from 'node:fs'

import type { L1Parameters } from '@zg/contracts'
import { assert } from '@zg/primitives'

const weiPerToken = 10n ** 18n

/** The files as they are written: amounts in whole tokens. */
type ParameterFile = Omit<L1Parameters, 'bridge'> & {
  readonly bridge: Omit<L1Parameters['bridge'], 'rateCapacity' | 'largeAmount'> & {
    readonly rateCapacityTokens: number
    readonly largeAmountTokens: number
  }
}

export function readL1Parameters(name: 'dev' | 'prod'): L1Parameters {
  const path = new URL(`../networks/${name}.json`, import.meta.url)
  const { bridge, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as ParameterFile
  const { rateCapacityTokens, largeAmountTokens, ...others } = bridge
  const rateCapacity = BigInt(rateCapacityTokens) * weiPerToken
  const largeAmount = BigInt(largeAmountTokens) * weiPerToken
  const parameters = { ...rest, bridge: { ...others, rateCapacity, largeAmount } }
  const { unbondingSeconds, evidenceAgeMaxSeconds, certificateAgeMaxSeconds } = parameters
  // What the contracts cannot see from one place: evidence of the last certificate still finds
  // stake.
  const answerable = evidenceAgeMaxSeconds + certificateAgeMaxSeconds
  assert(unbondingSeconds > answerable, 'stake stays for as long as it is answerable')
  return parameters
}
