import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Transaction, verifyMessage, verifyTypedData } from 'ethers'

import { addressOfSecretKey, bigintToHex, bytesToBigint, fromHex, toHex } from '@zg/primitives'

import type { DevControl } from '../chain-view.ts'
import { openRpcTestNode } from '../testing/rpc-test-node.ts'
import { testAddresses, testKeys } from '../testing/test-chain.ts'

const [key] = testKeys as [Uint8Array]
const owner = bytesToBigint(addressOfSecretKey(key))
const [, otherAddress = 0n] = testAddresses
const from = bigintToHex(owner, 20)
const other = bigintToHex(otherAddress, 20)
const word = (value: number) => `0x${value.toString(16).padStart(64, '0')}`

/** What the methods asked of the control, in order. */
const asked: unknown[][] = []
const impersonated = new Set<bigint>()

function note(name: string) {
  return (...values: unknown[]) => void asked.push([name, ...values])
}

function noteLater(name: string) {
  return (...values: unknown[]) => {
    asked.push([name, ...values])
    return Promise.resolve()
  }
}

const dev: DevControl = {
  accounts: () => [owner],
  secretKeyOf: (address) => (address === owner ? key : undefined),
  setBalance: noteLater('setBalance'),
  setNonce: noteLater('setNonce'),
  setCode: noteLater('setCode'),
  setStorageAt: noteLater('setStorageAt'),
  mine: noteLater('mine'),
  automine: () => true,
  setAutomine: note('setAutomine'),
  setIntervalMining: note('setIntervalMining'),
  increaseTime: (seconds) => seconds + 1,
  setNextBlockTimestamp: note('setNextBlockTimestamp'),
  setNextBlockBaseFee: note('setNextBlockBaseFee'),
  setNextBlockPrevRandao: note('setNextBlockPrevRandao'),
  setCoinbase: note('setCoinbase'),
  snapshot: () => Promise.resolve(17),
  revert: (id) => Promise.resolve(id === 17),
  impersonate: (address) => void impersonated.add(address),
  stopImpersonating: (address) => void impersonated.delete(address),
  setAutoImpersonate: note('setAutoImpersonate'),
  isImpersonated: (address) => impersonated.has(address),
  sendImpersonated: (sender, transaction) => {
    asked.push(['sendImpersonated', sender, transaction.type, transaction.nonce])
    return Promise.resolve(new Uint8Array(32).fill(5))
  },
  dropTransaction: (hash) => hash[0] === 1,
  dropAllTransactions: note('dropAllTransactions'),
  reset: noteLater('reset'),
}

const { ask, mine } = await openRpcTestNode({ dev })

test('cheats reach the control under every name they have', async () => {
  const table: readonly (readonly [string, unknown[], unknown[] | undefined, unknown])[] = [
    ['evm_mine', [], ['mine', 1], '0x0'],
    ['evm_mine', [{ blocks: 3 }], ['mine', 3], '0x0'],
    ['anvil_mine', ['0x2', '0x5'], ['mine', 2, 5], null],
    ['hardhat_mine', ['0x100'], ['mine', 256, undefined], null],
    ['evm_setAutomine', [false], ['setAutomine', false], null],
    ['anvil_getAutomine', [], undefined, true],
    ['evm_setIntervalMining', [1_500], ['setIntervalMining', 1_500], null],
    ['anvil_setIntervalMining', [2], ['setIntervalMining', 2_000], null],
    ['evm_increaseTime', [60], undefined, 61],
    ['anvil_increaseTime', ['0x3c'], undefined, 61],
    ['evm_setNextBlockTimestamp', ['0x77359400'], ['setNextBlockTimestamp', 2_000_000_000], null],
    ['anvil_setNextBlockBaseFeePerGas', ['0x7'], ['setNextBlockBaseFee', 7n], null],
    ['hardhat_setNextBlockBaseFeePerGas', ['0x7'], ['setNextBlockBaseFee', 7n], null],
    ['hardhat_setPrevRandao', [word(1)], ['setNextBlockPrevRandao', fromHex(word(1))], null],
    ['anvil_setCoinbase', [other], ['setCoinbase', otherAddress], null],
    ['evm_snapshot', [], undefined, '0x11'],
    ['evm_revert', ['0x11'], undefined, true],
    ['anvil_revert', ['0x12'], undefined, false],
    ['anvil_setBalance', [other, '0x5'], ['setBalance', otherAddress, 5n], null],
    ['hardhat_setNonce', [other, '0x5'], ['setNonce', otherAddress, 5n], null],
    ['hardhat_setCode', [other, '0x00'], ['setCode', otherAddress, Uint8Array.of(0)], null],
    ['hardhat_setStorageAt', [other, '0x1', word(2)], ['setStorageAt', otherAddress, 1n, 2n], true],
    ['anvil_autoImpersonateAccount', [true], ['setAutoImpersonate', true], null],
    ['anvil_dropTransaction', [word(0)], undefined, false],
    ['hardhat_dropTransaction', [`0x01${'00'.repeat(31)}`], undefined, true],
    ['anvil_dropAllTransactions', [], ['dropAllTransactions'], null],
    ['hardhat_reset', [], ['reset'], true],
  ]
  for (const [method, params, control, answer] of table) {
    asked.length = 0
    assert.deepEqual(await ask(method, ...params), answer, method)
    assert.deepEqual(asked, control === undefined ? [] : [control], method)
  }
})

