/**
 * What a browser's tab needs to sample a batch: it asks holders for rows, and checks each by
 * itself. Nothing of this imports a module of Node; a test bundles it and runs it without.
 */

export { CommitmentMismatchError, commitmentOf, pathLength, RowVerifier } from './commitment.ts'
export type { ProvedRange, ProvedRow, RowsHeader } from './commitment.ts'
export { rowSizeUnit } from './row-coder.ts'
export type { RowProfileName } from './row-profile.ts'
export { passChanceLog2, sampledIndices } from './sampling.ts'
