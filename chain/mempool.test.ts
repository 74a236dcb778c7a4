import assert from 'node:assert/strict'
import { test } from 'node:test'

import { encodeTransaction, signAuthorization, signTransaction } from '@zg/evm'
import type { UnsignedTransaction } from '@zg/evm'
import { keccak256 } from '@zg/primitives'

import type { SignedTransaction } from './chain-view.ts'
import type { RecoveryItem } from './recovery-batch.ts'
import { inlineRecovery } from './sender-recovery.ts'
import { mempoolLimitsDefault } from './mempool-limits.ts'
import {
  openTestChain,
  signedTransfer,
  tenEther,
  testAddresses,
  testChainId,
  testKeys,
} from './testing/test-chain.ts'
import { parseGenesis } from './genesis.ts'
import { testGenesisJson } from './testing/test-chain.ts'
import type { RefusalReason } from './transaction-admission.ts'
import { TransactionRefusedError } from './transaction-admission.ts'

const gwei = 10n ** 9n
const [key, secondKey, thirdKey] = testKeys as [Uint8Array, Uint8Array, Uint8Array]
const [address, secondAddress] = testAddresses as [bigint, bigint]

const setCode = {
  type: 4,
  chainId: testChainId,
  nonce: 0n,
  maxPriorityFeePerGas: gwei,
  maxFeePerGas: 10n * gwei,
  gasLimit: 100_000n,
  to: 0xabcdn,
  value: 0n,
  data: new Uint8Array(0),
  accessList: [],
} as const

function signedSetCode(
  secretKey: Uint8Array,
  authority: Uint8Array,
  fields: { nonce?: bigint; maxFeePerGas?: bigint; maxPriorityFeePerGas?: bigint } = {},
): Uint8Array {
  const authorization = signAuthorization({ chainId: 0n, address: 0x99n, nonce: 0n }, authority)
  const transaction = { ...setCode, ...fields, authorizationList: [authorization] }
  return encodeTransaction(signTransaction(transaction, secretKey))
}

async function refusal(add: Promise<unknown>): Promise<RefusalReason | 'taken'> {
  try {
    await add
    return 'taken'
  } catch (error) {
    assert.ok(error instanceof TransactionRefusedError)
    return error.reason
  }
}

test('Mempool.add refuses what no block could hold', async () => {
  const { pool } = await openTestChain()
  const unprotected: UnsignedTransaction = {
    type: 0,
    chainId: 1n,
    nonce: 0n,
    gasPrice: gwei,
    gasLimit: 21_000n,
    to: 1n,
    value: 0n,
    data: new Uint8Array(0),
  }
  const legacy = (chainId: bigint | undefined) =>
    encodeTransaction(signTransaction({ ...unprotected, chainId }, key))
  const noAuthorizations = encodeTransaction(
    signTransaction({ ...setCode, authorizationList: [] }, key),
  )
  const torn = signedTransfer(key)
  torn[torn.length - 1] = (torn.at(-1) as number) ^ 1
  const cases: [Uint8Array, RefusalReason | 'taken'][] = [
    [new Uint8Array(0), 'malformed'],
    [Uint8Array.of(0xc0), 'malformed'],
    [Uint8Array.of(3, 0xc0), 'blobs-unsupported'],
    [signedTransfer(key, { data: new Uint8Array(128 * 1024) }), 'too-large'],
    [signedTransfer(key, { chainId: 1n }), 'chain-id-wrong'],
    [legacy(1n), 'chain-id-wrong'],
    [signedTransfer(key, { gasLimit: 20_999n }), 'gas-limit-too-low'],
    [signedTransfer(key, { data: new Uint8Array(100).fill(1) }), 'gas-limit-too-low'],
    [signedTransfer(key, { gasLimit: 16_777_217n }), 'gas-limit-too-high'],
    [signedTransfer(key, { gasLimit: 60_000_001n }), 'gas-limit-too-high'],
    [
      signedTransfer(key, { to: undefined, data: new Uint8Array(49_153), gasLimit: 10_000_000n }),
      'init-code-too-large',
    ],
    [signedTransfer(key, { maxPriorityFeePerGas: 11n * gwei }), 'priority-fee-above-max-fee'],
    [signedTransfer(key, { nonce: (1n << 64n) - 1n }), 'nonce-at-max'],
    [signedTransfer(key, { nonce: 3_000n }), 'nonce-gap-too-large'],
    [signedTransfer(key, { value: tenEther }), 'funds-insufficient'],
    [signedTransfer(keccak256(Uint8Array.of(99))), 'funds-insufficient'],
    [noAuthorizations, 'authorizations-empty'],
    [legacy(undefined), 'taken'],
    [signedTransfer(secondKey), 'taken'],
    [signedTransfer(secondKey), 'already-known'],
  ]
  for (const [bytes, expected] of cases) {
    assert.equal(await refusal(pool.add(bytes)), expected)
  }
  // A changed signature names another sender, which has nothing, or none at all.
  const reason = await refusal(pool.add(torn))
  assert.ok(reason === 'funds-insufficient' || reason === 'signature-invalid', reason)
})

