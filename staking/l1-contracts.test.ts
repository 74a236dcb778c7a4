import assert from 'node:assert/strict'
import { test } from 'node:test'

import { emptyBytes } from '@zg/primitives'

import type { L1Answer } from './l1-chain.ts'
import { errorNameOf, messageTo, readContract } from './l1-contracts.ts'

const contract = { artifact: 'FinalityOracle', address: 7n } as const
const call = { name: 'finalOf', args: [1] }
const failed = { code: 'STAKING_L1_READ_FAILED' }

/** Reads of an L1 that answers so. */
const read = (answer: L1Answer) => readContract({ call: async () => answer }, contract, call)

test('messageTo calls a function at its contract', () => {
  const { to, data } = messageTo(contract, { name: 'declareDead', args: [3] })
  assert.equal(to, 7n)
  assert.equal(data.length, 4 + 32)
  assert.equal(data.at(-1), 3)
})

test('readContract tells what stands there when it is no such contract', async () => {
  const returned = (data: Uint8Array) => read({ kind: 'returned', data })
  await assert.rejects(returned(emptyBytes), failed)
  await assert.rejects(returned(new Uint8Array(31)), failed)
  await assert.rejects(returned(new Uint8Array(9 * 32).fill(0xff)), failed)
  const found = (await returned(new Uint8Array(9 * 32))) as { readonly height: bigint }
  assert.equal(found.height, 0n)
  const reverted = read({ kind: 'reverted', data: Uint8Array.of(1, 2, 3, 4) })
  await assert.rejects(reverted, failed)
})

test('errorNameOf knows the errors of our contracts, and no others', () => {
  assert.equal(errorNameOf(emptyBytes), '')
  assert.equal(errorNameOf(Uint8Array.of(1, 2, 3, 4)), '')
})
