/**
 * The numbers of a network that its governance sets and blocks obey (docs/specs/networks.md §7):
 * slots of GovExecutor in the state after the parent, so that what a block executes holds from the
 * next one on, for whoever builds and whoever checks it.
 *
 *     gasPriceMin   every transaction pays so much a unit of gas at least: base fee and tip
 *     gasLimit      a header's gas limit goes towards it, by less than a 1,024th a block
 *
 * Both keep a block a plain Ethereum block: the base fee follows EIP-1559, the gas limit moves as
 * far as the Yellow Paper lets it, as geth's does towards `--miner.gaslimit`. A chain without a
 * GovExecutor takes any price, and keeps the gas limit of its genesis.
 */

import type { StateReader } from '@zg/state'

import type { Genesis } from './genesis.ts'

/** Where GovExecutor stands, and its slots. */
const govExecutor = 0x2004n
const gasPriceMinSlot = 1n
const gasLimitSlot = 2n

/**
 * What no governance can leave, as the contract has them too: above this price nobody could pay
 * for the message that lowers it, and outside these limits no block could hold one, or be checked.
 */
export const gasPriceMinMost = 10n ** 12n
export const governedGasLimitLeast = 10n ** 7n
export const governedGasLimitMost = 10n ** 9n

/** A child's gas limit differs by less than this part of its parent's (Yellow Paper §4.3.4). */
const gasLimitBoundDivisor = 1_024n

export type GovernedParameters = {
  /** In wei a unit of gas. */
  readonly gasPriceMin: bigint
  /** Undefined where governance sets none. */
  readonly gasLimit: bigint | undefined
}

/** Reads what governs the child of a block, from the state after it. */
export function governedParametersOf(state: Pick<StateReader, 'storage'>): GovernedParameters {
  const gasPriceMin = state.storage(govExecutor, gasPriceMinSlot)
  const gasLimit = state.storage(govExecutor, gasLimitSlot)
  return {
    gasPriceMin: gasPriceMin < gasPriceMinMost ? gasPriceMin : gasPriceMinMost,
    gasLimit: gasLimit === 0n ? undefined : clamped(gasLimit),
  }
}

/** The gas limit of all blocks of a chain without a GovExecutor; undefined where there is one. */
export function fixedGasLimitOf({ changes, header }: Genesis): bigint | undefined {
  const isGoverned = changes.accounts.some(({ address }) => address === govExecutor)
  return isGoverned ? undefined : header.gasLimit
}

/** The gas limit that the child of a block with `parentGasLimit` must have. */
export function nextGasLimit(parentGasLimit: bigint, wanted: bigint): bigint {
  const step = parentGasLimit / gasLimitBoundDivisor - 1n
  if (step <= 0n) return parentGasLimit
  if (wanted > parentGasLimit) {
    return wanted - parentGasLimit > step ? parentGasLimit + step : wanted
  }
  return parentGasLimit - wanted > step ? parentGasLimit - step : wanted
}

function clamped(gasLimit: bigint): bigint {
  if (gasLimit < governedGasLimitLeast) return governedGasLimitLeast
  return gasLimit < governedGasLimitMost ? gasLimit : governedGasLimitMost
}
