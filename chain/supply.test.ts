/**
 * The supply that is kept from block to block, against a count of the whole state after each:
 * random blocks in which ether is moved, burned by fees, paid out, sealed in the Outbox and ended
 * by SELFDESTRUCT in every place it can stand.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createdAddress, encodeTransaction, signTransaction } from '@zg/evm'
import { Assembler } from '@zg/evm/testing'
import { bigintToBytes, emptyKeccakWord } from '@zg/primitives'
import { createSeededRng, MemoryStore } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { blockOfPayload, newPayloadOf } from './block-codec.ts'
import { ChainDatabase } from './chain-database.ts'
import type { EnginePayloadAttributes } from './execution-engine.ts'
import { parseGenesis } from './genesis.ts'
import { decodeSupply, encodeSupply, heldWei, outboxAddress } from './supply.ts'
import {
  openTestChain,
  tenEther,
  testAddresses,
  testChainId,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from './testing/test-chain.ts'
import type { TestChain } from './testing/test-chain.ts'

const zeroHash = new Uint8Array(32)
const gwei = 10n ** 9n
const oldContract = 0x01dc0de0n
const childWei = 7n
const seed = 'zg/supply'

/** A contract that ends in favour of the first word of its calldata; it was there before. */
const mortalCode = new Assembler().push(0).op('CALLDATALOAD', 'SELFDESTRUCT').build()

/** Init code that ends what it makes: for itself, or for an heir. */
const endsForItself = new Assembler().op('ADDRESS', 'SELFDESTRUCT').build()
const endsFor = (heir: bigint): Uint8Array => new Assembler().push(heir).op('SELFDESTRUCT').build()

/** Init code that makes a child which ends at once, and pays it again afterwards. */
function paysTheDead({ isReverted }: { readonly isReverted: boolean }): Uint8Array {
  const code = new Assembler()
    .push(0x30ffn, 0)
    .op('MSTORE')
    .push(2, 30, childWei)
    .op('CREATE')
    .push(0, 0, 0, 0, 5)
    .op('DUP6', 'GAS', 'CALL', 'POP', 'POP')
  if (isReverted) return code.push(0, 0).op('REVERT').build()
  return code.op('ADDRESS', 'SELFDESTRUCT').build()
}

function genesis() {
  const accounts = [
    { address: oldContract, balance: 1_000n, code: mortalCode, nonce: 1n },
    { address: outboxAddress, balance: 3n },
  ]
  return parseGenesis(testGenesisJson({ accounts }))
}

/** One random transaction of a sender. */
function randomTransaction(rng: Rng, sender: number, nonce: bigint): Uint8Array {
  const pick = <item>(items: readonly item[]): item => items[rng.below(items.length)] as item
  const none = new Uint8Array(0)
  const value = BigInt(rng.below(1_000))
  const heirs = [outboxAddress, testAddresses[1] as bigint, 0xdeadn, oldContract]
  const { to, data } = pick<() => { to: bigint | undefined; data: Uint8Array }>([
    () => ({ to: pick([...testAddresses, 0xabcdn]), data: none }),
    () => ({ to: outboxAddress, data: none }),
    () => ({ to: undefined, data: endsForItself }),
    () => ({ to: undefined, data: endsFor(pick(heirs)) }),
    () => ({ to: undefined, data: paysTheDead({ isReverted: false }) }),
    () => ({ to: undefined, data: paysTheDead({ isReverted: true }) }),
    () => ({ to: undefined, data: new Assembler().op('INVALID').build() }),
    () => ({ to: oldContract, data: bigintToBytes(pick([oldContract, ...heirs]), 32) }),
  ])()
  const transaction = signTransaction(
    {
      type: 2,
      chainId: testChainId,
      nonce,
      maxPriorityFeePerGas: BigInt(1 + rng.below(5)) * gwei,
      maxFeePerGas: 20n * gwei,
      gasLimit: 300_000n,
      to,
      value: to === undefined ? value + 20n : value,
      data,
      accessList: [],
    },
    testKeys[sender] as Uint8Array,
  )
  return encodeTransaction(transaction)
}

async function build({ engine }: TestChain, attributes: EnginePayloadAttributes, on: Uint8Array) {
  const state = { headBlockHash: on, safeBlockHash: zeroHash, finalizedBlockHash: zeroHash }
  const { payloadId } = await engine.forkchoiceUpdated(state, attributes)
  assert.ok(payloadId !== undefined)
  return engine.getPayload(payloadId)
}

