import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ByteReader, consensusRoot, genesisHeader, Ledger, readHeader } from '@zg/consensus'
import type { ConsensusHeader, LedgerBlock } from '@zg/consensus'
import { incrementalRoot, verifyMerkleProof } from '@zg/primitives'
import { MemoryStore } from '@zg/runtime'

import { historyReaderOf } from './finality-view.ts'

const height = 21
const genesis = genesisHeader({
  identity: {
    l1ChainId: 1n,
    stakingContract: new Uint8Array(20),
    networkId: 3,
    genesisHash: new Uint8Array(32).fill(7),
  },
  epoch: 0n,
  timestampMs: 0,
} as Parameters<typeof genesisHeader>[0])

function ledgerBlock(header: ConsensusHeader): LedgerBlock {
  return { header, consensusRoot: consensusRoot(header), reveal: new Uint8Array(96), view: 1 }
}

/** A ledger of heights 0 to 21, each under the history of those below. */
async function openLedger() {
  const ledger = new Ledger(new MemoryStore())
  await ledger.append(ledgerBlock(genesis))
  for (let at = 1n; at <= height; at++) {
    const histRoot = incrementalRoot(ledger.history)
    await ledger.append(ledgerBlock({ ...genesis, height: at, timestampMs: Number(at), histRoot }))
  }
  return ledger
}

test('historyReaderOf proves every height under every later one', async () => {
  const reader = historyReaderOf({
    chain: { headNumber: () => height },
    ledger: await openLedger(),
  })
  const headers = Array.from({ length: height + 1 }, (_, at) => {
    const bytes = reader.header(BigInt(at))
    assert.ok(bytes !== undefined)
    assert.equal(bytes.length, 304)
    const source = new ByteReader(bytes)
    const header = readHeader(source)
    source.end()
    return header
  })
  for (const [at, header] of headers.entries()) {
    assert.equal(header.height, BigInt(at))
    for (const later of headers.slice(at + 1)) {
      const proof = reader.historyProof({ height: header.height, under: later.height })
      assert.ok(proof !== undefined)
      const claim = { root: later.histRoot, leaf: consensusRoot(header), index: at, depth: 32 }
      assert.ok(verifyMerkleProof({ ...claim, proof }), `${at} under ${later.height}`)
    }
  }
  assert.equal(reader.historyProof({ height: 3n, under: 3n }), undefined)
  assert.equal(reader.historyProof({ height: 4n, under: 3n }), undefined)
  assert.equal(reader.historyProof({ height: 3n, under: BigInt(height) + 1n }), undefined)
})

test('historyReaderOf shows nothing above the head of the chain', async () => {
  const reader = historyReaderOf({ chain: { headNumber: () => 20 }, ledger: await openLedger() })
  assert.equal(reader.header(21n), undefined)
  assert.equal(reader.historyProof({ height: 3n, under: 21n }), undefined)
  assert.notEqual(reader.historyProof({ height: 3n, under: 20n }), undefined)
})

test('historyReaderOf proves nothing that lies below the state a node began with', async () => {
  const whole = await openLedger()
  const at = (number: bigint): LedgerBlock => {
    const block = whole.block(number)
    assert.ok(block !== undefined)
    return block
  }
  const ledger = new Ledger(new MemoryStore())
  await ledger.adopt(at(0n), at(13n), whole.historyAt(13))
  for (let next = 14n; next <= height; next++) await ledger.append(at(next))
  const reader = historyReaderOf({ chain: { headNumber: () => height }, ledger })
  assert.notEqual(reader.historyProof({ height: 13n, under: 20n }), undefined)
  assert.notEqual(reader.header(0n), undefined)
  assert.equal(reader.header(12n), undefined)
  assert.equal(reader.historyProof({ height: 0n, under: 20n }), undefined)
  assert.equal(reader.historyProof({ height: 12n, under: 20n }), undefined)
})
