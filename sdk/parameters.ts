/** The numbers that governance may change, and within which bounds (docs/specs/stake.md §12). */

import { on } from './view.ts'
import type { StakeView } from './view.ts'

/** In the order of `Parameters.Key`; stakeMin is in gwei. */
export const parameterNames = [
  'operatorBps',
  'churnBps',
  'operatorsMin',
  'stakeMin',
  'drainEpochs',
  'loadEpochs',
  'coolDownEpochs',
] as const

export type ParameterName = (typeof parameterNames)[number]

export type Parameter = {
  readonly name: ParameterName
  readonly value: bigint
  readonly least: bigint
  readonly most: bigint
  /** Set by the timelock that waits until stakers could leave. */
  readonly isCritical: boolean
}

export async function readParameter(view: StakeView, name: ParameterName): Promise<Parameter> {
  const { client } = view
  const parameters = on(view, 'Parameters')
  const args = [parameterNames.indexOf(name)] as const
  const [value, rule] = await Promise.all([
    client.readContract({ ...parameters, functionName: 'get', args }),
    client.readContract({ ...parameters, functionName: 'ruleOf', args }),
  ])
  return { name, value, ...rule }
}
