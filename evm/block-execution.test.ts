import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  addressOfSecretKey,
  bigintToBytes,
  bytesToBigint,
  concat,
  emptyBytes,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'

import { BlockExecution, executeBlock } from './block-execution.ts'
import type { BlockContext, SignedBy } from './block-outcome.ts'
import { MemoryState } from '@zg/state'
import type { Allocation } from '@zg/state'
import { configAtFork } from './fork.ts'
import type { Fork } from './fork.ts'
import { systemContracts } from './system-calls.ts'
import { Assembler } from './testing/assembler.ts'
import { signTransaction } from './transaction-codec.ts'
import type { UnsignedFeeMarketTransaction } from './transaction.ts'

const secretKey = keccak256(Uint8Array.of(1))
const sender = bytesToBigint(addressOfSecretKey(secretKey))
const coinbase = 0xc01n
const target = 0x7a26e7n
const beaconRoot = keccak256(Uint8Array.of(2))
const parentHash = keccak256(Uint8Array.of(3))
const ether = 10n ** 18n
const number = 100
const timestamp = 1_000_000

function account(address: bigint, fields: Partial<Allocation> = {}): Allocation {
  return { address, nonce: 0n, balance: 0n, code: emptyBytes, storage: [], ...fields }
}

function contextOf(fork: Fork, allocations: readonly Allocation[]): BlockContext {
  return {
    config: configAtFork(1n, fork),
    parent: {
      hash: parentHash,
      number: number - 1,
      timestamp: timestamp - 1,
      gasLimit: 30_000_000n,
      gasUsed: 15_000_000n,
      baseFeePerGas: 7n,
      blobGasUsed: 0n,
      excessBlobGas: 0n,
    },
    attributes: {
      coinbase,
      timestamp,
      gasLimit: 30_000_000n,
      prevRandao: new Uint8Array(32),
      parentBeaconBlockRoot: beaconRoot,
    },
    state: new MemoryState(allocations),
    blockHash: () => undefined,
  }
}

function signed(fields: Partial<UnsignedFeeMarketTransaction>): SignedBy {
  const transaction = signTransaction(
    {
      type: 2,
      chainId: 1n,
      nonce: 0n,
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 2n,
      gasLimit: 100_000n,
      to: target,
      value: 0n,
      data: emptyBytes,
      accessList: [],
      ...fields,
    },
    secretKey,
  )
  return { transaction, sender }
}

/** The system contracts as the test chain's genesis holds them. */
function systemAllocations(): Allocation[] {
  const genesis = parseFixtureJson(fixture?.get('tests/genesis.json')) as {
    alloc: Record<string, { code?: string; nonce?: string }>
  }
  const addresses = new Set<bigint>(Object.values(systemContracts))
  return Object.entries(genesis.alloc)
    .map(([address, { code = '0x' }]) => {
      const hex = address.startsWith('0x') ? address : `0x${address}`
      return account(BigInt(hex), { nonce: 1n, code: fromHex(code) })
    })
    .filter(({ address }) => addresses.has(address))
}

const fixture = readFixture('rpc-compat')
const skip = fixture === undefined && fixtureAbsent

test('transfer: pays the recipient, the coinbase its tip, and burns the base fee', () => {
  const context = contextOf('cancun', [account(sender, { balance: ether })])
  const result = executeBlock({
    ...context,
    transactions: [signed({ value: 5n })],
    withdrawals: [],
  })
  const after = new MemoryState([account(sender, { balance: ether })])
  after.apply(result.changes)
  assert.equal(after.account(target)?.balance, 5n)
  assert.equal(after.account(coinbase)?.balance, 21_000n * 2n)
  assert.equal(after.account(sender)?.balance, ether - 5n - 21_000n * 9n)
  assert.equal(after.account(sender)?.nonce, 1n)
  assert.equal(result.gasUsed, 21_000n)
  assert.equal(result.requestsHash, undefined)
})

test('tryTransaction: names why and leaves no trace', () => {
  const contract = account(0xc0den, { code: Uint8Array.of(0), balance: ether })
  const allocations = [account(sender, { balance: ether }), contract]
  const execution = new BlockExecution(contextOf('osaka', allocations))
  const cases = [
    ['nonce-too-high', signed({ nonce: 1n })],
    ['chain-id-wrong', signed({ chainId: 2n })],
    ['fee-below-base-fee', signed({ maxFeePerGas: 6n })],
    ['priority-fee-above-max-fee', signed({ maxPriorityFeePerGas: 11n })],
    ['funds-insufficient', signed({ value: ether })],
    ['gas-limit-too-low', signed({ gasLimit: 20_999n })],
    ['gas-limit-too-high', signed({ gasLimit: 16_777_217n })],
    ['init-code-too-large', signed({ to: undefined, data: new Uint8Array(49_153) })],
    ['nonce-at-max', signed({ nonce: (1n << 64n) - 1n })],
    ['fee-overflow', signed({ maxFeePerGas: 1n << 250n })],
    ['sender-has-code', { ...signed({}), sender: 0xc0den }],
  ] as const
  for (const [reason, transaction] of cases) {
    const outcome = execution.tryTransaction(transaction)
    assert.equal(outcome.status === 'rejected' && outcome.reason, reason)
  }
  assert.equal(execution.gasUsed, 0n)
  assert.equal(execution.stateReader.account(sender)?.balance, ether)
  assert.equal(execution.tryTransaction(signed({})).status, 'included')
  const again = execution.tryTransaction(signed({}))
  assert.equal(again.status === 'rejected' && again.reason, 'nonce-too-low')
})