test('supply: kept from block to block it is what a count of the whole state gives', async () => {
  const rng = createSeededRng(seed)
  const builder = await openTestChain({ genesis: genesis() })
  const follower = await openTestChain({ genesis: genesis() })
  const nonces = testKeys.map(() => 0n)
  let creditIndex = 0n
  for (let height = 1; height <= 60; height++) {
    for (let count = rng.below(6); count > 0; count--) {
      const sender = rng.below(testKeys.length)
      await builder.pool.add(randomTransaction(rng, sender, nonces[sender] as bigint))
      nonces[sender] = (nonces[sender] as bigint) + 1n
    }
    const creator = rng.below(testKeys.length)
    const born = createdAddress(testAddresses[creator] as bigint, nonces[creator] as bigint)
    const withdrawals = Array.from({ length: rng.below(4) }, () => ({
      index: creditIndex++,
      validatorIndex: 0n,
      address: [0xabcdn, outboxAddress, born][rng.below(3)] as bigint,
      amountGwei: BigInt(1 + rng.below(1_000)),
    }))
    const { executionPayload, executionRequests } = await build(
      builder,
      {
        timestamp: testTimestamp + height,
        prevRandao: zeroHash,
        // Sometimes a contract that is made and ended in a later block: its tips go with it.
        suggestedFeeRecipient: rng.below(2) === 0 ? born : 0xfeen,
        withdrawals,
        parentBeaconBlockRoot: zeroHash,
      },
      builder.chain.head().hash,
    )
    const body = blockOfPayload({
      executionPayload,
      executionRequests,
      expectedBlobVersionedHashes: [],
      parentBeaconBlockRoot: zeroHash,
    })
    const { blockHash } = executionPayload
    const { status } = await follower.engine.newPayload(newPayloadOf(body, blockHash))
    assert.equal(status, 'VALID', seed)
    const final = {
      headBlockHash: blockHash,
      safeBlockHash: blockHash,
      finalizedBlockHash: blockHash,
    }
    await builder.engine.forkchoiceUpdated(final)
    // The other takes several blocks at once: what lies between is kept too.
    if (rng.below(3) === 0 || height === 60) await follower.engine.forkchoiceUpdated(final)
    const { chain } = builder
    const supply = chain.supplyAt(height)
    assert.ok(supply !== undefined)
    const why = `${seed}, block ${height}`
    assert.equal(heldWei(supply), chain.states.sumOfBalances(), why)
    const outbox = chain.stateAt(blockHash)?.account(outboxAddress)?.balance
    assert.equal(supply.outboxWei, outbox, why)
  }
  const last = builder.chain.supplyAt(60)
  assert.ok(last !== undefined && last.destroyedWei > 1_000n && last.feesBurnedWei > gwei)
  for (let height = 0; height <= 60; height++) {
    assert.deepEqual(follower.chain.supplyAt(height), builder.chain.supplyAt(height))
  }
  assert.equal(builder.chain.supplyAt(61), undefined)
  const again = await ChainDatabase.open({ genesis: genesis(), store: builder.store })
  assert.deepEqual(again.supplyAt(60), last, 'it stands on the disk')
})

test('supply: a chain that began with a snapshot counts its state once, and goes on', async () => {
  const store = new MemoryStore()
  const before = await openTestChain({ genesis: genesis(), store })
  const seal = async (side: TestChain, height: number): Promise<void> => {
    await side.pool.add(
      randomTransaction(createSeededRng(`${seed}/${height}`), 0, BigInt(height - 1)),
    )
    const attributes = {
      timestamp: testTimestamp + height,
      prevRandao: zeroHash,
      suggestedFeeRecipient: 0xfeen,
      withdrawals: [],
      parentBeaconBlockRoot: zeroHash,
    }
    const { executionPayload } = await build(side, attributes, side.chain.head().hash)
    const hash = executionPayload.blockHash
    await side.engine.forkchoiceUpdated({
      headBlockHash: hash,
      safeBlockHash: hash,
      finalizedBlockHash: hash,
    })
  }
  await seal(before, 1)
  const copied = store.copy()
  const counted = Array.from(copied.range('chain.supply', {}), ([key]) => key)
  await copied.write(counted.map((key) => ({ table: 'chain.supply', key, value: undefined })))
  const after = await openTestChain({ genesis: genesis(), store: copied })
  assert.equal(after.chain.supplyAt(1)?.fromNumber, 1)
  assert.equal(after.chain.supplyAt(0), undefined, 'it counted nothing below')
  await seal(after, 2)
  const supply = after.chain.supplyAt(2)
  assert.ok(supply !== undefined && supply.fromNumber === 1)
  assert.equal(heldWei(supply), after.chain.states.sumOfBalances())
})

test('supply: a cheat that sets balances is counted as if it had been there', async () => {
  const { chain } = await openTestChain({ genesis: genesis() })
  const held = chain.states.sumOfBalances()
  for (const [address, balance] of [
    [outboxAddress, 11n],
    [testAddresses[0] as bigint, 5n],
    [0xabcdn, 9n],
  ] as const) {
    const account = { nonce: 0n, balance, codeHash: emptyKeccakWord }
    const change = { address, account, storageCleared: false, storage: [] }
    await chain.overrideState({ accounts: [change], codes: [] })
  }
  const supply = chain.supplyAt(0)
  assert.ok(supply !== undefined)
  assert.equal(heldWei(supply), chain.states.sumOfBalances())
  assert.equal(heldWei(supply), held + 8n + 5n - tenEther + 9n)
  assert.equal(supply.outboxWei, 11n)
})

test('supply records come back, and no others', () => {
  const supply = {
    fromNumber: 7,
    fromHeldWei: 2n ** 90n,
    withdrawnWei: 1n,
    feesBurnedWei: 2n,
    destroyedWei: 3n,
    outboxWei: 4n,
  }
  assert.deepEqual(decodeSupply(encodeSupply(supply)), supply)
  for (const size of [0, 167, 169]) {
    assert.throws(() => decodeSupply(new Uint8Array(size)), {
      code: 'CHAIN_SUPPLY_RECORD_MALFORMED',
    })
  }
})
