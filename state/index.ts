/** Keep accounts, slots and code, and prove them by one root. */

export type { Account, AccountChange, StateChanges, StateReader } from './account.ts'

export { genesisParentHash, StateDatabase } from './state-database.ts'
export type { PreparedState, StateDatabaseOptions, StateHead } from './state-database.ts'
export type { SlotProof, StateProof } from './state-proof.ts'

export { emptyTrieRoot, orderedTrieRoot, trieRoot } from './trie-root.ts'
