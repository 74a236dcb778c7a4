import assert from 'node:assert/strict'
import { test } from 'node:test'

import { headerHash, withdrawalsRoot } from '@zg/evm'
import { bytesToBigint, concat, encodeRlp } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Credit, PayloadAttributes } from '@zg/consensus'

import { decodePayload, encodePayload, PayloadMalformedError } from './block-codec.ts'
import type { BlockBody } from './block-codec.ts'
import { ConsensusApplication } from './consensus-application.ts'
import { openTestChain, signedTransfer, testKeys, testTimestamp } from './testing/test-chain.ts'

async function openSide() {
  const side = await openTestChain()
  const { chain, engine, pool, genesis } = side
  const application = new ConsensusApplication({
    engine,
    blocks: {
      finalHead: () => ({ number: chain.headNumber(), hash: chain.head().hash }),
      payloadOf: (hash) => chain.payloadOf(hash),
      discard: (hash) => engine.discard(hash),
      hasPending: () => pool.hasPending(),
    },
    gasLimit: genesis.header.gasLimit,
    logger: silentLogger,
  })
  return { ...side, application }
}

function attributesOn(parentExecutionHash: Uint8Array, height: bigint): PayloadAttributes {
  return {
    height,
    parentExecutionHash,
    timestampSeconds: BigInt(testTimestamp) + height,
    prevRandao: new Uint8Array(32).fill(3),
    parentConsensusRoot: new Uint8Array(32).fill(4),
    feeRecipient: new Uint8Array(20).fill(5),
    credits: [],
  }
}

test('ConsensusApplication: a built payload is VALID elsewhere, and final when told', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  assert.equal(leader.application.hasPending(), false)
  await leader.pool.add(signedTransfer(testKeys[0] as Uint8Array))
  assert.equal(leader.application.hasPending(), true)
  const attributes = attributesOn(leader.genesis.hash, 1n)
  const payload = await leader.application.buildPayload(attributes, 100)
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
  await voter.application.finalize(payload.executionHash)
  await voter.application.finalize(payload.executionHash)
  assert.deepEqual(voter.application.finalHead(), {
    height: 1n,
    executionHash: payload.executionHash,
  })
  assert.deepEqual(voter.application.payloadOf(payload.executionHash), payload.bytes)
})

function creditOf(index: bigint, amountGwei = 7n + index): Credit {
  return { index, recipient: new Uint8Array(20).fill(0xc0 + Number(index)), amountGwei }
}

test('ConsensusApplication: exactly the credits due are paid out, in their order', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  const credits = [3n, 4n, 5n].map((index) => creditOf(index))
  const attributes = { ...attributesOn(leader.genesis.hash, 1n), credits }
  const payload = await leader.application.buildPayload(attributes, 100)
  assert.deepEqual(
    decodePayload(payload.bytes).withdrawals,
    credits.map(({ index, recipient, amountGwei }) => ({
      index,
      validatorIndex: 0n,
      address: bytesToBigint(recipient),
      amountGwei,
    })),
  )
  const others = [
    [],
    credits.slice(0, 2),
    [...credits, creditOf(6n)],
    credits.toReversed(),
    credits.map((credit) => ({ ...credit, index: credit.index + 1n })),
    credits.map((credit) => ({ ...credit, amountGwei: 1n })),
    credits.map((credit) => ({ ...credit, recipient: new Uint8Array(20) })),
  ]
  for (const [index, other] of others.entries()) {
    const due = { ...attributes, credits: other }
    assert.equal(await voter.application.validatePayload(due, payload), 'INVALID', `${index}`)
  }
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
  await voter.application.finalize(payload.executionHash)
  const state = voter.chain.stateAt(payload.executionHash)!
  for (const { recipient, amountGwei } of credits) {
    const account = state.account(bytesToBigint(recipient))
    assert.equal(account?.balance, amountGwei * 1_000_000_000n)
  }
})

test('ConsensusApplication: an unknown parent is SYNCING, never INVALID', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  const first = attributesOn(leader.genesis.hash, 1n)
  const parent = await leader.application.buildPayload(first, 100)
  const second = attributesOn(parent.executionHash, 2n)
  const child = await leader.application.buildPayload(second, 100)
  assert.equal(await voter.application.validatePayload(second, child), 'SYNCING')
  assert.equal(await voter.application.validatePayload(first, parent), 'VALID')
  assert.equal(await voter.application.validatePayload(second, child), 'VALID')
})

