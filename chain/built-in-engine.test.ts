import assert from 'node:assert/strict'
import { test } from 'node:test'

import { headerHash } from '@zg/evm'
import type { Header } from '@zg/evm'
import { toHex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { blockOfPayload, newPayloadOf } from './block-codec.ts'
import { PayloadUnknownError } from './built-in-engine.ts'
import { ChainDatabase } from './chain-database.ts'
import type { EnginePayloadAttributes, NewPayload } from './execution-engine.ts'
import { parseGenesis } from './genesis.ts'
import { LogResultsTooManyError } from './log-search.ts'
import {
  openTestChain,
  signedTransfer,
  testAddresses,
  testGenesisJson,
  testKeys,
  testTimestamp,
} from './testing/test-chain.ts'
import type { TestChain } from './testing/test-chain.ts'

const zeroHash = new Uint8Array(32)

function attributesAt(seconds: number, fields: Partial<EnginePayloadAttributes> = {}) {
  return {
    timestamp: testTimestamp + seconds,
    prevRandao: new Uint8Array(32).fill(7),
    suggestedFeeRecipient: 0xfeen,
    withdrawals: [],
    parentBeaconBlockRoot: new Uint8Array(32).fill(9),
    ...fields,
  }
}

async function buildOn(
  { engine }: TestChain,
  parentHash: Uint8Array,
  attributes: EnginePayloadAttributes,
): Promise<NewPayload> {
  const { payloadId } = await engine.forkchoiceUpdated(
    { headBlockHash: parentHash, safeBlockHash: zeroHash, finalizedBlockHash: zeroHash },
    attributes,
  )
  assert.ok(payloadId !== undefined)
  const { executionPayload, executionRequests } = await engine.getPayload(payloadId)
  const { parentBeaconBlockRoot } = attributes
  return {
    executionPayload,
    expectedBlobVersionedHashes: [],
    parentBeaconBlockRoot,
    executionRequests,
  }
}

function finalize({ engine }: TestChain, hash: Uint8Array) {
  return engine.forkchoiceUpdated({
    headBlockHash: hash,
    safeBlockHash: hash,
    finalizedBlockHash: hash,
  })
}

test('BuiltInEngine: what one builds, another finds VALID, and both finalize', async () => {
  const [builder, checker] = [await openTestChain(), await openTestChain()]
  for (const [index, key] of testKeys.entries()) {
    await builder.pool.add(signedTransfer(key, { value: BigInt(index + 1) }))
    await builder.pool.add(signedTransfer(key, { nonce: 1n }))
  }
  const payload = await buildOn(builder, builder.genesis.hash, attributesAt(1))
  assert.equal(payload.executionPayload.transactions.length, 16)
  const { blockHash } = payload.executionPayload
  assert.deepEqual(await checker.engine.newPayload(payload), {
    status: 'VALID',
    latestValidHash: blockHash,
  })
  for (const side of [builder, checker]) {
    assert.equal(side.chain.headNumber(), 0, 'an un-final block is not shown')
    await finalize(side, blockHash)
    assert.equal(toHex(side.chain.head().hash), toHex(blockHash))
    const state = side.chain.stateAt(blockHash)
    assert.equal(state?.account(0xabcdn)?.balance, 36n + 8n)
    assert.equal(side.pool.size, 0)
  }
})

test('BuiltInEngine: an empty block obeys the same rules', async () => {
  const [builder, checker] = [await openTestChain(), await openTestChain()]
  const payload = await buildOn(builder, builder.genesis.hash, attributesAt(1))
  assert.equal((await checker.engine.newPayload(payload)).status, 'VALID')
  const wrong = withHeader(payload, { gasUsed: 1n })
  assert.equal((await checker.engine.newPayload(wrong)).status, 'INVALID')
})

/** A payload with other header fields, hashed anew, so that only those fields are wrong. */
function withHeader(payload: NewPayload, fields: Partial<Header>): NewPayload {
  const block = blockOfPayload(payload)
  const header = { ...block.header, ...fields }
  return newPayloadOf({ ...block, header }, headerHash(header))
}

test('BuiltInEngine: every header field that is wrong makes the block INVALID, with a reason', async () => {
  const [builder, checker] = [await openTestChain(), await openTestChain()]
  await builder.pool.add(signedTransfer(testKeys[0] as Uint8Array))
  const payload = await buildOn(builder, builder.genesis.hash, attributesAt(1))
  const { header } = blockOfPayload(payload)
  const bytes32 = new Uint8Array(32).fill(1)
  const tampered: [keyof Header, Partial<Header>, RegExp][] = [
    ['ommersHash', { ommersHash: bytes32 }, /block hash/],
    ['coinbase', { coinbase: 0xbadn }, /state root/],
    ['stateRoot', { stateRoot: bytes32 }, /state root/],
    ['transactionsRoot', { transactionsRoot: bytes32 }, /block hash/],
    ['receiptsRoot', { receiptsRoot: bytes32 }, /receipts root/],
    ['logsBloom', { logsBloom: new Uint8Array(256).fill(1) }, /logs bloom/],
    ['difficulty', { difficulty: 1n }, /block hash/],
    ['number', { number: 2 }, /number/],
    ['gasLimit', { gasLimit: header.gasLimit + header.gasLimit / 1024n }, /gas limit/],
    ['gasUsed', { gasUsed: header.gasUsed + 1n }, /gas used/],
    ['timestamp', { timestamp: testTimestamp - 1 }, /timestamp/],
    ['extraData', { extraData: new Uint8Array(33) }, /extra data/],
    ['nonce', { nonce: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1) }, /block hash/],
    ['baseFeePerGas', { baseFeePerGas: 7n }, /base fee/],
    ['withdrawalsRoot', { withdrawalsRoot: bytes32 }, /block hash/],
    ['blobGasUsed', { blobGasUsed: 131_072n }, /blob gas used/],
    ['blobGasUsed', { blobGasUsed: 1n }, /blob gas used/],
    ['excessBlobGas', { excessBlobGas: 131_072n }, /excess blob gas/],
    ['parentBeaconBlockRoot', { parentBeaconBlockRoot: bytes32 }, /state root/],
    ['requestsHash', { requestsHash: bytes32 }, /block hash/],
  ]
  for (const [field, fields, reason] of tampered) {
    const status = await checker.engine.newPayload(withHeader(payload, fields))
    assert.equal(status.status, 'INVALID', field)
    assert.match(status.status === 'INVALID' ? status.validationError : '', reason, field)
  }
  const orphan = withHeader(payload, { parentHash: bytes32 })
  assert.equal((await checker.engine.newPayload(orphan)).status, 'SYNCING')
  assert.equal((await checker.engine.newPayload(payload)).status, 'VALID')
})

