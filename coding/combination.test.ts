import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { combinerSize, drawCoefficients, RowCombiner } from './combination.ts'
import {
  basisMultiples,
  multiplyElements,
  readElement,
  scaleElement,
  writeElement,
} from './extension-field.ts'
import { openKernel } from './kernel.ts'
import { combineRow, combineSymbols, symbolsOf } from './reference.ts'

const elements = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readElement(bytes))
const zero = new Uint16Array(8)
const one = Uint16Array.of(1, 0, 0, 0, 0, 0, 0, 0)
const sum = (a: Uint16Array, b: Uint16Array) => a.map((component, at) => component ^ b[at]!)

test('elements of GF(2^128) obey the laws of a field', () => {
  fc.assert(
    fc.property(elements, elements, elements, fc.nat(0xffff), (a, b, c, symbol) => {
      assert.deepEqual(multiplyElements(a, b), multiplyElements(b, a))
      assert.deepEqual(
        multiplyElements(multiplyElements(a, b), c),
        multiplyElements(a, multiplyElements(b, c)),
      )
      assert.deepEqual(
        multiplyElements(a, sum(b, c)),
        sum(multiplyElements(a, b), multiplyElements(a, c)),
      )
      assert.deepEqual(multiplyElements(a, one), a)
      for (const [component, multiple] of basisMultiples(a).entries()) {
        const unit = zero.map((_, at) => +(at === component))
        assert.deepEqual(multiple, multiplyElements(a, unit))
      }
      const wide = Uint16Array.of(symbol, 0, 0, 0, 0, 0, 0, 0)
      assert.deepEqual(multiplyElements(a, wide), scaleElement(a, symbol))
    }),
  )
})

test('every element but 0 has an inverse: a^(2^128 - 1) is 1, and no smaller field holds w', () => {
  const power = (a: Uint16Array, squarings: number): Uint16Array => {
    let result = a
    for (let times = 0; times < squarings; times++) result = multiplyElements(result, result)
    return result
  }
  fc.assert(
    fc.property(elements, (a) => {
      if (a.every((component) => component === 0)) return
      // a^(2^128) = a · a^(2^128 - 1).
      assert.deepEqual(power(a, 128), a)
      let [product, square]: [Uint16Array, Uint16Array] = [a, a]
      for (let bit = 1; bit < 128; bit++) {
        square = multiplyElements(square, square)
        product = multiplyElements(product, square)
      }
      assert.deepEqual(product, one)
    }),
    { numRuns: 10 },
  )
  const w = Uint16Array.of(0, 0, 0, 0, 1, 0, 0, 0)
  assert.notDeepEqual(power(w, 64), w)
})

test('two stages are the combination with products of their coefficients', () => {
  const row = createHash('shake256', { outputLength: 64 * 5 })
    .update('row')
    .digest()
  const coefficients = drawCoefficients(createHash('sha256').digest(), row.length)
  const products = coefficients.gammas.flatMap((gamma) =>
    coefficients.rhos.map((rho) => multiplyElements(gamma, rho)),
  )
  assert.deepEqual(combineRow(row, coefficients), combineSymbols(symbolsOf(row), products))
})

test('the kernel combines rows as defined', () => {
  const rowSizeMax = 64 * 40
  const kernel = openKernel(combinerSize(rowSizeMax) + 8 * rowSizeMax + 1_024)
  const combiner = new RowCombiner(kernel, rowSizeMax)
  const at = kernel.take(8 * rowSizeMax)
  const out = kernel.take(8 * 16)
  const cases = fc.record({
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    chunks: fc.integer({ min: 1, max: 40 }),
    count: fc.integer({ min: 1, max: 8 }),
  })
  fc.assert(
    fc.property(cases, ({ seed, chunks, count }) => {
      const rowSize = 64 * chunks
      const coefficients = drawCoefficients(seed, rowSize)
      combiner.use(coefficients)
      const rows = Array.from({ length: count }, (_, row) => {
        const bytes = new Uint8Array(rowSize)
        for (let from = 0; from < rowSize; from += 32) {
          const hash = createHash('sha256').update(seed).update(`${row} ${from}`).digest()
          bytes.set(hash, from)
        }
        kernel.bytes.set(bytes, at + row * rowSize)
        return bytes
      })
      combiner.combine(at, count, rowSize, out)
      for (const [index, row] of rows.entries()) {
        const expected = new Uint8Array(16)
        writeElement(combineRow(row, coefficients), expected)
        assert.deepEqual(kernel.bytes.slice(out + 16 * index, out + 16 * (index + 1)), expected)
      }
    }),
    { numRuns: 25 },
  )
})

test('a level of a tree is the SHA-256 of its pairs', () => {
  const kernel = openKernel(8_192)
  const pairs = kernel.take(64 * 64)
  const work = kernel.take(24 * 16)
  for (const count of [1, 2, 3, 4, 5, 17, 60]) {
    for (let index = 0; index < 64 * 64; index++) kernel.bytes[pairs + index] = index * count
    const before = kernel.bytes.slice(pairs, pairs + 64 * count)
    kernel.hashPairs(pairs, count, pairs, work)
    for (let pair = 0; pair < count; pair++) {
      const hash = createHash('sha256').update(before.subarray(64 * pair, 64 * (pair + 1)))
      const found = kernel.bytes.subarray(pairs + 32 * pair, pairs + 32 * (pair + 1))
      assert.equal(Buffer.from(found).toString('hex'), hash.digest('hex'), `${pair} of ${count}`)
    }
  }
})
