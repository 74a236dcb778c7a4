import assert from 'node:assert/strict'
import { test } from 'node:test'

import { consensusRoot, encodeMessage } from '@zg/consensus'
import { encodeHeader } from '@zg/evm'
import { bytesEqual, incrementalRoot } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { openFinalChain } from '../testing/final-chain.ts'
import { signedTransfer, testGenesisJson, testKeys } from '../testing/test-chain.ts'
import { decodePayload, encodePayload } from '../block-codec.ts'
import { parseGenesis } from '../genesis.ts'
import { decodeHeaderProof, encodeHeaderProof } from './header-proof.ts'
import { answerQuestion } from './responder.ts'
import { checkpointOf, decodeStartBundle, encodeStartBundle, proveStart } from './start-bundle.ts'
import type { StartBundle } from './start-bundle.ts'

const invalid = { code: 'CHAIN_START_BUNDLE_INVALID' }
const rng = createSeededRng('start')
const chain = await openFinalChain(parseGenesis(testGenesisJson()))
await chain.pool.add(signedTransfer(testKeys[0]!))
await chain.extend(6)
const source = { ...chain.source, firstHeight: 1n, snapshotIntervalBlocks: 4 }
const checkpoint = checkpointOf(chain.certificate(5))

function bundleAt(height: bigint): StartBundle {
  const bytes = answerQuestion(source, { kind: 'start', height })
  assert.ok(bytes)
  return decodeStartBundle(bytes)
}

test('proveStart() takes what a node answers, at every height', () => {
  for (let height = 1; height <= 6; height++) {
    const bundle = bundleAt(BigInt(height))
    assert.deepEqual(decodeStartBundle(encodeStartBundle(bundle)), bundle)
    const start = proveStart(checkpointOf(chain.certificate(height)), bundle)
    assert.equal(start.body.header.number, height)
    assert.deepEqual(
      start.earlierHeaders.map(({ header }) => header.number),
      Array.from({ length: height - 1 }, (_, index) => height - 1 - index),
    )
  }
  assert.equal(answerQuestion(source, { kind: 'start', height: 0n }), undefined)
  assert.equal(answerQuestion(source, { kind: 'start', height: 7n }), undefined)
})

test('proveStart() refuses every part of another block', () => {
  const good = bundleAt(5n)
  const other = bundleAt(4n)
  const body = decodePayload(good.payload)
  const header = { ...good.block.header, timestampMs: good.block.header.timestampMs + 1 }
  const forged = { ...good.block, header, consensusRoot: consensusRoot(header) }
  const [first, ...rest] = good.earlierHeaders
  const wrong: StartBundle[] = [
    { ...good, block: forged },
    { ...good, block: other.block },
    { ...good, history: other.history },
    {
      ...good,
      history: { ...good.history, frontier: [rng.bytes(32), ...good.history.frontier.slice(1)] },
    },
    { ...good, payload: other.payload },
    { ...good, payload: encodePayload({ ...body, requests: [Uint8Array.of(1, 2)] }) },
    { ...good, payload: encodePayload({ ...body, transactions: [signedTransfer(testKeys[1]!)] }) },
    { ...good, earlierHeaders: rest },
    { ...good, earlierHeaders: [first!, ...good.earlierHeaders] },
    { ...good, earlierHeaders: good.earlierHeaders.toReversed() },
    {
      ...good,
      earlierHeaders: good.earlierHeaders.with(1, encodeHeader(chain.chain.head().header)),
    },
  ]
  for (const bundle of wrong) assert.throws(() => proveStart(checkpoint, bundle), invalid)
  // A checkpoint whose parts contradict each other proves nothing.
  const [leaf, ...frontier] = good.history.frontier
  const history = { ...good.history, frontier: [leaf!.toReversed(), ...frontier] }
  const contradiction = { ...checkpoint, histRoot: incrementalRoot(history) }
  assert.throws(() => proveStart(contradiction, { ...good, history }), invalid)
  assert.throws(() => proveStart({ ...checkpoint, height: 4n }, good), invalid)
  assert.throws(() => proveStart({ ...checkpoint, histRoot: rng.bytes(32) }, good), invalid)
})

test('a bundle with any bit flipped is refused, but for the reveal, which it does not prove', () => {
  const bytes = encodeStartBundle(bundleAt(5n))
  const isReveal = (byte: number): boolean => byte >= 304 && byte < 400
  for (let byte = 0; byte < bytes.length; byte += 1 + rng.below(5)) {
    const flipped = bytes.slice()
    flipped[byte]! ^= 1 << rng.below(8)
    const read = () => proveStart(checkpoint, decodeStartBundle(flipped))
    if (isReveal(byte)) assert.doesNotThrow(read)
    else assert.throws(read, `byte ${byte}`)
  }
})

test('a header is taken with its proof alone', () => {
  const { histRoot } = checkpointOf(chain.certificate(6))
  for (let height = 1n; height < 6n; height++) {
    const bytes = answerQuestion(source, { kind: 'header', height, under: 6n })
    assert.ok(bytes)
    const { header } = decodeHeaderProof(bytes, { height, histRoot })
    assert.deepEqual(header, chain.ledger.block(height)?.header)
    const unproved = { code: 'CHAIN_HEADER_UNPROVED' }
    assert.throws(() => decodeHeaderProof(bytes, { height: height + 1n, histRoot }), unproved)
    assert.throws(() => decodeHeaderProof(bytes, { height, histRoot: rng.bytes(32) }), unproved)
    const malformed = { code: 'CONSENSUS_MESSAGE_MALFORMED' }
    assert.throws(() => decodeHeaderProof(bytes.subarray(1), { height, histRoot }), malformed)
  }
  const block = chain.ledger.block(3n)!
  const siblings = Array.from({ length: 32 }, () => rng.bytes(32))
  const forged = encodeHeaderProof(block, siblings)
  assert.throws(() => decodeHeaderProof(forged, { height: 3n, histRoot }), {
    code: 'CHAIN_HEADER_UNPROVED',
  })
  for (const [height, under] of [
    [6n, 6n],
    [3n, 8n],
    [0n, 5n],
  ] as const) {
    assert.equal(answerQuestion(source, { kind: 'header', height, under }), undefined)
  }
})

test('answers of blocks end with a certificate', () => {
  const bytes = answerQuestion(source, { kind: 'blocks', fromHeight: 3n, count: 2 })
  const blocks = [3n, 4n].map((height) => {
    const { header, reveal } = chain.ledger.block(height)!
    return { header, reveal, payload: chain.chain.payloadOf(header.executionHash)! }
  })
  const proof = { kind: 'finality', certificate: chain.certificate(4) } as const
  assert.ok(bytes && bytesEqual(bytes, encodeMessage({ kind: 'chain', blocks, proof })))
  for (const fromHeight of [0n, 7n]) {
    assert.equal(answerQuestion(source, { kind: 'blocks', fromHeight, count: 2 }), undefined)
  }
})