test('BuiltInEngine: a body that is wrong makes the block INVALID', async () => {
  const [builder, checker] = [await openTestChain(), await openTestChain()]
  await builder.pool.add(signedTransfer(testKeys[0] as Uint8Array))
  const payload = await buildOn(builder, builder.genesis.hash, attributesAt(1))
  const block = blockOfPayload(payload)
  const withBody = (body: Partial<NewPayload['executionPayload']>): NewPayload => {
    const changed = { ...payload, executionPayload: { ...payload.executionPayload, ...body } }
    const header = blockOfPayload(changed).header
    return newPayloadOf({ ...blockOfPayload(changed), header }, headerHash(header))
  }
  const [first] = block.transactions
  const withdrawal = { index: 0n, validatorIndex: 0n, address: 1n, amountGwei: 1n }
  const cases: [NewPayload, RegExp][] = [
    [withBody({ transactions: [] }), /gas used/],
    [withBody({ transactions: [first, first] as Uint8Array[] }), /Transaction 1: The nonce/],
    [withBody({ transactions: [Uint8Array.of(9)] }), /Transaction 0/],
    [withBody({ transactions: [new Uint8Array(0)] }), /empty transaction/],
    [withBody({ withdrawals: [withdrawal] }), /state root/],
    [withBody({ withdrawals: Array.from({ length: 17 }, () => withdrawal) }), /withdrawals/],
    [{ ...payload, executionRequests: [Uint8Array.of(1)] }, /requests are out of form/],
    [{ ...payload, expectedBlobVersionedHashes: [1n] }, /not the 1 expected/],
  ]
  for (const [wrong, reason] of cases) {
    const status = await checker.engine.newPayload(wrong)
    assert.equal(status.status, 'INVALID', reason.source)
    assert.match(status.status === 'INVALID' ? status.validationError : '', reason)
  }
  const status = await checker.engine.newPayload(payload)
  assert.equal(status.status, 'VALID', 'a wrong body under its hash does not spoil the block')
})

test('BuiltInEngine: timestamps may repeat only where the genesis says so', async () => {
  const builder = await openTestChain({ subSecond: true })
  const checker = await openTestChain({ subSecond: false })
  const payload = await buildOn(builder, builder.genesis.hash, attributesAt(0))
  const status = await checker.engine.newPayload(payload)
  assert.match(status.status === 'INVALID' ? status.validationError : '', /timestamp/)
})

