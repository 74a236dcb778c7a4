import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'

import { artifactNames, artifactOf } from '@zg/contracts'
import { toEventSelector, toFunctionSelector } from 'viem'
import type { Abi, AbiEvent, AbiFunction, AbiParameter } from 'viem'

import { abis, refusals } from './abis.ts'
import type { ContractName } from './abis.ts'

/** Types of parameters, tuples by their parts; names too, as answers are read by them. */
function shapeOf(parameters: readonly AbiParameter[]): unknown[] {
  return parameters.map((parameter) => {
    const { type, name } = parameter
    const indexed = (parameter as { indexed?: boolean }).indexed === true
    const parts = 'components' in parameter ? shapeOf(parameter.components) : []
    return { type, name: name === '' ? undefined : name, indexed, parts }
  })
}

function describe(item: AbiFunction | AbiEvent): unknown {
  const { type, name, inputs } = item
  const shape = { type, name, inputs: shapeOf(inputs) }
  if (item.type === 'event') return { ...shape, selector: toEventSelector(item) }
  const { outputs, stateMutability } = item
  return {
    ...shape,
    outputs: shapeOf(outputs),
    stateMutability,
    selector: toFunctionSelector(item),
  }
}

test('abis: every entry is that of the committed artifact', () => {
  for (const name of Object.keys(abis) as ContractName[]) {
    const artifact = artifactOf(name).abi as Abi
    for (const item of abis[name] as Abi) {
      assert.ok(item.type === 'function' || item.type === 'event', name)
      const own = artifact.find(
        (other) => other.type === item.type && 'name' in other && other.name === item.name,
      ) as AbiFunction | AbiEvent | undefined
      assert.ok(own !== undefined, `${name} has no ${item.name}`)
      assert.deepEqual(describe(item), describe(own), `${name}.${item.name}`)
    }
  }
})

test('abis: every refusal is an error of a contract', () => {
  const all = artifactNames.flatMap((name) => artifactOf(name).abi as Abi)
  for (const { name, inputs } of refusals) {
    const own = all.filter((item) => item.type === 'error' && item.name === name)
    const shapes = own.map((item) => (item.type === 'error' ? shapeOf(item.inputs) : []))
    // Two contracts may have an error of one name.
    const isOne = shapes.some((shape) => isDeepStrictEqual(shape, shapeOf(inputs)))
    assert.ok(isOne, name)
  }
})