test('tryTransaction: refuses what no longer fits', () => {
  const code = new Assembler().op('INVALID').build()
  const allocations = [account(sender, { balance: ether }), account(target, { code })]
  const execution = new BlockExecution(contextOf('cancun', allocations))
  assert.equal(execution.tryTransaction(signed({ gasLimit: 29_990_000n })).status, 'included')
  assert.equal(execution.gasLeft, 10_000n)
  const outcome = execution.tryTransaction(signed({ nonce: 1n }))
  assert.equal(outcome.status === 'rejected' && outcome.reason, 'block-gas-exhausted')
})

test('tryTransaction: an aborted transaction leaves no trace', () => {
  const endless = new Assembler()
  const again = endless.label()
  endless.push(1, 1).op('SSTORE').place(again).pushLabel(again).op('JUMP')
  const allocations = [
    account(sender, { balance: ether }),
    account(target, { code: endless.build() }),
  ]
  const context = contextOf('cancun', allocations)
  const execution = new BlockExecution(context)
  let questions = 0
  const limit = { everySteps: 1000, shouldAbort: () => ++questions === 3 }
  const outcome = execution.tryTransaction(signed({ gasLimit: 20_000_000n }), { limit })
  assert.equal(outcome.status === 'rejected' && outcome.reason, 'aborted')
  assert.equal(questions, 3)
  assert.deepEqual(execution.finish([]).changes, new BlockExecution(context).finish([]).changes)
})

test('withdrawals: credit in gwei, even an account that was not there', () => {
  const context = contextOf('cancun', [])
  const withdrawals = [
    { index: 0n, validatorIndex: 1n, address: 0xaan, amountGwei: 3n },
    { index: 1n, validatorIndex: 1n, address: 0xaan, amountGwei: 4n },
    { index: 2n, validatorIndex: 1n, address: 0xbbn, amountGwei: 0n },
  ]
  const { changes } = executeBlock({ ...context, transactions: [], withdrawals })
  const touched = changes.accounts.map(({ address, account: after }) => [address, after?.balance])
  assert.deepEqual(touched, [[0xaan, 7_000_000_000n]])
})

test('system calls: beacon root and parent hash are stored', { skip }, () => {
  const context = contextOf('prague', systemAllocations())
  const { changes, requests, requestsHash } = executeBlock({
    ...context,
    transactions: [],
    withdrawals: [],
  })
  const after = new MemoryState(systemAllocations())
  after.apply(changes)
  const { beaconRoots, historyStorage } = systemContracts
  // EIP-4788: timestamp at t mod 8191, root at t mod 8191 + 8191.
  const place = BigInt(timestamp % 8191)
  assert.equal(after.storage(beaconRoots, place), BigInt(timestamp))
  assert.equal(after.storage(beaconRoots, place + 8191n), bytesToBigint(beaconRoot))
  // EIP-2935: the hash of block n at n mod 8191.
  assert.equal(
    after.storage(historyStorage, BigInt((number - 1) % 8191)),
    bytesToBigint(parentHash),
  )
  assert.deepEqual(requests, [])
  assert.equal(toHex(requestsHash as Uint8Array), toHex(sha256(emptyBytes)))
})

test('requests: a withdrawal request comes out of the queue', { skip }, () => {
  const publicKey = new Uint8Array(48).fill(7)
  const amount = bigintToBytes(9n, 8)
  const context = contextOf('prague', [...systemAllocations(), account(sender, { balance: ether })])
  const { requests, receipts } = executeBlock({
    ...context,
    transactions: [
      signed({
        to: systemContracts.withdrawalRequests,
        value: 1n,
        data: concat(publicKey, amount),
        gasLimit: 300_000n,
      }),
    ],
    withdrawals: [],
  })
  assert.equal(receipts[0]?.succeeded, true)
  // type ‖ source ‖ public key ‖ amount, the last little-endian (EIP-7002)
  const expected = concat(
    Uint8Array.of(1),
    bigintToBytes(sender, 20),
    publicKey,
    amount.slice().reverse(),
  )
  assert.deepEqual(requests.map(toHex), [toHex(expected)])
})

test('requests: a Prague block without the system contracts is invalid', () => {
  const context = contextOf('prague', [])
  assert.throws(() => executeBlock({ ...context, transactions: [], withdrawals: [] }), {
    code: 'EVM_BLOCK_INVALID',
  })
})

test('messages nest 1,024 deep and no deeper', () => {
  // Each call stores its depth, taken from the call data, and calls itself with one more.
  const code = new Assembler()
    .push(0)
    .op('CALLDATALOAD')
    .push(0)
    .op('SSTORE')
    .push(0)
    .op('CALLDATALOAD')
    .push(1)
    .op('ADD')
    .push(0)
    .op('MSTORE')
    .push(0, 0, 32, 0, 0)
    .op('ADDRESS', 'GAS', 'CALL')
    .push(1)
    .op('SSTORE')
    .build()
  const rich = contextOf('cancun', [account(sender, { balance: ether }), account(target, { code })])
  const context = {
    ...rich,
    parent: { ...rich.parent, gasLimit: 2n * 10n ** 12n, gasUsed: 10n ** 12n },
    attributes: { ...rich.attributes, gasLimit: 2n * 10n ** 12n },
  }
  const wealthy = new MemoryState([
    account(sender, { balance: 10n ** 30n }),
    account(target, { code }),
  ])
  const deep = new BlockExecution({ ...context, state: wealthy })
  const included = deep.tryTransaction(signed({ gasLimit: 10n ** 12n }))
  assert.equal(included.status === 'included' && included.receipt.succeeded, true)
  assert.equal(deep.stateReader.storage(target, 0n), 1024n)
})
