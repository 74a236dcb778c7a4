import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mnemonicToAccount } from 'viem/accounts'

import { devAccounts, devMnemonic } from './accounts.ts'

test('devAccounts are those of Hardhat and Foundry', async () => {
  const [first] = await devAccounts()
  assert.equal(first?.address, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
  assert.equal(
    first?.privateKey,
    '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  )
})

test('devAccounts agree with viem on every index', async () => {
  const expected = Array.from({ length: 10 }, (_, addressIndex) => {
    return mnemonicToAccount(devMnemonic, { addressIndex }).address
  })
  assert.deepEqual(
    (await devAccounts()).map(({ address }) => address),
    expected,
  )
})
