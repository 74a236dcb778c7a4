/** What SharedStake takes as a proof: abi.encode(ConsensusHeader.Proof, StakeProof.OfOperator). */

import type { Hex } from '@zg/primitives'
import { encodeAbiParameters } from 'viem'
import type { Abi, AbiFunction, AbiParameter } from 'viem'

import { artifactOf } from './artifacts.ts'

/** `ConsensusHeader.Proof`, as other functions name it. */
export function headerType(): AbiParameter {
  return inputOf('EpochInfo', 'advance', 0)
}

/** Proves an operator's weight and key by a header and the state of L1 that it refers to. */
export function encodeOperatorProof(header: object, operator: object): Hex {
  return encodeAbiParameters([headerType(), operatorType()], [header, operator])
}

/** The same of a header alone. */
export function encodeHeaderProof(header: object): Hex {
  return encodeAbiParameters([headerType()], [header])
}

function operatorType(): AbiParameter {
  return {
    type: 'tuple',
    components: [
      { name: 'account', type: 'bytes[]' },
      { name: 'latest', type: 'bytes[]' },
      { ...inputOf('LightClient', 'admitMember', 5), name: 'key' },
    ],
  } as AbiParameter
}

function inputOf(name: 'EpochInfo' | 'LightClient', method: string, index: number): AbiParameter {
  const abi = artifactOf(name).abi as Abi
  const found = abi.find((item) => item.type === 'function' && item.name === method)
  return (found as AbiFunction).inputs[index] as AbiParameter
}
