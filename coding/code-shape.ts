/**
 * Which code: K data rows become n coded rows, of which any K give the data back.
 *
 * A column (symbol j of all rows) is the values of one polynomial of degree below c, the least
 * power of two that is K or more. Places are points of the field:
 *
 *     point      0 … K-1     K … c-1      c … c+n-K-1        … N-1
 *     holds      data rows   nothing: 0   parity rows K … n-1   nothing, and is not asked
 *
 * N is the least power of two that holds them all. The code is systematic, and a shortened
 * Reed-Solomon code of distance n - K + 1. Where K and n - K are the same power of two its rows are
 * those of Leopard-RS, whose parity stands before its data: moving all points by one element leaves
 * the code as it is.
 */

import { ZgError } from '@zg/primitives/errors'

import { fieldSize } from './field.ts'

export type CodeShape = {
  /** K, data rows. */
  readonly dataRows: number
  /** n, coded rows: the data rows and their parity. */
  readonly codedRows: number
  /** c, the points a polynomial is interpolated from. */
  readonly dataPoints: number
  /** N, the points that a decoder works on. */
  readonly points: number
}

/**
 * Returns the shape of a code.
 *
 * @throws {CodeShapeError} `CODING_SHAPE` when K is below 1, n below K, or the field has too few
 *   points for them.
 */
export function codeShape(dataRows: number, codedRows: number): CodeShape {
  const areWhole = Number.isSafeInteger(dataRows) && Number.isSafeInteger(codedRows)
  if (!areWhole || dataRows < 1 || codedRows < dataRows || codedRows > fieldSize) {
    throw new CodeShapeError(dataRows, codedRows)
  }
  const dataPoints = powerOfTwoFrom(dataRows)
  const points = powerOfTwoFrom(dataPoints + codedRows - dataRows)
  if (points > fieldSize) throw new CodeShapeError(dataRows, codedRows)
  return { dataRows, codedRows, dataPoints, points }
}

/** The point at which a row's symbols are values. */
export function pointOfRow({ dataRows, dataPoints }: CodeShape, row: number): number {
  return row < dataRows ? row : dataPoints + row - dataRows
}

export class CodeShapeError extends ZgError<'CODING_SHAPE'> {
  constructor(dataRows: number, codedRows: number) {
    const message = `There is no code of ${dataRows} rows of data in ${codedRows} rows`
    super('CODING_SHAPE', message, { dataRows, codedRows })
  }
}

function powerOfTwoFrom(count: number): number {
  let power = 1
  while (power < count) power *= 2
  return power
}
