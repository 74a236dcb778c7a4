import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bigintToBytes, wordMax } from '@zg/primitives'
import fc from 'fast-check'

import {
  byteAt,
  byteLength,
  leadingZeros,
  power,
  readWord,
  shiftRightSigned,
  signedDivide,
  signedModulo,
  signExtend,
  wordAt,
  writeWord,
} from './word.ts'

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: wordMax }),
  fc.integer({ min: 0, max: 255 }).map((bit) => 1n << BigInt(bit)),
  fc.integer({ min: 0, max: 40 }).map(BigInt),
  fc.integer({ min: 0, max: 40 }).map((below) => wordMax - BigInt(below)),
)
const signed = (value: bigint) => BigInt.asIntN(256, value)
const unsigned = (value: bigint) => BigInt.asUintN(256, value)

test('signed arithmetic: that of two-complement integers', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(signedDivide(a, b), b === 0n ? 0n : unsigned(signed(a) / signed(b)))
      assert.equal(signedModulo(a, b), b === 0n ? 0n : unsigned(signed(a) % signed(b)))
      const shift = a % 300n
      assert.equal(shiftRightSigned(shift, b), unsigned(signed(b) >> shift))
    }),
  )
})

test('signedDivide: -2^255 / -1 wraps', () => {
  assert.equal(signedDivide(1n << 255n, wordMax), 1n << 255n)
})

test('signExtend: bytes above the index become the sign', () => {
  assert.equal(signExtend(0n, 0xffn), wordMax)
  assert.equal(signExtend(0n, 0x17fn), 0x7fn)
  assert.equal(signExtend(30n, 1n << 247n), wordMax - (1n << 247n) + 1n)
  assert.equal(signExtend(31n, 1n << 255n), 1n << 255n)
  assert.equal(signExtend(wordMax, 5n), 5n)
})

test('power: that of repeated multiplication', () => {
  fc.assert(
    fc.property(word, fc.integer({ min: 0, max: 300 }), (base, exponent) => {
      let expected = 1n
      for (let index = 0; index < exponent; index++) expected = unsigned(expected * base)
      assert.equal(power(base, BigInt(exponent)), expected)
    }),
    { numRuns: 50 },
  )
  assert.equal(power(2n, wordMax), 0n)
})

test('bytes and bits: those of the 32-byte form', () => {
  fc.assert(
    fc.property(word, fc.integer({ min: 0, max: 40 }), (value, index) => {
      const bytes = bigintToBytes(value, 32)
      assert.equal(byteAt(BigInt(index), value), BigInt(bytes[index] ?? 0))
      const bits = value === 0n ? 0 : value.toString(2).length
      assert.equal(leadingZeros(value), BigInt(256 - bits))
      assert.equal(byteLength(value), Math.ceil(bits / 8))
    }),
  )
})

test('readWord and writeWord: big-endian, any offset', () => {
  const bytes = new Uint8Array(64)
  const view = new DataView(bytes.buffer)
  fc.assert(
    fc.property(word, fc.integer({ min: 0, max: 32 }), (value, offset) => {
      bytes.fill(0xaa)
      writeWord(view, offset, value)
      assert.deepEqual(bytes.slice(offset, offset + 32), bigintToBytes(value, 32))
      assert.equal(readWord(view, offset), value)
    }),
  )
})

test('wordAt: zeros past the end', () => {
  assert.equal(wordAt(Uint8Array.of(1, 2), 1), 2n << 248n)
  assert.equal(wordAt(Uint8Array.of(1, 2), 2), 0n)
  assert.equal(wordAt(Uint8Array.of(1, 2), 1e77), 0n)
})
