import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'
import { SimulatedClock } from '@zg/runtime'

import type { DevControl } from './chain-view.ts'
import { parseGenesis } from './genesis.ts'
import { DevRequestInvalidError, openMinimalNode } from './minimal-node.ts'
import { inlineRecovery } from './sender-recovery.ts'
import {
  signedTransfer,
  testAddresses,
  testChainId,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from './testing/test-chain.ts'

const genesis = parseGenesis(testGenesisJson())
const [key] = testKeys as [Uint8Array]
const [address] = testAddresses as [bigint]

async function openNode() {
  const clock = new SimulatedClock(testTimestamp * 1_000)
  const opening = openMinimalNode({ genesis, recovery: inlineRecovery, clock, secretKeys: [key] })
  const { view } = await opening
  const dev = view.dev as DevControl
  const account = (of: bigint) => view.chain.stateAt(view.chain.head().hash)?.account(of)
  const pass = (ms: number) => clock.run({ untilMs: clock.nowMs() + ms })
  return { ...view, dev, account, pass }
}

test('openMinimalNode makes a block at once, then one when a transaction waits', async () => {
  const { chain, pool, account, pass, dev } = await openNode()
  assert.equal(chain.headNumber(), 1)
  assert.deepEqual(dev.accounts(), [address])
  assert.deepEqual(dev.secretKeyOf(address), key)
  await pool.add(signedTransfer(key))
  await pool.add(signedTransfer(key, { nonce: 1n }))
  await pass(50)
  assert.equal(chain.headNumber(), 2)
  assert.equal(account(0xabcdn)?.balance, 2n)
})

test('DevControl: without automine blocks come on demand or at an interval', async () => {
  const { chain, pool, pass, dev } = await openNode()
  dev.setAutomine(false)
  await pool.add(signedTransfer(key))
  await pass(50)
  assert.equal(chain.headNumber(), 1)
  await dev.mine(3, 10)
  const times = [2, 3, 4].map((number) => chain.headerByNumber(number)?.header.timestamp ?? 0)
  assert.equal((times[2] as number) - (times[0] as number), 20)
  dev.setIntervalMining(1_000)
  await pass(2_500)
  dev.setIntervalMining(0)
  await pass(2_500)
  assert.equal(chain.headNumber(), 6)
})

test('DevControl: time moves forward as told', async () => {
  const { chain, dev } = await openNode()
  const head = () => chain.head().header
  assert.equal(dev.increaseTime(3_600), 3_600)
  await dev.mine(1)
  assert.equal(head().timestamp, testTimestamp + 3_600)
  dev.setNextBlockTimestamp(testTimestamp + 10_000)
  await dev.mine(2)
  assert.equal(head().timestamp, testTimestamp + 10_001)
  assert.throws(() => dev.setNextBlockTimestamp(testTimestamp), DevRequestInvalidError)
  dev.setNextBlockBaseFee(77n)
  dev.setCoinbase(0xc0n)
  dev.setNextBlockPrevRandao(new Uint8Array(32).fill(6))
  await dev.mine(1)
  assert.equal(head().baseFeePerGas, 77n)
  assert.equal(head().coinbase, 0xc0n)
  assert.deepEqual(head().prevRandao, new Uint8Array(32).fill(6))
})

test('DevControl: changed accounts are read at once and built upon', async () => {
  const { chain, dev, account } = await openNode()
  // Returns slot 1: PUSH1 1, SLOAD, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
  const code = fromHex('0x6001545f5260205ff3')
  await dev.setBalance(0x77n, 5n)
  await dev.setNonce(0x77n, 9n)
  await dev.setCode(0x77n, code)
  await dev.setStorageAt(0x77n, 1n, 42n)
  await dev.setStorageAt(0x78n, 1n, 43n)
  await dev.setBalance(testAddresses[1] as bigint, 0n)
  for (const look of ['at once', 'a block later']) {
    const state = chain.stateAt(chain.head().hash)
    assert.equal(account(0x77n)?.balance, 5n, look)
    assert.equal(account(0x77n)?.nonce, 9n, look)
    assert.deepEqual(state?.code(account(0x77n)?.codeHash ?? 0n), code, look)
    assert.equal(state?.storage(0x77n, 1n), 42n, look)
    assert.equal(state?.storage(0x78n, 1n), 43n, look)
    assert.equal(account(testAddresses[1] as bigint), undefined, look)
    await dev.mine(1)
  }
})

test('DevControl: a snapshot brings chain, state and pool back, cheats with it', async () => {
  const { chain, pool, dev, account, pass } = await openNode()
  await dev.setBalance(0x77n, 5n)
  const id = await dev.snapshot()
  const later = await dev.snapshot()
  await dev.setBalance(0x77n, 6n)
  await pool.add(signedTransfer(key))
  await pass(50)
  dev.setAutomine(false)
  await pool.add(signedTransfer(key, { nonce: 1n }))
  assert.equal(chain.headNumber(), 2)
  assert.equal(await dev.revert(id), true)
  assert.equal(chain.headNumber(), 1)
  assert.equal(account(0x77n)?.balance, 5n)
  assert.equal(pool.nextNonce(address), 0n)
  assert.deepEqual(pool.counts(), { pending: 0, queued: 0 })
  assert.equal(await dev.revert(later), false, 'later ones are used up')
  await dev.mine(1)
  assert.equal(account(0x77n)?.balance, 5n)
  await dev.reset()
  assert.equal(chain.headNumber(), 0)
  assert.equal(account(0x77n), undefined)
})

test('DevControl: an impersonated account sends without a key', async () => {
  const { chain, pool, dev, account, pass } = await openNode()
  const transaction = {
    type: 2,
    chainId: testChainId,
    nonce: 0n,
    maxPriorityFeePerGas: 1n,
    maxFeePerGas: 10n ** 10n,
    gasLimit: 21_000n,
    to: 0x55n,
    value: 3n,
    data: new Uint8Array(0),
    accessList: [],
    yParity: 0,
    r: 0n,
    s: 0n,
  } as const
  await assert.rejects(dev.sendImpersonated(address, transaction), DevRequestInvalidError)
  dev.impersonate(address)
  const hash = await dev.sendImpersonated(address, transaction)
  await pass(50)
  assert.equal(account(0x55n)?.balance, 3n)
  assert.equal(chain.blockByNumber(2)?.transactions[0]?.sender, address)
  assert.deepEqual(chain.transactionLocation(hash)?.blockNumber, 2)
  // A contract sends as well: what treasuries and governors are tried with.
  await dev.setCode(0x66n, Uint8Array.of(0x00))
  await dev.setBalance(0x66n, 10n ** 18n)
  dev.impersonate(0x66n)
  await dev.sendImpersonated(0x66n, transaction)
  await pass(50)
  assert.equal(account(0x55n)?.balance, 6n)
  assert.equal(chain.blockByNumber(3)?.transactions[0]?.sender, 0x66n)
  dev.stopImpersonating(address)
  assert.equal(dev.isImpersonated(address), false)
  dev.setAutoImpersonate(true)
  assert.equal(dev.isImpersonated(address), true)
  dev.setAutomine(false)
  const next = await dev.sendImpersonated(address, { ...transaction, nonce: 1n })
  assert.equal(dev.dropTransaction(next), true)
  assert.equal(pool.get(next), undefined)
})
