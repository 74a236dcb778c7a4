import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { addDerivative, fft, ifft } from './additive-fft.ts'
import { CodeShapeError, codeShape, pointOfRow } from './code-shape.ts'
import { inverse, multiply } from './field.ts'
import { decodeColumn, encodeColumn } from './reference.ts'

/** The value at `at` of the polynomial of least degree through the points: Lagrange's formula. */
function interpolate(points: readonly (readonly [number, number])[], at: number): number {
  let sum = 0
  for (const [x, y] of points) {
    let [numerator, denominator] = [y, 1]
    for (const [other] of points) {
      if (other === x) continue
      numerator = multiply(numerator, at ^ other)
      denominator = multiply(denominator, x ^ other)
    }
    sum ^= multiply(numerator, inverse(denominator))
  }
  return sum
}

const symbols = (count: number) =>
  fc
    .array(fc.nat(0xffff), { minLength: count, maxLength: count })
    .map((all) => Uint16Array.from(all))

const shapes = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 90 }))
  .map(([dataRows, parity]) => codeShape(dataRows, dataRows + parity))

test('coded rows are values of the polynomial through the data, by Lagrange', () => {
  const columns = shapes.chain((shape) => fc.tuple(fc.constant(shape), symbols(shape.dataRows)))
  fc.assert(
    fc.property(columns, ([shape, data]) => {
      const { dataRows, codedRows, dataPoints } = shape
      const column = encodeColumn(shape, data)
      assert.deepEqual(column.subarray(0, dataRows), data)
      const points = Array.from(
        { length: dataPoints },
        (_, point) => [point, data[point] ?? 0] as const,
      )
      for (let row = dataRows; row < codedRows; row += 7) {
        assert.equal(column[row], interpolate(points, pointOfRow(shape, row)), `row ${row}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('any K rows give the data back', () => {
  const cases = shapes.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      symbols(shape.dataRows),
      fc.shuffledSubarray(
        Array.from({ length: shape.codedRows }, (_, row) => row),
        { minLength: shape.dataRows },
      ),
    ),
  )
  fc.assert(
    fc.property(cases, ([shape, data, rows]) => {
      const column = encodeColumn(shape, data)
      const isKnown = new Uint8Array(shape.codedRows)
      for (const row of rows) isKnown[row] = 1
      for (let row = 0; row < shape.codedRows; row++) {
        if (isKnown[row] === 0) column[row] = 0xdead
      }
      assert.deepEqual(decodeColumn(shape, column, isKnown), data)
    }),
    { numRuns: 300 },
  )
})

test('ifft undoes fft at any offset', () => {
  fc.assert(
    fc.property(symbols(64), fc.nat(1023), (coefficients, block) => {
      const values = coefficients.slice()
      fft(values, 64 * block)
      ifft(values, 64 * block)
      assert.deepEqual(values, coefficients)
    }),
  )
})

test('addDerivative obeys the rule of products', () => {
  // p = f · g of degree below 32 by values: p' = f' · g + f · g' at every point.
  fc.assert(
    fc.property(symbols(16), symbols(16), (f, g) => {
      const wide = (part: Uint16Array): Uint16Array => {
        const all = new Uint16Array(32)
        all.set(part)
        return all
      }
      const valuesOf = (coefficients: Uint16Array): Uint16Array => {
        const values = coefficients.slice()
        fft(values, 0)
        return values
      }
      const derived = (coefficients: Uint16Array): Uint16Array => {
        const all = coefficients.slice()
        addDerivative(all)
        return all.map((symbol, at) => symbol ^ coefficients[at]!)
      }
      const [fs, gs] = [valuesOf(wide(f)), valuesOf(wide(g))]
      const product = fs.map((value, at) => multiply(value, gs[at]!))
      ifft(product, 0)
      const [df, dg] = [valuesOf(derived(wide(f))), valuesOf(derived(wide(g)))]
      const expected = fs.map((value, at) => multiply(df[at]!, gs[at]!) ^ multiply(value, dg[at]!))
      assert.deepEqual(valuesOf(derived(product)), expected)
    }),
  )
})

test('codes that the field has no points for are refused', () => {
  assert.doesNotThrow(() => codeShape(32_768, 65_536))
  assert.doesNotThrow(() => codeShape(1, 1))
  for (const [dataRows, codedRows] of [
    [0, 4],
    [5, 4],
    [1.5, 4],
    [4, Number.NaN],
    [32_769, 65_536],
    [1, 65_537],
  ] as const) {
    assert.throws(() => codeShape(dataRows, codedRows), CodeShapeError)
  }
})
