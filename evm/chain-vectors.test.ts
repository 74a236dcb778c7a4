import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodeRlpSequence, encodeRlp, rlpBytes, rlpList, toHex } from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'

import { parentOf } from './block-environment.ts'
import { nextBaseFee, nextExcessBlobGas } from './fees.ts'
import { parseChainConfig } from './fork.ts'
import {
  decodeHeader,
  encodeHeader,
  headerHash,
  headerOfItem,
  transactionsRoot,
  withdrawalOfItem,
  withdrawalsRoot,
} from './header.ts'
import type { Header } from './header.ts'
import { decodeTransaction, encodeTransaction, recoverSender } from './transaction-codec.ts'

// The execution-apis test chain: 54 blocks through all forks up to the second BPO fork.
const fixture = readFixture('rpc-compat')
const skip = fixture === undefined && fixtureAbsent

type Block = { readonly header: Header; readonly body: readonly RlpItem[] }

function readChain(): Block[] {
  const blocks = decodeRlpSequence(fixture?.get('tests/chain.rlp') as Uint8Array)
  return blocks.map((block) => {
    const body = rlpList(block)
    return { header: headerOfItem(body[0] as RlpItem), body }
  })
}

test('header: hashes link the chain and round trip', { skip }, () => {
  const headers = readChain().map(({ header }) => header)
  for (const [index, header] of headers.slice(1).entries()) {
    assert.equal(toHex(header.parentHash), toHex(headerHash(headers[index] as Header)))
    assert.deepEqual(encodeHeader(decodeHeader(encodeHeader(header))), encodeHeader(header))
  }
  const head = parseFixtureJson(fixture?.get('tests/headfcu.json')) as {
    params: [{ headBlockHash: string }]
  }
  assert.equal(toHex(headerHash(headers.at(-1) as Header)), head.params[0].headBlockHash)
})

test('transactionsRoot and withdrawalsRoot: those of the headers', { skip }, () => {
  for (const { header, body } of readChain()) {
    const transactions = rlpList(body[1]).map((item) => {
      // A typed transaction stands as a byte string, a legacy one as a list.
      const bytes = item instanceof Uint8Array ? rlpBytes(item) : encodeRlp(item)
      const transaction = decodeTransaction(bytes)
      assert.equal(toHex(encodeTransaction(transaction)), toHex(bytes))
      assert.ok(recoverSender(transaction) > 0n)
      return transaction
    })
    assert.equal(toHex(transactionsRoot(transactions)), toHex(header.transactionsRoot))
    if (header.withdrawalsRoot === undefined) continue
    const withdrawals = rlpList(body[3]).map(withdrawalOfItem)
    assert.equal(toHex(withdrawalsRoot(withdrawals)), toHex(header.withdrawalsRoot))
  }
})

test('nextBaseFee and nextExcessBlobGas: those of the headers', { skip }, () => {
  const genesis = parseFixtureJson(fixture?.get('tests/genesis.json')) as { config: unknown }
  const config = parseChainConfig(genesis.config)
  const headers = readChain().map(({ header }) => header)
  let blobHeaders = 0
  for (const [index, header] of headers.slice(1).entries()) {
    const parent = headers[index] as Header
    if (parent.baseFeePerGas !== undefined) {
      assert.equal(nextBaseFee(parentOf(parent)), header.baseFeePerGas)
    }
    if (header.excessBlobGas === undefined) continue
    const { timestamp } = header
    const excess = nextExcessBlobGas(parentOf(parent), { config, timestamp })
    assert.equal(excess, header.excessBlobGas)
    blobHeaders++
  }
  assert.ok(blobHeaders > 5)
})

test('decodeHeader: refuses lists of odd length and trailing bytes', () => {
  const short = encodeRlp(Array.from({ length: 18 }, () => new Uint8Array(32)))
  assert.throws(() => decodeHeader(short), { code: 'EVM_HEADER_MALFORMED' })
  assert.throws(() => decodeHeader(Uint8Array.of(0xc0, 0x00)), { code: 'PRIMITIVES_RLP_MALFORMED' })
})
