/** Turn data into rows of which any part brings it back, and let each holder check its own. */

export { CodeShapeError, codeShape } from './code-shape.ts'
export type { CodeShape } from './code-shape.ts'
export { RowCoder, rowSizeUnit } from './row-coder.ts'
export type { RowCoderOptions } from './row-coder.ts'
export { RowSizeError, RowsMissingError } from './row-errors.ts'
export {
  commitmentBy,
  CommitmentMismatchError,
  commitmentOf,
  pathLength,
  RowCommitter,
  RowVerifier,
} from './commitment.ts'
export type { ProvedRange, ProvedRow, RowCommitterOptions, RowsHeader } from './commitment.ts'
export { hashRow } from './row-profile.ts'
export type { RowProfileName } from './row-profile.ts'
export { pathIn, rangeLevels, rangeSiblings } from './row-range.ts'
export type { RangeLevel } from './row-range.ts'
export { passChanceLog2, sampledIndices } from './sampling.ts'
