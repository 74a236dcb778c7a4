import assert from 'node:assert/strict'
import { test } from 'node:test'

import { headerHash } from '@zg/evm'
import { Assembler } from '@zg/evm/testing'
import { bigintToBytes, concat } from '@zg/primitives'

import { blockOfPayload, newPayloadOf } from './block-codec.ts'
import type { ExecutionPayload } from './execution-engine.ts'
import { gasLimitDefault, parseGenesis } from './genesis.ts'
import {
  gasPriceMinMost,
  governedGasLimitLeast,
  governedGasLimitMost,
  governedParametersOf,
  nextGasLimit,
} from './governed-parameters.ts'
import { tipSuggestion } from './rpc/fee-methods.ts'
import {
  openTestChain,
  signedTransfer,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from './testing/test-chain.ts'
import type { TestChain } from './testing/test-chain.ts'

const govExecutor = 0x2004n
const gwei = 10n ** 9n
const zeroHash = new Uint8Array(32)
const rich = { maxFeePerGas: 100n * gwei, maxPriorityFeePerGas: 50n * gwei }

/** In the place of GovExecutor: writes the second word of its calldata to the slot of the first. */
const setter = new Assembler()
  .push(32)
  .op('CALLDATALOAD')
  .push(0)
  .op('CALLDATALOAD', 'SSTORE')
  .build()

function openGoverned(storage: readonly (readonly [bigint, bigint])[] = []) {
  const accounts = [{ address: govExecutor, code: setter, storage, nonce: 1n }]
  return openTestChain({ genesis: parseGenesis(testGenesisJson({ accounts })) })
}

/** A transaction that sets parameters, as a delivery of governance would. */
function setting(slot: bigint, value: bigint, nonce: bigint): Uint8Array {
  const data = concat(bigintToBytes(slot, 32), bigintToBytes(value, 32))
  const call = { to: govExecutor, value: 0n, data, gasLimit: 100_000n, nonce }
  return signedTransfer(testKeys[0] as Uint8Array, { ...rich, ...call })
}

async function build({ engine, chain }: TestChain): Promise<ExecutionPayload> {
  const { hash, header } = chain.head()
  const attributes = {
    timestamp: header.timestamp + 1,
    prevRandao: zeroHash,
    suggestedFeeRecipient: 0xfeen,
    withdrawals: [],
    parentBeaconBlockRoot: zeroHash,
  }
  const state = { headBlockHash: hash, safeBlockHash: zeroHash, finalizedBlockHash: zeroHash }
  const { payloadId } = await engine.forkchoiceUpdated(state, attributes)
  assert.ok(payloadId !== undefined)
  return (await engine.getPayload(payloadId)).executionPayload
}

/** What another node says of a payload, its hash made anew. */
async function judge({ engine }: TestChain, executionPayload: ExecutionPayload) {
  const rest = { expectedBlobVersionedHashes: [], parentBeaconBlockRoot: zeroHash }
  const block = blockOfPayload({ executionPayload, executionRequests: [], ...rest })
  return engine.newPayload(newPayloadOf(block, headerHash(block.header)))
}

async function seal(sides: readonly TestChain[]): Promise<ExecutionPayload> {
  const [builder] = sides as [TestChain]
  const payload = await build(builder)
  for (const side of sides) {
    if (side !== builder) assert.equal((await judge(side, payload)).status, 'VALID')
    const { blockHash } = payload
    const finalizedBlockHash = blockHash
    await side.engine.forkchoiceUpdated({
      headBlockHash: blockHash,
      safeBlockHash: blockHash,
      finalizedBlockHash,
    })
  }
  return payload
}

test('a gas limit that governance sets is what proposals carry and validators demand', async () => {
  const sides = [await openGoverned(), await openGoverned()] as const
  const [builder, checker] = sides
  assert.equal((await seal(sides)).gasLimit, gasLimitDefault)
  await builder.pool.add(setting(2n, 30_000_000n, 0n))
  const changing = await seal(sides)
  assert.equal(changing.gasLimit, gasLimitDefault, 'not in the block that executes it')
  const step = gasLimitDefault / 1_024n - 1n
  const next = await build(builder)
  assert.equal(next.gasLimit, gasLimitDefault - step)
  for (const gasLimit of [gasLimitDefault, gasLimitDefault - step + 1n, gasLimitDefault + step]) {
    const { status, ...told } = await judge(checker, { ...next, gasLimit })
    assert.equal(status, 'INVALID')
    assert.match(
      JSON.stringify(told),
      new RegExp(`not the ${gasLimitDefault - step} that governance asks for`),
    )
  }
  assert.equal((await seal(sides)).gasLimit, gasLimitDefault - step)
})

test('a gas price that governance sets is what every transaction pays, from the next block on', async () => {
  const sides = [await openGoverned(), await openGoverned()] as const
  const [builder, checker] = sides
  const [, cheapKey, richKey] = testKeys as [Uint8Array, Uint8Array, Uint8Array]
  const cheap = (nonce: bigint): Uint8Array =>
    signedTransfer(cheapKey, { maxFeePerGas: 3n * gwei, maxPriorityFeePerGas: gwei, nonce })
  const least = 20n * gwei
  await builder.pool.add(setting(1n, least, 0n))
  await builder.pool.add(cheap(0n))
  const changing = await seal(sides)
  assert.equal(changing.transactions.length, 2, 'the price of its parent holds for the block')

  await assert.rejects(builder.pool.add(cheap(1n)), { code: 'CHAIN_TRANSACTION_REFUSED' })
  assert.equal(builder.pool.hasPending(), false)
  const empty = await build(builder)
  const { status, ...told } = await judge(checker, { ...empty, transactions: [cheap(1n)] })
  assert.equal(status, 'INVALID')
  assert.match(JSON.stringify(told), /Transaction 0: it pays \d+ for gas, under the least/)

  // What wallets are told to offer is enough.
  const base = empty.baseFeePerGas
  assert.equal(base + tipSuggestion(builder.chain)(), least)
  const enough = { maxFeePerGas: least, maxPriorityFeePerGas: least }
  await builder.pool.add(signedTransfer(richKey, enough))
  assert.equal((await seal(sides)).transactions.length, 1)
})

test('a builder leaves out what was pooled before the price rose, and takes it when it falls', async () => {
  const builder = await openGoverned([[1n, 0n]])
  const [, cheapKey] = testKeys as [Uint8Array, Uint8Array]
  // The setting goes first: it pays more, and the cheap one comes after its block.
  await builder.pool.add(setting(1n, 20n * gwei, 0n))
  const first = await build(builder)
  await builder.pool.add(signedTransfer(cheapKey))
  const finalizedBlockHash = first.blockHash
  const state = { headBlockHash: finalizedBlockHash, safeBlockHash: finalizedBlockHash }
  await builder.engine.forkchoiceUpdated({ ...state, finalizedBlockHash })
  assert.equal(builder.pool.size, 1)
  assert.equal(builder.pool.hasPending(), false)
  assert.equal((await build(builder)).transactions.length, 0)
  await builder.pool.add(setting(1n, 0n, 1n))
  const alone = await seal([builder])
  assert.equal(alone.transactions.length, 1)
  assert.equal(builder.pool.hasPending(), true)
  assert.equal((await seal([builder])).transactions.length, 1)
})

test('governedParametersOf holds what the state says to bounds no governance can leave', () => {
  const read = (gasPriceMin: bigint, gasLimit: bigint) =>
    governedParametersOf({
      storage: (address, slot) => {
        assert.equal(address, govExecutor)
        return slot === 1n ? gasPriceMin : slot === 2n ? gasLimit : 0n
      },
    })
  assert.deepEqual(read(0n, 0n), { gasPriceMin: 0n, gasLimit: undefined })
  assert.deepEqual(read(5n, 60_000_000n), { gasPriceMin: 5n, gasLimit: 60_000_000n })
  const most = 2n ** 256n - 1n
  assert.deepEqual(read(most, most), {
    gasPriceMin: gasPriceMinMost,
    gasLimit: governedGasLimitMost,
  })
  assert.equal(read(0n, 1n).gasLimit, governedGasLimitLeast)
})

test('nextGasLimit reaches what is wanted by steps that Ethereum allows', () => {
  for (const [from, wanted] of [
    [60_000_000n, 10_000_000n],
    [10_000_000n, 1_000_000_000n],
    [60_000_000n, 60_000_001n],
    [5_000n, 10_000_000n],
  ] as const) {
    let gasLimit: bigint = from
    let steps = 0
    while (gasLimit !== wanted) {
      const next = nextGasLimit(gasLimit, wanted)
      const difference = next > gasLimit ? next - gasLimit : gasLimit - next
      assert.ok(difference > 0n && difference < gasLimit / 1_024n)
      gasLimit = next
      assert.ok(++steps < 20_000)
    }
    assert.equal(nextGasLimit(wanted, wanted), wanted)
  }
  assert.equal(nextGasLimit(1_000n, 10_000_000n), 1_000n)
})

test('a chain that nobody governs builds on its parent as before', async () => {
  const chain = await openTestChain()
  const payload = await build(chain)
  assert.deepEqual([payload.gasLimit, payload.timestamp], [gasLimitDefault, testTimestamp + 1])
})
