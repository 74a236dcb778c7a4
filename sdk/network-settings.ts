/**
 * The numbers of one network that governance sets there: by a message from its timelock through the
 * Inbox of L1, which GovExecutor obeys (docs/specs/networks.md §7).
 */

import type { Hex } from '@zg/primitives'
import {
  decodeAbiParameters,
  decodeFunctionData,
  encodeAbiParameters,
  encodeFunctionData,
} from 'viem'

import { abis } from './abis.ts'
import type { Action } from './governance.ts'
import type { StakeView } from './view.ts'

/** In the order of `GovExecutor.Parameter`, with bounds; rewardMax and gasPriceMin are in wei. */
export const networkSettings = [
  { name: 'rewardMax', least: 0n, most: 10n ** 27n },
  { name: 'gasPriceMin', least: 0n, most: 10n ** 12n },
  { name: 'gasLimit', least: 10n ** 7n, most: 10n ** 9n },
] as const

export type NetworkSetting = (typeof networkSettings)[number]['name']

/** On every network. */
export const govExecutor: Hex = '0x0000000000000000000000000000000000002004'

const callsType = [
  {
    type: 'tuple[]',
    components: [
      { name: 'to', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'data', type: 'bytes' },
    ],
  },
] as const

/** Returns the call of L1 that has a network set one of its numbers. */
export function networkSettingAction(
  { addresses }: Pick<StakeView, 'addresses'>,
  setting: { readonly network: number; readonly name: NetworkSetting; readonly value: bigint },
): Action {
  const place = networkSettings.findIndex(({ name }) => name === setting.name)
  const data = encodeFunctionData({
    abi: abis.GovExecutor,
    functionName: 'setParameter',
    args: [place, setting.value],
  })
  const message = encodeAbiParameters(callsType, [[{ to: govExecutor, value: 0n, data }]])
  return {
    to: addresses.Inbox,
    value: 0n,
    data: encodeFunctionData({
      abi: abis.Inbox,
      functionName: 'send',
      args: [setting.network, govExecutor, message],
    }),
  }
}

/** What a call of the Inbox has a network set; undefined when it is another one. */
export function sayNetworkSetting(data: Hex): string | undefined {
  const { functionName, args } = decodeFunctionData({ abi: abis.Inbox, data })
  if (functionName !== 'send' || args[1].toLowerCase() !== govExecutor) return undefined
  const [calls] = decodeAbiParameters(callsType, args[2])
  const texts = calls.map((call) => {
    const { args: set } = decodeFunctionData({ abi: abis.GovExecutor, data: call.data })
    return `${networkSettings[set[0]]?.name ?? `number ${set[0]}`} to ${set[1]}`
  })
  const isOurs = calls.every(({ to, value }) => to.toLowerCase() === govExecutor && value === 0n)
  return isOurs ? `set ${texts.join(', ')} on network ${args[0]}` : undefined
}
