import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import fc from 'fast-check'

import {
  bigintToBytes,
  bigintToHex,
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  compareBytes,
  concat,
  fromHex,
  HexMalformedError,
  isHex,
  toHex,
  toQuantity,
  wordMax,
  WordTooLargeError,
} from './bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 100 })
const anyWord = fc.bigInt({ min: 0n, max: wordMax })

suite('toHex', () => {
  test('writes two lower-case digits a byte', () => {
    assert.equal(toHex(Uint8Array.of(0, 1, 0xab, 0xff)), '0x0001abff')
    assert.equal(toHex(new Uint8Array(0)), '0x')
  })

  test('agrees with Buffer for every size, beyond its reused memory too', () => {
    for (const size of [1, 31, 32, 33, 1_023, 1_024, 1_025, 10_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 7) & 0xff)
      assert.equal(toHex(bytes), `0x${Buffer.from(bytes).toString('hex')}`)
    }
  })
})

suite('fromHex', () => {
  test('undoes toHex', () => {
    fc.assert(fc.property(anyBytes, (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)))
  })

  test('takes either case', () => {
    assert.deepEqual(fromHex('0XaBcD'), Uint8Array.of(0xab, 0xcd))
  })

  test('refuses anything that is not whole bytes of hex after 0x', () => {
    const malformed = ['', 'ab', '0', '0x1', '0xg0', '0x0g', '0x0 ', '0x-1', '0x0\u0660', 'x0ab']
    for (const hex of [...malformed, '0x00\u{1f600}', '0x+1', '0x1/', '0x:0', '0x0@', '0x`0']) {
      assert.throws(() => fromHex(hex), HexMalformedError, JSON.stringify(hex))
    }
  })

  test('quotes at most 40 characters of what it refuses', () => {
    assert.throws(
      () => fromHex('y'.repeat(100_000)),
      (error: HexMalformedError) => error.message.length < 100,
    )
  })
})

test('isHex tells hex strings, of a size when given', () => {
  assert.equal(isHex('0x'), true)
  assert.equal(isHex('0xAb'), true)
  assert.equal(isHex('0xab', 1), true)
  assert.equal(isHex('0xab', 2), false)
  for (const value of ['ab', '0xg', 7, null, undefined, ['0xab']]) assert.equal(isHex(value), false)
})

suite('words', () => {
  test('bigintToBytes and bytesToBigint undo each other in 32 bytes', () => {
    fc.assert(
      fc.property(anyWord, (word) => assert.equal(bytesToBigint(bigintToBytes(word, 32)), word)),
    )
  })

  test('bytesToBigint reads any number of bytes, as their hex digits say', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const expected = bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
        assert.equal(bytesToBigint(bytes), expected)
      }),
    )
  })

  test('bytesToBigint keeps nothing of the word before', () => {
    bytesToBigint(new Uint8Array(32).fill(0xff))
    assert.equal(bytesToBigint(Uint8Array.of(1)), 1n)
    bytesToBigint(new Uint8Array(32).fill(0xff))
    assert.equal(bytesToBigint(new Uint8Array(20)), 0n)
  })

  test('bigintToBytes takes what fits each size, and nothing more', () => {
    for (let size = 0; size <= 40; size++) {
      const max = (1n << BigInt(8 * size)) - 1n
      assert.deepEqual(bigintToBytes(max, size), new Uint8Array(size).fill(0xff))
      assert.throws(() => bigintToBytes(max + 1n, size), WordTooLargeError)
      assert.throws(() => bigintToBytes(-1n, size), WordTooLargeError)
    }
  })

  test('bigintToBytes returns memory of its own', () => {
    const first = bigintToBytes(1n, 32)
    bigintToBytes(wordMax, 32)
    assert.equal(bytesToBigint(first), 1n)
  })

  test('bigintToMinimalBytes has no leading zero', () => {
    assert.deepEqual(bigintToMinimalBytes(0n), new Uint8Array(0))
    for (const value of [1n, 0x7fn, 0x80n, 0xffn, 0x100n, wordMax, wordMax + 1n, 1n << 511n]) {
      const bytes = bigintToMinimalBytes(value)
      assert.notEqual(bytes[0], 0)
      assert.equal(bytesToBigint(bytes), value)
    }
    assert.throws(() => bigintToMinimalBytes(-1n), WordTooLargeError)
  })

  test('bigintToHex pads, toQuantity does not', () => {
    assert.equal(bigintToHex(10n, 2), '0x000a')
    assert.throws(() => bigintToHex(0x10000n, 2), WordTooLargeError)
    assert.throws(() => bigintToHex(-1n, 2), WordTooLargeError)
    assert.equal(toQuantity(0n), '0x0')
    assert.equal(toQuantity(1_024), '0x400')
  })
})

test('concat joins in order, in fresh memory', () => {
  const part = Uint8Array.of(1, 2)
  const joined = concat(part, new Uint8Array(0), Uint8Array.of(3))
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3))
  part[0] = 9
  assert.equal(joined[0], 1)
})

test('bytesEqual and compareBytes agree with Buffer', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3, max: 3 }),
      fc.uint8Array({ maxLength: 3, max: 3 }),
      (a, b) => {
        assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
        assert.equal(bytesEqual(a, b), Buffer.compare(a, b) === 0)
      },
    ),
  )
})
