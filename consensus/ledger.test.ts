import assert from 'node:assert/strict'
import { test } from 'node:test'

import { incrementalRoot, verifyMerkleProof } from '@zg/primitives'
import { createSeededRng, MemoryStore } from '@zg/runtime'

import type { ConsensusHeader } from './header.ts'
import { consensusRoot, genesisHeader } from './header.ts'
import { Ledger } from './ledger.ts'
import type { LedgerBlock } from './ledger.ts'

const rng = createSeededRng('ledger')
const identity = {
  l1ChainId: 1n,
  stakingContract: new Uint8Array(20),
  networkId: 0,
  genesisHash: rng.bytes(32),
}

function blockOf(header: ConsensusHeader): LedgerBlock {
  return { header, reveal: rng.bytes(96), view: 0, consensusRoot: consensusRoot(header) }
}

const genesis = blockOf(genesisHeader({ identity, epoch: 0n, timestampMs: 1 }))
const blocks = [genesis]
for (let height = 1; height < 40; height++) {
  blocks.push(blockOf({ ...genesis.header, height: BigInt(height), mix: rng.bytes(32) }))
}

async function fullLedger(): Promise<Ledger> {
  const ledger = new Ledger(new MemoryStore())
  for (const block of blocks) await ledger.append(block)
  return ledger
}

test('a ledger that adopts a block goes on as one that holds all', async () => {
  const full = await fullLedger()
  for (let height = 1; height < blocks.length; height++) {
    const store = new MemoryStore()
    await new Ledger(store).adopt(genesis, blocks[height]!, full.historyAt(height))
    const ledger = new Ledger(store)
    assert.equal(ledger.height, BigInt(height))
    assert.deepEqual(ledger.block(BigInt(height)), blocks[height])
    assert.deepEqual(ledger.block(0n), genesis)
    if (height > 1) assert.equal(ledger.block(BigInt(height) - 1n), undefined)
    for (const block of blocks.slice(height + 1)) await ledger.append(block)
    assert.deepEqual(ledger.history, full.history)
    for (let count = height + 1; count <= blocks.length; count++) {
      assert.deepEqual(ledger.historyAt(count), full.historyAt(count), `${height} ${count}`)
    }
  }
})

test('a ledger that adopted a block proves it and every later header', async () => {
  const full = await fullLedger()
  const root = incrementalRoot(full.history)
  for (let height = 1; height < blocks.length; height++) {
    const ledger = new Ledger(new MemoryStore())
    await ledger.adopt(genesis, blocks[height]!, full.historyAt(height))
    for (const block of blocks.slice(height + 1)) await ledger.append(block)
    for (let index = height; index < blocks.length; index++) {
      const proof = ledger.historyProof(BigInt(index), BigInt(blocks.length))
      const leaf = blocks[index]!.consensusRoot
      assert.ok(verifyMerkleProof({ root, leaf, index, depth: 32, proof }), `${height} ${index}`)
    }
  }
})