test('Mempool.add wants a tenth more on both prices for a replacement', async () => {
  const { pool } = await openTestChain()
  const first = await pool.add(signedTransfer(key))
  const cases: [bigint, bigint, RefusalReason | 'taken'][] = [
    [10n * gwei, gwei, 'replacement-underpriced'],
    [20n * gwei, gwei, 'replacement-underpriced'],
    [10n * gwei, 2n * gwei, 'replacement-underpriced'],
    [11n * gwei - 1n, (11n * gwei) / 10n, 'replacement-underpriced'],
    [11n * gwei, (11n * gwei) / 10n, 'taken'],
  ]
  for (const [maxFeePerGas, maxPriorityFeePerGas, expected] of cases) {
    const bytes = signedTransfer(key, { maxFeePerGas, maxPriorityFeePerGas, value: 2n })
    assert.equal(await refusal(pool.add(bytes)), expected, `${maxFeePerGas}`)
  }
  assert.equal(pool.size, 1)
  assert.equal(pool.get(first), undefined)
})

test('Mempool: nonces behind a gap are queued until it is filled', async () => {
  const { pool } = await openTestChain()
  const announced: bigint[] = []
  pool.onPending(({ transaction }) => announced.push(transaction.nonce))
  for (const nonce of [2n, 0n, 3n]) await pool.add(signedTransfer(key, { nonce }))
  assert.deepEqual(pool.counts(), { pending: 1, queued: 2 })
  assert.equal(pool.nextNonce(address), 1n)
  await pool.add(signedTransfer(key, { nonce: 1n }))
  assert.deepEqual(pool.counts(), { pending: 4, queued: 0 })
  assert.equal(pool.nextNonce(address), 4n)
  assert.deepEqual(announced, [0n, 1n, 2n, 3n])
  assert.deepEqual(
    pool.contentFrom(address).pending.map(({ transaction }) => transaction.nonce),
    [0n, 1n, 2n, 3n],
  )
})

test('Mempool: all that a sender has waiting never costs more than it has', async () => {
  const { pool } = await openTestChain()
  const half = { value: 6n * 10n ** 18n }
  await pool.add(signedTransfer(key, half))
  assert.equal(
    await refusal(pool.add(signedTransfer(key, { ...half, nonce: 1n }))),
    'funds-insufficient',
  )
})

test('Mempool.select: the best tip first, each sender in order, none under the base fee', async () => {
  const { pool } = await openTestChain()
  const priced = (secretKey: Uint8Array, nonce: bigint, tip: bigint, maxFee = 100n) =>
    pool.add(
      signedTransfer(secretKey, {
        nonce,
        maxPriorityFeePerGas: tip * gwei,
        maxFeePerGas: maxFee * gwei,
      }),
    )
  await priced(key, 0n, 1n)
  await priced(key, 1n, 50n)
  await priced(secondKey, 0n, 5n)
  await priced(secondKey, 1n, 2n)
  await priced(thirdKey, 0n, 3n, 3n)
  const selection = pool.select(4n * gwei, () => false)
  const taken: string[] = []
  for (let next = selection.peek(); next !== undefined; next = selection.peek()) {
    taken.push(`${testAddresses.indexOf(next.sender)}:${next.transaction.nonce}`)
    selection.advance()
  }
  assert.deepEqual(taken, ['1:0', '1:1', '0:0', '0:1'])
})

test('Mempool.select leaves out what the branch holds, and senders that were skipped', async () => {
  const { pool } = await openTestChain()
  await pool.add(signedTransfer(key))
  await pool.add(signedTransfer(key, { nonce: 1n }))
  await pool.add(signedTransfer(secondKey))
  const isIncluded = ({ sender, transaction }: SignedTransaction) =>
    sender === address && transaction.nonce === 0n
  const selection = pool.select(gwei, isIncluded)
  assert.equal(selection.peek()?.transaction.nonce, 1n)
  selection.skipSender()
  assert.equal(selection.peek()?.sender, secondAddress)
  selection.skipSender()
  assert.equal(selection.peek(), undefined)
})

