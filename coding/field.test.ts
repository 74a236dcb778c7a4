import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  cantorBasis,
  elementOf,
  fieldSize,
  groupOrder,
  inverse,
  logOf,
  multiply,
  toPolynomial,
} from './field.ts'

/** Multiplication as the definition has it: polynomials over F_2, modulo 0x1002D. */
function multiplyPolynomials(a: number, b: number): number {
  let product = 0
  for (let bit = 15; bit >= 0; bit--) {
    product <<= 1
    if (product >= fieldSize) product ^= 0x1_00_2d
    if ((b >> bit) & 1) product ^= a
  }
  return product
}

/** Numbers of a linear congruential generator, the same in every run. */
function* numbers(count: number): Generator<number> {
  let state = 12_345
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    yield state >>> 16
  }
}

test('the basis is a Cantor basis', () => {
  assert.equal(cantorBasis[0], 1)
  for (let index = 1; index < 16; index++) {
    const basis = cantorBasis[index]!
    assert.equal(multiplyPolynomials(basis, basis) ^ basis, cantorBasis[index - 1], `b_${index}`)
  }
  const elements = new Set(Array.from({ length: fieldSize }, (_, element) => toPolynomial(element)))
  assert.equal(elements.size, fieldSize)
})

test('multiply is that of the field, for elements as polynomials', () => {
  const pairs = [...numbers(20_000)]
  for (let at = 0; at < pairs.length; at += 2) {
    const [a, b] = [pairs[at]!, pairs[at + 1]!]
    const product = multiplyPolynomials(toPolynomial(a), toPolynomial(b))
    assert.equal(toPolynomial(multiply(a, b)), product, `${a} · ${b}`)
  }
  assert.equal(multiply(0, 7), 0)
  assert.equal(multiply(7, 0), 0)
})

test('x^2 + x is a shift, of every element', () => {
  for (let x = 0; x < fieldSize; x++) assert.equal(multiply(x, x) ^ x, x >> 1)
})

test('every element but 0 has an inverse, and a logarithm', () => {
  for (let x = 1; x < fieldSize; x++) {
    assert.equal(multiply(x, inverse(x)), 1)
    assert.equal(elementOf[logOf[x]!], x)
    assert.equal(elementOf[logOf[x]! + groupOrder], x)
  }
  assert.throws(() => inverse(0), { code: 'PRIMITIVES_INVARIANT_BROKEN' })
})
