/** What governance tells a network: calls for its GovExecutor (docs/specs/networks.md §7). */

import { bigintToHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { artifactOf } from '../artifacts.ts'
import { systemContractAddresses } from '../system-contracts.ts'

/** On every network. */
export const govExecutor: Hex = bigintToHex(systemContractAddresses.GovExecutor, 20)

/** A call of a contract on a network; `value` is in wei. */
export type GovernanceCall = { readonly to: Hex; readonly value: bigint; readonly data: Hex }

/** Returns the message that has them made, in their order. */
export function governanceMessage(calls: readonly GovernanceCall[]): Hex {
  const components = [
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'data', type: 'bytes' },
  ] as const
  return encodeAbiParameters([{ type: 'tuple[]', components }], [calls])
}

/** Returns the call that sets a number of the network, by its place in `GovExecutor.Parameter`. */
export function settingCall(parameter: number, value: bigint): GovernanceCall {
  const abi = artifactOf('GovExecutor').abi as Abi
  const args = [parameter, value]
  const data = encodeFunctionData({ abi, functionName: 'setParameter', args })
  return { to: govExecutor, value: 0n, data }
}