test('BuiltInEngine: branches live side by side until one is final', async () => {
  const side = await openTestChain()
  const { chain, engine, genesis, pool } = side
  await pool.add(signedTransfer(testKeys[0] as Uint8Array))
  const left = await buildOn(side, genesis.hash, attributesAt(1))
  const right = await buildOn(side, genesis.hash, attributesAt(2))
  const [leftHash, rightHash] = [left, right].map((each) => each.executionPayload.blockHash)
  assert.ok(leftHash !== undefined && rightHash !== undefined)
  const child = await buildOn(side, rightHash, attributesAt(3))
  assert.equal(right.executionPayload.transactions.length, 1)
  assert.equal(child.executionPayload.transactions.length, 0, 'the branch holds it already')
  assert.equal(pool.size, 1, 'nothing is final yet')

  await finalize(side, child.executionPayload.blockHash)
  assert.equal(chain.headNumber(), 2)
  assert.equal(pool.size, 0)
  const late = await buildOn(await openTestChain(), genesis.hash, attributesAt(5))
  const status = await engine.newPayload(late)
  assert.match(status.status === 'INVALID' ? status.validationError : '', /final branch/)
  assert.equal((await engine.newPayload(right)).status, 'VALID', 'a final block stays VALID')
  const onLeft = { headBlockHash: leftHash, safeBlockHash: leftHash, finalizedBlockHash: leftHash }
  assert.equal((await engine.forkchoiceUpdated(onLeft)).payloadStatus.status, 'SYNCING')
})

test('BuiltInEngine: readers see blocks, receipts, places and logs of final blocks', async () => {
  // PUSH1 42, PUSH0, PUSH0, LOG1: emits topic 42.
  const code = Uint8Array.of(0x60, 42, 0x5f, 0x5f, 0xa1)
  const genesis = parseGenesis(testGenesisJson({ accounts: [{ address: 0x1060n, code }] }))
  const side = await openTestChain({ genesis })
  const heard: number[] = []
  side.chain.onHead(({ header }, receipts) => heard.push(header.number, receipts.length))
  const bytes = signedTransfer(testKeys[0] as Uint8Array, { to: 0x1060n, gasLimit: 50_000n })
  const hash = await side.pool.add(bytes)
  const payload = await buildOn(side, genesis.hash, attributesAt(1))
  await finalize(side, payload.executionPayload.blockHash)

  const { chain } = side
  assert.deepEqual(heard, [1, 1])
  const { blockHash } = payload.executionPayload
  assert.deepEqual(chain.transactionLocation(hash), { blockHash, blockNumber: 1, index: 0 })
  const receipts = chain.receiptsByHash(blockHash)
  assert.deepEqual(receipts?.[0]?.logs, [
    { address: 0x1060n, topics: [42n], data: new Uint8Array(0) },
  ])
  const query = { fromNumber: 0, toNumber: 1, addresses: [], topics: [], resultsMax: 10 }
  assert.equal(chain.logs(query).length, 1)
  assert.equal(chain.logs({ ...query, topics: [[], [42n]] }).length, 0)
  assert.equal(chain.logs({ ...query, addresses: [1n, 0x1060n], topics: [[42n]] }).length, 1)
  assert.equal(chain.logs({ ...query, addresses: [0x1061n] }).length, 0)
  assert.throws(() => chain.logs({ ...query, resultsMax: 0 }), LogResultsTooManyError)

  const reopened = await ChainDatabase.open({ genesis, store: side.store })
  assert.deepEqual(reopened.head(), chain.head())
  assert.deepEqual(reopened.receiptsByHash(blockHash), receipts)
  assert.deepEqual(reopened.blockByNumber(1)?.transactions[0]?.sender, testAddresses[0])
})

test('BuiltInEngine: pending is the next block, executed on the head', async () => {
  const side = await openTestChain()
  await side.pool.add(signedTransfer(testKeys[0] as Uint8Array, { value: 5n }))
  const pending = await side.chain.pending()
  assert.equal(pending.header.number, 1)
  assert.equal(pending.transactions.length, 1)
  assert.equal(pending.state.account(0xabcdn)?.balance, 5n)
  assert.equal(side.chain.stateAt(side.genesis.hash)?.account(0xabcdn), undefined)
})

test('BuiltInEngine: pending waits for a head that is being made durable', async () => {
  const side = await openTestChain()
  const payload = await buildOn(side, side.genesis.hash, attributesAt(1))
  const finality = finalize(side, payload.executionPayload.blockHash)
  const pending = await side.chain.pending()
  assert.equal(pending.header.number, 2)
  await finality
})

test('BuiltInEngine: pending begins again when the head moves while it executes', async () => {
  let nowMs = testTimestamp * 1_000
  let onTurn = async (): Promise<void> => undefined
  // Each look at it is later by more than a slice: the others have a turn after each transaction.
  const clock: Clock = {
    nowMs: () => (nowMs += 25),
    setTimer(_delayMs, run) {
      void onTurn().then(run)
      return { cancel: () => undefined }
    },
  }
  const side = await openTestChain({ clock })
  const payload = await buildOn(side, side.genesis.hash, attributesAt(1))
  for (const key of testKeys) await side.pool.add(signedTransfer(key))
  onTurn = async () => void (await finalize(side, payload.executionPayload.blockHash))
  const pending = await side.chain.pending()
  assert.equal(pending.header.number, 2)
  assert.equal(toHex(pending.header.parentHash), toHex(payload.executionPayload.blockHash))
})

test('BuiltInEngine.getPayload refuses an id it never gave', async () => {
  const { engine } = await openTestChain()
  await assert.rejects(engine.getPayload(99n), PayloadUnknownError)
})
