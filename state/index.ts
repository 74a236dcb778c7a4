/** Keep accounts, slots and code, and prove them by one root. */

export type { Account, AccountChange, StateChanges, StateReader } from './account.ts'

export {
  genesisParentHash,
  pinnedProofSlotsMax,
  proofSlotsMax,
  ProofTooLargeError,
  StagedBlocksFullError,
  StateBlockNotStagedError,
  StateBrokenError,
  StateDatabase,
  StateParentUnknownError,
  StateUnavailableError,
} from './state-database.ts'
export type { PreparedState, StateDatabaseOptions } from './state-database.ts'
export { StateSnapshots } from './state-snapshots.ts'
export { StateFormatMismatchError } from './state-records.ts'
export type { StateHead } from './state-records.ts'

export { allocationChanges, stateRootOf } from './genesis.ts'
export type { AllocatedAccount } from './genesis.ts'

export { MemoryState } from './memory-state.ts'
export type { Allocation } from './memory-state.ts'

export { emptyTrieRoot, orderedTrieRoot, trieRoot } from './trie-root.ts'
export { ProofInvalidError, verifyProof } from './trie-proof.ts'
export type { SlotProof, StateProof } from './state-proof.ts'

export { firstKey, lastKey, rangeProofNodesMax, verifyRange } from './range-proof.ts'
export type { ProvedRange, RangeEntry } from './range-proof.ts'
export type { RangeWanted, SnapshotReader } from './snapshot-reader.ts'
export { segmentCountMax, SnapshotRootMismatchError, SnapshotWriter } from './snapshot-writer.ts'
export type { AccountGap, SlotGap, SlotPiece } from './snapshot-writer.ts'
