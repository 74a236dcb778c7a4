/**
 * The tables of the kernel, which says what they are for (assembly/transform.ts): products with the
 * elements of GF(256), products with those whose low byte is 0, and what a symbol is twisted by.
 *
 *     for c below 256      v · c, and (v << 4) · c, for v of 0 to 15
 *     for h below 256      for each nibble q, of (h << 8) · (v << 4q): the low bytes for v of 0 to
 *                          15, then the high ones; both symbols twisted
 *     once                 low bytes of v << 8 and v << 12 when twisted
 */

import { assert } from '@zg/primitives/errors'

import { multiply } from './field.ts'

const bytes = 256
const nibble = 16

/** Bytes of all tables. */
export const tablesSize = bytes * 2 * nibble + bytes * 8 * nibble + 2 * nibble

/** b_8, with 1 a basis of GF(2^16) over GF(256). */
const b8 = 1 << 8

/**
 * From a symbol over the Cantor basis to one over 1 and b_8, and back. The high byte is the same:
 * it is the trace, and that of b_8 is 1.
 */
export function twist(symbol: number): number {
  const high = symbol >> 8
  return symbol ^ multiply(b8, high) ^ (high << 8)
}

let made: Uint8Array | undefined

/** The tables, one after the other; made once. */
export function kernelTables(): Readonly<Uint8Array> {
  made ??= makeTables()
  return made
}

function makeTables(): Uint8Array {
  const tables = new Uint8Array(tablesSize)
  let at = 0
  const writeNibbles = (shift: number, byteOf: (symbol: number) => number): void => {
    for (let value = 0; value < nibble; value++) tables[at++] = byteOf(value << shift)
  }
  for (let factor = 0; factor < bytes; factor++) {
    for (const shift of [0, 4]) writeNibbles(shift, (symbol) => multiply(factor, symbol))
  }
  for (let high = 0; high < bytes; high++) {
    for (const shift of [0, 4, 8, 12]) {
      const product = (symbol: number): number => twist(multiply(high << 8, twist(symbol)))
      writeNibbles(shift, (symbol) => product(symbol) & 0xff)
      writeNibbles(shift, (symbol) => product(symbol) >> 8)
    }
  }
  for (const shift of [8, 12]) writeNibbles(shift, (symbol) => twist(symbol) & 0xff)
  assert(at === tablesSize, 'all tables are written')
  return tables
}
