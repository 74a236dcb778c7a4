import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'

import { toHex } from './bytes.ts'
import { emptyKeccakWord, keccak256, keccakWord, ripemd160, sha256 } from './hash.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Sizes around the blocks of 64 and 136 bytes, and one beyond all buffers. */
const sizes = [0, 1, 55, 56, 63, 64, 65, 135, 136, 137, 100_000]

suite('keccak256', () => {
  test('is that of the Yellow Paper, not SHA3-256', () => {
    const empty = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
    assert.equal(toHex(keccak256(new Uint8Array(0))), empty)
    assert.equal(emptyKeccakWord, BigInt(empty))
    const abc = '0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'
    assert.equal(toHex(keccak256(bytesOf('abc'))), abc)
    assert.equal(keccakWord(bytesOf('abc')), BigInt(abc))
  })

  test('returns memory of its own', () => {
    const first = keccak256(bytesOf('abc'))
    const kept = toHex(first)
    keccak256(bytesOf('abd'))
    assert.equal(toHex(first), kept)
  })
})

suite('sha256 and ripemd160', () => {
  test('agree with OpenSSL', () => {
    for (const size of sizes) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => index & 0xff)
      for (const [name, hash] of [
        ['sha256', sha256],
        ['ripemd160', ripemd160],
      ] as const) {
        assert.equal(toHex(hash(bytes)), `0x${createHash(name).update(bytes).digest('hex')}`)
      }
    }
  })
})
