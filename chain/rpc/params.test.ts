import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readBlockId } from './block-id.ts'
import { readBlockOverride } from './block-override.ts'
import { readCallRequest } from './call-request.ts'
import { readLogFilter } from './log-filter.ts'
import {
  readAddress,
  readData,
  readHash,
  readObject,
  readQuantity,
  readSlot,
  readWord,
} from './params.ts'
import { readStateOverride } from './state-override.ts'

/** What no reader may take for anything. */
const garbage: readonly unknown[] = [
  true,
  1.5,
  -1,
  1e300,
  '',
  '0x',
  '0xg',
  '-0x1',
  '0x-1',
  ' 0x1',
  '0x1 ',
  '1',
  '0x1n',
  '\u0000',
  '__proto__',
  'constructor',
  `0x${'f'.repeat(65)}`,
  `0x${'0'.repeat(100_000)}`,
  [[]],
  { a: 1 },
  JSON.parse('{"__proto__":{"admin":true}}'),
  Symbol('x'),
]

const invalid = { code: 'CHAIN_PARAMS_INVALID' }

test('readers refuse garbage', () => {
  const readers: readonly ((value: unknown) => unknown)[] = [
    (value) => readQuantity(value, 'x'),
    (value) => readAddress(value, 'x'),
    (value) => readHash(value, 'x'),
    (value) => readWord(value, 'x'),
    (value) => readSlot(value, 'x'),
    (value) => readBlockId(value),
    (value) => readCallRequest({ to: value }),
    (value) => readCallRequest({ gas: value }),
    (value) => readCallRequest({ accessList: [value] }),
    (value) => readCallRequest({ authorizationList: [value] }),
    (value) => readLogFilter({ address: value }),
    (value) => readLogFilter({ topics: [value] }),
    (value) => readLogFilter({ fromBlock: value }),
    (value) => readStateOverride({ [`0x${'00'.repeat(20)}`]: { balance: value } }),
    (value) => readStateOverride({ [`0x${'00'.repeat(20)}`]: { stateDiff: value } }),
    (value) => readBlockOverride({ number: value }),
  ]
  for (const [index, read] of readers.entries()) {
    for (const value of garbage) {
      assert.throws(() => read(value), invalid, `reader ${index}: ${String(value).slice(0, 60)}`)
    }
  }
})

test('readQuantity takes the fewest digits only, within its bits', () => {
  assert.equal(readQuantity('0x0', 'x'), 0n)
  assert.equal(readQuantity('0xFf', 'x'), 255n)
  assert.equal(readQuantity(`0x${'f'.repeat(64)}`, 'x'), (1n << 256n) - 1n)
  assert.equal(readQuantity('0xffffffffffffffff', 'x', 64), (1n << 64n) - 1n)
  for (const text of ['0x00', '0x01', '0X1']) assert.throws(() => readQuantity(text, 'x'), invalid)
  assert.throws(() => readQuantity('0x10000000000000000', 'x', 64), invalid)
})

test('readData takes whole bytes up to its limit', () => {
  assert.deepEqual(readData('0x', 'x'), new Uint8Array(0))
  assert.deepEqual(readData('0x00Ff', 'x'), Uint8Array.of(0, 255))
  assert.throws(() => readData('0x0', 'x'), invalid)
  assert.throws(() => readData('0x0000', 'x', 1), invalid)
})

test('readSlot takes a slot with and without leading zeros', () => {
  assert.equal(readSlot('0x0', 'x'), 0n)
  assert.equal(readSlot('0x00', 'x'), 0n)
  assert.equal(readSlot(`0x${'0'.repeat(63)}a`, 'x'), 10n)
})

test('readObject reads own keys only', () => {
  assert.equal(readObject({}, 'x')['toString'], undefined)
  assert.throws(() => readObject(JSON.parse('{"__proto__":1}'), 'x'), invalid)
  assert.throws(() => readObject({ b: 1 }, 'x', ['a']), invalid)
})

test('readBlockId reads tags, numbers, hashes and objects (EIP-1898)', () => {
  const hash = `0x${'ab'.repeat(32)}`
  assert.deepEqual(readBlockId(undefined), { kind: 'latest' })
  for (const tag of ['latest', 'safe', 'finalized']) {
    assert.deepEqual(readBlockId(tag), { kind: 'latest' })
  }
  assert.deepEqual(readBlockId('earliest'), { kind: 'number', number: 0n })
  assert.deepEqual(readBlockId('pending'), { kind: 'pending' })
  assert.deepEqual(readBlockId('0x1b'), { kind: 'number', number: 27n })
  assert.deepEqual(readBlockId({ blockNumber: '0x1b' }), { kind: 'number', number: 27n })
  const ofHash = { kind: 'hash', hash: new Uint8Array(32).fill(0xab) }
  assert.deepEqual(readBlockId(hash), ofHash)
  assert.deepEqual(readBlockId({ blockHash: hash, requireCanonical: true }), ofHash)
  assert.throws(() => readBlockId({ blockHash: hash, blockNumber: '0x1' }), invalid)
  assert.throws(() => readBlockId({}), invalid)
})

test('readCallRequest refuses fields that contradict each other', () => {
  const address = `0x${'01'.repeat(20)}`
  const contradictions = [
    { input: '0x01', data: '0x02' },
    { gasPrice: '0x1', maxFeePerGas: '0x1' },
    { maxFeePerGas: '0x1', maxPriorityFeePerGas: '0x2' },
    { authorizationList: [] },
    { type: '0x5' },
  ]
  for (const request of contradictions) assert.throws(() => readCallRequest(request), invalid)
  const request = readCallRequest({ to: address, input: '0x01', data: '0x01', unknownKey: 1 })
  assert.deepEqual(request.data, Uint8Array.of(1))
})

test('readLogFilter reads addresses and topics, null as any', () => {
  const word = `0x${'02'.repeat(32)}`
  const filter = readLogFilter({
    address: [],
    topics: [null, word, [word], [null, word], []].slice(0, 4),
  })
  assert.deepEqual(filter.topics, [[], [BigInt(word)], [BigInt(word)], []])
  assert.throws(() => readLogFilter({ topics: [null, null, null, null, null] }), invalid)
  assert.throws(() => readLogFilter({ blockHash: word, toBlock: '0x1' }), invalid)
  assert.throws(() => readLogFilter({ fromblock: '0x1' }), invalid)
})
