/**
 * The code on one column, and the combination of one row, symbol by symbol: what the kernel must
 * agree with, and no faster than it needs to be for that.
 *
 * Decoding is that of Lin, Al-Naffouri, Han and Chung (IEEE Trans. Inf. Theory 2016): with f the
 * column's polynomial and e the locator of the erased points, p = f · e is known everywhere, as 0
 * at the erased points; its degree is below N as long as K rows are there. p + p' is f · e + f' · e
 * + f · e', and that is f · e' where e is 0: f is (p + p') / e' there.
 */

import { assert } from '@zg/primitives/errors'

import { addDerivative, fft, ifft } from './additive-fft.ts'
import { pointOfRow } from './code-shape.ts'
import type { CodeShape } from './code-shape.ts'
import { laneCount } from './combination.ts'
import type { Coefficients } from './combination.ts'
import { erasedPoints, locatorLogs } from './erasure-locator.ts'
import { componentCount, multiplyElements, scaleElement } from './extension-field.ts'
import type { Element } from './extension-field.ts'
import { elementOf, inverse, multiply } from './field.ts'

/** The n symbols of the column whose first K are `data`. */
export function encodeColumn(shape: CodeShape, data: Readonly<Uint16Array>): Uint16Array {
  const { dataRows, codedRows, dataPoints } = shape
  const coefficients = new Uint16Array(dataPoints)
  coefficients.set(data)
  ifft(coefficients, 0)
  const column = new Uint16Array(codedRows)
  column.set(data)
  for (let row = dataRows, offset = dataPoints; row < codedRows; offset += dataPoints) {
    const values = coefficients.slice()
    fft(values, offset)
    const count = Math.min(dataPoints, codedRows - row)
    column.set(values.subarray(0, count), row)
    row += count
  }
  return column
}

/**
 * The K data symbols of a column of which some symbols are missing.
 *
 * @param isKnown - For each of the n rows, not 0 when `column` holds its symbol; K at least are.
 */
export function decodeColumn(
  shape: CodeShape,
  column: Readonly<Uint16Array>,
  isKnown: Readonly<Uint8Array>,
): Uint16Array {
  const { dataRows, points } = shape
  const known = Array.from(isKnown.keys()).filter((row) => isKnown[row] !== 0)
  assert(known.length >= dataRows, 'as many rows as there are data rows are known')
  const isErased = erasedPoints(shape, known)
  const locator = locatorLogs(isErased)
  const product = new Uint16Array(points)
  for (const row of known) {
    const point = pointOfRow(shape, row)
    product[point] = multiply(column[row]!, elementOf[locator[point]!]!)
  }
  ifft(product, 0)
  addDerivative(product)
  fft(product, 0)
  const data = column.slice(0, dataRows)
  for (let row = 0; row < dataRows; row++) {
    if (isErased[row] === 0) continue
    data[row] = multiply(product[row]!, inverse(elementOf[locator[row]!]!))
  }
  return data
}

/** The combination of a row in two stages (combination.ts). */
export function combineRow(row: Readonly<Uint8Array>, { gammas, rhos }: Coefficients): Element {
  const symbols = symbolsOf(row)
  let z: Element = new Uint16Array(componentCount)
  for (const [lane, rho] of rhos.entries()) {
    const inLane = Uint16Array.from(gammas, (_, chunk) => symbols[chunk * laneCount + lane]!)
    z = sum(z, multiplyElements(rho, combineSymbols(inLane, gammas)))
  }
  return z
}

/**
 * The combination with a coefficient for each symbol, as the two stages have it with the products
 * gamma_c · rho_l; rsema1d draws all of them.
 */
export function combineSymbols(
  symbols: Readonly<Uint16Array>,
  coefficients: readonly Element[],
): Element {
  let z: Element = new Uint16Array(componentCount)
  for (const [index, coefficient] of coefficients.entries()) {
    z = sum(z, scaleElement(coefficient, symbols[index]!))
  }
  return z
}

/** The symbols of a row: chunk after chunk, lane after lane. */
export function symbolsOf(row: Readonly<Uint8Array>): Uint16Array {
  return Uint16Array.from({ length: row.length / 2 }, (_, index) => {
    const at = Math.floor(index / laneCount) * 2 * laneCount + (index % laneCount)
    return row[at]! | (row[at + laneCount]! << 8)
  })
}

function sum(a: Element, b: Element): Element {
  return a.map((component, at) => component ^ b[at]!)
}
