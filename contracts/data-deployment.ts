/**
 * How data availability comes to stand alone on an EVM chain that has the precompiles of EIP-2537,
 * with stake that is bonded there (docs/specs/da.md §1, §9).
 *
 *     BondedStake ◄── DataSigners ◄── DataEntrance ◄──► DataQueries
 */

import type { Hex } from '@zg/primitives'

import { create3Address, deployCall, factoryCall, factoryOf } from './create3.ts'
import type { L1Call } from './create3.ts'
import type { DataSettings } from './system-contracts.ts'

export type DataDeploymentOptions = {
  /** Who sends every call; what it deploys otherwise stands elsewhere. */
  readonly deployer: Hex
  /** When epoch 0 begins, in seconds since 1970; not after the deployment. */
  readonly epochStart: number
  readonly epochSeconds: number
  /** Epochs until what is unbonded is paid out: four or more. */
  readonly unbondingEpochs: number
  /** Who sets prices and counts, and takes what nobody earned. */
  readonly governor: Hex
  readonly data: DataSettings
}

/** In the order in which they are deployed. */
const names = ['BondedStake', 'DataSigners', 'DataEntrance', 'DataQueries'] as const

export type DataAddresses = Readonly<Record<(typeof names)[number], Hex>>

/** Returns where everything will stand; it follows from the deployer. */
export function dataAddressesOf(deployer: Hex): DataAddresses {
  const factory = factoryOf(deployer)
  const found = names.map((name) => [name, create3Address(factory, name)] as const)
  return Object.fromEntries(found) as DataAddresses
}

/** Returns the calls that deploy all contracts; for one with a factory, all but the first. */
export function dataDeploymentCalls(options: DataDeploymentOptions): readonly L1Call[] {
  const { deployer, epochStart, epochSeconds, unbondingEpochs, governor, data } = options
  const at = dataAddressesOf(deployer)
  const args: Readonly<Record<(typeof names)[number], readonly unknown[]>> = {
    BondedStake: [epochStart, epochSeconds, unbondingEpochs],
    DataSigners: [
      {
        stake: at.BondedStake,
        rowCount: data.codedRows,
        votesMin: data.votesMinGwei,
        governor,
        quorumCount: numberOf(BigInt(data.quorumCount)),
      },
    ],
    DataEntrance: [
      {
        signers: at.DataSigners,
        dataRows: data.dataRows,
        queries: at.DataQueries,
        price: numberOf(data.pricePerByte),
      },
    ],
    DataQueries: [
      {
        entrance: at.DataEntrance,
        every: data.queryEvery,
        answerSeconds: data.queryAnswerSeconds,
      },
    ],
  }
  const factory = factoryOf(deployer)
  return [factoryCall(deployer), ...names.map((name) => deployCall(factory, name, args[name]))]
}

/** `Scheduled.Number` that holds from the beginning on. */
function numberOf(newest: bigint) {
  return { newest, former: 0n, earlier: 0n, newestFrom: 0, formerFrom: 0 }
}
