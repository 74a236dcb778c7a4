import assert from 'node:assert/strict'
import { test } from 'node:test'

import { addressOfSecretKey, bytesToBigint, emptyBytes, keccak256 } from '@zg/primitives'
import { MemoryState } from '@zg/state'
import type { Allocation } from '@zg/state'

import { executeBlock } from './block-execution.ts'
import type { BlockContext, SignedBy } from './block-outcome.ts'
import { configAtFork } from './fork.ts'
import { systemContracts } from './system-calls.ts'
import { signTransaction } from './transaction-codec.ts'
import type { UnsignedFeeMarketTransaction } from './transaction.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n
const secretKey = keccak256(Uint8Array.of(1))
const sender = bytesToBigint(addressOfSecretKey(secretKey))
const proposer = 0xc01n
/** Keeps what it is sent, as an Outbox does. */
const keeper = 0xbeefn
/** PUSH0 PUSH0 REVERT */
const reverting = 0xbadn
/** PUSH0 PUSH0 SSTORE: clears slot 0, for a refund. */
const refunding = 0xcafen
const baseFeePerGas = 7n

function account(address: bigint, fields: Partial<Allocation> = {}): Allocation {
  return { address, nonce: 0n, balance: 0n, code: emptyBytes, storage: [], ...fields }
}

const allocations: readonly Allocation[] = [
  account(sender, { balance: 10n * ether }),
  account(keeper, { nonce: 1n, code: Uint8Array.of(0) }),
  account(reverting, { nonce: 1n, code: Uint8Array.of(0x5f, 0x5f, 0xfd) }),
  account(refunding, { nonce: 1n, code: Uint8Array.of(0x5f, 0x5f, 0x55), storage: [[0n, 1n]] }),
  // Their queues are empty.
  account(systemContracts.withdrawalRequests, { nonce: 1n, code: Uint8Array.of(0) }),
  account(systemContracts.consolidationRequests, { nonce: 1n, code: Uint8Array.of(0) }),
]

function contextOf(coinbase: bigint): BlockContext {
  return {
    config: configAtFork(1n, 'osaka'),
    parent: {
      hash: keccak256(Uint8Array.of(3)),
      number: 99,
      timestamp: 999_999,
      gasLimit: 30_000_000n,
      gasUsed: 15_000_000n,
      baseFeePerGas,
      blobGasUsed: 0n,
      excessBlobGas: 0n,
    },
    attributes: {
      coinbase,
      timestamp: 1_000_000,
      gasLimit: 30_000_000n,
      prevRandao: new Uint8Array(32),
      parentBeaconBlockRoot: keccak256(Uint8Array.of(2)),
    },
    state: new MemoryState(allocations),
    blockHash: () => undefined,
  }
}

function signed(nonce: bigint, fields: Partial<UnsignedFeeMarketTransaction>): SignedBy {
  const transaction = signTransaction(
    {
      type: 2,
      chainId: 1n,
      nonce,
      maxFeePerGas: 100n,
      maxPriorityFeePerGas: 2n,
      gasLimit: 200_000n,
      to: 0x7a26e7n,
      value: 0n,
      data: emptyBytes,
      accessList: [],
      ...fields,
    },
    secretKey,
  )
  return { transaction, sender }
}

/** A transfer, one with a capped tip, a revert, a refund, a creation, value that stays. */
const transactions: readonly SignedBy[] = [
  signed(0n, { value: ether }),
  signed(1n, { maxFeePerGas: baseFeePerGas + 1n, maxPriorityFeePerGas: 5n }),
  signed(2n, { to: reverting, value: ether, maxPriorityFeePerGas: 9n }),
  signed(3n, { to: refunding }),
  signed(4n, { to: undefined, data: Uint8Array.of(0x00), value: 3n }),
  signed(5n, { to: keeper, value: 2n * ether }),
]
const tips = [2n, 1n, 9n, 2n, 2n, 2n]

function run(coinbase: bigint, credits: readonly bigint[] = []) {
  const withdrawals = credits.map((amount, index) => {
    const number = BigInt(index)
    return { index: number, validatorIndex: 0n, address: 0xaaan, amountGwei: amount }
  })
  const result = executeBlock({ ...contextOf(coinbase), transactions, withdrawals })
  const state = new MemoryState(allocations)
  state.apply(result.changes)
  const supply = [...state.addresses()].reduce(
    (sum, address) => sum + (state.account(address)?.balance ?? 0n),
    0n,
  )
  let before = 0n
  const gas = result.receipts.map(({ cumulativeGasUsed }) => {
    const used = cumulativeGasUsed - before
    before = cumulativeGasUsed
    return used
  })
  return { result, state, supply, gas }
}

const genesisSupply = 10n * ether

test('gas: base fees leave the supply, whatever transactions do, and nobody receives them', () => {
  for (const coinbase of [proposer, sender, keeper]) {
    const { result, supply } = run(coinbase)
    assert.ok(result.gasUsed > 6n * 21_000n)
    assert.equal(supply, genesisSupply - baseFeePerGas * result.gasUsed)
  }
})

test('gas: the proposer receives the tips of the gas that was used, and nothing else', () => {
  const { state, gas } = run(proposer)
  const earned = gas.reduce((sum, used, index) => sum + used * (tips[index] ?? 0n), 0n)
  assert.equal(state.account(proposer)?.balance, earned)
})

test('credits of L1 come on top of the supply, to the gwei', () => {
  const { supply, result } = run(proposer, [5n, 6n])
  assert.equal(supply, genesisSupply + 11n * gwei - baseFeePerGas * result.gasUsed)
})

test('value that was sent to a contract that keeps it stays there', () => {
  const { state } = run(proposer)
  assert.equal(state.account(keeper)?.balance, 2n * ether)
  assert.equal(state.account(reverting)?.balance, 0n)
})
