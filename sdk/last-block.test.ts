import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ByteWriter, consensusRoot, headerProof, writeHeader } from '@zg/consensus'
import type { ConsensusHeader } from '@zg/consensus'
import { encodeHeader, headerHash } from '@zg/evm'
import type { Header } from '@zg/evm'
import { bigintToHex, toHex, toQuantity } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createPublicClient, custom } from 'viem'

import { readLastBlock } from './last-block.ts'

const word = (fill: number) => new Uint8Array(32).fill(fill)

const execution: Header = {
  parentHash: word(1),
  ommersHash: word(2),
  coinbase: 3n,
  stateRoot: word(4),
  transactionsRoot: word(5),
  receiptsRoot: word(6),
  logsBloom: new Uint8Array(256),
  difficulty: 0n,
  number: 7,
  gasLimit: 60_000_000n,
  gasUsed: 0n,
  timestamp: 1_800_000_000,
  extraData: new Uint8Array(0),
  prevRandao: word(8),
  nonce: new Uint8Array(8),
  baseFeePerGas: 9n,
  withdrawalsRoot: word(10),
  blobGasUsed: 0n,
  excessBlobGas: 0n,
  parentBeaconBlockRoot: word(11),
  requestsHash: word(12),
}

const header: ConsensusHeader = {
  networkId: 1,
  epoch: 12n,
  height: 7n,
  timestampMs: 1_800_000_000_123,
  proposer: new Uint8Array(20).fill(13),
  l1: {
    number: 14n,
    hash: word(15),
    timestamp: 16n,
    stateRoot: word(17),
    creditRoot: word(18),
    creditCount: 19n,
    messageRoot: word(20),
  },
  creditNext: 21n,
  histRoot: word(22),
  mix: word(23),
  executionHash: headerHash(execution),
}

/** The block as `eth_getBlockByNumber` gives it. */
const block = {
  parentHash: toHex(execution.parentHash),
  sha3Uncles: toHex(execution.ommersHash),
  miner: bigintToHex(execution.coinbase, 20),
  stateRoot: toHex(execution.stateRoot),
  transactionsRoot: toHex(execution.transactionsRoot),
  receiptsRoot: toHex(execution.receiptsRoot),
  logsBloom: toHex(execution.logsBloom),
  difficulty: '0x0',
  number: '0x7',
  gasLimit: toQuantity(execution.gasLimit),
  gasUsed: '0x0',
  timestamp: toQuantity(execution.timestamp),
  extraData: '0x',
  mixHash: toHex(execution.prevRandao),
  nonce: toHex(execution.nonce),
  baseFeePerGas: '0x9',
  withdrawalsRoot: toHex(word(10)),
  blobGasUsed: '0x0',
  excessBlobGas: '0x0',
  parentBeaconBlockRoot: toHex(word(11)),
  requestsHash: toHex(word(12)),
}

function encoded(found: ConsensusHeader): Hex {
  const writer = new ByteWriter()
  writeHeader(writer, found)
  return toHex(writer.finish())
}

/** A node that gives these. */
function nodeWith(answers: { readonly header?: unknown; readonly block?: unknown }) {
  const request = async ({ method }: { method: string }) =>
    method === 'zg_getHeader' ? (answers.header ?? encoded(header)) : (answers.block ?? block)
  return createPublicClient({ transport: custom({ request }, { retryCount: 0 }) })
}

const known = { height: 7n, consensusRoot: toHex(consensusRoot(header)) }

test('readLastBlock proves fields and state of a block as consensus does', async () => {
  const found = await readLastBlock(nodeWith({}), known)
  assert.deepEqual(found, {
    height: 7n,
    creditNext: 21n,
    creditSiblings: headerProof(header, 'creditNext').map((node) => toHex(node)),
    state: {
      header: toHex(encodeHeader(execution)),
      siblings: headerProof(header, 'executionHash').map((node) => toHex(node)),
    },
  })
})

test('readLastBlock believes no node that gives another block, or half of one', async () => {
  const lies = [
    { header: encoded({ ...header, creditNext: 0n }) },
    { header: `${encoded(header)}00` },
    { header: 7 },
    { block: { ...block, stateRoot: toHex(word(9)) } },
    { block: { ...block, requestsHash: undefined } },
    { block: { ...block, number: 'seven' } },
    { block: { ...block, nonce: '0x1' } },
    { block: 7 },
  ]
  for (const lie of lies) {
    await assert.rejects(
      readLastBlock(nodeWith(lie), known),
      { code: 'SDK_LAST_BLOCK_WRONG' },
      JSON.stringify(lie),
    )
  }
  const gone = { request: async () => null }
  const client = createPublicClient({ transport: custom(gone, { retryCount: 0 }) })
  assert.equal(await readLastBlock(client, known), undefined)
})
