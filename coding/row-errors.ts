/** Why rows are refused. */

import { ZgError } from '@zg/primitives/errors'

/** Rows of a size that no coder has. */
export class RowSizeError extends ZgError<'CODING_ROW_SIZE'> {
  constructor(rowSize: number) {
    super('CODING_ROW_SIZE', `There are no rows of ${rowSize} bytes here`, { rowSize })
  }
}

/** Fewer rows than bring the data back. */
export class RowsMissingError extends ZgError<'CODING_ROWS_MISSING'> {
  constructor(known: number, needed: number) {
    const message = `Cannot bring the data back: ${known} rows are there, ${needed} are needed`
    super('CODING_ROWS_MISSING', message, { known, needed })
  }
}
