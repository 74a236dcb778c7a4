import assert from 'node:assert/strict'
import { test } from 'node:test'

import { stateDifferences } from './run-forge.ts'
import type { DumpedAccount, World } from './run-forge.ts'

const address = `0x${'a1'.repeat(20)}`
const [slot, value] = [1, 2].map((number) => `0x${String(number).padStart(64, '0')}`) as [
  string,
  string,
]
const world: World = {
  title: 'a test',
  chainId: 1,
  fork: 'prague',
  accounts: [{ address, nonce: '1', balance: '16', code: '0x00', slots: [[slot, value]] }],
}
const same: DumpedAccount = {
  nonce: '0x1',
  balance: '0x10',
  code: '0x00',
  storage: { [slot]: value, '0x03': '0x00' },
}

test('stateDifferences finds none in what is the same, and whatever is another', () => {
  const told = (account: DumpedAccount, more: Readonly<Record<string, DumpedAccount>> = {}) =>
    stateDifferences(world, { [address.toUpperCase().replace('X', 'x')]: account, ...more })
  assert.deepEqual(told(same), [])
  assert.deepEqual(told({ ...same, nonce: '0x2' }), [`${address} nonce 1 0x2`])
  assert.deepEqual(told({ ...same, balance: '0x0' }), [`${address} balance 16 0x0`])
  assert.deepEqual(told({ ...same, code: '0x01' }), [`${address} code`])
  assert.deepEqual(told({ ...same, storage: { [slot]: '0x03' } }), [`${address} storage`])
  assert.deepEqual(told({ ...same, storage: {} }), [`${address} storage`])
  const grown = { ...same, storage: { [slot]: value, '0x04': '0x01' } }
  assert.deepEqual(told(grown), [`${address} storage`])
  assert.deepEqual(stateDifferences(world, {}), [`${address} account`])
  const other = `0x${'b2'.repeat(20)}`
  assert.deepEqual(told(same, { [other]: { balance: '0x0' } }), [])
  const alone = [`${other} is on forge alone`]
  assert.deepEqual(told(same, { [other]: { balance: '0x0', nonce: '0x1' } }), alone)
  assert.deepEqual(told(same, { [other]: { balance: '0x0', code: '0x00' } }), alone)
})