test('evm_mine with a timestamp sets it first', async () => {
  asked.length = 0
  await ask('evm_mine', '0x77359400')
  assert.deepEqual(asked, [
    ['setNextBlockTimestamp', 2_000_000_000],
    ['mine', 1],
  ])
})

test('eth_sendTransaction signs for the accounts of the chain', async () => {
  assert.deepEqual(await ask('eth_accounts'), [from])
  const hash = await ask('eth_sendTransaction', { from, to: other, value: '0x1' })
  await mine()
  const receipt = (await ask('eth_getTransactionReceipt', hash)) as { status: string; from: string }
  assert.deepEqual([receipt.status, receipt.from], ['0x1', from])
  await assert.rejects(ask('eth_sendTransaction', { from: other, to: from }), {
    code: -32602,
    message: /no key for it/,
  })
})

test('eth_sendTransaction sends unsigned for an impersonated account', async () => {
  await ask('hardhat_impersonateAccount', other)
  asked.length = 0
  const hash = await ask('eth_sendTransaction', { from: other, to: from, gasPrice: '0x77359400' })
  assert.equal(hash, toHex(new Uint8Array(32).fill(5)))
  assert.deepEqual(asked, [['sendImpersonated', otherAddress, 0, 0n]])
  await ask('anvil_stopImpersonatingAccount', other)
  await assert.rejects(ask('eth_sendTransaction', { from: other, to: from }), { code: -32602 })
})

const typedData = {
  domain: { name: 'zg', version: '1', chainId: 1, verifyingContract: other },
  types: {
    EIP712Domain: [
      { name: 'name', type: 'string' },
      { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' },
      { name: 'verifyingContract', type: 'address' },
    ],
    Mail: [
      { name: 'to', type: 'address' },
      { name: 'contents', type: 'string[]' },
    ],
  },
  primaryType: 'Mail',
  message: { to: other, contents: ['one', 'two'] },
} as const

test('messages and typed data are signed as ethers verifies them', async () => {
  const message = 'grüezi'
  const hex = toHex(new TextEncoder().encode(message))
  for (const [method, ...params] of [
    ['personal_sign', hex, from],
    ['personal_sign', hex, from, ''],
    ['eth_sign', from, hex],
  ] as const) {
    const signature = (await ask(method, ...params)) as string
    assert.equal(verifyMessage(message, signature).toLowerCase(), from, method)
  }
  const { EIP712Domain: _, ...types } = typedData.types
  const asEthers = Object.fromEntries(Object.entries(types).map(([name, of]) => [name, [...of]]))
  for (const data of [typedData, JSON.stringify(typedData)]) {
    for (const method of ['eth_signTypedData', 'eth_signTypedData_v4']) {
      const signature = (await ask(method, from, data)) as string
      const { domain, message: value } = typedData
      assert.equal(verifyTypedData(domain, asEthers, value, signature).toLowerCase(), from)
    }
  }
})

test('a transaction is signed, filled in, and not sent', async () => {
  const raw = (await ask('eth_signTransaction', { from, to: other, value: '0x1' })) as string
  const { from: signer, to, value, gasLimit } = Transaction.from(raw)
  assert.deepEqual(
    [signer?.toLowerCase(), to?.toLowerCase(), value, gasLimit],
    [from, other, 1n, 21_000n],
  )
})

test('nothing is signed for an account without a key, nor what is no typed data', async () => {
  const table: readonly [string, unknown[], RegExp][] = [
    ['personal_sign', ['0x00', other], /no key for it/],
    ['personal_sign', ['text', from], /"message"/],
    ['eth_sign', [other, '0x00'], /no key for it/],
    ['eth_signTransaction', [{ from: other, to: from }], /no key for it/],
    ['eth_signTypedData_v4', [other, typedData], /no key for it/],
    ['eth_signTypedData_v4', [from, '{'], /no JSON/],
    ['eth_signTypedData_v4', [from, 7], /"typedData"/],
    ['eth_signTypedData_v4', [from, {}], /"typedData"/],
    ['eth_signTypedData_v4', [from, { ...typedData, primaryType: 'Post' }], /"typedData"/],
    ['eth_signTypedData_v4', [from, { ...typedData, message: { to: 5 } }], /"typedData"/],
  ]
  for (const [method, params, message] of table) {
    await assert.rejects(ask(method, ...params), { code: -32602, message }, method)
  }
})

test('probes for another program are still refused', async () => {
  for (const method of ['hardhat_metadata', 'anvil_nodeInfo', 'anvil_metadata']) {
    await assert.rejects(ask(method), { code: -32601 })
  }
})

test('cheats refuse malformed parameters', async () => {
  const table: readonly [string, unknown[]][] = [
    ['anvil_setBalance', [other]],
    ['anvil_setBalance', ['0x1', '0x1']],
    ['anvil_setBalance', [other, `0x1${'0'.repeat(64)}`]],
    ['hardhat_setStorageAt', [other, '0x0', '0x1']],
    ['hardhat_mine', ['0xffffffffff']],
    ['evm_mine', [{ __proto: 1 }]],
    ['evm_increaseTime', [-1]],
    ['evm_revert', ['0x1', '0x2']],
    ['hardhat_reset', [{ forking: { jsonRpcUrl: 'http://127.0.0.1' } }]],
  ]
  for (const [method, params] of table) {
    await assert.rejects(ask(method, ...params), { code: -32602 }, method)
  }
})
