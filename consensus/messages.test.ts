import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ZgError } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { MessageMalformedError } from './codec.ts'
import { genesisHeader } from './header.ts'
import { channelOf, decodeMessage, encodeMessage, messageSizeBytesMax } from './messages.ts'
import type { Block, Message } from './messages.ts'

const hash = new Uint8Array(32).fill(7)
const signature = new Uint8Array(96).fill(9)
const header = genesisHeader({
  identity: {
    l1ChainId: 1n,
    stakingContract: new Uint8Array(20),
    networkId: 7,
    genesisHash: hash,
  },
  epoch: 0n,
  timestampMs: 1_000,
})
const block: Block = { header, reveal: signature, payload: Uint8Array.of(1, 2, 3) }
const vote = { kind: 'notarize', epoch: 1n, view: 5, digest: hash } as const
const certificate = { vote, signers: Uint8Array.of(7), signature }
const finalityVote = {
  epoch: 1n,
  height: 4n,
  blockHash: hash,
  consensusRoot: hash,
  histRoot: hash,
  nextEpoch: 0n,
}
const finalization = { ...certificate, vote: { ...vote, kind: 'finalize' as const } }

const messages: readonly Message[] = [
  { kind: 'proposal', vote, signature, block },
  { kind: 'vote', vote, signature },
  { kind: 'certificate', certificate },
  { kind: 'finality-vote', vote: finalityVote, signature },
  { kind: 'status', epoch: 1n, view: 5, finalHeight: 3n, certifiedHeight: 3n },
  { kind: 'certificate-request', epoch: 1n, fromView: 1, toView: Number.MAX_SAFE_INTEGER },
  { kind: 'certificates', certificates: [certificate, finalization] },
  { kind: 'block-request', consensusRoot: hash },
  { kind: 'block', block },
  { kind: 'chain-request', fromHeight: 9n, count: 64 },
  {
    kind: 'chain',
    blocks: [block, block],
    proof: { kind: 'finalization', certificate: finalization },
  },
  {
    kind: 'chain',
    blocks: [block],
    proof: { kind: 'finality', certificate: { vote: finalityVote, signers: hash, signature } },
  },
]

test('decodeMessage inverts encodeMessage for every kind', () => {
  for (const message of messages) {
    const bytes = encodeMessage(message)
    assert.deepEqual(decodeMessage(bytes), message)
    assert.ok(channelOf(message) === 'block' || bytes.length <= 16 * 1_024)
  }
})

test('decodeMessage refuses every shortened message and trailing bytes', () => {
  for (const message of messages) {
    const bytes = encodeMessage(message)
    for (let size = 0; size < bytes.length; size++) {
      assert.throws(() => decodeMessage(bytes.subarray(0, size)), MessageMalformedError)
    }
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    assert.throws(() => decodeMessage(longer), MessageMalformedError)
  }
})

test('decodeMessage refuses what no validator sends', () => {
  const nullify = { ...vote, kind: 'nullify' as const }
  const wrong: readonly Message[] = [
    { kind: 'vote', vote: nullify, signature },
    { kind: 'vote', vote: { ...vote, view: 0 }, signature },
    { kind: 'proposal', vote: { ...vote, kind: 'finalize' }, signature, block },
    { kind: 'certificates', certificates: [] },
    { kind: 'certificates', certificates: Array.from({ length: 49 }, () => certificate) },
    { kind: 'chain-request', fromHeight: 9n, count: 65 },
    { kind: 'chain', blocks: [block], proof: { kind: 'finalization', certificate } },
    { kind: 'certificate', certificate: { ...certificate, signers: new Uint8Array(129) } },
  ]
  for (const message of wrong) {
    assert.throws(() => decodeMessage(encodeMessage(message)), MessageMalformedError)
  }
  assert.throws(() => decodeMessage(Uint8Array.of(99)), MessageMalformedError)
  assert.throws(() => decodeMessage(new Uint8Array(messageSizeBytesMax + 1)), MessageMalformedError)
})

test('decodeMessage throws only its typed error on 20,000 damaged inputs', () => {
  const rng = createSeededRng(4)
  const encoded = messages.map(encodeMessage)
  let accepted = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = encoded[rng.below(encoded.length)]!.slice()
    for (let flips = 1 + rng.below(4); flips > 0; flips--) {
      bytes[rng.below(bytes.length)] = rng.below(256)
    }
    const size = rng.chance(0.3) ? rng.below(bytes.length + 1) : bytes.length
    try {
      decodeMessage(bytes.subarray(0, size))
      accepted++
    } catch (error) {
      assert.ok(error instanceof ZgError && error.code === 'CONSENSUS_MESSAGE_MALFORMED')
    }
  }
  // Most damage hits hashes and signatures, which decoding does not judge.
  assert.ok(accepted > 1_000 && accepted < 19_000)
})
