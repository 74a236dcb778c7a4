/**
 * GF(2^16), the field of the symbols that rows are made of.
 *
 * The field is F_2[x] / (x^16 + x^5 + x^3 + x^2 + 1), number 0x1002D. An element is not written as
 * the coefficients of a polynomial but over a Cantor basis b_0 = 1, b_i^2 + b_i = b_(i-1): bit i of
 * an element says whether b_i is part of it. Addition is XOR either way. What the basis buys:
 *
 *     x^2 + x      is x >> 1: each b_i goes to b_(i-1), and b_0 to nothing
 *     s_j(x)       the polynomial that vanishes on the elements below 2^j is x >> j
 *     s_j'(x)      its derivative is 1 everywhere
 *
 * so the additive FFT (additive-fft.ts) needs no twiddles computed and its derivative no constants.
 * The basis is that of Leopard-RS (catid/leopard), bit by bit.
 */

import { assert } from '@zg/primitives/errors'

export const fieldSize = 1 << 16

/** The order of the multiplicative group: logarithms are modulo this. */
export const groupOrder = fieldSize - 1

const polynomial = 0x1_00_2d

/** b_0 to b_15 as polynomials. */
export const cantorBasis: readonly number[] = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900,
  0xfdb8, 0xfb34, 0xff38, 0x991e,
]

/** The polynomial that an element stands for. */
export function toPolynomial(element: number): number {
  return cantorBasis.reduce((sum, basis, bit) => sum ^ ((element >> bit) & 1 ? basis : 0), 0)
}

const { logs, exponentials } = makeTables()

/** Log of each element to the base x; of 0, which has none, 0. */
export const logOf: Readonly<Uint16Array> = logs

/** `x^exponent`, for exponents up to twice the group's order. */
export const elementOf: Readonly<Uint16Array> = exponentials

export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  return exponentials[logs[a]! + logs[b]!]!
}

/** Returns 1 / a, for `a` other than 0. */
export function inverse(a: number): number {
  assert(a !== 0, 'what is inverted is not 0')
  return exponentials[groupOrder - logs[a]!]!
}

function makeTables(): { logs: Uint16Array; exponentials: Uint16Array } {
  const logOfPolynomial = new Uint16Array(fieldSize)
  for (let power = 1, exponent = 0; exponent < groupOrder; exponent++) {
    logOfPolynomial[power] = exponent
    power <<= 1
    if (power >= fieldSize) power ^= polynomial
  }
  const logs = new Uint16Array(fieldSize)
  const exponentials = new Uint16Array(2 * groupOrder + 1)
  for (let element = 1; element < fieldSize; element++) {
    const exponent = logOfPolynomial[toPolynomial(element)]!
    logs[element] = exponent
    exponentials[exponent] = element
    exponentials[exponent + groupOrder] = element
  }
  exponentials[2 * groupOrder] = exponentials[0]!
  return { logs, exponentials }
}
