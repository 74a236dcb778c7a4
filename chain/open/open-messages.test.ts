import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FinalityCertificate } from '@zg/consensus'
import { createSeededRng } from '@zg/runtime'
import { firstKey, lastKey } from '@zg/state'

import {
  decodeCodes,
  decodeNews,
  decodeQuestion,
  decodeRanges,
  decodeStatus,
  encodeCodes,
  encodeNews,
  encodeQuestion,
  encodeRanges,
  encodeStatus,
} from './open-messages.ts'
import type { OpenNews, OpenQuestion, OpenStatus } from './open-messages.ts'

const malformed = { code: 'CONSENSUS_MESSAGE_MALFORMED' }
const rng = createSeededRng('open messages')
const key = (digit: string): string => digit.repeat(64)

const certificate: FinalityCertificate = {
  vote: {
    epoch: 1n,
    height: 2n,
    blockHash: rng.bytes(32),
    consensusRoot: rng.bytes(32),
    histRoot: rng.bytes(32),
    nextEpoch: 0n,
  },
  signers: Uint8Array.of(7),
  signature: rng.bytes(96),
}

const questions: readonly OpenQuestion[] = [
  { kind: 'status' },
  { kind: 'blocks', fromHeight: 9n, count: 64 },
  { kind: 'start', height: 9n },
  { kind: 'accounts', height: 9n, from: key('1'), to: key('2') },
  { kind: 'slots', height: 9n, from: key('1'), accounts: [key('2'), key('3')] },
  { kind: 'codes', height: 9n, hashes: [rng.bytes(32), rng.bytes(32)] },
  { kind: 'header', height: 9n, under: 12n },
]

const news: readonly OpenNews[] = [
  { kind: 'certificate', certificate },
  { kind: 'transactions', transactions: [rng.bytes(100), rng.bytes(1)] },
]

const status: OpenStatus = {
  finalHeight: 9n,
  firstHeight: 1n,
  oldestState: 4n,
  newest: certificate,
  snapshot: undefined,
}

const ranges = [
  { from: key('1'), to: key('2'), entries: [{ key: key('1'), value: rng.bytes(70) }], proof: [] },
  { from: firstKey, to: lastKey, entries: [], proof: [rng.bytes(532), rng.bytes(33)] },
]
const froms = ranges.map(({ from }) => from)
const codes = [rng.bytes(24_576), rng.bytes(1)]

test('every message is read back as it was written', () => {
  for (const question of questions) {
    assert.deepEqual(decodeQuestion(encodeQuestion(question)), question)
  }
  for (const each of news) assert.deepEqual(decodeNews(encodeNews(each)), each)
  for (const each of [status, { ...status, newest: undefined, snapshot: certificate }]) {
    assert.deepEqual(decodeStatus(encodeStatus(each)), each)
  }
  assert.deepEqual(decodeRanges(encodeRanges(ranges), froms), ranges)
  assert.deepEqual(decodeCodes(encodeCodes(codes)), codes)
})

test('every message that is cut, or has bytes after its end, is refused', () => {
  const cases = [
    ...questions.map((question) => [encodeQuestion(question), decodeQuestion] as const),
    ...news.map((each) => [encodeNews(each), decodeNews] as const),
    [encodeStatus(status), decodeStatus] as const,
    [encodeRanges(ranges), (bytes: Uint8Array) => decodeRanges(bytes, froms)] as const,
    [encodeCodes([rng.bytes(40)]), decodeCodes] as const,
  ]
  for (const [bytes, decode] of cases) {
    for (let size = 0; size < bytes.length; size += 1 + rng.below(9)) {
      assert.throws(() => decode(bytes.subarray(0, size)), malformed)
    }
    assert.throws(() => decode(Uint8Array.of(...bytes, 0)), malformed)
  }
})

test('kinds nobody knows, and counts out of their bounds, are refused', () => {
  const wrong: OpenQuestion[] = [
    { kind: 'blocks', fromHeight: 1n, count: 0 },
    { kind: 'blocks', fromHeight: 1n, count: 65 },
    { kind: 'slots', height: 1n, from: firstKey, accounts: [] },
    {
      kind: 'slots',
      height: 1n,
      from: firstKey,
      accounts: Array.from({ length: 65 }, () => key('1')),
    },
    { kind: 'codes', height: 1n, hashes: [] },
    { kind: 'codes', height: 1n, hashes: Array.from({ length: 65 }, () => rng.bytes(32)) },
  ]
  for (const question of wrong) {
    assert.throws(() => decodeQuestion(encodeQuestion(question)), malformed)
  }
  for (const kind of [0, 8, 255]) {
    assert.throws(() => decodeQuestion(Uint8Array.of(kind)), malformed)
    assert.throws(() => decodeNews(Uint8Array.of(kind)), malformed)
  }
  const flags = encodeStatus(status)
  flags[24] = 2
  assert.throws(() => decodeStatus(flags), malformed)
})

test('lists and values that are too large are refused', () => {
  const none = encodeNews({ kind: 'transactions', transactions: [] })
  const large = encodeNews({ kind: 'transactions', transactions: [new Uint8Array(131_073)] })
  for (const bytes of [none, large]) assert.throws(() => decodeNews(bytes), malformed)
  const codesWrong = [[], [new Uint8Array(65_537)], Array.from({ length: 65 }, () => codes[1]!)]
  for (const list of codesWrong) assert.throws(() => decodeCodes(encodeCodes(list)), malformed)
  const [range] = ranges
  const rangesWrong = [
    [],
    [...ranges, range!],
    [{ ...range!, proof: Array.from({ length: 261 }, () => codes[1]!) }],
    [{ ...range!, proof: [new Uint8Array(601)] }],
    [{ ...range!, entries: [{ key: key('1'), value: new Uint8Array(129) }] }],
  ]
  for (const list of rangesWrong) {
    assert.throws(() => decodeRanges(encodeRanges(list), froms), malformed)
  }
})