test('Mempool: a full pool keeps what pays more, and takes nothing that pays less', async () => {
  const limits = { ...mempoolLimitsDefault, transactionsMax: 4, perSenderMax: 2 }
  const { pool } = await openTestChain({ limits })
  const priced = (secretKey: Uint8Array, nonce: bigint, tip: bigint) =>
    refusal(
      pool.add(
        signedTransfer(secretKey, {
          nonce,
          maxPriorityFeePerGas: tip * gwei,
          maxFeePerGas: 100n * gwei,
        }),
      ),
    )
  assert.equal(await priced(key, 0n, 5n), 'taken')
  assert.equal(await priced(key, 1n, 9n), 'taken')
  assert.equal(await priced(key, 2n, 9n), 'sender-full')
  assert.equal(await priced(secondKey, 0n, 3n), 'taken')
  // Worth no more than what it must follow.
  assert.equal(await priced(secondKey, 1n, 50n), 'taken')
  assert.equal(await priced(thirdKey, 0n, 3n), 'pool-full')
  assert.equal(await priced(thirdKey, 0n, 4n), 'taken')
  assert.deepEqual(pool.counts(), { pending: 4, queued: 0 })
  assert.equal(pool.contentFrom(secondAddress).pending.length, 1)
  assert.equal(pool.contentFrom(address).pending.length, 2)
})

test('Mempool: bytes are bounded too', async () => {
  const bytes = signedTransfer(key)
  const limits = { ...mempoolLimitsDefault, sizeBytesMax: bytes.length + 10 }
  const { pool } = await openTestChain({ limits })
  await pool.add(bytes)
  assert.equal(await refusal(pool.add(signedTransfer(secondKey))), 'pool-full')
  assert.equal(pool.sizeBytes, bytes.length)
})

test('Mempool: an account whose authorization waits has one transaction in flight', async () => {
  const { pool } = await openTestChain()
  await pool.add(signedSetCode(key, secondKey))
  assert.equal(
    await refusal(pool.add(signedTransfer(secondKey, { nonce: 1n }))),
    'delegated-in-flight',
  )
  assert.equal(await refusal(pool.add(signedTransfer(secondKey))), 'taken')
  assert.equal(
    await refusal(pool.add(signedTransfer(secondKey, { nonce: 1n }))),
    'delegated-in-flight',
  )
})

test('Mempool: authorities are recovered only for a sender that can pay, and so many at once', async () => {
  const recovered: number[] = []
  const recovery = {
    ...inlineRecovery,
    recover(items: readonly RecoveryItem[]) {
      recovered.push(items.length)
      return inlineRecovery.recover(items)
    },
  }
  const limits = { ...mempoolLimitsDefault, authoritiesArrivingMax: 1 }
  const { pool } = await openTestChain({ recovery, limits })
  const stranger = keccak256(Uint8Array.of(0xee))
  assert.equal(await refusal(pool.add(signedSetCode(stranger, secondKey))), 'funds-insufficient')
  assert.deepEqual(recovered, [1], 'its sender alone')
  const adds = [key, thirdKey].map((each) => refusal(pool.add(signedSetCode(each, secondKey))))
  assert.deepEqual(await Promise.all(adds), ['taken', 'pool-busy'])
  assert.equal(await refusal(pool.add(signedSetCode(thirdKey, secondKey))), 'taken')
})

test('Mempool: an authority with more than one transaction in flight may not be named', async () => {
  const { pool } = await openTestChain()
  await pool.add(signedTransfer(secondKey))
  assert.equal(await refusal(pool.add(signedSetCode(key, secondKey))), 'taken')
  await pool.add(signedTransfer(thirdKey))
  await pool.add(signedTransfer(thirdKey, { nonce: 1n }))
  assert.equal(
    await refusal(pool.add(signedSetCode(key, thirdKey, { nonce: 1n }))),
    'authority-in-flight',
  )
})

test('Mempool: a delegated account sends one at a time, a contract nothing', async () => {
  const delegation = new Uint8Array(23)
  delegation.set([0xef, 0x01, 0x00])
  const accounts = [
    { address, balance: tenEther, code: delegation },
    { address: secondAddress, balance: tenEther, code: Uint8Array.of(0) },
  ]
  const { pool } = await openTestChain({ genesis: parseGenesis(testGenesisJson({ accounts })) })
  assert.equal(await refusal(pool.add(signedTransfer(key, { nonce: 1n }))), 'delegated-in-flight')
  assert.equal(await refusal(pool.add(signedTransfer(key))), 'taken')
  assert.equal(await refusal(pool.add(signedTransfer(key, { nonce: 1n }))), 'delegated-in-flight')
  const dearer = { maxFeePerGas: 20n * gwei, maxPriorityFeePerGas: 2n * gwei }
  assert.equal(await refusal(pool.add(signedTransfer(key, dearer))), 'taken')
  assert.equal(await refusal(pool.add(signedTransfer(secondKey))), 'sender-has-code')
})

test('Mempool.drop forgets a transaction and leaves the later ones queued', async () => {
  const { pool } = await openTestChain()
  const hash = await pool.add(signedTransfer(key))
  await pool.add(signedTransfer(key, { nonce: 1n }))
  assert.equal(pool.drop(hash), true)
  assert.equal(pool.drop(hash), false)
  assert.deepEqual(pool.counts(), { pending: 0, queued: 1 })
  pool.dropAll()
  assert.equal(pool.size, 0)
  assert.equal(pool.sizeBytes, 0)
})