test('ConsensusApplication: what the consensus header does not say is INVALID', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  const attributes = attributesOn(leader.genesis.hash, 1n)
  const payload = await leader.application.buildPayload(attributes, 100)
  const bytes32 = new Uint8Array(32).fill(8)
  const others: Partial<PayloadAttributes>[] = [
    { height: 2n },
    { parentExecutionHash: bytes32 },
    { timestampSeconds: attributes.timestampSeconds + 1n },
    { prevRandao: bytes32 },
    { parentConsensusRoot: bytes32 },
    { feeRecipient: new Uint8Array(20) },
    { credits: [creditOf(0n)] },
  ]
  for (const other of others) {
    const status = await voter.application.validatePayload({ ...attributes, ...other }, payload)
    assert.equal(status, 'INVALID', JSON.stringify(Object.keys(other)))
  }
  const block = decodePayload(payload.bytes)
  const changed = (fields: Partial<BlockBody['header']>, body: Partial<BlockBody> = {}) => {
    const header = { ...block.header, ...fields }
    return {
      executionHash: headerHash(header),
      bytes: encodePayload({ ...block, ...body, header }),
    }
  }
  const withdrawal = { index: 0n, validatorIndex: 0n, address: 1n, amountGwei: 1n }
  const wrong = [
    changed({ gasLimit: block.header.gasLimit + 1n }),
    changed({ blobGasUsed: 131_072n }),
    changed({ gasUsed: block.header.gasUsed + 1n }),
    changed({ withdrawalsRoot: withdrawalsRoot([withdrawal]) }, { withdrawals: [withdrawal] }),
  ]
  for (const [index, each] of wrong.entries()) {
    assert.equal(await voter.application.validatePayload(attributes, each), 'INVALID', `${index}`)
    // A verdict on the block stays one.
    assert.equal(await voter.application.validatePayload(attributes, each), 'INVALID', `${index}`)
  }
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
})

test('ConsensusApplication: bytes that are not the block are a MISMATCH, no verdict', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  await leader.pool.add(signedTransfer(testKeys[0] as Uint8Array))
  const attributes = attributesOn(leader.genesis.hash, 1n)
  const payload = await leader.application.buildPayload(attributes, 100)
  const block = decodePayload(payload.bytes)
  const { executionHash } = payload
  const withBody = (body: Partial<BlockBody>) => ({
    executionHash,
    bytes: encodePayload({ ...block, ...body }),
  })
  const withdrawal = { index: 0n, validatorIndex: 0n, address: 1n, amountGwei: 1n }
  const [transaction] = block.transactions
  assert.ok(transaction !== undefined)
  const others = [
    { executionHash: new Uint8Array(32).fill(8), bytes: payload.bytes },
    { executionHash, bytes: new Uint8Array(0) },
    { executionHash, bytes: concat(payload.bytes, Uint8Array.of(0)) },
    withBody({ transactions: [] }),
    withBody({ transactions: [transaction, transaction] }),
    withBody({ withdrawals: [withdrawal] }),
    withBody({ requests: [Uint8Array.of(1, 2)] }),
    withBody({ header: { ...block.header, gasUsed: 1n } }),
  ]
  for (const [index, other] of others.entries()) {
    const status = await voter.application.validatePayload(attributes, other)
    assert.equal(status, 'MISMATCH', `${index}`)
  }
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
})

test('ConsensusApplication: a block it forgot is executed again', async () => {
  const [leader, voter] = [await openSide(), await openSide()]
  const attributes = attributesOn(leader.genesis.hash, 1n)
  const payload = await leader.application.buildPayload(attributes, 100)
  const child = attributesOn(payload.executionHash, 2n)
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
  voter.application.forget(payload.executionHash)
  assert.equal(voter.chain.states.stagedCount, 0)
  const grandchild = await leader.application.buildPayload(child, 100)
  assert.equal(await voter.application.validatePayload(child, grandchild), 'SYNCING')
  assert.equal(await voter.application.validatePayload(attributes, payload), 'VALID')
  assert.equal(await voter.application.validatePayload(child, grandchild), 'VALID')
  voter.application.forget(payload.executionHash)
  assert.equal(voter.chain.states.stagedCount, 0)
})

test('decodePayload refuses other forms', async () => {
  const { application, genesis } = await openSide()
  const { bytes } = await application.buildPayload(attributesOn(genesis.hash, 1n), 100)
  const block = decodePayload(bytes)
  assert.deepEqual(encodePayload(block), bytes)
  const legacyAsBytes = encodePayload({ ...block, transactions: [Uint8Array.of(0x80)] })
  assert.throws(() => decodePayload(legacyAsBytes), PayloadMalformedError)
  assert.throws(() => decodePayload(encodeRlp([])))
  assert.throws(() => decodePayload(bytes.subarray(0, -1)))
  for (let at = 0; at < bytes.length; at += 7) {
    const torn = bytes.slice()
    torn[at] = (torn[at] as number) ^ 0x55
    try {
      decodePayload(torn)
    } catch (error) {
      assert.match((error as { code?: string }).code ?? '', /^(CHAIN|EVM|PRIMITIVES)_/)
    }
  }
})
