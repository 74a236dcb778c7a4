import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactNames, artifactOf } from '@zg/contracts'
import { formatAbiItem } from 'viem/utils'
import { toEventSelector, toFunctionSelector } from 'viem'
import type { Abi, AbiEvent, AbiFunction, AbiParameter } from 'viem'

import { abis } from './abis.ts'
import type { ContractName } from './abis.ts'
import { refusals } from './refusals.ts'

/** Types of parameters, tuples by their parts; names too, as answers are read by them. */
function shapeOf(parameters: readonly AbiParameter[]): unknown[] {
  return parameters.map((parameter) => {
    const { type, name } = parameter
    const indexed = (parameter as { indexed?: boolean }).indexed === true
    const parts = 'components' in parameter ? shapeOf(parameter.components) : []
    return { type, name: name === '' ? undefined : name, indexed, parts }
  })
}

type AbiError = Extract<Abi[number], { readonly type: 'error' }>

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

/** Contracts that stand in tests alone. */
const ofTests = ['ProofsTester', 'TestCollateral']

test('refusals are the errors of all contracts, none missing and none made up', () => {
  const names = artifactNames.filter((name) => !ofTests.includes(name))
  const errors = names.flatMap((name) => artifactOf(name).abi as Abi).filter(isError)
  const known = refusals.filter(isError)
  const signatures = (all: readonly AbiError[]): string[] =>
    [...new Set(all.map((error) => formatAbiItem(error)))].toSorted()
  assert.deepEqual(signatures(known), signatures(errors))
  // Told by their first four bytes: no two may share them.
  const selectors = known.map((error) => toFunctionSelector(formatAbiItem(error)))
  assert.equal(new Set(selectors).size, known.length)
})

function isError(item: Abi[number]): item is AbiError {
  return item.type === 'error'
}
